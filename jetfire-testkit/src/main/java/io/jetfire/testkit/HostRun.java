package io.jetfire.testkit;

import io.jetfire.Delegate;
import io.jetfire.Model;
import io.jetfire.Tensor;
import io.jetfire.spi.ModelRuntime;
import io.jetfire.spi.ModelRuntime.Isolation;
import io.jetfire.spi.ModelRuntime.Options;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Function;

/**
 * Runs a model file once on the host, for tests of code that writes models.
 *
 * <pre>{@code
 * List<Tensor> outputs = HostRun.of(file).delegate(Delegate.CPU).run(input);
 * }</pre>
 *
 * <p>The file's runtime must be on the test class path ({@code jetfire-runtime} for .tflite). The
 * model runs in this process, as fits files that the test itself has written. Immutable.
 */
public final class HostRun {
  private final Path file;
  private final Options options;

  private HostRun(Path file, Options options) {
    this.file = file;
    this.options = options;
  }

  /**
   * Names the file; XNNPACK and one thread unless something else is chosen.
   *
   * @param file a model
   * @return a run to be made
   */
  public static HostRun of(Path file) {
    return new HostRun(file, Options.defaults().isolation(Isolation.IN_PROCESS));
  }

  /**
   * Chooses the delegate.
   *
   * @param delegate {@link Delegate#CPU} for the runtime's own kernels
   * @return the run
   */
  public HostRun delegate(Delegate delegate) {
    return new HostRun(file, options.delegate(delegate));
  }

  /**
   * Chooses a signature.
   *
   * @param key its key
   * @return the run
   */
  public HostRun signature(String key) {
    return new HostRun(file, options.signature(key));
  }

  /**
   * Runs the model in a worker process, as fits files that may crash it.
   *
   * @return the run
   */
  public HostRun isolated() {
    return new HostRun(file, options.isolation(Isolation.WORKER));
  }

  /**
   * Runs once.
   *
   * @param inputs one per input of the model, in its order
   * @return one per output of the model, in its order
   */
  public List<Tensor> run(Tensor... inputs) {
    return with(session -> session.run(List.of(inputs)));
  }

  /**
   * Opens a session and closes it after the work.
   *
   * @param <T> what the work returns
   * @param work what to do with the session
   * @return what the work returned
   */
  public <T> T with(Function<ModelRuntime.Session, T> work) {
    Model model = Model.of(file);
    Path folder = file.toAbsolutePath().getParent();
    try (ModelRuntime runtime =
            TestProviderContext.in(folder == null ? file : folder).modelRuntime(model.format());
        ModelRuntime.Session session = runtime.open(model, options)) {
      return work.apply(session);
    }
  }

  /**
   * Opens a session that keeps intermediate tensors, on the runtime's own kernels.
   *
   * @return the run
   */
  public HostRun withTaps() {
    return new HostRun(file, options.withTaps().delegate(Delegate.CPU));
  }
}
