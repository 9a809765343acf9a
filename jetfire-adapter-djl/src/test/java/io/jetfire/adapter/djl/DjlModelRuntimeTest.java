package io.jetfire.adapter.djl;

import io.jetfire.Delegate;
import io.jetfire.Model;
import io.jetfire.Tensor;
import io.jetfire.adapter.djl.internal.artifact.DjlTraceFile;
import io.jetfire.adapter.djl.internal.trace.Dim;
import io.jetfire.adapter.djl.internal.trace.Trace;
import io.jetfire.adapter.djl.internal.trace.TraceArg;
import io.jetfire.adapter.djl.internal.trace.TraceOp;
import io.jetfire.adapter.djl.internal.trace.TraceValue;
import io.jetfire.spi.ModelRuntime;
import io.jetfire.spi.ModelRuntimeProvider;
import io.jetfire.testkit.ModelRuntimeContract;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

class DjlModelRuntimeTest extends ModelRuntimeContract {

  @Override
  protected ModelRuntimeProvider provider() {
    return new DjlModelRuntimeProvider();
  }

  @Override
  protected ModelRuntime.Options options() {
    return ModelRuntime.Options.defaults().delegate(Delegate.CPU);
  }

  /** relu(x * [1, -2, 3]), written by hand. */
  @Override
  protected Known known(Path target) {
    List<Dim> shape = List.of(Dim.ofBatch(1), Dim.of(3));
    ByteBuffer weights = ByteBuffer.allocate(12).order(ByteOrder.LITTLE_ENDIAN);
    weights.putFloat(1).putFloat(-2).putFloat(3);
    Trace trace =
        new Trace(
            List.of(
                new TraceValue(0, TraceValue.Kind.INPUT, "x", "float32", shape),
                new TraceValue(1, TraceValue.Kind.PARAMETER, "w", "float32", List.of(Dim.of(3))),
                new TraceValue(2, TraceValue.Kind.RESULT, "", "float32", shape),
                new TraceValue(3, TraceValue.Kind.RESULT, "", "float32", shape)),
            List.of(0),
            List.of(3),
            List.of(
                new TraceOp(
                    "NDArray.mul(NDArray)", 0, List.of(new TraceArg.Ref(1)), List.of(2), "a", ""),
                new TraceOp("NDArrayEx.relu()", 2, List.of(), List.of(3), "b", "")),
            0,
            Map.of(1, weights.array()));
    Path file = target.resolve("model.djl-trace");
    new DjlTraceFile(trace, DjlTraceFile.newRecord(), new byte[0]).write(file);
    return new Known(
        Model.of(file),
        List.of(Tensor.ofFloats(new float[] {1, 2, 3}, 1, 3)),
        List.of(Tensor.ofFloats(new float[] {1, 0, 9}, 1, 3)),
        1e-6f);
  }
}
