package io.jetfire.spi;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * JSON objects as {@code google.protobuf.Struct} holds them: every number a double, fields without
 * order. Reads strictly (RFC 8259, no doubled fields) and writes one canonical form.
 */
final class StructJson {

  /**
   * The deepest nesting accepted. Protocol buffer readers stop at 100 nested messages, and an
   * object inside an object takes three (field entry, value, struct).
   */
  static final int MAX_DEPTH = 32;

  private final String text;
  private int at;

  private StructJson(String text) {
    this.text = text;
  }

  /** Reads the text of one object. */
  static Map<String, @Nullable Object> parse(String json) {
    StructJson parser = new StructJson(json);
    parser.space();
    if (!parser.ahead('{')) {
      throw parser.wrong("an object, which starts with {");
    }
    Map<String, @Nullable Object> fields = parser.object(1);
    parser.space();
    if (parser.at != json.length()) {
      throw parser.wrong("the end of the text");
    }
    return fields;
  }

  /** Writes a map in canonical form: fields sorted by name, no spaces. */
  static String write(Map<String, ? extends @Nullable Object> fields) {
    StringBuilder out = new StringBuilder();
    write(out, fields, 1);
    return out.toString();
  }

  private static void write(StringBuilder out, @Nullable Object value, int depth) {
    if (value == null || value instanceof Boolean) {
      out.append(value);
    } else if (value instanceof Number number) {
      number(out, number.doubleValue());
    } else if (value instanceof String string) {
      string(out, string);
    } else if (value instanceof List<?> list) {
      checkDepth(depth);
      out.append('[');
      for (int i = 0; i < list.size(); i++) {
        if (i > 0) {
          out.append(',');
        }
        write(out, list.get(i), depth + 1);
      }
      out.append(']');
    } else if (value instanceof Map<?, ?> map) {
      object(out, map, depth);
    } else {
      throw new IllegalArgumentException(
          "a struct holds null, Boolean, Number, String, List and Map, not "
              + value.getClass().getName());
    }
  }

  private static void object(StringBuilder out, Map<?, ?> map, int depth) {
    checkDepth(depth);
    TreeMap<String, @Nullable Object> sorted = new TreeMap<>();
    map.forEach(
        (key, field) -> {
          if (!(key instanceof String name)) {
            throw new IllegalArgumentException("the fields of a struct have texts as names");
          }
          sorted.put(name, field);
        });
    out.append('{');
    String separator = "";
    for (Map.Entry<String, @Nullable Object> field : sorted.entrySet()) {
      out.append(separator);
      separator = ",";
      string(out, field.getKey());
      out.append(':');
      write(out, field.getValue(), depth + 1);
    }
    out.append('}');
  }

  private static void number(StringBuilder out, double number) {
    if (!Double.isFinite(number)) {
      throw new IllegalArgumentException("JSON has no number " + number);
    }
    boolean negativeZero = number == 0 && 1 / number < 0;
    if (number == Math.rint(number) && Math.abs(number) < 1L << 53 && !negativeZero) {
      out.append((long) number);
    } else {
      out.append(number);
    }
  }

  private static void string(StringBuilder out, String string) {
    out.append('"');
    for (int i = 0; i < string.length(); i++) {
      char c = string.charAt(i);
      switch (c) {
        case '"' -> out.append("\\\"");
        case '\\' -> out.append("\\\\");
        case '\n' -> out.append("\\n");
        case '\r' -> out.append("\\r");
        case '\t' -> out.append("\\t");
        default -> {
          if (c < ' ') {
            out.append(String.format(java.util.Locale.ROOT, "\\u%04x", (int) c));
          } else {
            out.append(c);
          }
        }
      }
    }
    out.append('"');
  }

  private static void checkDepth(int depth) {
    if (depth > MAX_DEPTH) {
      throw new IllegalArgumentException(
          "the JSON is nested deeper than " + MAX_DEPTH + " levels, which ML Metadata cannot read");
    }
  }

  private @Nullable Object value(int depth) {
    space();
    if (at == text.length()) {
      throw wrong("a value");
    }
    return switch (text.charAt(at)) {
      case '{' -> object(depth);
      case '[' -> list(depth);
      case '"' -> string();
      case 't' -> word("true", true);
      case 'f' -> word("false", false);
      case 'n' -> word("null", null);
      default -> number();
    };
  }

  private Map<String, @Nullable Object> object(int depth) {
    checkDepth(depth);
    TreeMap<String, @Nullable Object> fields = new TreeMap<>();
    expect('{');
    space();
    if (ahead('}')) {
      at++;
      return Collections.unmodifiableMap(fields);
    }
    while (true) {
      space();
      String name = string();
      space();
      expect(':');
      if (fields.containsKey(name)) {
        throw new IllegalArgumentException("the JSON has the field \"" + name + "\" twice");
      }
      fields.put(name, value(depth + 1));
      space();
      if (ahead('}')) {
        at++;
        return Collections.unmodifiableMap(fields);
      }
      expect(',');
    }
  }

  private List<@Nullable Object> list(int depth) {
    checkDepth(depth);
    List<@Nullable Object> elements = new ArrayList<>();
    expect('[');
    space();
    if (ahead(']')) {
      at++;
      return Collections.unmodifiableList(elements);
    }
    while (true) {
      elements.add(value(depth + 1));
      space();
      if (ahead(']')) {
        at++;
        return Collections.unmodifiableList(elements);
      }
      expect(',');
    }
  }

  private String string() {
    expect('"');
    StringBuilder out = new StringBuilder();
    while (at < text.length()) {
      char c = text.charAt(at++);
      if (c == '"') {
        return out.toString();
      }
      if (c < ' ') {
        at--;
        throw wrong("no control character in a text");
      }
      out.append(c == '\\' ? escape() : c);
    }
    throw wrong("the end of a text, \"");
  }

  private char escape() {
    if (at == text.length()) {
      throw wrong("an escape");
    }
    char c = text.charAt(at++);
    return switch (c) {
      case '"', '\\', '/' -> c;
      case 'b' -> '\b';
      case 'f' -> '\f';
      case 'n' -> '\n';
      case 'r' -> '\r';
      case 't' -> '\t';
      case 'u' -> unicode();
      default -> {
        at--;
        throw wrong("an escape");
      }
    };
  }

  private char unicode() {
    int code = 0;
    for (int i = 0; i < 4; i++) {
      int digit = at < text.length() ? Character.digit(text.charAt(at), 16) : -1;
      if (digit < 0 || text.charAt(at) > 'f') {
        throw wrong("four hexadecimal digits");
      }
      code = code * 16 + digit;
      at++;
    }
    return (char) code;
  }

  private Double number() {
    int start = at;
    if (ahead('-')) {
      at++;
    }
    if (ahead('0')) {
      at++;
    } else {
      digits();
    }
    if (ahead('.')) {
      at++;
      digits();
    }
    if (ahead('e') || ahead('E')) {
      at++;
      if (ahead('+') || ahead('-')) {
        at++;
      }
      digits();
    }
    double number = Double.parseDouble(text.substring(start, at));
    if (Double.isInfinite(number)) {
      at = start;
      throw wrong("a number that a double can hold");
    }
    return number;
  }

  private void digits() {
    int start = at;
    while (at < text.length() && text.charAt(at) >= '0' && text.charAt(at) <= '9') {
      at++;
    }
    if (at == start) {
      throw wrong("a digit");
    }
  }

  private @Nullable Object word(String word, @Nullable Object value) {
    if (!text.startsWith(word, at)) {
      throw wrong("a value");
    }
    at += word.length();
    return value;
  }

  private void space() {
    while (at < text.length() && " \t\r\n".indexOf(text.charAt(at)) >= 0) {
      at++;
    }
  }

  private boolean ahead(char c) {
    return at < text.length() && text.charAt(at) == c;
  }

  private void expect(char c) {
    if (!ahead(c)) {
      throw wrong(String.valueOf(c));
    }
    at++;
  }

  private IllegalArgumentException wrong(String expected) {
    String found = at < text.length() ? "'" + text.charAt(at) + "'" : "the end";
    return new IllegalArgumentException(
        "not the JSON text of an object: at character "
            + at
            + " expected "
            + expected
            + ", found "
            + found);
  }
}
