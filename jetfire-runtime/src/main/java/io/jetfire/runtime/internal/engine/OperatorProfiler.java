package io.jetfire.runtime.internal.engine;

import io.jetfire.ConfigurationException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.tensorflowlite.Profiler;
import org.bytedeco.tensorflowlite.TelemetryProfiler;
import org.bytedeco.tensorflowlite.TfLiteTelemetryProfilerStruct;
import org.bytedeco.tensorflowlite.TfLiteTelemetryProfilerStruct.ReportBeginOpInvokeEvent_TfLiteTelemetryProfilerStruct_BytePointer_long_long;
import org.bytedeco.tensorflowlite.TfLiteTelemetryProfilerStruct.ReportEndOpInvokeEvent_TfLiteTelemetryProfilerStruct_int;
import org.bytedeco.tensorflowlite.TfLiteTelemetryProfilerStruct.ReportOpInvokeEvent_TfLiteTelemetryProfilerStruct_BytePointer_long_long_long;
import org.bytedeco.tensorflowlite.TfLiteTelemetryProfilerStruct.ReportSettings_TfLiteTelemetryProfilerStruct_BytePointer_TfLiteTelemetrySettings;
import org.bytedeco.tensorflowlite.TfLiteTelemetryProfilerStruct.ReportTelemetryEvent_TfLiteTelemetryProfilerStruct_BytePointer_long;
import org.bytedeco.tensorflowlite.TfLiteTelemetryProfilerStruct.ReportTelemetryOpEvent_TfLiteTelemetryProfilerStruct_BytePointer_long_long_long;
import org.bytedeco.tensorflowlite.TfLiteTelemetrySettings;
import org.bytedeco.tensorflowlite.global.tensorflowlite;

/**
 * Adds up what TensorFlow Lite tells its telemetry profiler: begin and end of each builtin
 * operator, and from XNNPACK the time of each of its own steps.
 *
 * <p>Called by the thread that invokes, which is also the one that reads.
 */
final class OperatorProfiler implements AutoCloseable {
  private record Key(long subgraph, long node, boolean insideDelegate, String name) {}

  private static final class Sum {
    long count;
    long nanos;
  }

  private final Map<Key, Sum> sums = new LinkedHashMap<>();
  private final TfLiteTelemetryProfilerStruct struct;
  private final Profiler profiler;

  /** Native code holds plain addresses of these: they live as long as this object. */
  private final List<Pointer> callbacks = new ArrayList<>();

  private Key[] openKeys = new Key[16];
  private long[] openSince = new long[16];
  private long[] insideNanos = new long[16];
  private int open;

  OperatorProfiler() {
    struct = new TfLiteTelemetryProfilerStruct();
    Pointer.memset(struct, 0, struct.sizeof());
    struct.ReportTelemetryEvent(keep(new Event()));
    struct.ReportTelemetryOpEvent(keep(new OperatorEvent()));
    struct.ReportSettings(keep(new Settings()));
    struct.ReportBeginOpInvokeEvent(keep(new Begin(this)));
    struct.ReportEndOpInvokeEvent(keep(new End(this)));
    struct.ReportOpInvokeEvent(keep(new Timed(this)));
    TelemetryProfiler telemetry = tensorflowlite.MakeTfLiteTelemetryProfiler(struct);
    profiler = keep(new Profiler(keep(telemetry)));
  }

  private <P extends Pointer> P keep(P callback) {
    if (callback.isNull()) {
      // JavaCPP compiles in a fixed number of native functions per callback type.
      close();
      throw new ConfigurationException(
          "At most 10 sessions can be profiled at a time; close one that profiles.");
    }
    callbacks.add(callback);
    return callback;
  }

  Profiler pointer() {
    return profiler;
  }

  List<OperatorTiming> timings() {
    List<OperatorTiming> timings = new ArrayList<>(sums.size());
    sums.forEach(
        (key, sum) ->
            timings.add(
                new OperatorTiming(
                    key.name, key.subgraph, key.node, key.insideDelegate, sum.count, sum.nanos)));
    return timings;
  }

  void reset() {
    sums.clear();
    open = 0;
  }

  private int begin(String name, long node, long subgraph) {
    if (open == openKeys.length) {
      openKeys = Arrays.copyOf(openKeys, open * 2);
      openSince = Arrays.copyOf(openSince, open * 2);
      insideNanos = Arrays.copyOf(insideNanos, open * 2);
    }
    Key key = new Key(subgraph, node, false, name);
    sums.computeIfAbsent(key, k -> new Sum());
    openKeys[open] = key;
    insideNanos[open] = 0;
    openSince[open] = System.nanoTime();
    return open++;
  }

  private void end(int handle) {
    long now = System.nanoTime();
    if (handle < 0 || handle >= open) {
      return;
    }
    long nanos = now - openSince[handle];
    add(openKeys[handle], Math.max(0, nanos - insideNanos[handle]));
    // What is inside ends before what is around it, so the last one goes.
    open = handle;
    countInside(nanos);
  }

  private void timed(Key key, long nanos) {
    add(key, nanos);
    countInside(nanos);
  }

  private void countInside(long nanos) {
    if (open > 0) {
      insideNanos[open - 1] += nanos;
    }
  }

  private void add(Key key, long nanos) {
    Sum sum = sums.computeIfAbsent(key, k -> new Sum());
    sum.count++;
    sum.nanos += nanos;
  }

  private static String text(BytePointer name) {
    return name == null || name.isNull() ? "" : name.getString();
  }

  @Override
  public void close() {
    for (Pointer callback : callbacks) {
      callback.close();
    }
    struct.close();
  }

  private static final class Begin
      extends ReportBeginOpInvokeEvent_TfLiteTelemetryProfilerStruct_BytePointer_long_long {
    private final OperatorProfiler owner;

    Begin(OperatorProfiler owner) {
      this.owner = owner;
    }

    @Override
    public int call(
        TfLiteTelemetryProfilerStruct profiler, BytePointer name, long node, long subgraph) {
      return owner.begin(text(name), node, subgraph);
    }
  }

  private static final class End extends ReportEndOpInvokeEvent_TfLiteTelemetryProfilerStruct_int {
    private final OperatorProfiler owner;

    End(OperatorProfiler owner) {
      this.owner = owner;
    }

    @Override
    public void call(TfLiteTelemetryProfilerStruct profiler, int handle) {
      owner.end(handle);
    }
  }

  private static final class Timed
      extends ReportOpInvokeEvent_TfLiteTelemetryProfilerStruct_BytePointer_long_long_long {
    private final OperatorProfiler owner;

    Timed(OperatorProfiler owner) {
      this.owner = owner;
    }

    @Override
    public void call(
        TfLiteTelemetryProfilerStruct profiler,
        BytePointer name,
        long micros,
        long node,
        long subgraph) {
      owner.timed(new Key(subgraph, node, true, text(name)), micros * 1000);
    }
  }

  private static final class Event
      extends ReportTelemetryEvent_TfLiteTelemetryProfilerStruct_BytePointer_long {
    @Override
    public void call(TfLiteTelemetryProfilerStruct profiler, BytePointer name, long status) {}
  }

  private static final class OperatorEvent
      extends ReportTelemetryOpEvent_TfLiteTelemetryProfilerStruct_BytePointer_long_long_long {
    @Override
    public void call(
        TfLiteTelemetryProfilerStruct profiler,
        BytePointer name,
        long node,
        long subgraph,
        long status) {}
  }

  private static final class Settings
      extends ReportSettings_TfLiteTelemetryProfilerStruct_BytePointer_TfLiteTelemetrySettings {
    @Override
    public void call(
        TfLiteTelemetryProfilerStruct profiler,
        BytePointer name,
        TfLiteTelemetrySettings settings) {}
  }
}
