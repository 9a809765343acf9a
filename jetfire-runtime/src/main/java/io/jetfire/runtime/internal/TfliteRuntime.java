package io.jetfire.runtime.internal;

import io.jetfire.ConfigurationException;
import io.jetfire.Delegate;
import io.jetfire.JetFireException;
import io.jetfire.Model;
import io.jetfire.UnsupportedModelException;
import io.jetfire.runtime.internal.engine.EngineSession;
import io.jetfire.runtime.internal.engine.InterpreterSettings;
import io.jetfire.runtime.internal.engine.NativeLibrary;
import io.jetfire.runtime.internal.worker.WorkerLimits;
import io.jetfire.runtime.internal.worker.WorkerPool;
import io.jetfire.spi.ModelRuntime;
import io.jetfire.spi.ProviderContext;
import io.jetfire.tflite.format.ModelCheck;
import java.time.Duration;
import java.util.List;
import java.util.Set;

/** The model runtime "tflite". Thread-safe. */
public final class TfliteRuntime implements ModelRuntime {
  private static final Set<Delegate> DELEGATES = Set.of(Delegate.CPU, Delegate.XNNPACK);

  private final SharedModels models = new SharedModels();

  /** What a worker takes without a model. */
  private static final long JVM_BYTES = 192L << 20;

  private static final long MIN_ACTIVATION_BYTES = 64L << 20;

  private final WorkerLimits limits;
  private final WorkerPool workers;

  private TfliteRuntime(WorkerLimits limits) {
    this.limits = limits;
    this.workers = WorkerPool.create(limits);
  }

  /** Creates the runtime; the native library is loaded when the first model is opened. */
  public static TfliteRuntime create(ProviderContext context) {
    return new TfliteRuntime(limits(context));
  }

  @Override
  public Set<String> formats() {
    return Set.of("tflite");
  }

  @Override
  public Set<Delegate> delegates() {
    return DELEGATES;
  }

  @Override
  public String version() {
    return "TensorFlow Lite " + NativeLibrary.version();
  }

  @Override
  public TfliteSession open(Model model, Options options) {
    check(model);
    InterpreterSettings settings = settings(options);
    EngineSession session;
    if (options.isolation() == Isolation.WORKER) {
      checkContent(model);
      session = workers.open(model.path(), settings);
    } else {
      session = models.open(model, settings);
    }
    return session(model, options, session);
  }

  /** Opens a model in a worker that sees no other. */
  public TfliteSession openFresh(Model model, Options options) {
    check(model);
    checkContent(model);
    return session(model, options, workers.openFresh(model.path(), settings(options)));
  }

  private static TfliteSession session(Model model, Options options, EngineSession session) {
    try {
      return new TfliteSession(model, options, session);
    } catch (RuntimeException | Error e) {
      session.close();
      throw e;
    }
  }

  private void check(Model model) {
    if (!formats().contains(model.format())) {
      throw new ConfigurationException(
          "The runtime 'tflite' executes .tflite files, but "
              + model
              + " has the format '"
              + model.format()
              + "'; convert it first.");
    }
  }

  /** What can be told without native code: most broken files never get to a worker. */
  private void checkContent(Model model) {
    List<String> problems;
    try {
      problems =
          ModelCheck.check(
                  model.path(), Math.max(MIN_ACTIVATION_BYTES, limits.residentBytes() - JVM_BYTES))
              .problems();
    } catch (JetFireException e) {
      throw e;
    } catch (RuntimeException | StackOverflowError | OutOfMemoryError e) {
      problems = List.of("reading it failed: " + e);
    }
    if (!problems.isEmpty()) {
      String some = String.join(" ", problems.subList(0, Math.min(5, problems.size())));
      throw new UnsupportedModelException(
          "The model "
              + model.path()
              + Failures.REFUSED
              + problems.size()
              + (problems.size() > 5 ? " problems, among them: " : " problem(s): ")
              + some);
    }
  }

  /** The most memory that a worker was seen to use. */
  public long peakWorkerBytes() {
    return workers.peakResidentBytes();
  }

  private static WorkerLimits limits(ProviderContext context) {
    return new WorkerLimits(
        Duration.ofSeconds(
            setting(context, "worker-seconds", WorkerLimits.DEFAULT.callTime().toSeconds())),
        setting(context, "worker-megabytes", WorkerLimits.DEFAULT.residentBytes() >> 20) << 20);
  }

  private static long setting(ProviderContext context, String key, long usual) {
    String value = context.configuration(key).orElse(Long.toString(usual));
    if (!value.matches("[1-9]\\d{0,8}")) {
      throw new ConfigurationException(
          "The setting '" + key + "' is a whole number of at least 1, but was '" + value + "'.");
    }
    return Long.parseLong(value);
  }

  @Override
  public void close() {
    workers.close();
  }

  /** Translates the options, refusing what this host does not have. */
  static InterpreterSettings settings(Options options) {
    if (!DELEGATES.contains(options.delegate())) {
      throw new ConfigurationException(
          "The delegate "
              + options.delegate()
              + " does not exist on a host JVM; the runtime 'tflite' has CPU and XNNPACK. Measure"
              + " others on a device.");
    }
    if (options.threads() < 1) {
      throw new ConfigurationException(
          "A model needs at least 1 thread, but was given " + options.threads() + ".");
    }
    return new InterpreterSettings(
        options.delegate().equals(Delegate.XNNPACK),
        options.threads(),
        options.taps(),
        options.profiling(),
        options.signature().orElse(null),
        options.inputShapes());
  }
}
