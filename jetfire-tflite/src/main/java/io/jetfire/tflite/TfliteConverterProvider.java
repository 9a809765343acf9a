package io.jetfire.tflite;

import io.jetfire.spi.ConverterBackend;
import io.jetfire.spi.ConverterBackendProvider;
import io.jetfire.spi.ProviderContext;

/**
 * Registers the converter to {@code .tflite} under the id {@code tflite}.
 *
 * <p>Setting {@code isolation}: {@code worker}, the default, executes models for calibration in a
 * worker process, so that a file from outside cannot take the JVM down; {@code in-process} spares
 * the start of that process, for models that are trusted.
 */
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
