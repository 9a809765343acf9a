package io.jetfire.runtime;

import io.jetfire.runtime.internal.farm.LocalDeviceFarm;
import io.jetfire.spi.DeviceFarm;
import io.jetfire.spi.DeviceFarmProvider;
import io.jetfire.spi.ProviderContext;

/**
 * Registers the device farm {@code local}: this host as a device, with the delegates {@code CPU}
 * (TensorFlow Lite's own kernels) and {@code XNNPACK}. It costs nothing and needs nothing.
 *
 * <p>Settings: {@code warmup-millis} is the least time of a warm-up, which goes on after the runs
 * that were asked for until it has passed (100 unless set; a cell without warm-up runs has none);
 * {@code measure-millis} is the same for the measured runs (0 unless set).
 */
public final class LocalDeviceFarmProvider implements DeviceFarmProvider {

  /** Creates the provider; called by {@link java.util.ServiceLoader}. */
  public LocalDeviceFarmProvider() {}

  @Override
  public String id() {
    return "local";
  }

  @Override
  public DeviceFarm create(ProviderContext context) {
    return LocalDeviceFarm.create(context);
  }
}
