package io.jetfire.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import io.jetfire.ConfigurationException;
import io.jetfire.spi.MetadataStore;
import io.jetfire.spi.MetadataStore.Artifact;
import io.jetfire.spi.MetadataStore.ArtifactEvent;
import io.jetfire.spi.MetadataStore.ArtifactState;
import io.jetfire.spi.MetadataStore.BaseType;
import io.jetfire.spi.MetadataStore.Context;
import io.jetfire.spi.MetadataStore.Direction;
import io.jetfire.spi.MetadataStore.Event;
import io.jetfire.spi.MetadataStore.EventType;
import io.jetfire.spi.MetadataStore.Execution;
import io.jetfire.spi.MetadataStore.ExecutionState;
import io.jetfire.spi.MetadataStore.Kind;
import io.jetfire.spi.MetadataStore.Lineage;
import io.jetfire.spi.MetadataStore.LineageQuery;
import io.jetfire.spi.MetadataStore.Node;
import io.jetfire.spi.MetadataStore.PathStep;
import io.jetfire.spi.MetadataStore.PropertyType;
import io.jetfire.spi.MetadataStore.Recorded;
import io.jetfire.spi.MetadataStore.Recording;
import io.jetfire.spi.MetadataStore.Type;
import io.jetfire.spi.MetadataStore.TypeName;
import io.jetfire.spi.MetadataStore.Value;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * What every {@link MetadataStore} must do. Extend it in the tests of an implementation and give it
 * a fresh store; each case then runs against one.
 *
 * <pre>{@code
 * final class MyStoreTest extends MetadataStoreContract {
 *   @Override
 *   protected MetadataStore newStore() {
 *     return new MyStore();
 *   }
 * }
 * }</pre>
 */
@SuppressWarnings("NullAway.Init") // The store is there before each case.
public abstract class MetadataStoreContract {
  private static final TypeName DATA = TypeName.of("test.Data");
  private static final TypeName STEP = TypeName.of("test.Step");
  private static final TypeName RUN = TypeName.of("test.Run");

  private MetadataStore store;

  /** For subclasses. */
  protected MetadataStoreContract() {}

  /** Returns a new, empty store, which the contract closes. */
  protected abstract MetadataStore newStore();

  /**
   * Opens the store that {@link #newStore} returned last once more, after it was closed.
   *
   * @return the same store, or empty (the default) if the records end with the store
   */
  protected Optional<MetadataStore> reopen() {
    return Optional.empty();
  }

  @BeforeEach
  final void open() {
    store = newStore();
  }

  @AfterEach
  final void close() {
    store.close();
  }

  // --- Types

  @Test
  void aTypeComesBackAsItWasPut() {
    Type type =
        Type.artifact("test.Model")
            .version("2")
            .description("a model")
            .property("bytes", PropertyType.INT)
            .property("accuracy", PropertyType.DOUBLE)
            .property("format", PropertyType.STRING)
            .property("layers", PropertyType.STRUCT)
            .property("made", PropertyType.PROTO)
            .property("quantized", PropertyType.BOOLEAN)
            .baseType(BaseType.MODEL)
            .externalId("type-1")
            .build();

    Type stored = store.putType(type);

    assertThat(stored.id()).isPositive();
    assertThat(stored.toBuilder().id(null).build()).isEqualTo(type);
    assertThat(store.type(Kind.ARTIFACT, TypeName.of("test.Model", "2"))).contains(stored);
    assertThat(store.type(Kind.ARTIFACT, TypeName.of("test.Model"))).isEmpty();
    assertThat(store.type(Kind.EXECUTION, TypeName.of("test.Model", "2"))).isEmpty();
  }

  @Test
  void signaturesOfExecutionsAreKept() {
    Type type =
        Type.execution("test.Train")
            .inputType("{\"any\":{}}")
            .outputType("{\"none\":{}}")
            .baseType(BaseType.TRAIN)
            .build();

    Type stored = store.putType(type);

    assertThat(stored.toBuilder().id(null).build()).isEqualTo(type);
  }

  @Test
  void puttingATypeAgainAddsItsNewProperties() {
    Type first =
        store.putType(
            Type.artifact("test.Model")
                .description("first")
                .property("bytes", PropertyType.INT)
                .build());

    Type again =
        store.putType(
            Type.artifact("test.Model")
                .description("second")
                .property("format", PropertyType.STRING)
                .baseType(BaseType.MODEL)
                .build());

    assertThat(again)
        .isEqualTo(
            first.toBuilder()
                .property("format", PropertyType.STRING)
                .baseType(BaseType.MODEL)
                .build());
    assertThat(store.types(Kind.ARTIFACT)).containsExactly(again);
  }

  @Test
  void aPropertyOfATypeKeepsItsKind() {
    Type before = store.putType(Type.context("test.Run").property("n", PropertyType.INT).build());

    refuses(
        () ->
            store.putType(
                Type.context("test.Run")
                    .property("new", PropertyType.INT)
                    .property("n", PropertyType.STRING)
                    .build()),
        "test.Run",
        "\"n\"");
    assertThat(store.types(Kind.CONTEXT)).containsExactly(before);
  }

  @Test
  void typesWithOneNameDifferInKindAndVersion() {
    List<Type> types =
        store.putTypes(
            List.of(
                Type.artifact("T").build(),
                Type.artifact("T").version("2").build(),
                Type.execution("T").build(),
                Type.context("T").build()));

    assertThat(types).extracting(Type::id).doesNotHaveDuplicates();
    assertThat(store.types(Kind.ARTIFACT)).containsExactly(types.get(0), types.get(1));
    assertThat(store.types(Kind.EXECUTION)).containsExactly(types.get(2));
    assertThat(store.types(Kind.CONTEXT)).containsExactly(types.get(3));
  }

  @Test
  void severalTypesArePutTogetherOrNotAtAll() {
    store.putType(Type.artifact("T").baseType(BaseType.MODEL).build());

    refuses(
        () ->
            store.putTypes(
                List.of(
                    Type.artifact("U").build(),
                    Type.artifact("T").baseType(BaseType.METRICS).build())),
        "T",
        "METRICS");
    assertThat(store.type(Kind.ARTIFACT, TypeName.of("U"))).isEmpty();
  }

  @Test
  void mlMetadatasOwnTypesCanBeFoundButAreNotListed() {
    assertThat(store.type(Kind.ARTIFACT, TypeName.of("mlmd.Dataset"))).isPresent();
    assertThat(store.type(Kind.EXECUTION, TypeName.of("mlmd.Deploy"))).isPresent();
    assertThat(store.types(Kind.ARTIFACT)).isEmpty();
    assertThat(store.types(Kind.EXECUTION)).isEmpty();
  }

  // --- Nodes

  @Test
  void everyKindOfValueComesBackAsItWasPut() {
    putTypes();
    Artifact artifact =
        Artifact.builder(DATA)
            .name("all")
            .uri("file:///data%20set?a=b")
            .state(ArtifactState.LIVE)
            .externalId("x-1")
            .property("rows", Long.MIN_VALUE)
            .property("share", 1.0 / 3)
            .property("label", "Grüße, 世界 😀\n\t\"quoted\" 'it''s' \\ %q ?")
            .property("shape", Value.struct("{\"dims\":[1,96,96,3],\"ü\":{\"x\":null,\"z\":-0.5}}"))
            .property("made", Value.proto("type.googleapis.com/test.Time", new byte[] {0, -1, 5}))
            .property("clean", true)
            .customProperty("max", Long.MAX_VALUE)
            .customProperty("tiny", 1e-300)
            .customProperty("empty", "")
            .customProperty("none", Value.struct("{}"))
            .customProperty("dirty", false)
            .build();

    Artifact stored = store.putArtifact(artifact);

    assertThat(stored.toBuilder().id(null).times(null, null).build()).isEqualTo(artifact);
    assertThat(store.artifact(stored.storedId())).contains(stored);
    assertThat(store.artifact(DATA, "all")).contains(stored);
    assertThat(store.artifactByExternalId("x-1")).contains(stored);
    assertThat(store.artifacts()).containsExactly(stored);
  }

  @Test
  void whatIsUnsetIsAbsent() {
    putTypes();

    Artifact artifact = store.putArtifact(Artifact.builder(DATA).build());
    Execution execution = store.putExecution(Execution.builder(STEP).build());
    Context context = store.putContext(Context.builder(RUN, "r").build());

    assertThat(artifact.name()).isNull();
    assertThat(artifact.uri()).isNull();
    assertThat(artifact.state()).isNull();
    assertThat(artifact.externalId()).isNull();
    assertThat(artifact.properties()).isEmpty();
    assertThat(artifact.customProperties()).isEmpty();
    assertThat(execution.name()).isNull();
    assertThat(execution.lastKnownState()).isNull();
    assertThat(context.externalId()).isNull();
    assertThat(store.artifact(99_999)).isEmpty();
    assertThat(store.execution(99_999)).isEmpty();
    assertThat(store.context(99_999)).isEmpty();
    assertThat(store.artifact(TypeName.of("test.Unknown"), "n")).isEmpty();
    assertThat(store.artifactsByType(TypeName.of("test.Unknown"))).isEmpty();
    assertThat(store.artifactsByContext(context.storedId())).isEmpty();
    assertThat(store.contextsByArtifact(artifact.storedId())).isEmpty();
    assertThat(store.contextsByExecution(execution.storedId())).isEmpty();
  }

  @Test
  void everyStateComesBack() {
    putTypes();
    for (ArtifactState state : ArtifactState.values()) {
      assertThat(store.putArtifact(Artifact.builder(DATA).state(state).build()).state())
          .isEqualTo(state);
    }
    for (ExecutionState state : ExecutionState.values()) {
      assertThat(
              store
                  .putExecution(Execution.builder(STEP).lastKnownState(state).build())
                  .lastKnownState())
          .isEqualTo(state);
    }
  }

  @Test
  void aNameUpdatesTheStoredNode() {
    putTypes();
    Artifact artifact =
        store.putArtifact(
            Artifact.builder(DATA)
                .name("n")
                .uri("file:a")
                .state(ArtifactState.PENDING)
                .externalId("x")
                .property("rows", 1)
                .property("label", "old")
                .customProperty("c", 1)
                .build());
    Execution execution =
        store.putExecution(
            Execution.builder(STEP).name("n").lastKnownState(ExecutionState.RUNNING).build());
    Context context =
        store.putContext(Context.builder(RUN, "n").customProperty("a", "old").build());

    Artifact newArtifact =
        store.putArtifact(
            Artifact.builder(DATA)
                .name("n")
                .uri("file:b")
                .property("rows", 2)
                .customProperty("c", "text now")
                .build());
    Execution newExecution =
        store.putExecution(
            Execution.builder(STEP).name("n").lastKnownState(ExecutionState.COMPLETE).build());
    Context newContext =
        store.putContext(Context.builder(RUN, "n").customProperty("b", "new").build());

    assertThat(newArtifact.id()).isEqualTo(artifact.id());
    assertThat(newArtifact.uri()).isEqualTo("file:b");
    assertThat(newArtifact.state()).isNull();
    assertThat(newArtifact.externalId()).isNull();
    assertThat(newArtifact.properties()).containsOnlyKeys("rows");
    assertThat(newArtifact.value("rows")).contains(Value.of(2));
    assertThat(newArtifact.value("c")).contains(Value.of("text now"));
    assertThat(store.artifacts()).containsExactly(newArtifact);
    assertThat(newExecution.id()).isEqualTo(execution.id());
    assertThat(store.executions()).containsExactly(newExecution);
    assertThat(newExecution.lastKnownState()).isEqualTo(ExecutionState.COMPLETE);
    assertThat(newContext.id()).isEqualTo(context.id());
    assertThat(newContext.customProperties()).containsOnlyKeys("b");
    assertThat(store.contexts()).containsExactly(newContext);
  }

  @Test
  void anIdUpdatesTheStoredNodeAndOnlyContextsAreRenamed() {
    putTypes();
    Artifact artifact = store.putArtifact(Artifact.builder(DATA).name("a").build());
    Context context = store.putContext(Context.builder(RUN, "old").build());

    Artifact updated =
        store.putArtifact(Artifact.builder(DATA).id(artifact.id()).name("b").uri("file:x").build());
    Context renamed = store.putContext(Context.builder(RUN, "new").id(context.id()).build());

    assertThat(updated.id()).isEqualTo(artifact.id());
    assertThat(updated.name()).isEqualTo("a");
    assertThat(updated.uri()).isEqualTo("file:x");
    assertThat(renamed.id()).isEqualTo(context.id());
    assertThat(store.context(RUN, "new")).contains(renamed);
    assertThat(store.context(RUN, "old")).isEmpty();
  }

  @Test
  void withoutNameAndIdANodeIsNewEachTime() {
    putTypes();

    Artifact first = store.putArtifact(Artifact.builder(DATA).uri("file:same").build());
    Artifact second = store.putArtifact(Artifact.builder(DATA).uri("file:same").build());
    store.putArtifact(Artifact.builder(DATA).uri("file:other").build());

    assertThat(second.storedId()).isGreaterThan(first.storedId());
    assertThat(store.artifactsByUri("file:same")).containsExactly(first, second);
  }

  @Test
  void namesAreUniquePerType() {
    putTypes();
    store.putType(Type.artifact("test.Other").build());

    Artifact one = store.putArtifact(Artifact.builder(DATA).name("n").build());
    Artifact other = store.putArtifact(Artifact.builder("test.Other").name("n").build());

    assertThat(other.id()).isNotEqualTo(one.id());
    assertThat(store.artifactsByType(DATA)).containsExactly(one);
    assertThat(store.artifactsByType(TypeName.of("test.Other"))).containsExactly(other);
    assertThat(store.artifact(DATA, "n")).contains(one);
  }

  @Test
  void timesSayWhenANodeWasMadeAndLastChanged() {
    putTypes();

    Artifact first = store.putArtifact(Artifact.builder(DATA).name("n").uri("file:a").build());
    Artifact same = store.putArtifact(Artifact.builder(DATA).name("n").uri("file:a").build());
    Artifact changed = store.putArtifact(Artifact.builder(DATA).name("n").uri("file:b").build());

    Instant created = required(first.createTime());
    assertThat(created.getNano() % 1_000_000).isZero();
    assertThat(first.lastUpdateTime()).isEqualTo(created);
    assertThat(same).isEqualTo(first);
    assertThat(changed.createTime()).isEqualTo(created);
    assertThat(required(changed.lastUpdateTime())).isAfterOrEqualTo(created);
  }

  // --- Requests that cannot be carried out

  @Test
  void aNodeNeedsAStoredTypeOfItsKind() {
    putTypes();

    refuses(() -> store.putArtifact(Artifact.builder("test.None").build()), "test.None");
    refuses(() -> store.putArtifact(Artifact.builder(STEP).build()), "test.Step");
    refuses(() -> store.putExecution(Execution.builder(DATA).build()), "test.Data");
    refuses(() -> store.putContext(Context.builder(DATA, "c").build()), "test.Data");
  }

  @Test
  void aPropertyIsOfTheKindThatItsTypeDeclares() {
    putTypes();

    refuses(
        () -> store.putArtifact(Artifact.builder(DATA).property("unknown", 1).build()), "unknown");
    refuses(
        () -> store.putArtifact(Artifact.builder(DATA).property("rows", 1.0).build()),
        "rows",
        "INT");
    assertThat(store.artifacts()).isEmpty();
  }

  @Test
  void anUpdateNeedsAStoredNodeOfTheSameType() {
    putTypes();
    store.putType(Type.artifact("test.Other").build());
    Artifact artifact = store.putArtifact(Artifact.builder(DATA).build());

    refuses(() -> store.putArtifact(Artifact.builder(DATA).id(99_999L).build()), "99999");
    refuses(
        () -> store.putArtifact(Artifact.builder("test.Other").id(artifact.id()).build()),
        "test.Other",
        "test.Data");
  }

  @Test
  void externalIdsAndTheNamesOfContextsStayUnique() {
    putTypes();
    store.putArtifact(Artifact.builder(DATA).name("a").externalId("x").build());
    store.putArtifact(Artifact.builder(DATA).name("b").build());
    Context one = store.putContext(Context.builder(RUN, "one").build());
    store.putContext(Context.builder(RUN, "two").build());

    refuses(() -> store.putArtifact(Artifact.builder(DATA).externalId("x").build()), "\"x\"");
    refuses(
        () -> store.putArtifact(Artifact.builder(DATA).name("b").externalId("x").build()), "\"x\"");
    refuses(() -> store.putContext(Context.builder(RUN, "two").id(one.id()).build()), "\"two\"");
    assertThat(store.artifacts()).hasSize(2);
  }

  static Stream<Artifact.Builder> unreadable() {
    return Stream.of(
        Artifact.builder(DATA).customProperty("p", Double.NaN),
        Artifact.builder(DATA).customProperty("p", Double.NEGATIVE_INFINITY),
        Artifact.builder(DATA).customProperty("p", Double.MAX_VALUE),
        Artifact.builder(DATA).customProperty("p", "cut\0here"),
        Artifact.builder(DATA).customProperty("p", "__MLMD_NULL__"),
        Artifact.builder(DATA).customProperty("p", "mlmd-struct::text"),
        Artifact.builder(DATA).customProperty("p", Value.proto("", new byte[1])),
        Artifact.builder(DATA).property("rows", 1).customProperty("rows", 1),
        Artifact.builder(DATA).name(""),
        Artifact.builder(DATA).externalId(""));
  }

  @ParameterizedTest
  @MethodSource("unreadable")
  void whatMlMetadataCannotReadBackIsRefused(Artifact.Builder artifact) {
    putTypes();

    refuses(() -> store.putArtifact(artifact.build()), "test.Data");
    assertThat(store.artifacts()).isEmpty();
  }

  // --- Recording

  @Test
  void aStepIsRecordedWithItsArtifactsEventsAndContexts() {
    putTypes();
    Artifact input = store.putArtifact(Artifact.builder(DATA).name("in").build());
    Context run = store.putContext(Context.builder(RUN, "run").customProperty("k", "v").build());

    Recorded recorded =
        store.record(
            Recording.of(
                    Execution.builder(STEP)
                        .name("step")
                        .lastKnownState(ExecutionState.COMPLETE)
                        .build())
                .input(input.storedId(), "in")
                .output(Artifact.builder(DATA).uri("file:out").build(), "out")
                .artifact(
                    new ArtifactEvent(
                        null,
                        Artifact.builder(DATA).uri("file:log").build(),
                        EventType.INTERNAL_OUTPUT,
                        List.of(PathStep.key("logs"), PathStep.index(3)),
                        Instant.ofEpochMilli(1_600_000_000_123L)))
                .artifact(
                    new ArtifactEvent(
                        null, Artifact.builder(DATA).uri("file:x").build(), null, List.of(), null))
                .context(Context.builder(RUN, "run").build())
                .context(Context.builder(RUN, "batch").build())
                .build());

    long step = recorded.execution().storedId();
    List<Artifact> artifacts = recorded.artifacts();
    assertThat(artifacts).hasSize(4);
    assertThat(artifacts.get(0)).isEqualTo(input);
    assertThat(recorded.contexts().get(0)).isEqualTo(run);
    assertThat(store.execution(step)).contains(recorded.execution());
    assertThat(store.executionsByContext(run.storedId())).containsExactly(recorded.execution());
    assertThat(store.artifactsByContext(run.storedId())).containsExactlyElementsOf(artifacts);
    assertThat(store.contextsByExecution(step)).containsExactlyElementsOf(recorded.contexts());
    assertThat(store.contextsByArtifact(artifacts.get(3).storedId()))
        .containsExactlyElementsOf(recorded.contexts());
    List<Event> events = store.eventsByExecution(step);
    assertThat(events)
        .extracting(Event::type)
        .containsExactly(EventType.INPUT, EventType.OUTPUT, EventType.INTERNAL_OUTPUT);
    assertThat(events.get(0).path()).containsExactly(PathStep.key("in"));
    assertThat(events.get(0).time()).isNotNull();
    assertThat(events.get(2))
        .isEqualTo(
            new Event(
                artifacts.get(2).storedId(),
                step,
                EventType.INTERNAL_OUTPUT,
                List.of(PathStep.key("logs"), PathStep.index(3)),
                Instant.ofEpochMilli(1_600_000_000_123L)));
    assertThat(store.eventsByArtifact(input.storedId())).containsExactly(events.get(0));
  }

  @Test
  void recordingANamedStepAgainChangesNothingTwice() {
    putTypes();
    Recording recording =
        Recording.of(Execution.builder(STEP).name("step").build())
            .input(Artifact.builder(DATA).name("in").build(), "in")
            .output(Artifact.builder(DATA).name("out").build(), "out")
            .context(Context.builder(RUN, "run").build())
            .build();

    Recorded first = store.record(recording);
    Recorded again = store.record(recording);

    assertThat(again).isEqualTo(first);
    assertThat(store.artifacts()).hasSize(2);
    assertThat(store.executions()).hasSize(1);
    assertThat(store.eventsByExecution(first.execution().storedId())).hasSize(2);
    assertThat(store.artifactsByContext(first.contexts().get(0).storedId())).hasSize(2);
  }

  @Test
  void aStepThatCannotBeRecordedLeavesNothing() {
    putTypes();

    refuses(
        () ->
            store.record(
                Recording.of(Execution.builder(STEP).name("step").build())
                    .output(Artifact.builder(DATA).name("out").build(), "out")
                    .input(99_999, "missing")
                    .context(Context.builder(RUN, "run").build())
                    .build()),
        "99999");
    refuses(
        () ->
            store.record(
                Recording.of(Execution.builder(STEP).name("step").build())
                    .output(Artifact.builder(DATA).name("out").build(), "out")
                    .context(Context.builder("test.None", "run").build())
                    .build()),
        "test.None");
    assertThat(store.artifacts()).isEmpty();
    assertThat(store.executions()).isEmpty();
    assertThat(store.contexts()).isEmpty();
  }

  @Test
  void eventsJoinStoredNodesOnce() {
    putTypes();
    long artifact = store.putArtifact(Artifact.builder(DATA).build()).storedId();
    long execution = store.putExecution(Execution.builder(STEP).build()).storedId();
    List<Event> events = new ArrayList<>();
    for (EventType type : EventType.values()) {
      events.add(
          new Event(
              artifact,
              execution,
              type,
              List.of(PathStep.index(-1), PathStep.key("")),
              Instant.ofEpochMilli(events.size())));
    }

    store.putEvents(events);
    store.putEvents(List.of(Event.of(artifact, execution, EventType.OUTPUT, PathStep.key("new"))));

    assertThat(store.eventsByExecution(execution)).containsExactlyElementsOf(events);
    assertThat(store.eventsByArtifact(artifact)).containsExactlyElementsOf(events);
    refuses(() -> store.putEvents(List.of(Event.of(99_999, execution, EventType.INPUT))), "99999");
    refuses(() -> store.putEvents(List.of(Event.of(artifact, 99_999, EventType.INPUT))), "99999");
  }

  // --- Links

  @Test
  void linksAreKeptOnce() {
    putTypes();
    long artifact = store.putArtifact(Artifact.builder(DATA).build()).storedId();
    long execution = store.putExecution(Execution.builder(STEP).build()).storedId();
    Context context = store.putContext(Context.builder(RUN, "run").build());

    for (int i = 0; i < 2; i++) {
      store.putAttribution(artifact, context.storedId());
      store.putAssociation(execution, context.storedId());
    }

    assertThat(store.artifactsByContext(context.storedId()))
        .extracting(Node::storedId)
        .containsExactly(artifact);
    assertThat(store.executionsByContext(context.storedId()))
        .extracting(Node::storedId)
        .containsExactly(execution);
    assertThat(store.contextsByArtifact(artifact)).containsExactly(context);
    assertThat(store.contextsByExecution(execution)).containsExactly(context);
    refuses(() -> store.putAttribution(99_999, context.storedId()), "99999");
    refuses(() -> store.putAssociation(execution, 99_999), "99999");
  }

  @Test
  void contextsHaveParentsButNoCycles() {
    putTypes();
    Context top = store.putContext(Context.builder(RUN, "top").build());
    Context middle = store.putContext(Context.builder(RUN, "middle").build());
    Context leaf = store.putContext(Context.builder(RUN, "leaf").build());
    store.putParentContext(middle.storedId(), top.storedId());
    store.putParentContext(leaf.storedId(), middle.storedId());
    store.putParentContext(leaf.storedId(), top.storedId());
    store.putParentContext(leaf.storedId(), top.storedId());

    assertThat(store.parentContexts(leaf.storedId())).containsExactly(top, middle);
    assertThat(store.childContexts(top.storedId())).containsExactly(middle, leaf);
    assertThat(store.parentContexts(top.storedId())).isEmpty();
    refuses(() -> store.putParentContext(top.storedId(), leaf.storedId()), "descends");
    refuses(() -> store.putParentContext(top.storedId(), top.storedId()), "same");
    refuses(() -> store.putParentContext(leaf.storedId(), 99_999), "99999");
    assertThat(store.parentContexts(top.storedId())).isEmpty();
  }

  // --- Lineage

  @Test
  void lineageIsWalkedUpAndDownAndBothWays() {
    putTypes();
    // data -> train -> model -> convert -> lite; model -> evaluate -> metrics
    Recorded train = step("train", List.of("data"), List.of("model"));
    Recorded convert = step("convert", List.of("model"), List.of("lite"));
    Recorded evaluate = step("evaluate", List.of("model"), List.of("metrics"));
    long data = train.artifacts().get(0).storedId();
    long model = train.artifacts().get(1).storedId();
    long lite = convert.artifacts().get(1).storedId();
    long metrics = evaluate.artifacts().get(1).storedId();

    Lineage up = store.lineage(LineageQuery.upstreamOf(lite));
    assertThat(up.artifacts()).extracting(Node::storedId).containsExactly(data, model, lite);
    assertThat(up.executions()).containsExactly(train.execution(), convert.execution());
    assertThat(up.events()).hasSize(4);
    assertThat(up.truncated()).isFalse();

    Lineage down = store.lineage(LineageQuery.downstreamOf(data));
    assertThat(down.artifacts())
        .extracting(Node::storedId)
        .containsExactly(data, model, lite, metrics);
    assertThat(down.executions()).hasSize(3);
    assertThat(down.events()).hasSize(6);

    assertThat(store.lineage(LineageQuery.downstreamOf(lite)).executions()).isEmpty();
    Lineage both =
        store.lineage(new LineageQuery(List.of(metrics), List.of(), Direction.BIDIRECTIONAL, 4));
    assertThat(both.artifacts())
        .extracting(Node::storedId)
        .containsExactly(data, model, lite, metrics);
    assertThat(both.truncated()).isFalse();
  }

  @Test
  void aLineageWalkEndsAtItsHopLimit() {
    putTypes();
    Recorded train = step("train", List.of("data"), List.of("model"));
    Recorded convert = step("convert", List.of("model"), List.of("lite"));
    long lite = convert.artifacts().get(1).storedId();
    long model = convert.artifacts().get(0).storedId();

    Lineage none = hops(lite, 0);
    assertThat(none.artifacts()).extracting(Node::storedId).containsExactly(lite);
    assertThat(none.executions()).isEmpty();
    assertThat(none.events()).isEmpty();
    assertThat(none.truncated()).isTrue();

    Lineage one = hops(lite, 1);
    assertThat(one.artifacts()).extracting(Node::storedId).containsExactly(lite);
    assertThat(one.executions()).containsExactly(convert.execution());
    assertThat(one.events()).hasSize(1);
    assertThat(one.truncated()).isTrue();

    Lineage two = hops(lite, 2);
    assertThat(two.artifacts()).extracting(Node::storedId).containsExactly(model, lite);
    assertThat(two.events()).hasSize(2);

    Lineage four = hops(lite, 4);
    assertThat(four.artifacts()).hasSize(3);
    assertThat(four.executions()).contains(train.execution());
    assertThat(four.truncated()).isFalse();
    refuses(() -> hops(99_999, 1), "99999");
  }

  @Test
  void aLineageWithACycleEnds() {
    putTypes();
    Recorded one = step("one", List.of("a"), List.of("b"));
    Recorded two = step("two", List.of("b"), List.of("a"));

    Lineage lineage = store.lineage(LineageQuery.downstreamOf(one.artifacts().get(0).storedId()));

    assertThat(lineage.artifacts()).hasSize(2);
    assertThat(lineage.executions()).containsExactly(one.execution(), two.execution());
    assertThat(lineage.events()).hasSize(4);
    assertThat(lineage.truncated()).isFalse();
  }

  // --- Life

  @Test
  void severalThreadsMayUseAStore() throws InterruptedException, ExecutionException {
    putTypes();
    ExecutorService threads = Executors.newFixedThreadPool(4);
    try {
      List<Future<?>> done = new ArrayList<>();
      for (int i = 0; i < 20; i++) {
        String name = "step-" + i;
        done.add(threads.submit(() -> step(name, List.of("shared"), List.of(name))));
      }
      for (Future<?> future : done) {
        future.get();
      }
    } finally {
      threads.shutdownNow();
    }

    assertThat(store.executions()).hasSize(20);
    assertThat(store.artifacts()).hasSize(21);
    long shared = store.artifact(DATA, "shared").orElseThrow().storedId();
    assertThat(store.eventsByArtifact(shared)).hasSize(20);
  }

  @Test
  void aClosedStoreSaysSo() {
    putTypes();
    store.close();
    store.close();

    assertThatIllegalStateException().isThrownBy(() -> store.artifacts());
    assertThatIllegalStateException()
        .isThrownBy(() -> store.putArtifact(Artifact.builder(DATA).build()));
  }

  @Test
  void recordsLastOrEndWithTheStoreAsDeclared() {
    putTypes();
    Recorded recorded = step("step", List.of("in"), List.of("out"));
    List<Event> events = store.eventsByExecution(recorded.execution().storedId());
    List<Type> types = store.types(Kind.ARTIFACT);
    store.close();

    Optional<MetadataStore> again = reopen();
    if (again.isEmpty()) {
      store = newStore();
      assertThat(store.artifacts()).isEmpty();
      assertThat(store.types(Kind.ARTIFACT)).isEmpty();
      return;
    }
    store = again.get();
    assertThat(store.types(Kind.ARTIFACT)).isEqualTo(types);
    assertThat(store.artifacts()).isEqualTo(recorded.artifacts());
    assertThat(store.executions()).containsExactly(recorded.execution());
    assertThat(store.contexts()).isEqualTo(recorded.contexts());
    assertThat(store.eventsByExecution(recorded.execution().storedId())).isEqualTo(events);
    assertThat(step("step", List.of("in"), List.of("out"))).isEqualTo(recorded);
  }

  private void putTypes() {
    store.putTypes(
        List.of(
            Type.artifact("test.Data")
                .property("rows", PropertyType.INT)
                .property("share", PropertyType.DOUBLE)
                .property("label", PropertyType.STRING)
                .property("shape", PropertyType.STRUCT)
                .property("made", PropertyType.PROTO)
                .property("clean", PropertyType.BOOLEAN)
                .build(),
            Type.execution("test.Step").build(),
            Type.context("test.Run").build()));
  }

  private Recorded step(String name, List<String> inputs, List<String> outputs) {
    Recording.Builder recording = Recording.of(Execution.builder(STEP).name(name).build());
    inputs.forEach(input -> recording.input(Artifact.builder(DATA).name(input).build(), input));
    outputs.forEach(
        output -> recording.output(Artifact.builder(DATA).name(output).build(), output));
    return store.record(recording.context(Context.builder(RUN, "run").build()).build());
  }

  private Lineage hops(long artifact, int hops) {
    return store.lineage(new LineageQuery(List.of(artifact), List.of(), Direction.UPSTREAM, hops));
  }

  private static void refuses(ThrowingCallable request, String... named) {
    assertThatExceptionOfType(ConfigurationException.class)
        .isThrownBy(request)
        .satisfies(error -> assertThat(error.getMessage()).contains(named));
  }

  private static Instant required(@Nullable Instant time) {
    assertThat(time).isNotNull();
    return Objects.requireNonNull(time);
  }
}
