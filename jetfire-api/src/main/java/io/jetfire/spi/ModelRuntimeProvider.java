package io.jetfire.spi;

/** Registers a model runtime; see {@link ModelRuntime}. */
public interface ModelRuntimeProvider extends Provider<ModelRuntime> {}
