package io.jetfire.tflite.quantize;

import io.jetfire.ConfigurationException;
import io.jetfire.Recipe;
import io.jetfire.Recipe.Precision;
import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Graph;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Subgraph;
import io.jetfire.tflite.graph.Value;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/** What a recipe gives to every operator of a subgraph, after what is impossible was taken out. */
final class Selection {
  private final Map<Op, Precision> precisions = new IdentityHashMap<>();

  private Selection() {}

  /** A selection that leaves everything float. */
  static Selection none() {
    return new Selection();
  }

  /**
   * Applies a recipe.
   *
   * @param subgraph whose operators are selected
   * @param recipe whose rules are applied in order, later ones winning
   * @param target the oldest runtime that must execute the result
   * @param notes collects every operator that stays float, and why
   */
  static Selection of(Subgraph subgraph, Recipe recipe, Target target, List<String> notes) {
    Selection selection = new Selection();
    Map<String, List<String>> floats = new LinkedHashMap<>();
    for (Op op : subgraph.ops()) {
      Precision wanted = recipe.precision();
      boolean ruled = false;
      for (Recipe.Rule rule : recipe.rules()) {
        if (matches(rule.selector(), op)) {
          wanted = rule.precision();
          ruled = true;
        }
      }
      String obstacle = wanted.needsCalibration() ? obstacle(op, wanted, target) : "";
      if (!obstacle.isEmpty()) {
        if (touchesFloat(op)) {
          floats.computeIfAbsent(obstacle, k -> new ArrayList<>()).add(describe(op));
        }
        wanted = Precision.FLOAT32;
      } else if (ruled && wanted == Precision.FLOAT32 && touchesFloat(op)) {
        floats.computeIfAbsent("the recipe says so", k -> new ArrayList<>()).add(describe(op));
      }
      selection.precisions.put(op, wanted);
    }
    selection.keepFloatIslands(subgraph);
    floats.forEach(
        (why, which) -> notes.add("Left float, because " + why + ": " + String.join(", ", which)));
    return selection;
  }

  /**
   * Checks that every rule of a recipe selects an operator.
   *
   * @throws ConfigurationException if one does not
   */
  static void checkRules(Graph graph, Recipe recipe) {
    List<String> idle = new ArrayList<>();
    for (Recipe.Rule rule : recipe.rules()) {
      boolean hit =
          graph.subgraphs().stream()
              .flatMap(s -> s.ops().stream())
              .anyMatch(op -> matches(rule.selector(), op));
      if (!hit) {
        idle.add("'" + rule.selector() + "'");
      }
    }
    if (!idle.isEmpty()) {
      TreeSet<String> kinds =
          graph.subgraphs().stream()
              .flatMap(s -> s.ops().stream())
              .map(Op::name)
              .collect(Collectors.toCollection(TreeSet::new));
      throw new ConfigurationException(
          "The recipe '"
              + recipe.name()
              + "' selects by "
              + String.join(", ", idle)
              + ", but no operator matches. The model has "
              + kinds
              + "; operators are named by their output tensors, such as "
              + graph.main().ops().stream().limit(3).map(o -> o.output(0).name()).toList());
    }
  }

  static boolean matches(String selector, Op op) {
    if (selector.startsWith("op:")) {
      return glob(selector.substring(3)).matcher(op.name()).matches();
    }
    Pattern pattern = glob(selector.substring(5));
    return op.outputs().stream().anyMatch(v -> pattern.matcher(v.name()).matches());
  }

  private static Pattern glob(String text) {
    StringBuilder regex = new StringBuilder();
    for (String part : text.split("(?<=\\*)|(?=\\*)")) {
      regex.append(part.equals("*") ? ".*" : Pattern.quote(part));
    }
    return Pattern.compile(regex.toString(), Pattern.DOTALL);
  }

  /**
   * Why an operator cannot be computed in integers; empty if it can, or has nothing to quantize.
   */
  private static String obstacle(Op op, Precision wanted, Target target) {
    var rule = OperatorRules.of(op.kind());
    if (OperatorRules.isRecurrent(op.kind())) {
      return "its integer form is not made here; the rule 'op:"
          + op.name()
          + "' with DYNAMIC_RANGE makes their weights small";
    }
    if (rule.isEmpty()) {
      return op.kind() == OpKind.CUSTOM
          ? "custom operators compute what their author wrote"
          : "there is no integer form of " + op.name();
    }
    if (!quantizable(op, rule.get())) {
      return "it does not compute on 32-bit floats";
    }
    if (wanted == Precision.INT16X8 && !rule.get().int16()) {
      return op.name() + " has no 16-bit form";
    }
    if (!target.atLeast(rule.get().since())) {
      return op.name() + " has an integer form only since runtime " + rule.get().since();
    }
    if (rule.get().tie() == OperatorRules.Tie.WEIGHTS && !Rewriter.isLayer(op)) {
      return "its weights or bias are not constant floats";
    }
    for (int i = 0; i < op.inputs().size(); i++) {
      Value v = op.inputs().get(i);
      if (v != null && rule.get().takes(i) && v.isVariable()) {
        return "it reads a variable";
      }
    }
    return "";
  }

  private static boolean quantizable(Op op, OperatorRules.Rule rule) {
    boolean any = false;
    for (int i = 0; i < op.inputs().size(); i++) {
      Value v = op.inputs().get(i);
      if (v != null && rule.takes(i)) {
        if (v.type() != ElementType.FLOAT32) {
          return false;
        }
        any = true;
      }
    }
    return any;
  }

  static boolean touchesFloat(Op op) {
    return !OperatorRules.looksAtShapeAlone(op.kind()) && computesFloats(op);
  }

  private static boolean computesFloats(Op op) {
    return op.outputs().stream().anyMatch(v -> v.type() == ElementType.FLOAT32)
        || op.inputs().stream()
            .anyMatch(v -> v != null && !v.isConstant() && v.type() == ElementType.FLOAT32);
  }

  static String describe(Op op) {
    return op.name() + " " + (op.outputs().isEmpty() ? "" : op.output(0).name());
  }

  /** Operators that only move numbers between float operators move floats. */
  private void keepFloatIslands(Subgraph subgraph) {
    boolean changed = true;
    while (changed) {
      changed = false;
      for (Op op : subgraph.ops()) {
        if (integer(op)
            && OperatorRules.passesValues(op)
            && op.inputs().stream()
                .filter(v -> v != null && !v.isConstant() && v.type() == ElementType.FLOAT32)
                .allMatch(v -> v.producer().map(p -> !integer(p)).orElse(true))
            && op.outputs().stream().allMatch(v -> v.consumers().stream().noneMatch(this::integer))
            && op.inputs().stream().anyMatch(v -> v != null && v.producer().isPresent())) {
          precisions.put(op, Precision.FLOAT32);
          changed = true;
        }
      }
    }
  }

  /** Gives an operator another precision than the recipe does. */
  void set(Op op, Precision precision) {
    precisions.put(op, precision);
  }

  Precision precision(Op op) {
    return precisions.getOrDefault(op, Precision.FLOAT32);
  }

  boolean integer(Op op) {
    return precision(op).needsCalibration();
  }

  ElementType integerType(Op op) {
    return precision(op) == Precision.INT16X8 ? ElementType.INT16 : ElementType.INT8;
  }

  boolean anyInteger() {
    return precisions.values().stream().anyMatch(Precision::needsCalibration);
  }

  boolean any(Precision precision) {
    return precisions.containsValue(precision);
  }
}
