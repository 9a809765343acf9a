package io.jetfire.runtime.internal;

import io.jetfire.ConfigurationException;
import io.jetfire.Delegate;
import io.jetfire.Model;
import io.jetfire.runtime.internal.engine.EngineSession;
import io.jetfire.runtime.internal.engine.InterpreterSettings;
import io.jetfire.runtime.internal.engine.NativeLibrary;
import io.jetfire.spi.ModelRuntime;
import io.jetfire.spi.ProviderContext;
import java.util.Set;

/** The model runtime "tflite". Thread-safe. */
public final class TfliteRuntime implements ModelRuntime {
  private static final Set<Delegate> DELEGATES = Set.of(Delegate.CPU, Delegate.XNNPACK);

  private final SharedModels models = new SharedModels();

  private TfliteRuntime() {}

  /** Creates the runtime; the native library is loaded when the first model is opened. */
  public static TfliteRuntime create(ProviderContext context) {
    return new TfliteRuntime();
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
    if (!formats().contains(model.format())) {
      throw new ConfigurationException(
          "The runtime 'tflite' executes .tflite files, but "
              + model
              + " has the format '"
              + model.format()
              + "'; convert it first.");
    }
    InterpreterSettings settings = settings(options);
    if (options.isolation() == Isolation.WORKER) {
      throw new ConfigurationException(
          "Worker processes are not part of this version; open "
              + model
              + " with Isolation.IN_PROCESS if you trust the file.");
    }
    long before = ProcessMemory.of(ProcessHandle.current().pid()).residentBytes();
    EngineSession session = models.open(model, settings);
    try {
      return new TfliteSession(model, options, session, before);
    } catch (RuntimeException | Error e) {
      session.close();
      throw e;
    }
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
