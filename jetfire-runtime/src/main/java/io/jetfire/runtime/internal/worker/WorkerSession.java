package io.jetfire.runtime.internal.worker;

import io.jetfire.ConfigurationException;
import io.jetfire.UnsupportedModelException;
import io.jetfire.runtime.internal.ProcessMemory;
import io.jetfire.runtime.internal.engine.Delegation;
import io.jetfire.runtime.internal.engine.EngineSession;
import io.jetfire.runtime.internal.engine.InterpreterSettings;
import io.jetfire.runtime.internal.engine.OperatorTiming;
import io.jetfire.runtime.internal.engine.TensorInfo;
import io.jetfire.runtime.internal.engine.Tensors;
import io.jetfire.runtime.internal.worker.Wire.Place;
import java.io.DataInputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** An interpreter in a worker. Inputs wait here until the next run takes them along. */
public final class WorkerSession implements EngineSession {
  private final Path file;
  private final InterpreterSettings settings;
  private final Consumer<WorkerProcess> release;
  private final Delegation delegation;
  private final Map<Integer, List<Integer>> shapes = new TreeMap<>();

  /** Gives a worker that held no other model; null once this session has one. */
  private @Nullable Supplier<WorkerProcess> fresh;

  private volatile WorkerProcess worker;
  private final Map<Integer, ByteBuffer> pending = new TreeMap<>();
  private List<TensorInfo> inputs;
  private List<TensorInfo> outputs;
  private List<ByteBuffer> values = List.of();
  private boolean opened;
  private boolean closed;

  private record Opened(List<TensorInfo> inputs, List<TensorInfo> outputs, Delegation delegation) {}

  WorkerSession(
      WorkerProcess worker,
      Path file,
      InterpreterSettings settings,
      @Nullable Supplier<WorkerProcess> fresh,
      Consumer<WorkerProcess> release) {
    this.worker = worker;
    this.file = file;
    this.settings = settings;
    this.fresh = fresh;
    this.release = release;
    Opened first;
    try {
      first = confirmed(this::open);
    } catch (RuntimeException e) {
      release.accept(this.worker);
      throw e;
    }
    this.inputs = first.inputs();
    this.outputs = first.outputs();
    this.delegation = first.delegation();
    this.opened = true;
  }

  private Opened open() {
    return worker.call(
        Wire.OPEN,
        out -> {
          Wire.text(out, file.toAbsolutePath().toString());
          Wire.settings(out, settings);
        },
        in -> new Opened(Wire.infos(in), Wire.infos(in), Wire.delegation(in)));
  }

  /**
   * A worker that held other models may have been damaged by one of them, and this one must not be
   * blamed: if it dies before this model has run once, that is tried again in a new worker.
   */
  private <T> T confirmed(Supplier<T> work) {
    Supplier<WorkerProcess> other = fresh;
    try {
      return work.get();
    } catch (UnsupportedModelException e) {
      if (other == null || worker.isUsable() || worker.wasEnded()) {
        throw e;
      }
    }
    fresh = null;
    release.accept(worker);
    worker = other.get();
    if (!opened) {
      return work.get();
    }
    open();
    shapes.forEach(this::sendShape);
    return work.get();
  }

  @Override
  public List<TensorInfo> inputs() {
    checkOpen();
    return inputs;
  }

  @Override
  public List<TensorInfo> outputs() {
    checkOpen();
    return outputs;
  }

  @Override
  public int outputCount() {
    return outputs.size();
  }

  @Override
  public TensorInfo outputInfo(int output) {
    checkOpen();
    return outputs.get(index(output, outputs.size(), "output"));
  }

  private static int index(int index, int count, String what) {
    if (index < 0 || index >= count) {
      throw new ConfigurationException(
          "The model has no " + what + " " + index + "; it has " + count + ", counted from 0.");
    }
    return index;
  }

  @Override
  public void resize(int input, int[] shape) {
    checkOpen();
    List<Integer> dimensions = new ArrayList<>();
    for (int dimension : shape) {
      dimensions.add(dimension);
    }
    sendShape(input, dimensions);
    shapes.put(input, dimensions);
    pending.clear();
    values = List.of();
  }

  private void sendShape(int input, List<Integer> dimensions) {
    worker.call(
        Wire.RESIZE,
        out -> {
          out.writeInt(input);
          Wire.ints(out, dimensions);
        },
        in -> true);
  }

  @Override
  public void input(int input, ByteBuffer bytes) {
    checkOpen();
    index(input, inputs.size(), "input");
    pending.put(input, bytes);
  }

  @Override
  public long invoke() {
    checkOpen();
    long nanos = confirmed(this::send);
    fresh = null;
    pending.clear();
    return nanos;
  }

  private long send() {
    values = List.of();
    List<Place> inputPlaces = new ArrayList<>();
    List<Place> outputPlaces = new ArrayList<>();
    long end = 0;
    for (ByteBuffer input : pending.values()) {
      end = place(inputPlaces, end, input.remaining());
    }
    for (TensorInfo output : outputs) {
      end = place(outputPlaces, end, output.dynamic() ? 0 : output.bytes());
    }
    ByteBuffer shared = end == 0 ? null : worker.shared(end);
    if (shared == null) {
      inputPlaces.replaceAll(place -> Place.NONE);
      outputPlaces.replaceAll(place -> Place.NONE);
    }
    return worker.call(
        Wire.INVOKE,
        out -> {
          out.writeInt(pending.size());
          int i = 0;
          for (Map.Entry<Integer, ByteBuffer> input : pending.entrySet()) {
            Place place = inputPlaces.get(i++);
            out.writeInt(input.getKey());
            Wire.place(out, place);
            if (place.isShared() && shared != null) {
              place.in(shared).put(input.getValue().duplicate());
            } else {
              Wire.bytes(out, input.getValue());
            }
          }
          out.writeInt(outputPlaces.size());
          for (Place place : outputPlaces) {
            Wire.place(out, place);
          }
        },
        in -> readOutputs(in, outputPlaces, shared));
  }

  /** Gives a tensor the next place in the shared memory if it is worth it; returns the end. */
  private static long place(List<Place> places, long end, long bytes) {
    long position = SharedMemory.aligned(end);
    if (bytes < SharedMemory.SMALL_BYTES || bytes > SharedMemory.MOST_BYTES - position) {
      places.add(Place.NONE);
      return end;
    }
    places.add(new Place((int) position, (int) bytes));
    return position + bytes;
  }

  private long readOutputs(DataInputStream in, List<Place> places, @Nullable ByteBuffer shared)
      throws IOException {
    long nanos = in.readLong();
    int count = in.readInt();
    if (count != outputs.size() || nanos < 0) {
      throw new IOException(count + " outputs where the model has " + outputs.size());
    }
    List<TensorInfo> infos = new ArrayList<>();
    List<ByteBuffer> read = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      infos.add(in.readBoolean() ? Wire.info(in) : outputs.get(i));
      if (!in.readBoolean()) {
        read.add(Wire.bytes(in));
      } else if (places.get(i).isShared() && shared != null) {
        read.add(places.get(i).in(shared));
      } else {
        throw new IOException("output " + i + " in a place that it was not given");
      }
    }
    outputs = infos;
    values = read;
    return nanos;
  }

  private static ByteBuffer copy(ByteBuffer bytes) {
    return ByteBuffer.allocate(bytes.remaining()).put(bytes).flip();
  }

  @Override
  public ByteBuffer output(int output) {
    return copy(value(output).duplicate()).order(java.nio.ByteOrder.LITTLE_ENDIAN);
  }

  @Override
  public int read(int output, long position, ByteBuffer target) {
    return Tensors.read(value(output), position, target);
  }

  /** The bytes of an output, perhaps where the next run writes again. */
  private ByteBuffer value(int output) {
    checkOpen();
    index(output, outputs.size(), "output");
    if (values.isEmpty()) {
      throw new ConfigurationException("The model has not run yet; there is no output to read.");
    }
    return values.get(output);
  }

  @Override
  public List<TensorInfo> taps() {
    checkOpen();
    return worker.call(Wire.TAPS, out -> {}, Wire::infos);
  }

  @Override
  public ByteBuffer tensor(int index) {
    checkOpen();
    return worker.call(Wire.TENSOR, out -> out.writeInt(index), Wire::bytes);
  }

  @Override
  public void resetVariables() {
    checkOpen();
    worker.call(Wire.RESET, out -> {}, in -> true);
  }

  @Override
  public Delegation delegation() {
    checkOpen();
    return delegation;
  }

  @Override
  public List<OperatorTiming> timings() {
    checkOpen();
    return worker.call(Wire.TIMINGS, out -> {}, Wire::timings);
  }

  /** The worker's memory. */
  public ProcessMemory memory() {
    return worker.memory();
  }

  /** What the worker had resident before it saw a model; -1 if that is not known. */
  public long startResidentBytes() {
    return worker.startResidentBytes();
  }

  /** Ends the worker under a call that another thread is in. */
  public void abort() {
    worker.kill("The run was stopped.");
  }

  private void checkOpen() {
    if (closed) {
      throw new IllegalStateException("This session is closed.");
    }
  }

  @Override
  public void close() {
    if (!closed) {
      closed = true;
      release.accept(worker);
    }
  }
}
