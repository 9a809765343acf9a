package io.jetfire.benchmarks;

import io.jetfire.spi.ModelRuntime;
import io.jetfire.testkit.TestProviderContext;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;

/** The runtime as its provider makes it, without the engine. */
final class Runtimes {
  private Runtimes() {}

  static ModelRuntime tflite() {
    try {
      return new io.jetfire.runtime.TfliteRuntimeProvider()
          .create(TestProviderContext.in(Files.createTempDirectory("jetfire-benchmark")));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
