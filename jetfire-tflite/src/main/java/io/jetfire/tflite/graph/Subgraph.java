package io.jetfire.tflite.graph;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.PriorityQueue;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * One function of a model: inputs, outputs, and operators in the order in which they run.
 *
 * <p>Values are made here and belong here. Operators must stay in topological order; {@link
 * #append}, {@link #insertBefore} and {@link #insertAfter} put them where the caller says, {@link
 * #sort} puts them right.
 */
public final class Subgraph {
  private final Graph graph;
  private String name;
  private List<Value> values = new ArrayList<>();
  private List<Op> ops = new ArrayList<>();
  private List<Value> inputs = new ArrayList<>();
  private List<Value> outputs = new ArrayList<>();
  private final Map<String, Integer> nameCounts = new HashMap<>();
  private final Map<String, Integer> nextSuffix = new HashMap<>();
  private int debugMetadataIndex = -1;

  Subgraph(Graph graph, String name) {
    this.graph = graph;
    this.name = name;
  }

  /**
   * Returns the model that the subgraph belongs to.
   *
   * @return the owner
   */
  public Graph graph() {
    return graph;
  }

  /**
   * Returns the name.
   *
   * @return for people only; may be empty
   */
  public String name() {
    return name;
  }

  /**
   * Renames the subgraph.
   *
   * @param newName for people only
   * @return this subgraph
   */
  public Subgraph name(String newName) {
    name = newName;
    return this;
  }

  /**
   * Returns the number by which operators such as IF and WHILE refer to the subgraph.
   *
   * @return its index in {@link Graph#subgraphs()}
   */
  public int index() {
    return graph.subgraphs().indexOf(this);
  }

  // ---- values

  /**
   * Returns all tensors.
   *
   * @return a read-only view, in the order of the file
   */
  public List<Value> values() {
    return Collections.unmodifiableList(values);
  }

  /**
   * Finds a tensor by its name.
   *
   * @param valueName the name
   * @return the first one of this name, or empty
   */
  public Optional<Value> value(String valueName) {
    return nameCounts.containsKey(valueName)
        ? values.stream().filter(v -> v.name().equals(valueName)).findFirst()
        : Optional.empty();
  }

  /**
   * Adds a tensor that an operator is to produce.
   *
   * @param valueName the name wanted; a number is appended if it is taken
   * @param type the element type
   * @param shape the shape
   * @return the new tensor
   */
  public Value addValue(String valueName, ElementType type, Shape shape) {
    return addValueNamed(uniqueName(valueName), type, shape);
  }

  /**
   * Adds a tensor under exactly this name, even if another one has it: some files have duplicates.
   *
   * @param valueName the name
   * @param type the element type
   * @param shape the shape
   * @return the new tensor
   */
  public Value addValueNamed(String valueName, ElementType type, Shape shape) {
    Value value = new Value(this, valueName, type, shape);
    values.add(value);
    nameCounts.merge(valueName, 1, Integer::sum);
    return value;
  }

  /**
   * Adds an input of the subgraph, after those there are.
   *
   * @param valueName the name wanted; a number is appended if it is taken
   * @param type the element type
   * @param shape the shape
   * @return the new tensor
   */
  public Value addInput(String valueName, ElementType type, Shape shape) {
    Value value = addValue(valueName, type, shape);
    inputs.add(value);
    return value;
  }

  /**
   * Adds a constant.
   *
   * @param valueName the name wanted; a number is appended if it is taken
   * @param type the element type
   * @param shape the shape
   * @param data the bytes, as many as type and shape take
   * @return the new tensor
   * @throws IllegalArgumentException if the number of bytes does not fit type and shape
   */
  public Value addConstant(String valueName, ElementType type, Shape shape, Weights data) {
    if (type.isFixedSize() && type.byteSize(shape.elementCount()) != data.byteSize()) {
      throw new IllegalArgumentException(
          "constant "
              + valueName
              + " of "
              + type
              + shape
              + " takes "
              + type.byteSize(shape.elementCount())
              + " bytes, not "
              + data.byteSize());
    }
    return addValue(valueName, type, shape).data(data);
  }

  /**
   * Adds a FLOAT32 constant.
   *
   * @param valueName the name wanted
   * @param shape the shape
   * @param data row-major, copied
   * @return the new tensor
   */
  public Value addConstant(String valueName, Shape shape, float... data) {
    return addConstant(valueName, ElementType.FLOAT32, shape, Weights.of(data));
  }

  /**
   * Adds an INT32 constant.
   *
   * @param valueName the name wanted
   * @param shape the shape
   * @param data row-major, copied
   * @return the new tensor
   */
  public Value addConstant(String valueName, Shape shape, int... data) {
    return addConstant(valueName, ElementType.INT32, shape, Weights.of(data));
  }

  /**
   * Returns a name that no tensor has.
   *
   * @param wanted the name wanted
   * @return it, or it with a number appended
   */
  public String uniqueName(String wanted) {
    if (!nameCounts.containsKey(wanted)) {
      return wanted;
    }
    int n = nextSuffix.getOrDefault(wanted, 1);
    String candidate = wanted + "_" + n;
    while (nameCounts.containsKey(candidate)) {
      candidate = wanted + "_" + ++n;
    }
    nextSuffix.put(wanted, n + 1);
    return candidate;
  }

  /**
   * Removes a tensor that nothing uses or produces.
   *
   * @param value a tensor of this subgraph
   * @throws IllegalStateException if an operator, an input, an output or a signature needs it
   */
  public void remove(Value value) {
    if (value.producer != null || !value.uses.isEmpty() || pinned().contains(value)) {
      throw new IllegalStateException("tensor " + value.name() + " is still in use");
    }
    values.remove(value);
    forget(value.name());
  }

  /**
   * Returns the inputs.
   *
   * @return a read-only view
   */
  public List<Value> inputs() {
    return Collections.unmodifiableList(inputs);
  }

  /**
   * Replaces all inputs.
   *
   * @param newInputs tensors of this subgraph
   * @return this subgraph
   */
  public Subgraph inputs(List<Value> newInputs) {
    newInputs.forEach(this::own);
    inputs = new ArrayList<>(newInputs);
    return this;
  }

  /**
   * Replaces all inputs.
   *
   * @param newInputs tensors of this subgraph
   * @return this subgraph
   */
  public Subgraph inputs(Value... newInputs) {
    return inputs(Arrays.asList(newInputs));
  }

  /**
   * Returns the outputs.
   *
   * @return a read-only view
   */
  public List<Value> outputs() {
    return Collections.unmodifiableList(outputs);
  }

  /**
   * Replaces all outputs; signatures are not touched.
   *
   * @param newOutputs tensors of this subgraph
   * @return this subgraph
   */
  public Subgraph outputs(List<Value> newOutputs) {
    newOutputs.forEach(this::own);
    outputs = new ArrayList<>(newOutputs);
    return this;
  }

  /**
   * Replaces all outputs; signatures are not touched.
   *
   * @param newOutputs tensors of this subgraph
   * @return this subgraph
   */
  public Subgraph outputs(Value... newOutputs) {
    return outputs(Arrays.asList(newOutputs));
  }

  /**
   * Puts one tensor in the place of another among the subgraph's inputs and in the signatures.
   *
   * @param old an input
   * @param replacement the new input
   */
  public void replaceInput(Value old, Value replacement) {
    own(replacement);
    inputs.replaceAll(v -> v == old ? replacement : v);
    graph.signatures().forEach(s -> s.replaceInput(old, replacement));
  }

  // ---- operators

  /**
   * Returns the operators in the order in which they run.
   *
   * @return a read-only view; copy it before editing while iterating
   */
  public List<Op> ops() {
    return Collections.unmodifiableList(ops);
  }

  /**
   * Adds an operator at the end.
   *
   * @param op a free-standing operator on tensors of this subgraph
   * @return the operator
   */
  public Op append(Op op) {
    return insert(ops.size(), op);
  }

  /**
   * Adds an operator just before another.
   *
   * @param anchor an operator of this subgraph
   * @param op a free-standing operator on tensors of this subgraph
   * @return the new operator
   */
  public Op insertBefore(Op anchor, Op op) {
    return insert(position(anchor), op);
  }

  /**
   * Adds an operator just after another.
   *
   * @param anchor an operator of this subgraph
   * @param op a free-standing operator on tensors of this subgraph
   * @return the new operator
   */
  public Op insertAfter(Op anchor, Op op) {
    return insert(position(anchor) + 1, op);
  }

  /**
   * Adds an operator at a position.
   *
   * @param index from 0 to the number of operators
   * @param op a free-standing operator on tensors of this subgraph
   * @return the operator
   * @throws IllegalStateException if the operator already belongs to a subgraph, or one of its
   *     outputs is already produced by another
   */
  public Op insert(int index, Op op) {
    if (op.subgraph != null) {
      throw new IllegalStateException("the operator " + op + " is already in a subgraph");
    }
    linkInputs(op);
    linkOutputs(op);
    op.subgraph = this;
    ops.add(index, op);
    return op;
  }

  /**
   * Removes an operator; its tensors stay, without a producer.
   *
   * @param op an operator of this subgraph
   */
  public void remove(Op op) {
    ops.remove(position(op));
    unlinkInputs(op);
    unlinkOutputs(op);
    op.subgraph = null;
  }

  /**
   * Puts a new operator in the place of another that makes the same tensors.
   *
   * @param old an operator of this subgraph, which becomes free-standing
   * @param replacement a free-standing operator; it gets the outputs of the old one if it has none
   * @return the new operator
   */
  public Op replace(Op old, Op replacement) {
    int index = position(old);
    remove(old);
    if (replacement.outputs().isEmpty()) {
      replacement.outputs(old.outputs());
    }
    return insert(index, replacement);
  }

  /**
   * Makes everything that uses a tensor use another: operators, the subgraph's outputs, signatures'
   * outputs, and quantization by tensors.
   *
   * @param old the tensor that is to be used no more
   * @param replacement what to use instead
   */
  public void replaceAllUses(Value old, Value replacement) {
    own(replacement);
    if (old == replacement) {
      return;
    }
    for (Op op : old.consumers()) {
      List<@Nullable Value> changed = new ArrayList<>(op.inputs());
      changed.replaceAll(v -> v == old ? replacement : v);
      op.inputs(changed);
    }
    outputs.replaceAll(v -> v == old ? replacement : v);
    graph.signatures().forEach(s -> s.replaceOutput(old, replacement));
    for (Value v : values) {
      v.quantization().ifPresent(q -> v.quantization(replaced(q, old, replacement)));
    }
  }

  /**
   * Removes operators whose results nobody needs, then tensors that nothing refers to.
   *
   * <p>Kept are inputs and outputs, what signatures name, operators with no outputs or that write
   * to resources or to variables which others read, or that call subgraphs with such operators, and
   * all that these need.
   *
   * @return the number of operators removed
   */
  public int removeDead() {
    Set<Op> live = Collections.newSetFromMap(new IdentityHashMap<>());
    Deque<Op> todo = new ArrayDeque<>();
    Set<Value> pinned = pinned();
    for (Op op : ops) {
      if (hasSideEffects(op) || op.outputs().stream().anyMatch(pinned::contains)) {
        todo.add(op);
      }
    }
    while (!todo.isEmpty()) {
      Op op = todo.pop();
      if (live.add(op)) {
        for (Value v : op.inputs()) {
          if (v != null && v.producer != null) {
            todo.push(v.producer);
          }
        }
      }
    }
    int before = ops.size();
    List<Op> kept = new ArrayList<>();
    for (Op op : ops) {
      if (live.contains(op)) {
        kept.add(op);
      } else {
        unlinkInputs(op);
        unlinkOutputs(op);
        op.subgraph = null;
      }
    }
    ops = kept;
    removeUnusedValues(pinned);
    return before - ops.size();
  }

  /**
   * Puts the operators into topological order; those that may keep their order do.
   *
   * @throws IllegalStateException if there is a cycle
   */
  public void sort() {
    Map<Op, Integer> rank = new IdentityHashMap<>();
    Map<Op, Integer> missing = new IdentityHashMap<>();
    for (Op op : ops) {
      rank.put(op, rank.size());
    }
    PriorityQueue<Op> ready =
        new PriorityQueue<>((a, b) -> Integer.compare(rankOf(rank, a), rankOf(rank, b)));
    for (Op op : ops) {
      int n = 0;
      for (Value v : op.inputs()) {
        n += v != null && v.producer != null ? 1 : 0;
      }
      missing.put(op, n);
      if (n == 0) {
        ready.add(op);
      }
    }
    List<Op> sorted = new ArrayList<>();
    while (!ready.isEmpty()) {
      Op op = ready.poll();
      sorted.add(op);
      for (Value out : op.outputs()) {
        for (Op user : out.uses) {
          if (missing.merge(user, -1, Integer::sum) == 0) {
            ready.add(user);
          }
        }
      }
    }
    if (sorted.size() != ops.size()) {
      List<Op> stuck = new ArrayList<>(ops);
      stuck.removeAll(sorted);
      throw new IllegalStateException(
          "operators of subgraph "
              + name
              + " depend on each other in a cycle, among them "
              + stuck.get(0));
    }
    ops = sorted;
  }

  /**
   * Returns the subgraph's index in the model's debug metadata.
   *
   * @return -1 if there is none
   */
  public int debugMetadataIndex() {
    return debugMetadataIndex;
  }

  /**
   * Sets the subgraph's index in the model's debug metadata.
   *
   * @param index from 0, or -1 for none
   * @return this subgraph
   */
  public Subgraph debugMetadataIndex(int index) {
    debugMetadataIndex = index;
    return this;
  }

  /**
   * Lists what breaks the rules of a subgraph: operators out of order, tensors that are used but
   * never made, tensors of other subgraphs.
   *
   * @return the problems, the first hundred if there are more; empty if there are none
   */
  public List<String> problems() {
    Problems problems = new Problems();
    Set<Value> own = Collections.newSetFromMap(new IdentityHashMap<>());
    own.addAll(values);
    Set<Value> inputSet = Collections.newSetFromMap(new IdentityHashMap<>());
    inputSet.addAll(inputs);
    Set<Value> made = Collections.newSetFromMap(new IdentityHashMap<>());
    made.addAll(inputs);
    for (Value v : values) {
      boolean empty = v.shape().isStatic() && Arrays.stream(v.shape().dims()).anyMatch(d -> d == 0);
      if (v.producer == null && (v.data().isPresent() || v.isVariable() || empty)) {
        made.add(v);
      }
    }
    for (Op op : ops) {
      for (Value v : op.inputs()) {
        if (v != null && !own.contains(v)) {
          problems.add(op + " takes " + v.label() + ", which is not a tensor of the subgraph");
        } else if (v != null && !made.contains(v)) {
          problems.add(
              op
                  + " takes "
                  + v.label()
                  + (v.producer == null
                      ? ", which nothing produces"
                      : ", which is produced only later"));
        }
      }
      for (Value v : op.outputs()) {
        if (!own.contains(v)) {
          problems.add(op + " makes " + v.label() + ", which is not a tensor of the subgraph");
        } else if (inputSet.contains(v) || v.isConstant()) {
          problems.add(op + " writes to " + v.label() + ", which is an input or a constant");
        }
        made.add(v);
      }
    }
    for (Value v : outputs) {
      if (!own.contains(v) || !made.contains(v)) {
        problems.add("output " + v.label() + " of the subgraph is never produced");
      }
    }
    return problems.list;
  }

  @Override
  public String toString() {
    return name
        + ": "
        + ops.size()
        + " operators, "
        + values.size()
        + " tensors, "
        + inputs
        + " -> "
        + outputs;
  }

  // ---- links between operators and values; Op calls these

  void linkInputs(Op op) {
    for (Value v : op.inputs()) {
      if (v != null) {
        own(v);
      }
    }
    for (Value v : op.inputs()) {
      if (v != null) {
        v.uses.add(op);
      }
    }
  }

  void unlinkInputs(Op op) {
    for (Value v : op.inputs()) {
      if (v != null) {
        v.uses.remove(op);
      }
    }
  }

  void linkOutputs(Op op) {
    for (Value v : op.outputs()) {
      own(v);
      if (v.producer != null && v.producer != op) {
        throw new IllegalStateException(
            "tensor " + v.label() + " is already produced by " + v.producer + ", so not by " + op);
      }
    }
    op.outputs().forEach(v -> v.producer = op);
  }

  void unlinkOutputs(Op op) {
    op.outputs().forEach(v -> v.producer = null);
  }

  void renamed(String from, String to) {
    if (nameCounts.containsKey(to)) {
      throw new IllegalArgumentException(
          "subgraph " + name + " already has a tensor " + to + "; ask uniqueName() for a free one");
    }
    forget(from);
    nameCounts.put(to, 1);
  }

  private void forget(String valueName) {
    nameCounts.computeIfPresent(valueName, (k, n) -> n == 1 ? null : n - 1);
  }

  private void own(Value value) {
    if (value.subgraph() != this) {
      throw new IllegalArgumentException(
          "tensor "
              + value.name()
              + " belongs to subgraph "
              + value.subgraph().name()
              + ", not to "
              + name);
    }
  }

  private int position(Op op) {
    int index = ops.indexOf(op);
    if (index < 0) {
      throw new IllegalArgumentException("the operator " + op + " is not in subgraph " + name);
    }
    return index;
  }

  // A broken file can have millions of problems; the first hundred will do.
  private static final class Problems {
    private static final int MOST = 100;
    private final List<String> list = new ArrayList<>();

    void add(String problem) {
      if (list.size() < MOST) {
        list.add(problem);
      }
    }
  }

  private static int rankOf(Map<Op, Integer> rank, Op op) {
    Integer r = rank.get(op);
    return r == null ? Integer.MAX_VALUE : r;
  }

  private Set<Value> pinned() {
    Set<Value> pinned = Collections.newSetFromMap(new IdentityHashMap<>());
    pinned.addAll(inputs);
    pinned.addAll(outputs);
    for (Signature s : graph.signatures()) {
      if (s.subgraph() == this) {
        pinned.addAll(s.inputs().values());
        pinned.addAll(s.outputs().values());
      }
    }
    return pinned;
  }

  private boolean hasSideEffects(Op op) {
    return hasSideEffects(op, Collections.newSetFromMap(new IdentityHashMap<>()));
  }

  private boolean hasSideEffects(Op op, Set<Subgraph> called) {
    return switch (op.kind()) {
      case ASSIGN_VARIABLE, CALL_ONCE, HASHTABLE_IMPORT -> true;
      case IF ->
          calls(op, "then_subgraph_index", called) || calls(op, "else_subgraph_index", called);
      case WHILE ->
          calls(op, "cond_subgraph_index", called) || calls(op, "body_subgraph_index", called);
      case CALL -> calls(op, "subgraph", called);
      default ->
          op.outputs().isEmpty()
              || op.mutatingInputs().contains(true)
              || op.inputs().stream().anyMatch(v -> v != null && isSharedState(v, op));
    };
  }

  /** Whether a subgraph that an operator calls has effects besides its results. */
  private boolean calls(Op op, String attribute, Set<Subgraph> called) {
    int index = op.integer(attribute);
    if (index < 0 || index >= graph.subgraphs().size()) {
      return true; // not a sound graph, which is for verify() to say
    }
    Subgraph other = graph.subgraphs().get(index);
    return called.add(other) && other.ops.stream().anyMatch(o -> other.hasSideEffects(o, called));
  }

  /** Whether others see what an operator keeps in a variable from one run to the next. */
  private static boolean isSharedState(Value v, Op op) {
    return v.isVariable() && v.consumers().stream().anyMatch(other -> other != op);
  }

  private void removeUnusedValues(Set<Value> pinned) {
    Set<Value> used = new HashSet<>(pinned);
    for (Op op : ops) {
      for (Value v : op.inputs()) {
        if (v != null) {
          used.add(v);
        }
      }
      used.addAll(op.outputs());
      for (Value v : op.intermediates()) {
        if (v != null) {
          used.add(v);
        }
      }
    }
    for (Value v : List.copyOf(used)) {
      v.quantization().ifPresent(q -> used.addAll(references(q)));
    }
    List<Value> kept = new ArrayList<>();
    for (Value v : values) {
      if (used.contains(v)) {
        kept.add(v);
      } else {
        forget(v.name());
      }
    }
    values = kept;
  }

  private static List<Value> references(Quantization quantization) {
    List<Value> found = new ArrayList<>();
    if (quantization instanceof Quantization.Blockwise b) {
      found.add(b.scales());
      if (b.zeroPoints() != null) {
        found.add(b.zeroPoints());
      }
    } else if (quantization instanceof Quantization.MultiAxis m) {
      found.add(m.scales());
      if (m.zeroPoints() != null) {
        found.add(m.zeroPoints());
      }
    }
    return found;
  }

  static Quantization replaced(Quantization quantization, Value old, Value replacement) {
    if (quantization instanceof Quantization.Blockwise b) {
      return new Quantization.Blockwise(
          b.scales() == old ? replacement : b.scales(),
          b.zeroPoints() == old ? replacement : b.zeroPoints(),
          b.blockSize());
    }
    if (quantization instanceof Quantization.MultiAxis m) {
      return new Quantization.MultiAxis(
          m.scales() == old ? replacement : m.scales(),
          m.zeroPoints() == old ? replacement : m.zeroPoints(),
          m.blockSize(),
          m.axes());
    }
    return quantization;
  }
}
