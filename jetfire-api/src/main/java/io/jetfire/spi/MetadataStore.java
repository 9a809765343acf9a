package io.jetfire.spi;

import io.jetfire.ConfigurationException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Where experiments leave their records: artifacts, executions and contexts, and the events that
 * tie them into a lineage, in the words and by the rules of ML Metadata.
 *
 * <p>An {@link Artifact} is a thing (a dataset, a model file, a set of measurements), an {@link
 * Execution} a step that ran, an {@link Event} says that a step read or wrote a thing, and a {@link
 * Context} groups both (an experiment, a run). Each has a {@link Type}, which is put before its
 * first use and declares some of the properties; any others are <em>custom properties</em>. What is
 * unset is absent: a null component, never an empty string or a zero.
 *
 * <pre>{@code
 * store.putType(Type.artifact("jetfire.Model").property("bytes", PropertyType.INT).build());
 * store.putType(Type.execution("jetfire.Conversion").build());
 * store.putType(Type.context("jetfire.Run").build());
 *
 * Context run = store.putContext(Context.builder("jetfire.Run", "run-7").build());
 * Recorded recorded =
 *     store.record(
 *         Recording.of(Execution.builder("jetfire.Conversion").name("run-7/int8").build())
 *             .input(trainedModelId, "model")
 *             .output(Artifact.builder("jetfire.Model").uri("file:int8.tflite").build(), "model")
 *             .context(run)
 *             .build());
 * store.lineage(LineageQuery.upstreamOf(recorded.artifacts().get(1).storedId()));
 * }</pre>
 *
 * <p><b>Idempotence.</b> Putting a node (artifact, execution or context) that has an id, or a name
 * that its type has already, updates the stored one; without both, a node is new each time. An
 * update replaces the properties, the custom properties, the state, the URI and the external id as
 * a whole. The name of a stored artifact or execution stays; a context that is put with its id
 * takes the name given. The time of the last change moves only if something differs. Putting a type
 * again adds the properties that are new. Events and links that exist already are left as they are.
 *
 * <p><b>Atomicity.</b> Every put, and the whole of {@link #record record}, happens entirely or not
 * at all, also when the JVM dies in the middle.
 *
 * <p><b>Errors.</b> A request that cannot be carried out (an unknown type or id, a property of
 * another kind than its type declares, a value that ML Metadata could not read back) throws {@link
 * io.jetfire.ConfigurationException} and changes nothing. A store that cannot be read or written (a
 * full disk, a locked or damaged file) throws {@link io.jetfire.StorageException}; it stays usable
 * for what is still possible. A closed store throws {@link IllegalStateException}.
 *
 * <p>Implementations are safe for use by several threads; their calls may wait for each other. Ids
 * are positive and unique per kind within a store. Lists are in ascending order of id.
 *
 * @see <a href="https://github.com/google/ml-metadata">ML Metadata</a>, whose schema version 10
 *     gives the data model, the enum values and the storage rules
 */
public interface MetadataStore extends AutoCloseable {

  // --- Types

  /**
   * Puts a type: stores it if its kind, name and version are new, and otherwise adds the properties
   * (and a base type or external id) that the stored one lacks. Properties are never removed; the
   * description and the signature of a stored type do not change.
   *
   * @return the type as stored, with its id
   * @throws io.jetfire.ConfigurationException if a property exists with another kind, or the base
   *     type is another one
   */
  default Type putType(Type type) {
    return putTypes(List.of(type)).get(0);
  }

  /** Puts several types in one transaction; see {@link #putType}. The order is kept. */
  List<Type> putTypes(List<Type> types);

  /** Returns the type of that kind, name and version, ML Metadata's own simple types included. */
  Optional<Type> type(Kind kind, TypeName name);

  /** Returns all types of a kind except ML Metadata's own nine simple types ({@code mlmd.*}). */
  List<Type> types(Kind kind);

  // --- Nodes

  /** Puts an artifact: updates the one with its id, or its type and name, or stores a new one. */
  Artifact putArtifact(Artifact artifact);

  /** Puts an execution: updates the one with its id, or its type and name, or stores a new one. */
  Execution putExecution(Execution execution);

  /** Puts a context: updates the one with its id, or its type and name, or stores a new one. */
  Context putContext(Context context);

  /**
   * Records a step in one transaction: puts the execution and its artifacts, adds the events
   * between them, and links the execution (association) and every artifact (attribution) to every
   * context.
   *
   * <p>A context that exists (by id, or by type and name) is used as it is and not updated, so that
   * many steps can share one. Recording a named execution again, as a resumed run does, updates it;
   * artifacts without name or id would be stored a second time.
   *
   * @return everything as stored, in the order of the recording
   */
  Recorded record(Recording recording);

  /** Returns the artifact with an id. */
  Optional<Artifact> artifact(long id);

  /** Returns the artifact with a name, which is unique within its type. */
  Optional<Artifact> artifact(TypeName type, String name);

  /** Returns the artifact with an external id, which is unique within the store. */
  Optional<Artifact> artifactByExternalId(String externalId);

  /** Returns all artifacts. */
  List<Artifact> artifacts();

  /** Returns the artifacts of a type; none if the type is unknown. */
  List<Artifact> artifactsByType(TypeName type);

  /** Returns the artifacts with exactly this URI. */
  List<Artifact> artifactsByUri(String uri);

  /** Returns the artifacts attributed to a context. */
  List<Artifact> artifactsByContext(long contextId);

  /** Returns the execution with an id. */
  Optional<Execution> execution(long id);

  /** Returns the execution with a name, which is unique within its type. */
  Optional<Execution> execution(TypeName type, String name);

  /** Returns the execution with an external id, which is unique within the store. */
  Optional<Execution> executionByExternalId(String externalId);

  /** Returns all executions. */
  List<Execution> executions();

  /** Returns the executions of a type; none if the type is unknown. */
  List<Execution> executionsByType(TypeName type);

  /** Returns the executions associated with a context. */
  List<Execution> executionsByContext(long contextId);

  /** Returns the context with an id. */
  Optional<Context> context(long id);

  /** Returns the context with a name, which is unique within its type. */
  Optional<Context> context(TypeName type, String name);

  /** Returns the context with an external id, which is unique within the store. */
  Optional<Context> contextByExternalId(String externalId);

  /** Returns all contexts. */
  List<Context> contexts();

  /** Returns the contexts of a type; none if the type is unknown. */
  List<Context> contextsByType(TypeName type);

  /** Returns the contexts that an artifact is attributed to. */
  List<Context> contextsByArtifact(long artifactId);

  /** Returns the contexts that an execution is associated with. */
  List<Context> contextsByExecution(long executionId);

  // --- Events and links

  /** Adds events between stored artifacts and executions, in one transaction. */
  void putEvents(List<Event> events);

  /** Returns the events of an execution, in the order in which they were stored. */
  List<Event> eventsByExecution(long executionId);

  /** Returns the events of an artifact, in the order in which they were stored. */
  List<Event> eventsByArtifact(long artifactId);

  /** Attributes an artifact to a context. */
  void putAttribution(long artifactId, long contextId);

  /** Associates an execution with a context. */
  void putAssociation(long executionId, long contextId);

  /**
   * Makes one context the parent of another; a context may have several parents.
   *
   * @throws io.jetfire.ConfigurationException if the child would become its own ancestor
   */
  void putParentContext(long childId, long parentId);

  /** Returns the parents of a context. */
  List<Context> parentContexts(long childId);

  /** Returns the children of a context. */
  List<Context> childContexts(long parentId);

  /**
   * Walks the lineage from the starting nodes, breadth first. One hop leads from an artifact to an
   * execution or from an execution to an artifact. Upstream, a hop goes from an artifact to the
   * executions that wrote it and from an execution to the artifacts that it read; downstream the
   * other way.
   *
   * @return the nodes reached, the starting ones included, and the events between them that the
   *     direction follows
   * @throws io.jetfire.ConfigurationException if a starting node does not exist
   */
  Lineage lineage(LineageQuery query);

  /** Releases the store. Closing twice is harmless. */
  @Override
  void close();

  // --- The words of ML Metadata

  /** What a type is a type of. */
  enum Kind {
    /** Types of {@link Execution executions}. */
    EXECUTION,
    /** Types of {@link Artifact artifacts}. */
    ARTIFACT,
    /** Types of {@link Context contexts}. */
    CONTEXT
  }

  /** The kind of a declared property's value. */
  enum PropertyType {
    /** A 64-bit integer. */
    INT,
    /** A 64-bit floating-point number. */
    DOUBLE,
    /** A text. */
    STRING,
    /** A JSON object. */
    STRUCT,
    /** A serialized protocol buffer message with its type URL. */
    PROTO,
    /** True or false. */
    BOOLEAN
  }

  /** ML Metadata's simple types, which a type can declare as its base. */
  enum BaseType {
    /** {@code mlmd.Dataset}. */
    DATASET("mlmd.Dataset", Kind.ARTIFACT),
    /** {@code mlmd.Model}. */
    MODEL("mlmd.Model", Kind.ARTIFACT),
    /** {@code mlmd.Metrics}. */
    METRICS("mlmd.Metrics", Kind.ARTIFACT),
    /** {@code mlmd.Statistics}. */
    STATISTICS("mlmd.Statistics", Kind.ARTIFACT),
    /** {@code mlmd.Train}. */
    TRAIN("mlmd.Train", Kind.EXECUTION),
    /** {@code mlmd.Transform}. */
    TRANSFORM("mlmd.Transform", Kind.EXECUTION),
    /** {@code mlmd.Process}. */
    PROCESS("mlmd.Process", Kind.EXECUTION),
    /** {@code mlmd.Evaluate}. */
    EVALUATE("mlmd.Evaluate", Kind.EXECUTION),
    /** {@code mlmd.Deploy}. */
    DEPLOY("mlmd.Deploy", Kind.EXECUTION);

    private final String typeName;
    private final Kind kind;

    BaseType(String typeName, Kind kind) {
      this.typeName = typeName;
      this.kind = kind;
    }

    /** The name of the simple type, for example {@code mlmd.Model}. */
    public String typeName() {
      return typeName;
    }

    /** The kind of the simple type and of the types that may have it as base. */
    public Kind kind() {
      return kind;
    }
  }

  /** The state of an artifact. */
  enum ArtifactState {
    /** Not known. */
    UNKNOWN,
    /** Being made. */
    PENDING,
    /** Ready for use. */
    LIVE,
    /** To be deleted. */
    MARKED_FOR_DELETION,
    /** Deleted. */
    DELETED,
    /** Given up; its maker failed. */
    ABANDONED,
    /** Refers to something outside that is not managed here. */
    REFERENCE
  }

  /** The last known state of an execution. */
  enum ExecutionState {
    /** Not known. */
    UNKNOWN,
    /** Not started. */
    NEW,
    /** Running. */
    RUNNING,
    /** Finished successfully. */
    COMPLETE,
    /** Finished with an error. */
    FAILED,
    /** Not run, because an earlier execution's outputs were used. */
    CACHED,
    /** Ended before it finished, by request. */
    CANCELED
  }

  /** How an execution relates to an artifact. */
  enum EventType {
    /** The execution's declared result. */
    DECLARED_OUTPUT(false),
    /** The execution's declared input. */
    DECLARED_INPUT(true),
    /** The execution read the artifact. */
    INPUT(true),
    /** The execution wrote the artifact. */
    OUTPUT(false),
    /** An input that only the orchestration knows. */
    INTERNAL_INPUT(true),
    /** An output that only the orchestration knows. */
    INTERNAL_OUTPUT(false),
    /** The execution is about to write the artifact. */
    PENDING_OUTPUT(false);

    private final boolean input;

    EventType(boolean input) {
      this.input = input;
    }

    /** Whether the artifact is an input of the execution; otherwise it is an output. */
    public boolean isInput() {
      return input;
    }
  }

  /** The direction of a lineage walk. */
  enum Direction {
    /** Towards what the starting nodes were made from. */
    UPSTREAM,
    /** Towards what was made from the starting nodes. */
    DOWNSTREAM,
    /** Both at every hop. */
    BIDIRECTIONAL
  }

  /**
   * The name of a type, with its version where it has one.
   *
   * @param name the name, not empty
   * @param version the version, or null; an empty version counts as none
   */
  record TypeName(String name, @Nullable String version) {
    /** Checks the name. */
    public TypeName {
      if (name.isEmpty()) {
        throw new IllegalArgumentException("the name of a type must not be empty");
      }
      version = version == null || version.isEmpty() ? null : version;
    }

    /** The name of a type without a version. */
    public static TypeName of(String name) {
      return new TypeName(name, null);
    }

    /** The name and version of a type. */
    public static TypeName of(String name, String version) {
      return new TypeName(name, version);
    }

    @Override
    public String toString() {
      return version == null ? name : name + "@" + version;
    }
  }

  /**
   * A type of artifacts, executions or contexts.
   *
   * @param id the store's id; null before it is stored
   * @param kind what it is a type of
   * @param typeName the name and version, unique within the kind
   * @param description a text for people, or null
   * @param properties the declared properties and the kind of each
   * @param baseType the simple type that it extends, or null
   * @param inputType the signature of an execution's inputs (an {@code ArtifactStructType} message
   *     in protocol buffers' JSON form), or null; a store keeps the text as it is
   * @param outputType the signature of an execution's outputs, in the same form, or null
   * @param externalId an id that another system gave it, unique within the store, or null
   */
  record Type(
      @Nullable Long id,
      Kind kind,
      TypeName typeName,
      @Nullable String description,
      Map<String, PropertyType> properties,
      @Nullable BaseType baseType,
      @Nullable String inputType,
      @Nullable String outputType,
      @Nullable String externalId) {
    /** Copies the properties. */
    public Type {
      Objects.requireNonNull(kind, "kind");
      Objects.requireNonNull(typeName, "typeName");
      properties = copyOf(properties);
    }

    /** Starts a type of artifacts. */
    public static Builder artifact(String name) {
      return new Builder(Kind.ARTIFACT, name);
    }

    /** Starts a type of executions. */
    public static Builder execution(String name) {
      return new Builder(Kind.EXECUTION, name);
    }

    /** Starts a type of contexts. */
    public static Builder context(String name) {
      return new Builder(Kind.CONTEXT, name);
    }

    /** A builder that starts with this type's components. */
    public Builder toBuilder() {
      return new Builder(this);
    }

    /**
     * Lists what would keep ML Metadata from storing this type or reading it back. Stores refuse a
     * type with problems.
     */
    public List<String> problems() {
      return MetadataProblems.of(this);
    }

    /**
     * Returns what a store has after this type was put again: properties, the base type and the
     * external id may be added, nothing is taken away.
     *
     * @param given a type of the same kind and name
     * @return the merged type, with this type's id
     * @throws ConfigurationException if a property has another kind, or the base type is another
     *     one
     */
    public Type merge(Type given) {
      Builder merged = toBuilder();
      for (Map.Entry<String, PropertyType> property : given.properties().entrySet()) {
        PropertyType before = properties.get(property.getKey());
        if (before != null && before != property.getValue()) {
          throw new ConfigurationException(
              "Cannot declare property \""
                  + property.getKey()
                  + "\" of type "
                  + typeName
                  + " as "
                  + property.getValue()
                  + ": the store has it as "
                  + before
                  + ". Keep its kind, or give the type a new version");
        }
        merged.property(property.getKey(), property.getValue());
      }
      if (given.baseType() != null) {
        if (baseType != null && baseType != given.baseType()) {
          throw new ConfigurationException(
              "Cannot give type "
                  + typeName
                  + " the base type "
                  + given.baseType()
                  + ": the store has it with "
                  + baseType
                  + ". Keep its base type, or give the type a new version");
        }
        merged.baseType(given.baseType());
      }
      if (given.externalId() != null) {
        merged.externalId(given.externalId());
      }
      return merged.build();
    }

    /** Builds a {@link Type}. */
    public static final class Builder {
      private final Kind kind;
      private final String name;
      private final LinkedHashMap<String, PropertyType> properties = new LinkedHashMap<>();
      private @Nullable Long id;
      private @Nullable String version;
      private @Nullable String description;
      private @Nullable BaseType baseType;
      private @Nullable String inputType;
      private @Nullable String outputType;
      private @Nullable String externalId;

      private Builder(Kind kind, String name) {
        this.kind = kind;
        this.name = name;
      }

      private Builder(Type type) {
        this(type.kind, type.typeName.name());
        properties.putAll(type.properties);
        id = type.id;
        version = type.typeName.version();
        description = type.description;
        baseType = type.baseType;
        inputType = type.inputType;
        outputType = type.outputType;
        externalId = type.externalId;
      }

      /** Sets the store's id, as stores do. */
      public Builder id(@Nullable Long id) {
        this.id = id;
        return this;
      }

      /** Sets the version. */
      public Builder version(@Nullable String version) {
        this.version = version;
        return this;
      }

      /** Sets the description. */
      public Builder description(@Nullable String description) {
        this.description = description;
        return this;
      }

      /** Declares a property. */
      public Builder property(String name, PropertyType type) {
        properties.put(name, type);
        return this;
      }

      /** Sets the base type. */
      public Builder baseType(@Nullable BaseType baseType) {
        this.baseType = baseType;
        return this;
      }

      /** Sets the signature of the inputs. */
      public Builder inputType(@Nullable String json) {
        this.inputType = json;
        return this;
      }

      /** Sets the signature of the outputs. */
      public Builder outputType(@Nullable String json) {
        this.outputType = json;
        return this;
      }

      /** Sets the external id. */
      public Builder externalId(@Nullable String externalId) {
        this.externalId = externalId;
        return this;
      }

      /** Builds the type. */
      public Type build() {
        return new Type(
            id,
            kind,
            new TypeName(name, version),
            description,
            properties,
            baseType,
            inputType,
            outputType,
            externalId);
      }
    }
  }

  /** The value of a property. */
  sealed interface Value {
    /** The kind of property that can hold this value. */
    PropertyType type();

    /** An integer. */
    static Value of(long value) {
      return new IntValue(value);
    }

    /**
     * A floating-point number. Stores refuse NaN and the infinities: leave such a property unset,
     * or say in a text what happened.
     */
    static Value of(double value) {
      return new DoubleValue(value);
    }

    /** A text. */
    static Value of(String value) {
      return new StringValue(value);
    }

    /** True or false. */
    static Value of(boolean value) {
      return new BoolValue(value);
    }

    /**
     * A JSON object.
     *
     * @param json the text of the object
     * @throws IllegalArgumentException if it is not the JSON text of one object
     */
    static Value struct(String json) {
      return new StructValue(json);
    }

    /**
     * A JSON object, given as a map of null, {@link Boolean}, {@link Number}, {@link String}, lists
     * of these and further maps.
     *
     * @throws IllegalArgumentException if it holds anything else, or is nested deeper than 100
     */
    static Value struct(Map<String, ? extends @Nullable Object> fields) {
      return new StructValue(StructJson.write(fields));
    }

    /** A serialized protocol buffer message. */
    static Value proto(String typeUrl, byte[] message) {
      return new ProtoValue(typeUrl, message);
    }

    /**
     * An integer.
     *
     * @param value the number
     */
    record IntValue(long value) implements Value {
      @Override
      public PropertyType type() {
        return PropertyType.INT;
      }
    }

    /**
     * A floating-point number. A store may lose the sign of a negative zero; a database that ML
     * Metadata itself wrote holds six decimals.
     *
     * @param value the number
     */
    record DoubleValue(double value) implements Value {
      /** Turns a negative zero into zero. */
      public DoubleValue {
        value = value + 0.0;
      }

      @Override
      public PropertyType type() {
        return PropertyType.DOUBLE;
      }
    }

    /**
     * A text.
     *
     * @param value the text
     */
    record StringValue(String value) implements Value {
      /** Refuses null. */
      public StringValue {
        Objects.requireNonNull(value, "value");
      }

      @Override
      public PropertyType type() {
        return PropertyType.STRING;
      }
    }

    /**
     * True or false.
     *
     * @param value which
     */
    record BoolValue(boolean value) implements Value {
      @Override
      public PropertyType type() {
        return PropertyType.BOOLEAN;
      }
    }

    /**
     * A JSON object. Its numbers are 64-bit floating-point numbers and its fields have no order, as
     * in {@code google.protobuf.Struct}, so the text is brought into a canonical form: fields
     * sorted by name, no spaces.
     *
     * @param json the canonical text
     */
    record StructValue(String json) implements Value {
      /** Checks the text and brings it into canonical form. */
      public StructValue {
        json = StructJson.write(StructJson.parse(json));
      }

      @Override
      public PropertyType type() {
        return PropertyType.STRUCT;
      }

      /**
       * The fields of the object, sorted by name: null, {@link Boolean}, {@link Double}, {@link
       * String}, {@link List} or {@link Map}.
       */
      public Map<String, @Nullable Object> fields() {
        return StructJson.parse(json);
      }
    }

    /**
     * A serialized protocol buffer message, as in {@code google.protobuf.Any}.
     *
     * @param typeUrl the URL that names its type, such as {@code
     *     type.googleapis.com/google.protobuf.Timestamp}
     * @param message the serialized message
     */
    record ProtoValue(String typeUrl, byte[] message) implements Value {
      /** Copies the bytes. */
      public ProtoValue {
        Objects.requireNonNull(typeUrl, "typeUrl");
        message = message.clone();
      }

      @Override
      public byte[] message() {
        return message.clone();
      }

      @Override
      public PropertyType type() {
        return PropertyType.PROTO;
      }

      @Override
      public boolean equals(@Nullable Object other) {
        return other instanceof ProtoValue that
            && typeUrl.equals(that.typeUrl)
            && Arrays.equals(message, that.message);
      }

      @Override
      public int hashCode() {
        return 31 * typeUrl.hashCode() + Arrays.hashCode(message);
      }

      @Override
      public String toString() {
        return "ProtoValue[typeUrl=" + typeUrl + ", message=" + message.length + " bytes]";
      }
    }
  }

  /** What artifacts, executions and contexts have in common. */
  sealed interface Node permits Artifact, Execution, Context {
    /** The store's id; null before it is stored. */
    @Nullable Long id();

    /** The type. */
    TypeName type();

    /** The name, unique within the type, or null. */
    @Nullable String name();

    /** The values of properties that the type declares. */
    Map<String, Value> properties();

    /** The values of further properties. */
    Map<String, Value> customProperties();

    /** An id that another system gave it, unique within the store, or null. */
    @Nullable String externalId();

    /** When it was first stored, in milliseconds; null before. */
    @Nullable Instant createTime();

    /** When it last changed, in milliseconds; null before it is stored. */
    @Nullable Instant lastUpdateTime();

    /**
     * Lists what would keep ML Metadata from storing this node or reading it back. Stores refuse a
     * node with problems.
     */
    default List<String> problems() {
      return MetadataProblems.of(this);
    }

    /**
     * Lists the {@link #problems()} of this node and the properties that do not agree with its
     * type: undeclared, or declared with another kind.
     *
     * @param type the type as stored
     */
    default List<String> problemsWith(Type type) {
      return MetadataProblems.of(this, type);
    }

    /**
     * The store's id.
     *
     * @throws IllegalStateException if this is not from a store
     */
    default long storedId() {
      Long id = id();
      if (id == null) {
        throw new IllegalStateException(
            "not stored yet, so it has no id: " + this + "; use what the store returned");
      }
      return id;
    }

    /** The value of a property, declared or custom. */
    default Optional<Value> value(String property) {
      Value declared = properties().get(property);
      return Optional.ofNullable(declared != null ? declared : customProperties().get(property));
    }
  }

  /**
   * A thing that executions read or write.
   *
   * @param id the store's id; null before it is stored
   * @param type the type
   * @param name the name, unique within the type, or null
   * @param uri where the thing is, or null
   * @param state the state, or null
   * @param properties the values of declared properties
   * @param customProperties the values of further properties
   * @param externalId an id that another system gave it, unique within the store, or null
   * @param createTime when it was first stored; given by the store
   * @param lastUpdateTime when it last changed; given by the store
   */
  record Artifact(
      @Nullable Long id,
      TypeName type,
      @Nullable String name,
      @Nullable String uri,
      @Nullable ArtifactState state,
      Map<String, Value> properties,
      Map<String, Value> customProperties,
      @Nullable String externalId,
      @Nullable Instant createTime,
      @Nullable Instant lastUpdateTime)
      implements Node {
    /** Copies the maps. */
    public Artifact {
      Objects.requireNonNull(type, "type");
      properties = copyOf(properties);
      customProperties = copyOf(customProperties);
    }

    /** Starts an artifact of a type without version. */
    public static Builder builder(String type) {
      return new Builder(TypeName.of(type));
    }

    /** Starts an artifact. */
    public static Builder builder(TypeName type) {
      return new Builder(type);
    }

    /** A builder that starts with this artifact's components. */
    public Builder toBuilder() {
      Builder builder = new Builder(type).copy(this);
      builder.uri = uri;
      builder.state = state;
      return builder;
    }

    /** Builds an {@link Artifact}. */
    public static final class Builder extends NodeBuilder<Builder> {
      private @Nullable String uri;
      private @Nullable ArtifactState state;

      private Builder(TypeName type) {
        super(type);
      }

      @Override
      Builder self() {
        return this;
      }

      /** Sets the URI. */
      public Builder uri(@Nullable String uri) {
        this.uri = uri;
        return this;
      }

      /** Sets the state. */
      public Builder state(@Nullable ArtifactState state) {
        this.state = state;
        return this;
      }

      /** Builds the artifact. */
      public Artifact build() {
        return new Artifact(
            id,
            type,
            name,
            uri,
            state,
            properties,
            customProperties,
            externalId,
            createTime,
            lastUpdateTime);
      }
    }
  }

  /**
   * A step that ran, runs or will run.
   *
   * @param id the store's id; null before it is stored
   * @param type the type
   * @param name the name, unique within the type, or null
   * @param lastKnownState the state, or null
   * @param properties the values of declared properties
   * @param customProperties the values of further properties
   * @param externalId an id that another system gave it, unique within the store, or null
   * @param createTime when it was first stored; given by the store
   * @param lastUpdateTime when it last changed; given by the store
   */
  record Execution(
      @Nullable Long id,
      TypeName type,
      @Nullable String name,
      @Nullable ExecutionState lastKnownState,
      Map<String, Value> properties,
      Map<String, Value> customProperties,
      @Nullable String externalId,
      @Nullable Instant createTime,
      @Nullable Instant lastUpdateTime)
      implements Node {
    /** Copies the maps. */
    public Execution {
      Objects.requireNonNull(type, "type");
      properties = copyOf(properties);
      customProperties = copyOf(customProperties);
    }

    /** Starts an execution of a type without version. */
    public static Builder builder(String type) {
      return new Builder(TypeName.of(type));
    }

    /** Starts an execution. */
    public static Builder builder(TypeName type) {
      return new Builder(type);
    }

    /** A builder that starts with this execution's components. */
    public Builder toBuilder() {
      Builder builder = new Builder(type).copy(this);
      builder.lastKnownState = lastKnownState;
      return builder;
    }

    /** Builds an {@link Execution}. */
    public static final class Builder extends NodeBuilder<Builder> {
      private @Nullable ExecutionState lastKnownState;

      private Builder(TypeName type) {
        super(type);
      }

      @Override
      Builder self() {
        return this;
      }

      /** Sets the state. */
      public Builder lastKnownState(@Nullable ExecutionState state) {
        this.lastKnownState = state;
        return this;
      }

      /** Builds the execution. */
      public Execution build() {
        return new Execution(
            id,
            type,
            name,
            lastKnownState,
            properties,
            customProperties,
            externalId,
            createTime,
            lastUpdateTime);
      }
    }
  }

  /**
   * A group of artifacts and executions.
   *
   * @param id the store's id; null before it is stored
   * @param type the type
   * @param name the name, unique within the type and not empty
   * @param properties the values of declared properties
   * @param customProperties the values of further properties
   * @param externalId an id that another system gave it, unique within the store, or null
   * @param createTime when it was first stored; given by the store
   * @param lastUpdateTime when it last changed; given by the store
   */
  record Context(
      @Nullable Long id,
      TypeName type,
      String name,
      Map<String, Value> properties,
      Map<String, Value> customProperties,
      @Nullable String externalId,
      @Nullable Instant createTime,
      @Nullable Instant lastUpdateTime)
      implements Node {
    /** Copies the maps and refuses a missing name. */
    public Context {
      Objects.requireNonNull(type, "type");
      Objects.requireNonNull(name, "name");
      properties = copyOf(properties);
      customProperties = copyOf(customProperties);
    }

    /** Starts a context of a type without version. */
    public static Builder builder(String type, String name) {
      return builder(TypeName.of(type), name);
    }

    /** Starts a context. */
    public static Builder builder(TypeName type, String name) {
      return new Builder(type).name(name);
    }

    /** A builder that starts with this context's components. */
    public Builder toBuilder() {
      return new Builder(type).copy(this);
    }

    /** Builds a {@link Context}. */
    public static final class Builder extends NodeBuilder<Builder> {
      private Builder(TypeName type) {
        super(type);
      }

      @Override
      Builder self() {
        return this;
      }

      /** Builds the context. */
      public Context build() {
        return new Context(
            id,
            type,
            Objects.requireNonNull(name, "name"),
            properties,
            customProperties,
            externalId,
            createTime,
            lastUpdateTime);
      }
    }
  }

  /**
   * What the builders of nodes share.
   *
   * @param <B> the builder itself
   */
  abstract sealed class NodeBuilder<B extends NodeBuilder<B>>
      permits Artifact.Builder, Execution.Builder, Context.Builder {
    final TypeName type;
    final LinkedHashMap<String, Value> properties = new LinkedHashMap<>();
    final LinkedHashMap<String, Value> customProperties = new LinkedHashMap<>();
    @Nullable Long id;
    @Nullable String name;
    @Nullable String externalId;
    @Nullable Instant createTime;
    @Nullable Instant lastUpdateTime;

    NodeBuilder(TypeName type) {
      this.type = type;
    }

    abstract B self();

    final B copy(Node node) {
      properties.putAll(node.properties());
      customProperties.putAll(node.customProperties());
      id = node.id();
      name = node.name();
      externalId = node.externalId();
      createTime = node.createTime();
      lastUpdateTime = node.lastUpdateTime();
      return self();
    }

    /** Sets the store's id: putting the node then updates the stored one. */
    public final B id(@Nullable Long id) {
      this.id = id;
      return self();
    }

    /** Sets the name. */
    public final B name(@Nullable String name) {
      this.name = name;
      return self();
    }

    /** Sets the external id. */
    public final B externalId(@Nullable String externalId) {
      this.externalId = externalId;
      return self();
    }

    /** Sets the times, as stores do; they are ignored when a node is put. */
    public final B times(@Nullable Instant createTime, @Nullable Instant lastUpdateTime) {
      this.createTime = createTime;
      this.lastUpdateTime = lastUpdateTime;
      return self();
    }

    /** Sets a property that the type declares. */
    public final B property(String name, Value value) {
      properties.put(name, Objects.requireNonNull(value, "value"));
      return self();
    }

    /** Sets an integer property that the type declares. */
    public final B property(String name, long value) {
      return property(name, Value.of(value));
    }

    /** Sets a floating-point property that the type declares. */
    public final B property(String name, double value) {
      return property(name, Value.of(value));
    }

    /** Sets a text property that the type declares. */
    public final B property(String name, String value) {
      return property(name, Value.of(value));
    }

    /** Sets a true-or-false property that the type declares. */
    public final B property(String name, boolean value) {
      return property(name, Value.of(value));
    }

    /** Sets a custom property. */
    public final B customProperty(String name, Value value) {
      customProperties.put(name, Objects.requireNonNull(value, "value"));
      return self();
    }

    /** Sets a custom integer property. */
    public final B customProperty(String name, long value) {
      return customProperty(name, Value.of(value));
    }

    /** Sets a custom floating-point property. */
    public final B customProperty(String name, double value) {
      return customProperty(name, Value.of(value));
    }

    /** Sets a custom text property. */
    public final B customProperty(String name, String value) {
      return customProperty(name, Value.of(value));
    }

    /** Sets a custom true-or-false property. */
    public final B customProperty(String name, boolean value) {
      return customProperty(name, Value.of(value));
    }
  }

  /** One step of the path that says which of an execution's inputs or outputs an artifact is. */
  sealed interface PathStep {
    /** A step into a list. */
    static PathStep index(long index) {
      return new Index(index);
    }

    /** A step into a dictionary. */
    static PathStep key(String key) {
      return new Key(key);
    }

    /**
     * A step into a list.
     *
     * @param index the position
     */
    record Index(long index) implements PathStep {}

    /**
     * A step into a dictionary.
     *
     * @param key the key
     */
    record Key(String key) implements PathStep {
      /** Refuses null. */
      public Key {
        Objects.requireNonNull(key, "key");
      }
    }
  }

  /**
   * Says that an execution read or wrote an artifact. An artifact, an execution and a type have at
   * most one event.
   *
   * @param artifactId the artifact
   * @param executionId the execution
   * @param type how they relate
   * @param path which input or output it is; empty if that is not said
   * @param time when, in milliseconds; null stands for the time at which it is stored
   */
  record Event(
      long artifactId,
      long executionId,
      EventType type,
      List<PathStep> path,
      @Nullable Instant time) {
    /** Copies the path. */
    public Event {
      Objects.requireNonNull(type, "type");
      path = List.copyOf(path);
    }

    /** An event that happens when it is stored. */
    public static Event of(long artifactId, long executionId, EventType type, PathStep... path) {
      return new Event(artifactId, executionId, type, List.of(path), null);
    }

    /** Lists what would keep ML Metadata from storing this event or reading it back. */
    public List<String> problems() {
      return MetadataProblems.of(this);
    }
  }

  /**
   * A step to {@link MetadataStore#record record}: an execution, its artifacts and its contexts.
   *
   * @param execution the execution
   * @param artifacts its inputs and outputs
   * @param contexts the contexts of all of them
   */
  record Recording(Execution execution, List<ArtifactEvent> artifacts, List<Context> contexts) {
    /** Copies the lists. */
    public Recording {
      Objects.requireNonNull(execution, "execution");
      artifacts = List.copyOf(artifacts);
      contexts = List.copyOf(contexts);
    }

    /** Starts the recording of an execution. */
    public static Builder of(Execution execution) {
      return new Builder(execution);
    }

    /** Builds a {@link Recording}. */
    public static final class Builder {
      private final Execution execution;
      private final List<ArtifactEvent> artifacts = new ArrayList<>();
      private final List<Context> contexts = new ArrayList<>();

      private Builder(Execution execution) {
        this.execution = execution;
      }

      /** Adds a stored artifact that the execution read; the artifact stays as it is. */
      public Builder input(long artifactId, String key) {
        return artifact(
            new ArtifactEvent(artifactId, null, EventType.INPUT, List.of(PathStep.key(key)), null));
      }

      /** Adds an artifact that the execution read, and puts it. */
      public Builder input(Artifact artifact, String key) {
        return artifact(
            new ArtifactEvent(null, artifact, EventType.INPUT, List.of(PathStep.key(key)), null));
      }

      /** Adds an artifact that the execution wrote, and puts it. */
      public Builder output(Artifact artifact, String key) {
        return artifact(
            new ArtifactEvent(null, artifact, EventType.OUTPUT, List.of(PathStep.key(key)), null));
      }

      /** Adds an artifact in any relation. */
      public Builder artifact(ArtifactEvent artifact) {
        artifacts.add(artifact);
        return this;
      }

      /** Adds a context, which is stored if it does not exist. */
      public Builder context(Context context) {
        contexts.add(context);
        return this;
      }

      /** Builds the recording. */
      public Recording build() {
        return new Recording(execution, artifacts, contexts);
      }
    }
  }

  /**
   * An artifact of a {@link Recording} and its relation to the execution. Exactly one of the first
   * two components is given.
   *
   * @param artifactId a stored artifact, which stays as it is, or null
   * @param artifact an artifact to put, or null
   * @param type how the execution relates to it; null for none, so that it is only attributed to
   *     the contexts
   * @param path which input or output it is
   * @param time when; null stands for the time at which it is stored
   */
  record ArtifactEvent(
      @Nullable Long artifactId,
      @Nullable Artifact artifact,
      @Nullable EventType type,
      List<PathStep> path,
      @Nullable Instant time) {
    /** Checks that there is one artifact and copies the path. */
    public ArtifactEvent {
      if ((artifactId == null) == (artifact == null)) {
        throw new IllegalArgumentException("give either the id of an artifact or an artifact");
      }
      path = List.copyOf(path);
    }
  }

  /**
   * What {@link MetadataStore#record record} stored.
   *
   * @param execution the execution, with its id
   * @param artifacts the artifacts in the order of the recording, with their ids
   * @param contexts the contexts in the order of the recording, with their ids
   */
  record Recorded(Execution execution, List<Artifact> artifacts, List<Context> contexts) {
    /** Copies the lists. */
    public Recorded {
      Objects.requireNonNull(execution, "execution");
      artifacts = List.copyOf(artifacts);
      contexts = List.copyOf(contexts);
    }
  }

  /**
   * Where a lineage walk starts and how far it goes.
   *
   * @param artifactIds the artifacts to start from
   * @param executionIds the executions to start from
   * @param direction the direction
   * @param maxHops the number of hops, 0 (the starting nodes only) to {@link #MAX_HOPS}
   */
  record LineageQuery(
      List<Long> artifactIds, List<Long> executionIds, Direction direction, int maxHops) {
    /** The most hops that a walk makes; ML Metadata's own limit. */
    public static final int MAX_HOPS = 100;

    /** Checks the number of hops and that there is a start. */
    public LineageQuery {
      Objects.requireNonNull(direction, "direction");
      artifactIds = List.copyOf(artifactIds);
      executionIds = List.copyOf(executionIds);
      if (maxHops < 0 || maxHops > MAX_HOPS) {
        throw new IllegalArgumentException(
            "a lineage walk has 0 to " + MAX_HOPS + " hops, not " + maxHops);
      }
      if (artifactIds.isEmpty() && executionIds.isEmpty()) {
        throw new IllegalArgumentException("a lineage walk needs a node to start from");
      }
    }

    /** Everything that an artifact was made from. */
    public static LineageQuery upstreamOf(long artifactId) {
      return new LineageQuery(List.of(artifactId), List.of(), Direction.UPSTREAM, MAX_HOPS);
    }

    /** Everything that was made from an artifact. */
    public static LineageQuery downstreamOf(long artifactId) {
      return new LineageQuery(List.of(artifactId), List.of(), Direction.DOWNSTREAM, MAX_HOPS);
    }
  }

  /**
   * A part of the lineage graph.
   *
   * @param artifacts the artifacts reached
   * @param executions the executions reached
   * @param events the events between them that the walk's direction follows, in stored order
   * @param truncated whether the walk ended at its hop limit with further nodes in reach
   */
  record Lineage(
      List<Artifact> artifacts, List<Execution> executions, List<Event> events, boolean truncated) {
    /** Copies the lists. */
    public Lineage {
      artifacts = List.copyOf(artifacts);
      executions = List.copyOf(executions);
      events = List.copyOf(events);
    }
  }

  private static <V> Map<String, V> copyOf(Map<String, V> map) {
    LinkedHashMap<String, V> copy = new LinkedHashMap<>();
    map.forEach(
        (key, value) ->
            copy.put(
                Objects.requireNonNull(key, "property name"),
                Objects.requireNonNull(value, "property value")));
    return Collections.unmodifiableMap(copy);
  }
}
