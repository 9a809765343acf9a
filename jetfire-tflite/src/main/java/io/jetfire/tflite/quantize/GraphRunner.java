package io.jetfire.tflite.quantize;

import io.jetfire.Delegate;
import io.jetfire.Model;
import io.jetfire.StorageException;
import io.jetfire.Tensor;
import io.jetfire.TensorSpec;
import io.jetfire.spi.Cancellation;
import io.jetfire.spi.ModelRuntime;
import io.jetfire.tflite.format.TargetRuntime;
import io.jetfire.tflite.format.TfliteWriter;
import io.jetfire.tflite.format.WriteOptions;
import io.jetfire.tflite.graph.Graph;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** Executes graphs on the host's runtime. */
final class GraphRunner {
  /** Files that only this host executes: whatever its runtime knows may be used. */
  private static final WriteOptions OPTIONS =
      WriteOptions.builder().target(TargetRuntime.of("2.21.0")).allowLosses(true).build();

  private final ModelRuntime runtime;
  private final Path folder;
  private final Cancellation cancellation;
  private final ModelRuntime.Isolation isolation;

  GraphRunner(ModelRuntime runtime, Path folder, QuantizeOptions options) {
    this.runtime = runtime;
    this.folder = folder;
    this.cancellation = options.cancellation();
    this.isolation = options.isolation();
  }

  Path folder() {
    return folder;
  }

  Cancellation cancellation() {
    return cancellation;
  }

  /** Makes a graph ready; the caller closes it. */
  Running open(Graph graph) {
    Prepared prepared = prepare(graph);
    try {
      return prepared.open(prepared::close);
    } catch (RuntimeException | Error e) {
      prepared.close();
      throw e;
    }
  }

  /** Writes a graph for as many sessions as are wanted; the caller closes it. */
  Prepared prepare(Graph graph) {
    cancellation.check();
    Path file;
    try {
      file = Files.createTempFile(folder, "graph", ".tflite");
    } catch (IOException e) {
      throw new StorageException(
          "No file can be made in " + folder + " (" + e + "); name another work directory", e);
    }
    try {
      TfliteWriter.write(graph, file, OPTIONS);
      return new Prepared(file);
    } catch (RuntimeException | Error e) {
      delete(file);
      throw e;
    }
  }

  /** A graph that sessions can be opened for. Thread-safe. */
  final class Prepared implements AutoCloseable {
    private final Path file;
    private final Model model;

    private Prepared(Path file) {
      this.file = file;
      this.model = Model.of(file, "tflite");
    }

    /** Makes a session; the caller closes it, before this. */
    Running open() {
      return open(() -> {});
    }

    private Running open(Runnable afterwards) {
      // The file is written by JetFire, but from whatever numbers the source had.
      ModelRuntime.Options options =
          ModelRuntime.Options.defaults().delegate(Delegate.XNNPACK).isolation(isolation);
      return new Running(runtime.open(model, options), afterwards, cancellation);
    }

    @Override
    public void close() {
      delete(file);
    }
  }

  private static void delete(Path file) {
    try {
      Files.deleteIfExists(file);
    } catch (IOException e) {
      throw new StorageException("The temporary file " + file + " cannot be removed: " + e, e);
    }
  }

  /** A graph that is ready to be executed. */
  static final class Running implements AutoCloseable {
    private final ModelRuntime.Session session;
    private final Runnable afterwards;
    private final Cancellation cancellation;

    private Running(ModelRuntime.Session session, Runnable afterwards, Cancellation cancellation) {
      this.session = session;
      this.afterwards = afterwards;
      this.cancellation = cancellation;
    }

    List<TensorSpec> inputs() {
      return session.inputs();
    }

    /** Executes the graph; what comes out is read with {@link #output}. */
    void run(List<Tensor> inputs) {
      cancellation.check();
      for (int i = 0; i < inputs.size(); i++) {
        session.input(i, inputs.get(i));
      }
      session.invoke();
    }

    Tensor output(int index) {
      return session.output(index);
    }

    /** Copies a part of an output, as {@link ModelRuntime.Session#read}. */
    int read(int index, long position, ByteBuffer target) {
      return session.read(index, position, target);
    }

    @Override
    public void close() {
      session.close();
      afterwards.run();
    }
  }
}
