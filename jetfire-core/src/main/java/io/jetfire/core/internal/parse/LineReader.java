package io.jetfire.core.internal.parse;

import java.io.IOException;
import java.io.InputStream;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/**
 * Cuts a stream of bytes into lines in constant memory, and leaves out early what cannot matter:
 * most lines of a logcat are other apps', and making strings of them would take most of the time.
 */
final class LineReader {
  /** Longer lines are cut. */
  static final int MAX_LINE = 64 * 1024;

  private static final int CHUNK = 1 << 20;
  private static final VarHandle LONGS =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);
  private static final long ONES = 0x0101010101010101L;
  private static final long HIGHS = 0x8080808080808080L;
  private static final long NEWLINES = 0x0A0A0A0A0A0A0A0AL;

  /** Takes the lines that may matter. */
  interface Sink {
    /** Takes a line without its break. */
    void line(long number, String text);

    /** Says whether a line with this logcat pid matters whatever it says. */
    boolean wantsAll(long pid);

    /** A line was longer than {@link #MAX_LINE} and is cut. */
    void cut(long number);
  }

  private final InputStream input;
  private final Sink sink;
  private long number;

  LineReader(InputStream input, Sink sink) {
    this.input = input;
    this.sink = sink;
  }

  /** Reads to the end; returns the number of lines. */
  long read(byte[] start, int startLength) throws IOException {
    byte[] buffer = new byte[CHUNK + MAX_LINE];
    System.arraycopy(start, 0, buffer, 0, startLength);
    int filled = startLength;
    boolean skipping = false;
    while (true) {
      int from = 0;
      while (true) {
        int end = newline(buffer, from, filled);
        if (end < 0) {
          break;
        }
        if (skipping) {
          skipping = false;
        } else {
          line(buffer, from, end);
        }
        from = end + 1;
      }
      int rest = filled - from;
      if (skipping) {
        rest = 0;
      } else if (rest >= MAX_LINE) {
        sink.cut(number + 1);
        line(buffer, from, from + MAX_LINE);
        skipping = true;
        rest = 0;
      }
      System.arraycopy(buffer, filled - rest, buffer, 0, rest);
      filled = rest;
      int n = input.read(buffer, filled, Math.min(CHUNK, buffer.length - filled));
      if (n < 0) {
        break;
      }
      filled += n;
    }
    if (filled > 0) {
      line(buffer, 0, filled);
    }
    return number;
  }

  /** Finds the next line feed, eight bytes at a time. */
  private static int newline(byte[] b, int from, int to) {
    int i = from;
    for (; i + 8 <= to; i += 8) {
      long x = (long) LONGS.get(b, i) ^ NEWLINES;
      long found = (x - ONES) & ~x & HIGHS;
      if (found != 0) {
        return i + (Long.numberOfTrailingZeros(found) >> 3);
      }
    }
    for (; i < to; i++) {
      if (b[i] == '\n') {
        return i;
      }
    }
    return -1;
  }

  private void line(byte[] b, int from, int end) {
    number++;
    int to = end > from && b[end - 1] == '\r' ? end - 1 : end;
    if (to - from > MAX_LINE) {
      sink.cut(number);
      to = from + MAX_LINE;
    }
    if (matters(b, from, to)) {
      sink.line(number, new String(b, from, to - from, StandardCharsets.UTF_8));
    }
  }

  /** False for a line of logcat's threadtime format of a foreign tag; true if unsure. */
  private boolean matters(byte[] b, int from, int to) {
    if (to - from < 33
        || b[from + 2] != '-'
        || b[from + 5] != ' '
        || b[from + 8] != ':'
        || b[from + 11] != ':'
        || b[from + 14] != '.'
        || b[from + 18] != ' ') {
      return true;
    }
    int i = from + 19;
    long pid = 0;
    while (i < to && b[i] == ' ') {
      i++;
    }
    int digits = i;
    while (i < to && b[i] >= '0' && b[i] <= '9') {
      pid = 10 * pid + (b[i++] - '0');
    }
    if (i == digits || i - digits > 9) {
      return true;
    }
    while (i < to && b[i] == ' ') {
      i++;
    }
    digits = i;
    while (i < to && b[i] >= '0' && b[i] <= '9') {
      i++;
    }
    // A digit here is the third number of "-v uid"; those lines are rare enough to be read in full.
    if (i == digits || i + 3 >= to || b[i] != ' ' || b[i + 2] != ' ' || b[i + 1] < 'A') {
      return true;
    }
    int tag = i + 3;
    if (tagMatters(b, tag, to)) {
      return true;
    }
    int colon = tag;
    while (colon + 1 < to && !(b[colon] == ':' && b[colon + 1] == ' ')) {
      colon++;
    }
    return messageMatters(b, colon + 2, to) || sink.wantsAll(pid);
  }

  private static boolean tagMatters(byte[] b, int at, int to) {
    return switch (b[at]) {
      case 't' -> starts(b, at, to, "tflite") || starts(b, at, to, "tensorflow");
      case 'T' ->
          starts(b, at, to, "TfLite")
              || starts(b, at, to, "TensorFlow")
              || starts(b, at, to, "TestRunner");
      case 'J' -> starts(b, at, to, "JetFire");
      case 'l' ->
          starts(b, at, to, "litert")
              || starts(b, at, to, "libc ")
              || starts(b, at, to, "libc:")
              || starts(b, at, to, "lowmemorykiller")
              || starts(b, at, to, "lmkd");
      case 'L' -> starts(b, at, to, "LiteRt");
      case 'n' -> starts(b, at, to, "native ");
      case 'k' -> starts(b, at, to, "killinfo");
      case 'c' -> starts(b, at, to, "chatty");
      case 'D' -> starts(b, at, to, "DEBUG ");
      case 'A' ->
          starts(b, at, to, "AndroidRuntime")
              || (starts(b, at, to, "ActivityManager: ")
                  && (starts(b, at + 17, to, "Process ")
                      || starts(b, at + 17, to, "Killing ")
                      || starts(b, at + 17, to, "ANR in")));
      default -> false;
    };
  }

  private static boolean messageMatters(byte[] b, int at, int to) {
    if (at >= to) {
      return false;
    }
    return switch (b[at]) {
      case 'J' -> starts(b, at, to, "JETFIRE1 ");
      case 'I' ->
          starts(b, at, to, "INFO: ")
              || starts(b, at, to, "Inference timings in us")
              || starts(b, at, to, "Initialized session in")
              || starts(b, at, to, "INSTRUMENTATION_");
      case 'c' -> starts(b, at, to, "count=");
      case 'S' -> starts(b, at, to, "STARTING!");
      case 'A' -> starts(b, at, to, "Average inference timings");
      case 'L' -> starts(b, at, to, "Loaded model");
      case 'R' -> starts(b, at, to, "Running TensorFlow Lite benchmark");
      default -> false;
    };
  }

  private static boolean starts(byte[] b, int at, int to, String text) {
    int n = text.length();
    if (at + n > to) {
      return false;
    }
    for (int i = 0; i < n; i++) {
      if (b[at + i] != text.charAt(i)) {
        return false;
      }
    }
    return true;
  }
}
