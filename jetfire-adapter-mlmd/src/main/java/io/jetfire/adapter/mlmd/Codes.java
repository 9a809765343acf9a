package io.jetfire.adapter.mlmd;

import io.jetfire.spi.MetadataStore.ArtifactState;
import io.jetfire.spi.MetadataStore.EventType;
import io.jetfire.spi.MetadataStore.ExecutionState;
import io.jetfire.spi.MetadataStore.Kind;
import io.jetfire.spi.MetadataStore.PropertyType;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The numbers that ML Metadata stores for enum values: those of its protocol buffer enums, and its
 * own {@code type_kind}.
 */
final class Codes {
  private static final List<Kind> KINDS = List.of(Kind.EXECUTION, Kind.ARTIFACT, Kind.CONTEXT);

  // Number 0 is UNKNOWN, which a declared property and an event must not be.
  private static final List<PropertyType> PROPERTY_TYPES =
      List.of(
          PropertyType.INT,
          PropertyType.DOUBLE,
          PropertyType.STRING,
          PropertyType.STRUCT,
          PropertyType.PROTO,
          PropertyType.BOOLEAN);

  private static final List<EventType> EVENT_TYPES =
      List.of(
          EventType.DECLARED_OUTPUT,
          EventType.DECLARED_INPUT,
          EventType.INPUT,
          EventType.OUTPUT,
          EventType.INTERNAL_INPUT,
          EventType.INTERNAL_OUTPUT,
          EventType.PENDING_OUTPUT);

  private static final List<ArtifactState> ARTIFACT_STATES =
      List.of(
          ArtifactState.UNKNOWN,
          ArtifactState.PENDING,
          ArtifactState.LIVE,
          ArtifactState.MARKED_FOR_DELETION,
          ArtifactState.DELETED,
          ArtifactState.ABANDONED,
          ArtifactState.REFERENCE);

  private static final List<ExecutionState> EXECUTION_STATES =
      List.of(
          ExecutionState.UNKNOWN,
          ExecutionState.NEW,
          ExecutionState.RUNNING,
          ExecutionState.COMPLETE,
          ExecutionState.FAILED,
          ExecutionState.CACHED,
          ExecutionState.CANCELED);

  private Codes() {}

  static int of(Kind kind) {
    return KINDS.indexOf(kind);
  }

  static int of(PropertyType type) {
    return PROPERTY_TYPES.indexOf(type) + 1;
  }

  static int of(EventType type) {
    return EVENT_TYPES.indexOf(type) + 1;
  }

  static int of(ArtifactState state) {
    return ARTIFACT_STATES.indexOf(state);
  }

  static int of(ExecutionState state) {
    return EXECUTION_STATES.indexOf(state);
  }

  static @Nullable PropertyType propertyType(long code) {
    return at(PROPERTY_TYPES, code - 1);
  }

  static @Nullable EventType eventType(long code) {
    return at(EVENT_TYPES, code - 1);
  }

  static @Nullable ArtifactState artifactState(long code) {
    return at(ARTIFACT_STATES, code);
  }

  static @Nullable ExecutionState executionState(long code) {
    return at(EXECUTION_STATES, code);
  }

  private static <T> @Nullable T at(List<T> values, long index) {
    return index >= 0 && index < values.size() ? values.get((int) index) : null;
  }
}
