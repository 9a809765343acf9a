package io.jetfire.runtime.internal;

import io.jetfire.ConfigurationException;
import io.jetfire.DataException;
import io.jetfire.Model;
import io.jetfire.Tensor;
import io.jetfire.TensorSpec;
import io.jetfire.TensorType;
import io.jetfire.UnsupportedModelException;
import io.jetfire.runtime.internal.engine.Delegation;
import io.jetfire.runtime.internal.engine.EngineSession;
import io.jetfire.runtime.internal.engine.OperatorTiming;
import io.jetfire.runtime.internal.engine.TensorInfo;
import io.jetfire.runtime.internal.engine.TypeCode;
import io.jetfire.runtime.internal.worker.WorkerSession;
import io.jetfire.spi.ModelRuntime;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;

/** A session of the SPI over an interpreter in this process or in a worker. */
public final class TfliteSession implements ModelRuntime.Session {
  private final String name;
  private final ModelRuntime.Options options;
  private final EngineSession engine;
  private final List<TensorSpec> inputs;
  private final List<TensorSpec> outputs;

  /** The shapes that the inputs have now, where the model leaves some open. */
  private final int[][] shapes;

  /** Intermediate tensors by index; empty again when shapes changed. */
  private final Map<Integer, TensorInfo> taps = new LinkedHashMap<>();

  private final int nodes;
  private final boolean profiling;

  TfliteSession(Model model, ModelRuntime.Options options, EngineSession engine) {
    this.name = String.valueOf(model.path().getFileName());
    this.options = options;
    this.engine = engine;
    List<TensorInfo> current = engine.inputs();
    this.inputs = specs(current, "input");
    this.outputs = specs(engine.outputs(), "output");
    this.shapes = current.stream().map(TensorInfo::shapeArray).toArray(int[][]::new);
    this.profiling = options.profiling();
    this.nodes = profiling ? engine.delegation().nodes() : 0;
  }

  private List<TensorSpec> specs(List<TensorInfo> infos, String what) {
    List<TensorSpec> specs = new ArrayList<>();
    for (TensorInfo info : infos) {
      TensorType type = type(info.type());
      if (type == null) {
        throw new UnsupportedModelException(
            "The "
                + what
                + " '"
                + info.name()
                + "' of "
                + name
                + " has the type "
                + TypeCode.name(info.type())
                + ", which has no tensor in JetFire; known are "
                + Arrays.toString(TensorType.values())
                + ".");
      }
      List<Integer> shape =
          options.inputShapes().containsKey(info.name()) ? info.shape() : info.shapeSignature();
      specs.add(spec(info, type, shape));
    }
    return List.copyOf(specs);
  }

  private static TensorSpec spec(TensorInfo info, TensorType type, List<Integer> shape) {
    int[] dimensions = shape.stream().mapToInt(Integer::intValue).toArray();
    boolean quantized =
        !type.isFloat() && info.scales().size() == 1 && info.zeroPoints().size() == 1;
    if (!quantized || !(info.scales().get(0) > 0)) {
      return TensorSpec.of(info.name(), type, dimensions);
    }
    return TensorSpec.quantized(
        info.name(),
        type,
        new TensorSpec.Quantization(info.scales().get(0), info.zeroPoints().get(0)),
        dimensions);
  }

  private static @Nullable TensorType type(int code) {
    return switch (code) {
      case TypeCode.FLOAT32 -> TensorType.FLOAT32;
      case TypeCode.FLOAT16 -> TensorType.FLOAT16;
      case TypeCode.FLOAT64 -> TensorType.FLOAT64;
      case TypeCode.INT8 -> TensorType.INT8;
      case TypeCode.UINT8 -> TensorType.UINT8;
      case TypeCode.INT16 -> TensorType.INT16;
      case TypeCode.INT32 -> TensorType.INT32;
      case TypeCode.INT64 -> TensorType.INT64;
      case TypeCode.BOOL -> TensorType.BOOL;
      default -> null;
    };
  }

  @Override
  public List<TensorSpec> inputs() {
    return inputs;
  }

  @Override
  public List<TensorSpec> outputs() {
    return outputs;
  }

  @Override
  public void input(int index, Tensor tensor) {
    if (index < 0 || index >= inputs.size()) {
      throw new ConfigurationException(
          name + " has no input " + index + "; it has " + inputs.size() + ", counted from 0.");
    }
    TensorSpec spec = inputs.get(index);
    int[] shape = tensor.shape();
    if (tensor.type() != spec.type()) {
      throw mismatch(spec, tensor);
    }
    if (!Arrays.equals(shape, shapes[index])) {
      if (!fits(shape, spec.shape())) {
        throw mismatch(spec, tensor);
      }
      engine.resize(index, shape);
      shapes[index] = shape;
      taps.clear();
    }
    engine.input(index, tensor.data());
  }

  private DataException mismatch(TensorSpec spec, Tensor tensor) {
    return new DataException(
        "The input '"
            + spec.name()
            + "' of "
            + name
            + " takes "
            + spec.type()
            + " "
            + Arrays.toString(spec.shape())
            + ", but was given "
            + tensor.type()
            + " "
            + Arrays.toString(tensor.shape())
            + "; prepare the tensor accordingly, or open the model with another input shape.");
  }

  private static boolean fits(int[] shape, int[] spec) {
    if (shape.length != spec.length) {
      return false;
    }
    for (int i = 0; i < shape.length; i++) {
      if (spec[i] != shape[i] && spec[i] != -1) {
        return false;
      }
    }
    return true;
  }

  @Override
  public void invoke() {
    engine.invoke();
  }

  /** Executes the model once and returns the nanoseconds spent in the interpreter alone. */
  public long invokeNanos() {
    return engine.invoke();
  }

  /** The memory of the process that executes the model. */
  public ProcessMemory memory() {
    return engine instanceof WorkerSession worker
        ? worker.memory()
        : ProcessMemory.of(ProcessHandle.current().pid());
  }

  /** What that process had resident before it saw the model; -1 if that is not known. */
  public long startResidentBytes() {
    return engine instanceof WorkerSession worker ? worker.startResidentBytes() : -1;
  }

  /** Ends a run that another thread is in; in this process that cannot be done. */
  public void abort() {
    if (engine instanceof WorkerSession worker) {
      worker.abort();
    }
  }

  @Override
  public Tensor output(int index) {
    TensorInfo info = engine.outputInfo(index);
    return Tensor.of(outputs.get(index).type(), engine.output(index), info.shapeArray());
  }

  @Override
  public int read(int index, long position, ByteBuffer target) {
    return engine.read(index, position, target);
  }

  @Override
  public Map<Integer, TensorSpec> taps() {
    Map<Integer, TensorSpec> specs = new LinkedHashMap<>();
    tapInfos()
        .forEach(
            (index, info) -> {
              TensorType type = type(info.type());
              if (type != null) {
                specs.put(index, spec(info, type, info.shape()));
              }
            });
    return specs;
  }

  private Map<Integer, TensorInfo> tapInfos() {
    if (options.taps() && (taps.isEmpty() || anyDynamic())) {
      taps.clear();
      engine.taps().forEach(info -> taps.put(info.index(), info));
    }
    return taps;
  }

  private boolean anyDynamic() {
    return taps.values().stream().anyMatch(TensorInfo::dynamic);
  }

  @Override
  public Tensor tap(int tensor) {
    TensorInfo info = tapInfos().get(tensor);
    TensorType type = info == null ? null : type(info.type());
    if (info == null || type == null) {
      throw new ConfigurationException(
          "Tensor "
              + tensor
              + " of "
              + name
              + (options.taps()
                  ? " is not written by an operator that runs on its own: it is a constant or an"
                      + " input, or it only exists inside a delegate (tap it with CPU)."
                  : " is not kept; open the model with taps."));
    }
    return Tensor.of(type, engine.tensor(tensor), info.shapeArray());
  }

  @Override
  public Optional<ModelRuntime.Placement> placement() {
    Delegation delegation = engine.delegation();
    return Optional.of(
        new ModelRuntime.Placement(
            delegation.delegatedNodes(), delegation.nodes(), delegation.partitions()));
  }

  @Override
  public List<ModelRuntime.OperatorTime> profile() {
    List<ModelRuntime.OperatorTime> times = new ArrayList<>();
    if (profiling) {
      for (OperatorTiming timing : engine.timings()) {
        // A delegate's own nodes are numbered after the model's.
        boolean delegated =
            timing.insideDelegate() || (timing.subgraph() == 0 && timing.node() >= nodes);
        times.add(
            new ModelRuntime.OperatorTime(
                timing.name(),
                delegated || timing.subgraph() != 0
                    ? OptionalInt.empty()
                    : OptionalInt.of((int) timing.node()),
                delegated,
                timing.nanos()));
      }
    }
    return times;
  }

  @Override
  public void close() {
    engine.close();
  }
}
