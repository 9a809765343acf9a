package io.jetfire.spi;

/** Registers a device farm; see {@link DeviceFarm}. */
public interface DeviceFarmProvider extends Provider<DeviceFarm> {}
