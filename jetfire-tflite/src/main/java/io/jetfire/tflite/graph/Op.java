package io.jetfire.tflite.graph;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.IntUnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * An operator: its kind, attributes, and the tensors it takes and makes.
 *
 * <p>Made free-standing, then added to a {@link Subgraph}; from then on changing inputs or outputs
 * keeps {@link Value#producer()} and {@link Value#consumers()} right. Compared by identity.
 */
public final class Op {
  private static final int MOST_NAMES = 12;

  private final OpKind kind;
  private final String customName;
  private @Nullable OptionsTable options;
  private final Map<String, Object> attributes = new LinkedHashMap<>();
  private List<@Nullable Value> inputs = new ArrayList<>();
  private List<Value> outputs = new ArrayList<>();
  private List<@Nullable Value> intermediates = new ArrayList<>();
  private List<Boolean> mutatingInputs = List.of();
  private @Nullable Weights customOptions;
  private int version;
  private int computedVersion;
  private int debugMetadataIndex = -1;

  @Nullable Subgraph subgraph;

  private Op(OpKind kind, String customName) {
    this.kind = kind;
    this.customName = customName;
    this.options = kind.options().orElse(null);
  }

  /**
   * Makes a builtin operator without inputs, outputs or attributes.
   *
   * @param kind any but CUSTOM
   * @return the operator
   * @throws IllegalArgumentException for CUSTOM
   */
  public static Op of(OpKind kind) {
    if (kind == OpKind.CUSTOM) {
      throw new IllegalArgumentException("a custom operator has a name; use Op.custom(name)");
    }
    return new Op(kind, "");
  }

  /**
   * Makes a custom operator without inputs, outputs or options.
   *
   * @param name what the runtime finds its kernel by
   * @return the operator
   */
  public static Op custom(String name) {
    return new Op(OpKind.CUSTOM, name);
  }

  /**
   * Returns what the operator is.
   *
   * @return the kind
   */
  public OpKind kind() {
    return kind;
  }

  /**
   * Returns the name of a custom operator.
   *
   * @return empty text for a builtin
   */
  public String customName() {
    return customName;
  }

  /**
   * Returns the name to show: the kind's, or the custom operator's.
   *
   * @return such as {@code CONV_2D}
   */
  public String name() {
    return kind == OpKind.CUSTOM ? customName : kind.name();
  }

  /**
   * Returns the subgraph that the operator was added to.
   *
   * @return empty while it is free-standing
   */
  public Optional<Subgraph> subgraph() {
    return Optional.ofNullable(subgraph);
  }

  // ---- tensors

  /**
   * Returns the inputs.
   *
   * @return a read-only view; null where an optional input is left out
   */
  public List<@Nullable Value> inputs() {
    return Collections.unmodifiableList(inputs);
  }

  /**
   * Returns an input that must be there.
   *
   * @param index from 0
   * @return the tensor
   * @throws IllegalStateException if the operator has no such input or it is left out
   */
  public Value input(int index) {
    return optionalInput(index)
        .orElseThrow(
            () ->
                new IllegalStateException(
                    name() + " has no input " + index + "; its inputs are " + inputs));
  }

  /**
   * Returns an input that may be left out.
   *
   * @param index from 0
   * @return empty if the operator has fewer inputs or it is left out
   */
  public Optional<Value> optionalInput(int index) {
    return index < inputs.size() ? Optional.ofNullable(inputs.get(index)) : Optional.empty();
  }

  /**
   * Replaces all inputs.
   *
   * @param values the tensors; null for an optional one that is left out
   * @return this operator
   */
  public Op inputs(@Nullable Value... values) {
    return inputs(Arrays.asList(values));
  }

  /**
   * Replaces all inputs.
   *
   * @param values the tensors; null for an optional one that is left out
   * @return this operator
   */
  public Op inputs(List<@Nullable Value> values) {
    List<@Nullable Value> copy = new ArrayList<>(values);
    if (subgraph != null) {
      subgraph.unlinkInputs(this);
      inputs = copy;
      subgraph.linkInputs(this);
    } else {
      inputs = copy;
    }
    return this;
  }

  /**
   * Replaces one input.
   *
   * @param index from 0, below the number of inputs
   * @param value the tensor, or null to leave it out
   * @return this operator
   */
  public Op input(int index, @Nullable Value value) {
    List<@Nullable Value> changed = new ArrayList<>(inputs);
    changed.set(index, value);
    return inputs(changed);
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
   * Returns an output.
   *
   * @param index from 0
   * @return the tensor
   * @throws IllegalStateException if the operator has no such output
   */
  public Value output(int index) {
    if (index >= outputs.size()) {
      throw new IllegalStateException(
          name() + " has no output " + index + "; its outputs are " + outputs);
    }
    return outputs.get(index);
  }

  /**
   * Replaces all outputs.
   *
   * @param values the tensors, not produced by another operator
   * @return this operator
   */
  public Op outputs(Value... values) {
    return outputs(Arrays.asList(values));
  }

  /**
   * Replaces all outputs.
   *
   * @param values the tensors, not produced by another operator
   * @return this operator
   */
  public Op outputs(List<Value> values) {
    List<Value> copy = new ArrayList<>(values);
    if (subgraph != null) {
      subgraph.unlinkOutputs(this);
      outputs = copy;
      subgraph.linkOutputs(this);
    } else {
      outputs = copy;
    }
    return this;
  }

  /**
   * Replaces one output.
   *
   * @param index from 0, below the number of outputs
   * @param value the tensor, not produced by another operator
   * @return this operator
   */
  public Op output(int index, Value value) {
    List<Value> changed = new ArrayList<>(outputs);
    changed.set(index, value);
    return outputs(changed);
  }

  /**
   * Returns the tensors that a kernel uses inside, such as those of a quantized LSTM.
   *
   * @return a read-only view; null where one is left out
   */
  public List<@Nullable Value> intermediates() {
    return Collections.unmodifiableList(intermediates);
  }

  /**
   * Replaces the intermediates.
   *
   * @param values the tensors; null for one that is left out
   * @return this operator
   */
  public Op intermediates(List<@Nullable Value> values) {
    intermediates = new ArrayList<>(values);
    return this;
  }

  /**
   * Says which inputs the operator writes to.
   *
   * @return as long as the inputs, or empty if it writes to none
   */
  public List<Boolean> mutatingInputs() {
    return mutatingInputs;
  }

  /**
   * Sets which inputs the operator writes to.
   *
   * @param mutating as long as the inputs, or empty
   * @return this operator
   */
  public Op mutatingInputs(List<Boolean> mutating) {
    mutatingInputs = List.copyOf(mutating);
    return this;
  }

  // ---- attributes

  /**
   * Returns the table of the operator's attributes.
   *
   * @return empty if it has none: then no options are written
   */
  public Optional<OptionsTable> options() {
    return Optional.ofNullable(options);
  }

  /**
   * Sets the table of the operator's attributes, where a file differs from the schema's rule; all
   * attributes are dropped.
   *
   * @param table the table, or null to write no options
   * @return this operator
   */
  public Op options(@Nullable OptionsTable table) {
    options = table;
    attributes.clear();
    return this;
  }

  /**
   * Returns the attributes that were set; the others have the schema's defaults.
   *
   * @return a read-only view in the order of setting
   */
  public Map<String, Object> attributes() {
    return Collections.unmodifiableMap(attributes);
  }

  /**
   * Sets an attribute.
   *
   * @param attribute the schema's name, such as {@code stride_w}
   * @param value of the Java type that {@link OptionsTable.FieldType} names; an int is also taken
   *     for a long, any number for a float
   * @return this operator
   * @throws IllegalArgumentException if the operator has no such attribute or it is of another type
   */
  public Op set(String attribute, Object value) {
    OptionsTable.Field field = field(attribute);
    Object stored =
        switch (field.type()) {
          case LONG -> value instanceof Integer i ? (Object) i.longValue() : value;
          case FLOAT -> value instanceof Number n ? (Object) n.floatValue() : value;
          case INTS -> value instanceof int[] a ? a.clone() : value;
          case LONGS -> value instanceof long[] a ? a.clone() : value;
          case FLOATS -> value instanceof float[] a ? a.clone() : value;
          case BOOLS -> value instanceof boolean[] a ? a.clone() : value;
          case BYTES -> value instanceof byte[] a ? a.clone() : value;
          default -> value;
        };
    boolean ok = field.defaultValue().getClass() == stored.getClass();
    if (ok && stored instanceof Integer i) {
      ok =
          switch (field.type()) {
            case CODE, WIDE_CODE -> i >= 0 && i <= field.maximum();
            case UINT -> i >= 0;
            default -> true;
          };
    }
    if (!ok) {
      throw new IllegalArgumentException(
          name()
              + "."
              + attribute
              + " takes "
              + (field.enumType() != null ? field.enumType().getSimpleName() : field.type())
              + (field.maximum() > 0 && field.enumType() == null ? " up to " + field.maximum() : "")
              + ", not "
              + value
              + " ("
              + value.getClass().getSimpleName()
              + ")");
    }
    attributes.put(attribute, stored);
    return this;
  }

  /**
   * Says whether an attribute was set.
   *
   * @param attribute the schema's name
   * @return false if its default holds
   */
  public boolean isSet(String attribute) {
    return attributes.containsKey(attribute);
  }

  /**
   * Says whether the operator has an attribute of this name, set or not.
   *
   * @param attribute the schema's name
   * @return true if its options table has it
   */
  public boolean has(String attribute) {
    return options != null && options.fields().stream().anyMatch(f -> f.name().equals(attribute));
  }

  /**
   * Returns an attribute or its default. Arrays are those of the operator: do not write to them.
   *
   * @param attribute the schema's name
   * @return of the Java type that {@link OptionsTable.FieldType} names
   * @throws IllegalArgumentException if the operator has no such attribute
   */
  public Object attribute(String attribute) {
    OptionsTable.Field field = field(attribute);
    return attributes.getOrDefault(attribute, field.defaultValue());
  }

  /**
   * Returns a whole number attribute.
   *
   * @param attribute the schema's name of an INT, UINT or code attribute
   * @return its value or default
   */
  public int integer(String attribute) {
    return as(attribute, Integer.class);
  }

  /**
   * Returns a long attribute.
   *
   * @param attribute the schema's name
   * @return its value or default
   */
  public long longInteger(String attribute) {
    return as(attribute, Long.class);
  }

  /**
   * Returns a float attribute.
   *
   * @param attribute the schema's name
   * @return its value or default
   */
  public float real(String attribute) {
    return as(attribute, Float.class);
  }

  /**
   * Returns a boolean attribute.
   *
   * @param attribute the schema's name
   * @return its value or default
   */
  public boolean flag(String attribute) {
    return as(attribute, Boolean.class);
  }

  /**
   * Returns a text attribute.
   *
   * @param attribute the schema's name
   * @return its value, or empty
   */
  public String text(String attribute) {
    return as(attribute, String.class);
  }

  /**
   * Returns a list attribute of 32-bit integers.
   *
   * @param attribute the schema's name
   * @return a new array
   */
  public int[] integers(String attribute) {
    return as(attribute, int[].class).clone();
  }

  /**
   * Returns a list attribute of 64-bit integers.
   *
   * @param attribute the schema's name
   * @return a new array
   */
  public long[] longs(String attribute) {
    return as(attribute, long[].class).clone();
  }

  /**
   * Returns an enum attribute.
   *
   * @param <E> the enum
   * @param attribute the schema's name
   * @param enumType the enum
   * @return its value or default
   */
  public <E extends Enum<E>> E choice(String attribute, Class<E> enumType) {
    return as(attribute, enumType);
  }

  /**
   * Returns the fused activation.
   *
   * @return NONE also if the operator cannot fuse one
   */
  public Activation activation() {
    return has("fused_activation_function")
        ? choice("fused_activation_function", Activation.class)
        : Activation.NONE;
  }

  /**
   * Returns the padding attribute of a convolution or pooling operator.
   *
   * @return its value or default (SAME)
   */
  public Padding padding() {
    return choice("padding", Padding.class);
  }

  /**
   * Returns the options of a custom operator, in its own format.
   *
   * @return empty if there are none
   */
  public Optional<ByteBuffer> customOptions() {
    return Optional.ofNullable(customOptions).map(Weights::bytes);
  }

  /**
   * Sets the options of a custom operator.
   *
   * @param bytes in the operator's own format, or null for none
   * @return this operator
   */
  public Op customOptions(@Nullable Weights bytes) {
    customOptions = bytes;
    return this;
  }

  // ---- version

  /**
   * Returns the version that the operator must keep.
   *
   * @return empty if it is to be computed when the model is written
   */
  public OptionalInt version() {
    return version == 0 ? OptionalInt.empty() : OptionalInt.of(version);
  }

  /**
   * Makes the operator keep a version whatever happens to it.
   *
   * @param newVersion from 1
   * @return this operator
   */
  public Op version(int newVersion) {
    return keepVersion(newVersion, 0);
  }

  /**
   * Makes the operator keep the version of a file as long as the version computed from its types
   * and attributes stays what it was then; a pass that changes either need not think of it.
   *
   * @param fileVersion the file's, from 1
   * @param computed what the rules gave when it was read; 0 to keep the version always
   * @return this operator
   */
  public Op keepVersion(int fileVersion, int computed) {
    version = fileVersion;
    computedVersion = computed;
    return this;
  }

  /**
   * Returns what the rules gave when the operator was read.
   *
   * @return 0 if the version is kept always or none was set
   */
  public int computedVersion() {
    return computedVersion;
  }

  /**
   * Returns the operator's index in the model's debug metadata.
   *
   * @return -1 if there is none
   */
  public int debugMetadataIndex() {
    return debugMetadataIndex;
  }

  /**
   * Sets the operator's index in the model's debug metadata.
   *
   * @param index from 0, or -1 for none
   * @return this operator
   */
  public Op debugMetadataIndex(int index) {
    debugMetadataIndex = index;
    return this;
  }

  /**
   * Makes a free-standing operator with the same attributes and version and no tensors.
   *
   * @return the new operator
   */
  public Op copyAttributes() {
    Op copy = new Op(kind, customName);
    copy.options = options;
    copy.attributes.putAll(attributes);
    copy.customOptions = customOptions;
    copy.mutatingInputs = mutatingInputs;
    copy.version = version;
    copy.computedVersion = computedVersion;
    copy.debugMetadataIndex = debugMetadataIndex;
    return copy;
  }

  @Override
  public String toString() {
    StringBuilder b = new StringBuilder();
    b.append(names(outputs)).append(" = ").append(name()).append('(').append(names(inputs));
    return b.append(')').toString();
  }

  /**
   * Returns the subgraphs that the operator calls, as an IF or a WHILE does.
   *
   * @return their indices in the model, as they are stated; empty for most operators
   */
  public List<Integer> calledSubgraphs() {
    List<Integer> called = new ArrayList<>();
    for (String attribute : subgraphAttributes()) {
      if (attribute(attribute) instanceof int[] indices) {
        Arrays.stream(indices).forEach(called::add);
      } else {
        called.add(integer(attribute));
      }
    }
    return called;
  }

  /** Follows subgraphs to other places. */
  void renumberSubgraphs(IntUnaryOperator place) {
    for (String attribute : subgraphAttributes()) {
      if (attribute(attribute) instanceof int[] indices) {
        set(attribute, Arrays.stream(indices).map(place).toArray());
      } else {
        set(attribute, place.applyAsInt(integer(attribute)));
      }
    }
  }

  private List<String> subgraphAttributes() {
    return options == null
        ? List.of()
        : options.fields().stream()
            .map(OptionsTable.Field::name)
            .filter(n -> n.contains("subgraph"))
            .toList();
  }

  Optional<Weights> customOptionsData() {
    return Optional.ofNullable(customOptions);
  }

  private static String names(List<? extends @Nullable Value> values) {
    List<String> names = new ArrayList<>();
    for (Value v : values) {
      if (names.size() == MOST_NAMES) {
        names.add("... " + (values.size() - MOST_NAMES) + " more");
        break;
      }
      names.add(v == null ? "-" : v.label());
    }
    return String.join(", ", names);
  }

  private OptionsTable.Field field(String attribute) {
    if (options == null) {
      throw new IllegalArgumentException(name() + " has no attributes, so no " + attribute);
    }
    return options.field(attribute);
  }

  private <T> T as(String attribute, Class<T> type) {
    Object value = attribute(attribute);
    if (!type.isInstance(value)) {
      throw new IllegalArgumentException(
          name()
              + "."
              + attribute
              + " is "
              + value.getClass().getSimpleName()
              + ", not "
              + type.getSimpleName());
    }
    return type.cast(value);
  }
}
