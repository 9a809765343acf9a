package io.jetfire.core.internal.fake;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Golden files under {@code src/test/resources/golden}. Run the tests with {@code
 * -Djetfire.golden.update=true} to write them anew, and look at the difference before committing
 * it.
 */
public final class Golden {
  private Golden() {}

  public static String read(String name) {
    try (InputStream in = Golden.class.getResourceAsStream("/golden/" + name)) {
      assertThat(in).as("golden file %s", name).isNotNull();
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  public static void assertMatches(String name, String actual) {
    if (Boolean.getBoolean("jetfire.golden.update")) {
      Fakes.write(folder().resolve(name), actual);
      return;
    }
    assertThat(actual).isEqualTo(read(name));
  }

  private static Path folder() {
    try {
      return Files.createDirectories(Path.of("src/test/resources/golden"));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
