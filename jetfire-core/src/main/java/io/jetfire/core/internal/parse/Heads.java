package io.jetfire.core.internal.parse;

import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Takes the heads off lines: logcat's formats, Android Studio's, NSLog's, and severities. Keeps the
 * head of logcat's long format for the lines that follow it.
 */
final class Heads {
  private static final String DATE =
      "(?:(?:\\d{4}-)?\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d\\.\\d{3,9}(?: [+-]\\d{4})?|\\d{1,12}\\.\\d{3,9})";

  /** Also with {@code -v uid}, which puts a number or a name before the pid. */
  private static final Pattern THREADTIME =
      Pattern.compile(
          "^" + DATE + " +(?:[a-z0-9_]{1,20} +)?(\\d{1,9}) +(\\d{1,9}) ([VDIWEFAS]) (.*)$");

  private static final Pattern TIME =
      Pattern.compile("^" + DATE + " ([VDIWEFAS])/([^(]{0,60})\\( *(\\d{1,9})\\): ?(.*)$");
  private static final Pattern BRIEF =
      Pattern.compile("^([VDIWEFAS])/([^(]{0,60})\\( *(\\d{1,9})\\): ?(.*)$");
  private static final Pattern TAG = Pattern.compile("^([VDIWEFAS])/([^:()]{1,60}): (.*)$");
  private static final Pattern LONG =
      Pattern.compile(
          "^\\[ "
              + DATE
              + " +(?:[a-z0-9_]{1,20}: *)?(\\d{1,9}): *(\\d{1,9}) ([VDIWEFAS])/(.{0,60}?) *\\]$");
  private static final Pattern STUDIO =
      Pattern.compile(
          "^\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d\\.\\d{3} +(\\d{1,9})-(\\d{1,9}) +(\\S{1,60}) +\\S{1,200} +"
              + "([VDIWEFAS])  (.*)$");
  private static final Pattern NSLOG =
      Pattern.compile(
          "^\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d\\.\\d{3,6}(?:[+-]\\d{4})? [^\\[]{1,80}\\[\\d+[:0-9a-fx]*\\]"
              + " (.*)$");
  private static final Pattern SOURCE = Pattern.compile("^\\[[^\\]\\s]{1,200}:\\d{1,6}\\] ?(.*)$");
  private static final Pattern ANSI = Pattern.compile("\u001b\\[[0-9;]{0,12}[A-Za-z]");

  private @Nullable Line longHead;

  /** Takes the head off a line; null if it is the head of lines that follow, and no message. */
  @Nullable Line strip(long number, String raw) {
    String text = raw;
    if (text.indexOf('\u001b') >= 0) {
      text = ANSI.matcher(text).replaceAll("");
    }
    if (text.isEmpty()) {
      longHead = null;
      return new Line(number, Line.NO_PID, "", "", false);
    }
    char c = text.charAt(0);
    if (c >= '0' && c <= '9') {
      Matcher m = THREADTIME.matcher(text);
      if (m.matches()) {
        return tagged(number, m.group(1), m.group(3), m.group(4));
      }
      m = TIME.matcher(text);
      if (m.matches()) {
        return line(number, m.group(3), m.group(1), m.group(2), m.group(4));
      }
      m = STUDIO.matcher(text);
      if (m.matches()) {
        return line(number, m.group(1), m.group(4), m.group(3), m.group(5));
      }
      m = NSLOG.matcher(text);
      if (m.matches()) {
        return severity(number, Line.NO_PID, "", m.group(1), false);
      }
    } else if (text.length() > 2 && text.charAt(1) == '/' && "VDIWEFAS".indexOf(c) >= 0) {
      Matcher m = BRIEF.matcher(text);
      if (m.matches()) {
        return line(number, m.group(3), m.group(1), m.group(2), m.group(4));
      }
      m = TAG.matcher(text);
      if (m.matches()) {
        return severity(number, Line.NO_PID, m.group(2).trim(), m.group(3), m.group(1).equals("E"));
      }
    } else if (c == '[' && text.startsWith("[ ")) {
      Matcher m = LONG.matcher(text);
      if (m.matches()) {
        longHead = line(number, m.group(1), m.group(3), m.group(4), "");
        return null;
      }
    }
    Line head = longHead;
    if (head != null) {
      return severity(number, head.stream(), head.tag(), text, head.error());
    }
    return severity(number, Line.NO_PID, "", text, false);
  }

  /** Tag and message of threadtime: the tag ends at the first colon that is followed by a blank. */
  private Line tagged(long number, String pid, String priority, String rest) {
    int colon = rest.indexOf(": ");
    if (colon < 0) {
      colon = rest.endsWith(":") ? rest.length() - 1 : -1;
    }
    if (colon < 0) {
      return line(number, pid, priority, "", rest);
    }
    String message = colon + 2 <= rest.length() ? rest.substring(colon + 2) : "";
    return line(number, pid, priority, rest.substring(0, colon), message);
  }

  private Line line(long number, String pid, String priority, String tag, String message) {
    longHead = null;
    boolean error = priority.equals("E") || priority.equals("F");
    return severity(number, Long.parseLong(pid), tag.trim(), message, error);
  }

  private static Line severity(long number, long stream, String tag, String text, boolean error) {
    String message = text;
    boolean severe = error;
    for (String s :
        new String[] {"INFO: ", "ERROR: ", "WARN: ", "WARNING: ", "VERBOSE: ", "FATAL: "}) {
      if (message.startsWith(s)) {
        message = message.substring(s.length());
        severe |= s.equals("ERROR: ") || s.equals("FATAL: ");
        break;
      }
    }
    if (message.startsWith("[") && message.indexOf(':') > 0) {
      Matcher m = SOURCE.matcher(message);
      if (m.matches()) {
        message = m.group(1);
      }
    }
    return new Line(number, stream, tag, message, severe);
  }
}
