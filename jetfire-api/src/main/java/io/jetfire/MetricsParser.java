package io.jetfire;

import io.jetfire.internal.Engine;
import java.io.BufferedInputStream;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Reads what devices print or write into numbers.
 *
 * <pre>{@code
 * ParsedLog log = MetricsParser.standard().parse(Path.of("logcat.txt"));
 * log.runs().get(0).latency(Phase.INFERENCE).median();
 * }</pre>
 *
 * <p>A parser of one's own is a function from bytes to a {@link ParsedLog}; it may ask the standard
 * one first. Implementations are thread-safe, and read in constant memory but for the results.
 */
@FunctionalInterface
public interface MetricsParser {

  /**
   * Reads a log or a result file.
   *
   * <p>Whatever the bytes are, the result is what can be recognised, and warnings: an unknown
   * dialect is no error.
   *
   * @param input the bytes, read to their end and not closed
   * @return what they say
   * @throws StorageException if the stream cannot be read
   */
  ParsedLog parse(InputStream input);

  /**
   * Reads a file.
   *
   * @param file the file
   * @return what it says
   * @throws StorageException if the file cannot be read
   */
  default ParsedLog parse(Path file) {
    try (InputStream in = new BufferedInputStream(Files.newInputStream(file))) {
      return parse(in);
    } catch (IOException e) {
      throw new StorageException(
          "The log " + file + " cannot be read (" + e + "); check that it exists", e);
    }
  }

  /**
   * Reads a text.
   *
   * @param text the text
   * @return what it says
   */
  default ParsedLog parse(String text) {
    return parse(new ByteArrayInputStream(text.getBytes(StandardCharsets.UTF_8)));
  }

  /**
   * Returns the parser that knows the output of TensorFlow Lite's and LiteRT's benchmark tools of
   * all eras, logcat in all its formats, and JetFire's own log.
   *
   * @return the parser
   * @throws MissingProviderException if {@code io.jetfire:jetfire-core} is not on the class path
   */
  static MetricsParser standard() {
    return Engine.find().parser();
  }
}
