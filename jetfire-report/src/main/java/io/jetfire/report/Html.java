package io.jetfire.report;

import java.util.ArrayDeque;
import java.util.Deque;

/**
 * Builds a document so that no text can become markup: everything goes through {@link #text} or an
 * attribute, and both escape. Elements are closed in order.
 */
final class Html {
  private final StringBuilder out = new StringBuilder();
  private final Deque<String> open = new ArrayDeque<>();

  /** Opens an element. */
  Html open(String tag, String... attributes) {
    start(tag, attributes).append('>');
    open.push(tag);
    return this;
  }

  /** Writes an element that has no content. */
  Html empty(String tag, String... attributes) {
    start(tag, attributes).append("/>");
    return this;
  }

  /** Closes the element that was opened last. */
  Html close() {
    out.append("</").append(open.pop()).append('>');
    return this;
  }

  /** Writes an element that holds a text. */
  Html element(String tag, String text, String... attributes) {
    return open(tag, attributes).text(text).close();
  }

  Html text(String text) {
    escape(text);
    return this;
  }

  Html newline() {
    out.append('\n');
    return this;
  }

  /** Writes the page's own script or style, which holds no text from elsewhere. */
  Html own(String tag, String content) {
    out.append('<').append(tag).append('>').append(content);
    out.append("</").append(tag).append('>');
    return this;
  }

  Html doctype() {
    out.append("<!DOCTYPE html>\n");
    return this;
  }

  private StringBuilder start(String tag, String... attributes) {
    out.append('<').append(tag);
    for (int i = 0; i < attributes.length; i += 2) {
      out.append(' ').append(attributes[i]).append("=\"");
      escape(attributes[i + 1]);
      out.append('"');
    }
    return out;
  }

  private void escape(String text) {
    text.codePoints()
        .forEach(
            c -> {
              switch (c) {
                case '&' -> out.append("&amp;");
                case '<' -> out.append("&lt;");
                case '>' -> out.append("&gt;");
                case '"' -> out.append("&quot;");
                case '\'' -> out.append("&#39;");
                default -> out.appendCodePoint(isText(c) ? c : 0xfffd);
              }
            });
  }

  /** Neither a control character nor half of a surrogate pair, which HTML and UTF-8 do not have. */
  private static boolean isText(int c) {
    boolean control = c < ' ' && c != '\t' && c != '\n' || c >= 0x7f && c < 0xa0;
    boolean noncharacter = (c & 0xfffe) == 0xfffe;
    return !control && !noncharacter && !(c >= 0xd800 && c <= 0xdfff);
  }

  @Override
  public String toString() {
    if (!open.isEmpty()) {
      throw new IllegalStateException("not closed: " + open);
    }
    return out.toString();
  }
}
