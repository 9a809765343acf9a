package io.jetfire.runtime.internal.farm;

import io.jetfire.JetFireException;
import io.jetfire.OutputDecoder;
import io.jetfire.Prediction;
import io.jetfire.RunFailure;
import io.jetfire.Sample;
import io.jetfire.Tensor;
import io.jetfire.TensorSpec;
import io.jetfire.runtime.internal.Failures;
import io.jetfire.runtime.internal.TfliteSession;
import io.jetfire.spi.BenchmarkLog;
import io.jetfire.spi.DeviceFarm.Cell;
import io.jetfire.spi.DeviceFarm.Workload;
import io.jetfire.spi.ModelRuntime.Placement;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** Measures one session of one cell and writes what a phone would write. */
final class Bench {
  /** Whether to go on; asked before every run. */
  @FunctionalInterface
  interface Gate {
    /** Returns normally, or throws {@link Stopped}. */
    void check();
  }

  /** The run was cancelled or its time is over; not a failure of the cell. */
  static final class Stopped extends RuntimeException {
    private static final long serialVersionUID = 1L;

    Stopped() {
      super("stopped", null, false, false);
    }
  }

  private final Workload workload;
  private final Function<Cell, TfliteSession> opener;
  private final Duration leastWarmup;
  private final Duration leastMeasured;
  private final Gate gate;

  Bench(
      Workload workload,
      Function<Cell, TfliteSession> opener,
      Duration leastWarmup,
      Duration leastMeasured,
      Gate gate) {
    this.workload = workload;
    this.opener = opener;
    this.leastWarmup = leastWarmup;
    this.leastMeasured = leastMeasured;
    this.gate = gate;
  }

  /**
   * Measures; a failure of the cell is written and not thrown.
   *
   * @throws Stopped if the gate closed; the log then has the samples so far and its end
   */
  void measure(Cell cell, int session, BenchmarkLog.Sink sink) {
    BenchmarkLog log = new BenchmarkLog(sink, cell.id(), session);
    log.begin(
        cell.variant(),
        String.valueOf(cell.model().path().getFileName()),
        cell.model().sha256(),
        cell.model().sizeBytes(),
        cell.delegate().name(),
        cell.threads(),
        cell.warmupRuns(),
        cell.runs());
    try {
      gate.check();
      new Turn(cell, log).run();
    } catch (Stopped e) {
      throw e;
    } catch (JetFireException e) {
      // A worker that was ended because the run was stopped is no failure of the cell.
      gate.check();
      log.failed(Failures.cause(e).name(), String.valueOf(e.getMessage()));
    } catch (RuntimeException | OutOfMemoryError | StackOverflowError e) {
      // Decoders and preprocessing steps are the user's code and may throw anything.
      RunFailure.Cause cause =
          e instanceof OutOfMemoryError
              ? RunFailure.Cause.OUT_OF_MEMORY
              : RunFailure.Cause.APP_CRASH;
      log.failed(cause.name(), e.toString());
    } finally {
      log.end();
    }
  }

  private final class Turn {
    private final Cell cell;
    private final BenchmarkLog log;
    private final List<Sample> frames = workload.frames();
    private final @Nullable OutputDecoder decoder = workload.decoder().orElse(null);
    private final Map<Integer, Prediction.Detections> detections = new HashMap<>();

    Turn(Cell cell, BenchmarkLog log) {
      this.cell = cell;
      this.log = log;
    }

    void run() {
      long opened = System.nanoTime();
      try (TfliteSession session = opener.apply(cell)) {
        log.initialized(System.nanoTime() - opened);
        long ready = session.memory().residentBytes();
        session
            .placement()
            .ifPresent((Placement p) -> log.placement(p.delegatedNodes(), p.totalNodes(), -1));
        List<Tensor> madeUp = frames.isEmpty() ? madeUp(session.inputs()) : List.of();
        repeat(
            cell.warmupRuns(),
            cell.warmupRuns() == 0 ? Duration.ZERO : leastWarmup,
            i -> one(session, i, madeUp, false));
        repeat(cell.runs(), leastMeasured, i -> one(session, i, madeUp, true));
        write(session, ready);
      }
    }

    private void repeat(int runs, Duration least, java.util.function.IntConsumer work) {
      long start = System.nanoTime();
      for (int i = 0; i < runs || System.nanoTime() - start < least.toNanos(); i++) {
        gate.check();
        work.accept(i);
      }
    }

    private void one(TfliteSession session, int i, List<Tensor> madeUp, boolean measured) {
      List<Tensor> inputs = madeUp;
      int frame = frames.isEmpty() ? 0 : i % frames.size();
      if (!frames.isEmpty()) {
        long start = System.nanoTime();
        inputs = workload.preprocessing().apply(frames.get(frame), session.inputs());
        long nanos = System.nanoTime() - start;
        if (measured) {
          log.sample(BenchmarkLog.PREPROCESSING, nanos);
        }
      }
      for (int input = 0; input < inputs.size(); input++) {
        session.input(input, inputs.get(input));
      }
      long nanos = session.invokeNanos();
      log.sample(measured ? BenchmarkLog.INFERENCE : BenchmarkLog.WARM_UP, nanos);
      List<TensorSpec> specs = session.outputs();
      List<Tensor> outputs = new ArrayList<>(specs.size());
      for (int output = 0; output < specs.size(); output++) {
        outputs.add(session.output(output));
      }
      if (decoder != null) {
        long start = System.nanoTime();
        for (int output = 0; output < specs.size(); output++) {
          outputs.set(output, specs.get(output).dequantize(outputs.get(output)));
        }
        Prediction prediction = decoder.decode(outputs);
        long decoding = System.nanoTime() - start;
        if (measured) {
          log.sample(BenchmarkLog.POSTPROCESSING, decoding);
          keep(frame, prediction);
        }
      }
    }

    private void keep(int frame, Prediction prediction) {
      if (!frames.isEmpty() && prediction instanceof Prediction.Detections found) {
        detections.putIfAbsent(frame, found);
      }
    }

    /** What would disturb the measurement while it goes on. */
    private void write(TfliteSession session, long readyBytes) {
      for (int frame = 0; frame < frames.size(); frame++) {
        Prediction.Detections found = detections.get(frame);
        if (found != null) {
          found.writeTo(log, frame);
        }
      }
      long start = session.startResidentBytes();
      long end = session.memory().residentBytes();
      boolean known = start >= 0 && readyBytes >= 0 && end >= 0;
      // A heap that was collected in between may make the process smaller than it was.
      log.memory(
          known ? Math.max(0, readyBytes - start) : -1,
          known ? Math.max(0, end - start) : -1,
          session.memory().peakBytes());
    }
  }

  /** Inputs where there are no frames: the same uniform noise every time, in each type's range. */
  private static List<Tensor> madeUp(List<TensorSpec> specs) {
    Random random = new Random(0);
    List<Tensor> tensors = new ArrayList<>();
    for (TensorSpec spec : specs) {
      int[] shape = spec.shape();
      int elements = 1;
      for (int i = 0; i < shape.length; i++) {
        shape[i] = Math.max(1, shape[i]);
        elements = Math.multiplyExact(elements, shape[i]);
      }
      ByteBuffer data =
          ByteBuffer.allocate(Math.multiplyExact(elements, spec.type().bytes()))
              .order(ByteOrder.LITTLE_ENDIAN);
      for (int i = 0; i < elements; i++) {
        switch (spec.type()) {
          case FLOAT32 -> data.putFloat(random.nextFloat() - 0.5f);
          case FLOAT64 -> data.putDouble(random.nextDouble() - 0.5);
          case FLOAT16 -> data.putShort(io.jetfire.Float16.fromFloat(random.nextFloat() - 0.5f));
          case INT8, UINT8 -> data.put((byte) random.nextInt(256));
          case BOOL -> data.put((byte) random.nextInt(2));
          case INT16 -> data.putShort((short) random.nextInt(65536));
          // Indices and counts, most often: small ones are valid nearly everywhere.
          case INT32 -> data.putInt(random.nextInt(2));
          case INT64 -> data.putLong(random.nextInt(2));
        }
      }
      tensors.add(Tensor.of(spec.type(), data.flip(), shape));
    }
    return tensors;
  }
}
