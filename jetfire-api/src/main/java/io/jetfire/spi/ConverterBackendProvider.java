package io.jetfire.spi;

/** Registers a converter backend; see {@link ConverterBackend}. */
public interface ConverterBackendProvider extends Provider<ConverterBackend> {}
