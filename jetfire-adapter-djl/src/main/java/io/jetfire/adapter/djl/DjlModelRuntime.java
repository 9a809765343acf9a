package io.jetfire.adapter.djl;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import io.jetfire.ConfigurationException;
import io.jetfire.DataException;
import io.jetfire.Delegate;
import io.jetfire.Model;
import io.jetfire.Tensor;
import io.jetfire.TensorSpec;
import io.jetfire.TensorType;
import io.jetfire.UnsupportedModelException;
import io.jetfire.adapter.djl.internal.artifact.DjlTraceFile;
import io.jetfire.adapter.djl.internal.engine.DjlEngine;
import io.jetfire.adapter.djl.internal.engine.NDTensors;
import io.jetfire.adapter.djl.internal.trace.Dim;
import io.jetfire.adapter.djl.internal.trace.Replay;
import io.jetfire.adapter.djl.internal.trace.Trace;
import io.jetfire.adapter.djl.internal.trace.TraceValue;
import io.jetfire.spi.ModelRuntime;
import io.jetfire.spi.ProviderContext;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Replays trained models on DJL's engine, on the CPU and in this process. */
final class DjlModelRuntime implements ModelRuntime {
  private static final String SIGNATURE = "serving_default";

  private final ProviderContext context;
  private @Nullable DjlEngine engine;

  DjlModelRuntime(ProviderContext context) {
    this.context = context;
  }

  /** Starts the engine when it is first needed, since loading it takes seconds. */
  private synchronized DjlEngine engine() {
    if (engine == null) {
      engine = DjlEngine.start(context);
    }
    return engine;
  }

  @Override
  public Set<String> formats() {
    return Set.of(DjlTraceFile.FORMAT);
  }

  @Override
  public Set<Delegate> delegates() {
    return Set.of(Delegate.CPU);
  }

  @Override
  public String version() {
    return engine().version();
  }

  @Override
  public Session open(Model model, Options options) {
    if (!formats().contains(model.format())) {
      throw new ConfigurationException(
          "The runtime djl executes "
              + formats()
              + ", but "
              + model
              + " is of the format "
              + model.format()
              + ". Use the runtime of that format.");
    }
    if (!options.delegate().equals(Delegate.CPU)) {
      throw new ConfigurationException(
          "Model "
              + model
              + " cannot be opened with the delegate "
              + options.delegate()
              + ": the runtime djl has "
              + delegates()
              + ". Ask for one of them.");
    }
    String signature = options.signature().orElse(SIGNATURE);
    if (!signature.equals(SIGNATURE)) {
      throw new ConfigurationException(
          "Model " + model + " has the signature " + SIGNATURE + " alone, not " + signature + ".");
    }
    DjlEngine engine = engine();
    if (options.threads() != 1 && options.threads() != engine.threads()) {
      throw new ConfigurationException(
          "Model "
              + model
              + " cannot be opened with "
              + options.threads()
              + " threads: DJL's engine was started with "
              + engine.threads()
              + " for the whole process. Set jetfire.djl.threads before its first use.");
    }
    Trace trace = DjlTraceFile.read(model.path()).trace();
    NDManager manager = engine.engine().newBaseManager();
    try {
      return new ReplaySession(manager, trace, options);
    } catch (RuntimeException e) {
      manager.close();
      throw e;
    }
  }

  /** One loaded model. */
  private static final class ReplaySession implements Session {
    private final NDManager manager;
    private final Replay replay;
    private final List<TensorSpec> inputs;
    private final List<TensorSpec> outputs;
    private final @Nullable Tensor[] given;
    private List<Tensor> results = List.of();
    private boolean closed;

    ReplaySession(NDManager manager, Trace trace, Options options) {
      this.manager = manager;
      long batch = batch(trace, options);
      this.inputs = specs(trace, trace.inputs(), "input", batch);
      this.outputs = specs(trace, trace.outputs(), "output", batch);
      this.given = new Tensor[inputs.size()];
      this.replay = Replay.load(trace, manager);
    }

    /**
     * The batch of the first shape that the options give, which must fit in all other dimensions.
     */
    private static long batch(Trace trace, Options options) {
      long batch = trace.fixedBatch() == 0 ? 1 : trace.fixedBatch();
      for (int id : trace.inputs()) {
        TraceValue value = trace.value(id);
        List<Integer> shape = options.inputShapes().get(value.name());
        if (shape != null) {
          long asked = shape.isEmpty() ? batch : shape.get(0);
          List<Long> fitting = Arrays.stream(Dim.at(value.shape(), asked)).boxed().toList();
          if (!shape.stream().map(Integer::longValue).toList().equals(fitting)
              || (trace.fixedBatch() != 0 && asked != trace.fixedBatch())) {
            throw new ConfigurationException(
                "The input "
                    + value.name()
                    + " of the model is "
                    + value.describe()
                    + ", which cannot become "
                    + shape
                    + (trace.fixedBatch() == 0 ? "." : "; its batch is fixed."));
          }
          batch = asked;
        }
      }
      return batch;
    }

    private static List<TensorSpec> specs(
        Trace trace, List<Integer> ids, String fallback, long batch) {
      List<TensorSpec> specs = new ArrayList<>();
      for (int id : ids) {
        TraceValue value = trace.value(id);
        String name = value.name().isEmpty() ? fallback + specs.size() : value.name();
        int[] shape =
            Arrays.stream(Dim.at(value.shape(), batch)).mapToInt(Math::toIntExact).toArray();
        specs.add(TensorSpec.of(name, type(value), shape));
      }
      return List.copyOf(specs);
    }

    private static TensorType type(TraceValue value) {
      return NDTensors.type(Replay.type(value.type()));
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
      requireOpen();
      TensorSpec spec = inputs.get(index);
      if (tensor.type() != spec.type() || !Arrays.equals(tensor.shape(), spec.shape())) {
        throw new DataException(
            "Input "
                + index
                + " of the model is "
                + spec
                + ", but was given "
                + tensor
                + ". Preprocess the sample for this model, or open it with that shape.");
      }
      given[index] = tensor;
    }

    @Override
    public void invoke() {
      requireOpen();
      try (NDManager scratch = manager.newSubManager()) {
        NDList arrays = new NDList();
        for (int i = 0; i < given.length; i++) {
          Tensor tensor = given[i];
          if (tensor == null) {
            throw new DataException(
                "Input " + inputs.get(i) + " of the model was not set before the model is run.");
          }
          arrays.add(NDTensors.array(scratch, tensor));
        }
        List<Tensor> outputs = new ArrayList<>();
        for (NDArray output : replay.run(scratch, arrays)) {
          outputs.add(NDTensors.tensor(output));
        }
        results = outputs;
      }
    }

    @Override
    public Tensor output(int index) {
      if (results.isEmpty()) {
        throw new UnsupportedModelException(
            "Output " + outputs.get(index) + " is not there yet; run the model first.");
      }
      return results.get(index);
    }

    @Override
    public void close() {
      if (!closed) {
        closed = true;
        replay.close();
        manager.close();
      }
    }

    private void requireOpen() {
      if (closed) {
        throw new IllegalStateException("The session is closed; open the model again");
      }
    }
  }
}
