package io.jetfire.tflite;

import io.jetfire.spi.ConverterBackend;
import io.jetfire.spi.ConverterBackendProvider;
import io.jetfire.spi.ProviderContext;

/** Registers the converter to {@code .tflite} under the id {@code tflite}. */
public final class TfliteConverterProvider implements ConverterBackendProvider {

  /** Creates the provider; {@link java.util.ServiceLoader} does. */
  public TfliteConverterProvider() {}

  @Override
  public String id() {
    return "tflite";
  }

  @Override
  public ConverterBackend create(ProviderContext context) {
    return new TfliteConverter(context);
  }
}
