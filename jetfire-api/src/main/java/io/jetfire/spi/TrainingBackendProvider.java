package io.jetfire.spi;

/** Registers a training backend; see {@link TrainingBackend}. */
public interface TrainingBackendProvider extends Provider<TrainingBackend> {}
