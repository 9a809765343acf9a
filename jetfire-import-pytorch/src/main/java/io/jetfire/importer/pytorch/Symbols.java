package io.jetfire.importer.pytorch;

import io.jetfire.tflite.importer.lowering.Refusal;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;

/**
 * Sizes that the program leaves open, such as {@code s77}, and expressions of them.
 *
 * <p>The file writes expressions as SymPy represents them, such as {@code Mul(Integer(2),
 * Symbol('s77', positive=True, integer=True))}; older ones are plain names.
 */
final class Symbols {
  private static final int MAX_DEPTH = 64;

  private final Map<String, Long> bound = new HashMap<>();

  /** Sets a symbol's size unless it has one. */
  void bind(String symbol, long size) {
    bound.putIfAbsent(symbol, size);
  }

  /** The symbol that an expression consists of; empty if it is more. */
  static String symbol(String expression) {
    String text = expression.trim();
    if (text.startsWith("Symbol(") && text.endsWith(")") && text.indexOf('(', 7) < 0) {
      int from = text.indexOf('\'');
      int to = text.indexOf('\'', from + 1);
      return from < 0 || to < 0 ? "" : text.substring(from + 1, to);
    }
    return text.matches("[A-Za-z_][A-Za-z_0-9]*") ? text : "";
  }

  /** The value of an expression; empty if one of its symbols is open. */
  OptionalLong value(String expression) {
    return new Parser(expression).expression(0);
  }

  private final class Parser {
    private final String text;
    private int at;

    Parser(String text) {
      this.text = text;
    }

    private RuntimeException unknown() {
      return new Refusal("the size '" + text + "' is not understood", "bind it to a number");
    }

    private OptionalLong expression(int depth) {
      if (depth > MAX_DEPTH) {
        throw unknown();
      }
      skip();
      int from = at;
      while (at < text.length() && (isWord(text.charAt(at)) || (at == from && sign()))) {
        at++;
      }
      String word = text.substring(from, at);
      skip();
      if (at >= text.length() || text.charAt(at) != '(') {
        return number(word);
      }
      at++;
      if (word.equals("Symbol")) {
        return number(quoted());
      }
      List<OptionalLong> arguments = new ArrayList<>();
      skip();
      while (at < text.length() && text.charAt(at) != ')') {
        arguments.add(expression(depth + 1));
        skip();
        if (at < text.length() && text.charAt(at) == ',') {
          at++;
        } else if (at < text.length() && text.charAt(at) != ')') {
          throw unknown();
        }
        skip();
      }
      at++;
      return apply(word, arguments);
    }

    private boolean sign() {
      return text.charAt(at) == '-';
    }

    private static boolean isWord(char c) {
      return Character.isLetterOrDigit(c) || c == '_' || c == '.';
    }

    private void skip() {
      while (at < text.length() && text.charAt(at) == ' ') {
        at++;
      }
    }

    /** The name of a symbol, up to the end of its parentheses. */
    private String quoted() {
      int from = text.indexOf('\'', at);
      int to = text.indexOf('\'', from + 1);
      int close = text.indexOf(')', Math.max(at, to));
      if (from < 0 || to < 0 || close < 0) {
        throw unknown();
      }
      at = close + 1;
      return text.substring(from + 1, to);
    }

    private OptionalLong number(String word) {
      if (word.matches("-?[0-9]{1,18}")) {
        return OptionalLong.of(Long.parseLong(word));
      }
      if (word.isEmpty()) {
        throw unknown();
      }
      Long size = bound.get(word);
      return size == null ? OptionalLong.empty() : OptionalLong.of(size);
    }

    private OptionalLong apply(String function, List<OptionalLong> arguments) {
      if (arguments.isEmpty()) {
        throw unknown();
      }
      if (arguments.stream().anyMatch(OptionalLong::isEmpty)) {
        return OptionalLong.empty();
      }
      long v = arguments.get(0).getAsLong();
      for (int i = 1; i < arguments.size(); i++) {
        long y = arguments.get(i).getAsLong();
        v =
            switch (function) {
              case "Add" -> Math.addExact(v, y);
              case "Mul" -> Math.multiplyExact(v, y);
              case "FloorDiv", "IntTrueDiv", "CleanDiv" -> Math.floorDiv(v, y);
              case "CeilToInt", "CeilDiv" -> -Math.floorDiv(-v, y);
              case "Mod", "PythonMod" -> Math.floorMod(v, y);
              case "Max" -> Math.max(v, y);
              case "Min" -> Math.min(v, y);
              default -> throw unknown();
            };
      }
      if (arguments.size() == 1
          && !List.of("Integer", "Add", "Mul", "Max", "Min").contains(function)) {
        throw unknown();
      }
      return OptionalLong.of(v);
    }
  }
}
