package io.jetfire.tflite.quantize;

import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Subgraph;
import io.jetfire.tflite.graph.Value;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * The parameters of every quantized activation of a subgraph, solved as a whole.
 *
 * <p>Tensors that an operator ties together form one group (union-find); a group gets one set of
 * parameters, given by a fixed output in it or else by the ranges of all members. Where two fixed
 * outputs would meet, or where a tensor would lose more than half of its range to a tie while
 * others read it too, the tied operator gets a requantized copy instead.
 */
final class ActivationPlan {
  /** A tensor in one integer type, or a requantized copy of it that a single operator reads. */
  private static final class Node {
    private @Nullable Node parent;
    private final ElementType type;
    private @Nullable Parameters fixed;
    private @Nullable Parameters solved;
    private boolean symmetric;
    private final List<Source> sources = new ArrayList<>();

    Node(ElementType type) {
      this.type = type;
    }

    Node root() {
      Node n = this;
      while (n.parent != null) {
        n = n.parent;
      }
      return n;
    }
  }

  /**
   * What a group's range has to cover.
   *
   * @param value a tensor
   * @param constant whether its range is that of its data
   */
  record Source(Value value, boolean constant) {}

  private final Selection selection;
  private final Function<Value, Range> observed;
  private final Map<Value, Map<ElementType, Node>> nodes = new LinkedHashMap<>();
  private final Map<Op, @Nullable Node[]> slots = new LinkedHashMap<>();
  private int requantized;

  private ActivationPlan(Selection selection, Function<Value, Range> observed) {
    this.selection = selection;
    this.observed = observed;
  }

  /** Chooses parameters for a group from what it has to cover. */
  interface Chooser {
    Parameters choose(ElementType type, List<Source> sources);
  }

  /**
   * Solves a subgraph.
   *
   * @param subgraph the float subgraph
   * @param selection what is integer
   * @param given parameters that a tensor already has, such as from quantization-aware training
   * @param observed the range that calibration saw of a tensor
   * @param chooser from a group's sources to its parameters
   */
  static ActivationPlan solve(
      Subgraph subgraph,
      Selection selection,
      Function<Value, Optional<Parameters>> given,
      Function<Value, Range> observed,
      Chooser chooser) {
    ActivationPlan plan = new ActivationPlan(selection, observed);
    for (Op op : subgraph.ops()) {
      if (selection.integer(op)) {
        plan.tie(op, given);
      }
    }
    for (Map<ElementType, Node> byType : plan.nodes.values()) {
      byType.values().forEach(n -> plan.choose(n, chooser));
    }
    for (@Nullable Node[] slot : plan.slots.values()) {
      for (Node n : slot) {
        if (n != null) {
          plan.choose(n, chooser);
        }
      }
    }
    return plan;
  }

  private void choose(Node node, Chooser chooser) {
    Node root = node.root();
    if (root.solved == null) {
      Parameters free = root.fixed != null ? root.fixed : chooser.choose(root.type, root.sources);
      root.solved = root.symmetric ? symmetric(free) : free;
    }
  }

  /** The finest parameters with the zero point 0 that hold whatever others hold. */
  private static Parameters symmetric(Parameters p) {
    if (p.zeroPoint() == 0) {
      return p;
    }
    float magnitude = (float) Math.max(Math.abs(p.lowest()), Math.abs(p.highest()));
    return new Parameters(p.type(), magnitude / 127, 0);
  }

  /**
   * Gives the second operand of a matrix product the zero point 0: XNNPACK's kernel takes others
   * without an error and computes as if they were 0.
   */
  private Node symmetric(Value in, Node node) {
    Parameters fixed = node.root().fixed;
    if (fixed != null && fixed.zeroPoint() != 0) {
      Node copy = new Node(node.type);
      copy.sources.add(new Source(in, in.isConstant()));
      copy.symmetric = true;
      requantized++;
      return copy;
    }
    node.root().symmetric = true;
    return node;
  }

  private void tie(Op op, Function<Value, Optional<Parameters>> given) {
    OperatorRules.Rule rule = OperatorRules.of(op.kind()).orElseThrow();
    ElementType type = selection.integerType(op);
    @Nullable Node[] slot = new Node[op.inputs().size()];
    slots.put(op, slot);
    List<Node> outs = new ArrayList<>();
    if (rule.tie() != OperatorRules.Tie.NO_OUTPUT) {
      for (Value out : op.outputs()) {
        Node n = node(out, type);
        if (rule.tie() == OperatorRules.Tie.FIXED) {
          n.fixed = OperatorRules.fixed(op.kind(), type);
        } else if (n.fixed == null) {
          given.apply(out).filter(p -> p.type() == type).ifPresent(p -> n.fixed = p);
        }
        outs.add(n);
      }
    }
    OperatorRules.Tie tie = rule.tie();
    if (op.kind() == OpKind.SUM && type == ElementType.INT16) {
      tie = OperatorRules.Tie.SAME;
    }
    Node shared = null;
    for (int i = 0; i < slot.length; i++) {
      Value in = op.inputs().get(i);
      if (in == null || !rule.takes(i) || in.type() != ElementType.FLOAT32) {
        continue;
      }
      if (in.isConstant()) {
        Node n = new Node(type);
        n.sources.add(new Source(in, true));
        slot[i] = n;
      } else {
        Node n = node(in, type);
        if (n.fixed == null && in.producer().isEmpty()) {
          given.apply(in).filter(p -> p.type() == type).ifPresent(p -> n.fixed = p);
        }
        slot[i] = n;
      }
      Node partner =
          switch (tie) {
            case SAME, FROM_OUTPUT -> outs.get(0);
            case NO_OUTPUT -> shared;
            default -> null;
          };
      if (partner != null) {
        slot[i] = joined(partner, slot[i], in, op, tie);
      }
      if (op.kind() == OpKind.BATCH_MATMUL && i == 1 && type == ElementType.INT8) {
        slot[i] = symmetric(in, slot[i]);
      }
      shared = shared == null ? slot[i] : shared;
    }
    if (tie == OperatorRules.Tie.SAME) {
      for (Node out : outs) {
        union(outs.get(0), out);
      }
    }
  }

  /** Ties an input to a partner, or gives it a requantized copy where that is not possible. */
  private Node joined(Node partner, Node input, Value in, Op op, OperatorRules.Tie tie) {
    Node a = partner.root();
    Node b = input.root();
    if (a == b) {
      return input;
    }
    boolean clash =
        a.fixed != null && b.fixed != null && !a.fixed.equals(b.fixed)
            || a.symmetric && b.fixed != null && b.fixed.zeroPoint() != 0
            || b.symmetric && a.fixed != null && a.fixed.zeroPoint() != 0;
    boolean wasteful = false;
    if (tie == OperatorRules.Tie.FROM_OUTPUT
        && !in.isConstant()
        && in.consumers().stream().anyMatch(c -> c != op && selection.integer(c))) {
      Range mine = observed.apply(in);
      Range theirs = observed.apply(op.output(0));
      wasteful = 2 * size(mine) < size(theirs);
    }
    // Fixed parameters of a narrow producer must not be forced on a wider concatenation.
    boolean narrow =
        tie == OperatorRules.Tie.FROM_OUTPUT
            && b.fixed != null
            && a.fixed == null
            && !covers(b.fixed, observed.apply(op.output(0)));
    if (clash || wasteful || narrow) {
      Node copy = new Node(a.type);
      copy.sources.add(new Source(in, in.isConstant()));
      requantized++;
      union(a, copy);
      return copy;
    }
    union(a, b);
    return input;
  }

  private static boolean covers(Parameters p, Range r) {
    double slack = 0.02 * (p.highest() - p.lowest());
    return r.min() >= p.lowest() - slack && r.max() <= p.highest() + slack;
  }

  private static double size(Range r) {
    return Math.max(0, r.max()) - Math.min(0, (double) r.min());
  }

  private Node node(Value value, ElementType type) {
    return nodes
        .computeIfAbsent(value, v -> new EnumMap<>(ElementType.class))
        .computeIfAbsent(
            type,
            t -> {
              Node n = new Node(type);
              n.sources.add(new Source(value, false));
              return n;
            });
  }

  private static void union(Node a, Node b) {
    Node x = a.root();
    Node y = b.root();
    if (x == y) {
      return;
    }
    y.parent = x;
    x.sources.addAll(y.sources);
    if (x.fixed == null) {
      x.fixed = y.fixed;
    }
    x.symmetric |= y.symmetric;
  }

  /** The parameters in which an operator wants an input. */
  Parameters wanted(Op op, int input) {
    @Nullable Node[] slot = slots.get(op);
    Node n = slot == null ? null : slot[input];
    if (n == null || n.root().solved == null) {
      throw new IllegalStateException(
          "input " + input + " of " + op + " is not part of the plan of activations");
    }
    return n.root().solved;
  }

  /** The parameters in which an integer operator produces a tensor. */
  Parameters produced(Value value) {
    return find(value, selection.integerType(value.producer().orElseThrow())).orElseThrow();
  }

  /** The parameters of an input of the subgraph, if integer operators read it. */
  Optional<Parameters> input(Value value) {
    return find(value, ElementType.INT8).or(() -> find(value, ElementType.INT16));
  }

  private Optional<Parameters> find(Value value, ElementType type) {
    Map<ElementType, Node> byType = nodes.get(value);
    Node n = byType == null ? null : byType.get(type);
    return n == null ? Optional.empty() : Optional.ofNullable(n.root().solved);
  }

  /** How many requantized copies the plan has. */
  int requantized() {
    return requantized;
  }
}
