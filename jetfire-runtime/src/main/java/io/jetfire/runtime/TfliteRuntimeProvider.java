package io.jetfire.runtime;

import io.jetfire.runtime.internal.TfliteRuntime;
import io.jetfire.spi.ModelRuntime;
import io.jetfire.spi.ModelRuntimeProvider;
import io.jetfire.spi.ProviderContext;

/**
 * Registers the model runtime {@code tflite}: TensorFlow Lite's C++ interpreter with its own
 * kernels ({@code CPU}) or with the XNNPACK delegate, as on a phone's CPU.
 *
 * <p>Models that are not trusted run in worker processes, limited in time (setting {@code
 * worker-seconds}) and in memory ({@code worker-megabytes}). On Linux and macOS the host watches
 * resident memory, on macOS less often; on Windows a worker watches its own committed memory, and a
 * model that hangs is ended by the time limit.
 */
public final class TfliteRuntimeProvider implements ModelRuntimeProvider {

  /** Creates the provider; called by {@link java.util.ServiceLoader}. */
  public TfliteRuntimeProvider() {}

  @Override
  public String id() {
    return "tflite";
  }

  @Override
  public ModelRuntime create(ProviderContext context) {
    return TfliteRuntime.create(context);
  }
}
