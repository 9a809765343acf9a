package io.jetfire.importer.tensorflow;

import io.jetfire.Delegate;
import io.jetfire.Model;
import io.jetfire.Tensor;
import io.jetfire.TensorSpec;
import io.jetfire.runtime.TfliteRuntimeProvider;
import io.jetfire.spi.ModelRuntime;
import io.jetfire.testkit.TestProviderContext;
import io.jetfire.tflite.format.TfliteWriter;
import io.jetfire.tflite.format.WriteOptions;
import io.jetfire.tflite.graph.Graph;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Writes graphs and runs them on TensorFlow Lite with XNNPACK, as the references were made. */
final class Runner implements AutoCloseable {
  private final Path folder;
  private final ModelRuntime runtime;
  private int files;

  Runner(Path folder) {
    this.folder = folder;
    this.runtime = new TfliteRuntimeProvider().create(TestProviderContext.in(folder));
  }

  Path write(Graph graph) throws IOException {
    Path file = folder.resolve("model" + files++ + ".tflite");
    Files.write(file, TfliteWriter.toBytes(graph, WriteOptions.defaults()));
    return file;
  }

  ModelRuntime.Session open(Path file) {
    return runtime.open(
        Model.of(file),
        ModelRuntime.Options.defaults()
            .delegate(Delegate.XNNPACK)
            .isolation(ModelRuntime.Isolation.IN_PROCESS));
  }

  /** The outputs for inputs that are given as floats, whatever their type. */
  List<float[]> run(Graph graph, float[]... inputs) throws IOException {
    try (ModelRuntime.Session session = open(write(graph))) {
      for (int i = 0; i < inputs.length; i++) {
        session.input(i, tensor(session.inputs().get(i), inputs[i]));
      }
      session.invoke();
      List<float[]> out = new ArrayList<>();
      for (int o = 0; o < session.outputs().size(); o++) {
        out.add(session.output(o).toFloatArray());
      }
      return out;
    }
  }

  private static Tensor tensor(TensorSpec spec, float[] values) {
    int[] shape = spec.shape();
    switch (spec.type()) {
      case FLOAT32 -> {
        return Tensor.ofFloats(values, shape);
      }
      case INT32 -> {
        ByteBuffer b = ByteBuffer.allocate(4 * values.length).order(ByteOrder.LITTLE_ENDIAN);
        for (float v : values) {
          b.putInt((int) v);
        }
        return Tensor.of(spec.type(), b.flip(), spec.shape());
      }
      case BOOL -> {
        ByteBuffer b = ByteBuffer.allocate(values.length);
        for (float v : values) {
          b.put((byte) (v != 0 ? 1 : 0));
        }
        return Tensor.of(spec.type(), b.flip(), spec.shape());
      }
      default -> throw new IllegalArgumentException("inputs of " + spec.type());
    }
  }

  @Override
  public void close() {
    runtime.close();
  }
}
