package io.jetfire.core.internal.parse;

import io.jetfire.DeviceFacts;
import io.jetfire.Metrics;
import io.jetfire.MetricsParser;
import io.jetfire.ParsedLog;
import io.jetfire.StorageException;
import io.jetfire.TestOutcome;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.Reader;
import java.io.SequenceInputStream;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;

/** Finds out what a file is, and reads it: text line by line, structured files as a whole. */
public final class StandardParser implements MetricsParser {
  private static final int SNIFF = 64 * 1024;

  /** Structured results are small; a larger file is none. */
  private static final int MOST_STRUCTURED = 32 * 1024 * 1024;

  private static final int MOST_WARNINGS = 1000;

  /** Creates the parser. */
  public StandardParser() {}

  @Override
  public ParsedLog parse(InputStream input) {
    try {
      byte[] start = input.readNBytes(SNIFF);
      if (utf16(start)) {
        Charset charset =
            start[0] == (byte) 0xFF ? StandardCharsets.UTF_16LE : StandardCharsets.UTF_16BE;
        InputStream all = new SequenceInputStream(new ByteArrayInputStream(start), input);
        return text(new byte[0], new Utf8Stream(new InputStreamReader(all, charset)));
      }
      if (binary(start)) {
        return binary(start, input);
      }
      int first = firstVisible(start);
      byte c = first < start.length ? start[first] : 0;
      if (c == '<') {
        return xml(start, input);
      }
      if (c == '{' || (c == '[' && jsonArray(start, first))) {
        Optional<ParsedLog> json = json(start, input);
        if (json.isPresent()) {
          return json.get();
        }
      }
      return text(start, input);
    } catch (IOException e) {
      throw new StorageException(
          "The log cannot be read to its end (" + e + "); fetch it again or check the stream", e);
    }
  }

  private static ParsedLog text(byte[] start, InputStream rest) throws IOException {
    TextParser parser = new TextParser();
    long lines = new LineReader(rest, parser).read(start, start.length);
    return parser.finish(lines);
  }

  private static boolean utf16(byte[] b) {
    return b.length >= 2
        && ((b[0] == (byte) 0xFF && b[1] == (byte) 0xFE)
            || (b[0] == (byte) 0xFE && b[1] == (byte) 0xFF));
  }

  /** Text has no NUL and few other control characters in its first kilobyte. */
  private static boolean binary(byte[] b) {
    int n = Math.min(b.length, 1024);
    int control = 0;
    for (int i = 0; i < n; i++) {
      if (b[i] == 0) {
        return true;
      }
      if (b[i] > 0 && b[i] < 32 && b[i] != '\n' && b[i] != '\r' && b[i] != '\t' && b[i] != 27) {
        control++;
      }
    }
    return control * 20 > n;
  }

  private static int firstVisible(byte[] b) {
    int i =
        b.length >= 3 && b[0] == (byte) 0xEF && b[1] == (byte) 0xBB && b[2] == (byte) 0xBF ? 3 : 0;
    while (i < b.length && b[i] <= ' ' && b[i] >= 0) {
      i++;
    }
    return i;
  }

  /** A log may begin with a bracket, too. */
  private static boolean jsonArray(byte[] b, int at) {
    int i = at + 1;
    while (i < b.length && b[i] <= ' ' && b[i] >= 0) {
      i++;
    }
    return i < b.length && b[i] == '{';
  }

  private static ParsedLog binary(byte[] start, InputStream rest) throws IOException {
    List<String> warnings = new ArrayList<>();
    byte[] more = rest.readNBytes(MOST_STRUCTURED - start.length);
    Optional<Metrics> found = Optional.empty();
    if (rest.read() < 0) {
      found = ProtobufResults.read(concat(start, more), limited(warnings));
    }
    if (found.isEmpty()) {
      return new ParsedLog(
          List.of(),
          DeviceFacts.none(),
          List.of(),
          warnings,
          List.of("The file is binary and no result file of a known benchmark tool"),
          0);
    }
    return new ParsedLog(
        List.of(found.get()), DeviceFacts.none(), List.of(), warnings, List.of(), 0);
  }

  private static Optional<ParsedLog> json(byte[] start, InputStream rest) throws IOException {
    // A JSON of results fits into what was read already; a longer one is read line by line, and
    // blocks in it are found there.
    byte[] one = rest.readNBytes(1);
    if (one.length > 0) {
      TextParser parser = new TextParser();
      InputStream back = new SequenceInputStream(new ByteArrayInputStream(one), rest);
      long lines = new LineReader(back, parser).read(start, start.length);
      return Optional.of(parser.finish(lines));
    }
    List<String> warnings = new ArrayList<>();
    String text = new String(start, StandardCharsets.UTF_8);
    text = text.startsWith("\uFEFF") ? text.substring(1) : text;
    List<Metrics> runs = JsonResults.read(text, 1, limited(warnings));
    return runs.isEmpty()
        ? Optional.empty()
        : Optional.of(
            new ParsedLog(
                runs, DeviceFacts.none(), List.of(), warnings, List.of(), text.lines().count()));
  }

  private static ParsedLog xml(byte[] start, InputStream rest) throws IOException {
    List<String> warnings = new ArrayList<>();
    byte[] bytes = concat(start, rest.readNBytes(MOST_STRUCTURED - start.length));
    List<TestOutcome> tests = JUnitXml.read(bytes, limited(warnings));
    List<String> problems =
        tests.isEmpty() ? List.of("The XML has no test; JUnit XML was expected") : List.of();
    return new ParsedLog(List.of(), DeviceFacts.none(), tests, warnings, problems, 0);
  }

  private static Consumer<String> limited(List<String> warnings) {
    return w -> {
      if (warnings.size() < MOST_WARNINGS) {
        warnings.add(w);
      }
    };
  }

  private static byte[] concat(byte[] a, byte[] b) {
    byte[] all = Arrays.copyOf(a, a.length + b.length);
    System.arraycopy(b, 0, all, a.length, b.length);
    return all;
  }

  /** Turns characters into UTF-8 again, chunk by chunk. */
  private static final class Utf8Stream extends InputStream {
    private final Reader reader;
    private final char[] chars = new char[8192];
    private ByteBuffer bytes = ByteBuffer.allocate(0);

    Utf8Stream(Reader reader) {
      this.reader = reader;
    }

    @Override
    public int read() throws IOException {
      return fill() ? bytes.get() & 255 : -1;
    }

    @Override
    public int read(byte[] target, int offset, int length) throws IOException {
      if (length == 0) {
        return 0;
      }
      if (!fill()) {
        return -1;
      }
      int n = Math.min(length, bytes.remaining());
      bytes.get(target, offset, n);
      return n;
    }

    private boolean fill() throws IOException {
      while (!bytes.hasRemaining()) {
        int n = reader.read(chars, 0, chars.length);
        if (n < 0) {
          return false;
        }
        bytes = StandardCharsets.UTF_8.encode(CharBuffer.wrap(chars, 0, n));
      }
      return true;
    }
  }
}
