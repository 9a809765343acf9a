package io.jetfire.core.internal.fake;

import io.jetfire.Delegate;
import io.jetfire.Model;
import io.jetfire.Tensor;
import io.jetfire.TensorSpec;
import io.jetfire.TensorType;
import io.jetfire.spi.ModelRuntime;
import io.jetfire.spi.ModelRuntimeProvider;
import io.jetfire.spi.ProviderContext;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BiFunction;

/** Executes a function instead of a model, and watches that sessions are used as they must be. */
public final class FakeRuntime implements ModelRuntime {
  private final Set<String> formats;
  private final List<TensorSpec> inputs;
  private final List<TensorSpec> outputs;
  private final BiFunction<Model, List<Tensor>, List<Tensor>> function;

  /** How many sessions were opened. */
  public final AtomicInteger opened = new AtomicInteger();

  /** How many sessions were closed. */
  public final AtomicInteger closed = new AtomicInteger();

  /** How often a session was used after it was closed, or by two threads at once. */
  public final AtomicInteger misused = new AtomicInteger();

  /** How often a model was executed. */
  public final AtomicInteger invocations = new AtomicInteger();

  public FakeRuntime(
      Set<String> formats,
      List<TensorSpec> inputs,
      List<TensorSpec> outputs,
      BiFunction<Model, List<Tensor>, List<Tensor>> function) {
    this.formats = formats;
    this.inputs = inputs;
    this.outputs = outputs;
    this.function = function;
  }

  /** One float input of n numbers and one float output of m. */
  public static FakeRuntime of(
      String format, int n, int m, BiFunction<Model, List<Tensor>, List<Tensor>> function) {
    return new FakeRuntime(
        Set.of(format),
        List.of(TensorSpec.of("in", TensorType.FLOAT32, 1, n)),
        List.of(TensorSpec.of("out", TensorType.FLOAT32, 1, m)),
        function);
  }

  public ModelRuntimeProvider provider(String id) {
    return new ModelRuntimeProvider() {
      @Override
      public String id() {
        return id;
      }

      @Override
      public ModelRuntime create(ProviderContext context) {
        return FakeRuntime.this;
      }
    };
  }

  @Override
  public Set<String> formats() {
    return formats;
  }

  @Override
  public Set<Delegate> delegates() {
    return Set.of(Delegate.CPU, Delegate.XNNPACK);
  }

  @Override
  public String version() {
    return "Fake 1.0";
  }

  @Override
  public Session open(Model model, Options options) {
    opened.incrementAndGet();
    return new FakeSession(model);
  }

  private final class FakeSession implements Session {
    private final Model model;
    private final Tensor[] in = new Tensor[inputs.size()];
    private List<Tensor> out = List.of();
    private final AtomicInteger users = new AtomicInteger();
    private volatile boolean isClosed;

    FakeSession(Model model) {
      this.model = model;
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
      in[index] = tensor;
    }

    @Override
    public void invoke() {
      if (users.incrementAndGet() > 1 || isClosed) {
        misused.incrementAndGet();
      }
      try {
        invocations.incrementAndGet();
        out = new ArrayList<>(function.apply(model, List.of(in)));
      } finally {
        users.decrementAndGet();
      }
    }

    @Override
    public Tensor output(int index) {
      return out.get(index);
    }

    @Override
    public void close() {
      if (users.get() > 0 || isClosed) {
        misused.incrementAndGet();
      }
      isClosed = true;
      closed.incrementAndGet();
    }
  }
}
