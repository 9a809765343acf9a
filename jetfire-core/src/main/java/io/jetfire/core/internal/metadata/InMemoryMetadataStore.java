package io.jetfire.core.internal.metadata;

import io.jetfire.ConfigurationException;
import io.jetfire.core.internal.metadata.State.Link;
import io.jetfire.spi.MetadataStore;
import java.time.Clock;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Deque;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Function;

/** A metadata store whose records live as long as it does. */
public final class InMemoryMetadataStore implements MetadataStore {
  private final NodeRules<Artifact> artifacts =
      new NodeRules<>(
          Kind.ARTIFACT,
          state -> state.artifacts,
          (node, id, name, created, updated) ->
              node.toBuilder()
                  .id(id)
                  .name(name)
                  .uri(node.uri() == null || node.uri().isEmpty() ? null : node.uri())
                  .times(created, updated)
                  .build());
  private final NodeRules<Execution> executions =
      new NodeRules<>(
          Kind.EXECUTION,
          state -> state.executions,
          (node, id, name, created, updated) ->
              node.toBuilder().id(id).name(name).times(created, updated).build());
  private final NodeRules<Context> contexts =
      new NodeRules<>(
          Kind.CONTEXT,
          state -> state.contexts,
          (node, id, name, created, updated) ->
              node.toBuilder().id(id).name(name).times(created, updated).build());

  private final Clock clock;
  private State state = new State();
  private boolean closed;

  /**
   * Creates an empty store.
   *
   * @param clock what the times of records are read from
   */
  public InMemoryMetadataStore(Clock clock) {
    this.clock = clock;
    TypeRules.putSimpleTypes(state.types);
  }

  /** Changes a copy, which becomes the store's state if nothing is thrown. */
  private synchronized <T> T write(Function<State, T> work) {
    checkOpen();
    State copy = state.copy();
    T result = work.apply(copy);
    state = copy;
    return result;
  }

  private synchronized <T> T read(Function<State, T> work) {
    checkOpen();
    return work.apply(state);
  }

  private void checkOpen() {
    if (closed) {
      throw new IllegalStateException("the metadata store in memory is closed");
    }
  }

  private Instant now() {
    return clock.instant().truncatedTo(ChronoUnit.MILLIS);
  }

  @Override
  public List<Type> putTypes(List<Type> types) {
    return write(s -> types.stream().map(type -> TypeRules.put(s.types, type)).toList());
  }

  @Override
  public Optional<Type> type(Kind kind, TypeName name) {
    return read(s -> TypeRules.find(s.types, kind, name));
  }

  @Override
  public List<Type> types(Kind kind) {
    return read(
        s ->
            s.types.values().stream()
                .filter(type -> type.kind() == kind && !TypeRules.isSimple(type))
                .toList());
  }

  @Override
  public Artifact putArtifact(Artifact artifact) {
    return write(s -> artifacts.put(s, artifact, now()));
  }

  @Override
  public Execution putExecution(Execution execution) {
    return write(s -> executions.put(s, execution, now()));
  }

  @Override
  public Context putContext(Context context) {
    return write(s -> contexts.put(s, context, now()));
  }

  @Override
  public Recorded record(Recording recording) {
    return write(s -> record(s, recording));
  }

  private Recorded record(State s, Recording recording) {
    List<Artifact> storedArtifacts = new ArrayList<>();
    for (ArtifactEvent given : recording.artifacts()) {
      storedArtifacts.add(
          given.artifact() == null
              ? artifacts.get(s, Objects.requireNonNull(given.artifactId()))
              : artifacts.put(s, given.artifact(), now()));
    }
    Execution execution = executions.put(s, recording.execution(), now());
    for (int i = 0; i < storedArtifacts.size(); i++) {
      ArtifactEvent given = recording.artifacts().get(i);
      if (given.type() != null) {
        putEvent(
            s,
            new Event(
                storedArtifacts.get(i).storedId(),
                execution.storedId(),
                given.type(),
                given.path(),
                given.time()));
      }
    }
    List<Context> storedContexts = new ArrayList<>();
    for (Context context : recording.contexts()) {
      storedContexts.add(contexts.reuseOrInsert(s, context, now()));
    }
    for (Context context : storedContexts) {
      s.associations.add(new Link(context.storedId(), execution.storedId()));
      for (Artifact artifact : storedArtifacts) {
        s.attributions.add(new Link(context.storedId(), artifact.storedId()));
      }
    }
    return new Recorded(execution, storedArtifacts, storedContexts);
  }

  @Override
  public Optional<Artifact> artifact(long id) {
    return read(s -> artifacts.find(s, id));
  }

  @Override
  public Optional<Artifact> artifact(TypeName type, String name) {
    return read(s -> artifacts.find(s, type, name));
  }

  @Override
  public Optional<Artifact> artifactByExternalId(String externalId) {
    return read(s -> artifacts.findByExternalId(s, externalId));
  }

  @Override
  public List<Artifact> artifacts() {
    return read(s -> List.copyOf(s.artifacts.values()));
  }

  @Override
  public List<Artifact> artifactsByType(TypeName type) {
    return read(s -> artifacts.listByType(s, type));
  }

  @Override
  public List<Artifact> artifactsByUri(String uri) {
    return read(s -> s.artifacts.values().stream().filter(a -> uri.equals(a.uri())).toList());
  }

  @Override
  public List<Artifact> artifactsByContext(long contextId) {
    return read(s -> pick(s.artifacts, members(s.attributions, contextId)));
  }

  @Override
  public Optional<Execution> execution(long id) {
    return read(s -> executions.find(s, id));
  }

  @Override
  public Optional<Execution> execution(TypeName type, String name) {
    return read(s -> executions.find(s, type, name));
  }

  @Override
  public Optional<Execution> executionByExternalId(String externalId) {
    return read(s -> executions.findByExternalId(s, externalId));
  }

  @Override
  public List<Execution> executions() {
    return read(s -> List.copyOf(s.executions.values()));
  }

  @Override
  public List<Execution> executionsByType(TypeName type) {
    return read(s -> executions.listByType(s, type));
  }

  @Override
  public List<Execution> executionsByContext(long contextId) {
    return read(s -> pick(s.executions, members(s.associations, contextId)));
  }

  @Override
  public Optional<Context> context(long id) {
    return read(s -> contexts.find(s, id));
  }

  @Override
  public Optional<Context> context(TypeName type, String name) {
    return read(s -> contexts.find(s, type, name));
  }

  @Override
  public Optional<Context> contextByExternalId(String externalId) {
    return read(s -> contexts.findByExternalId(s, externalId));
  }

  @Override
  public List<Context> contexts() {
    return read(s -> List.copyOf(s.contexts.values()));
  }

  @Override
  public List<Context> contextsByType(TypeName type) {
    return read(s -> contexts.listByType(s, type));
  }

  @Override
  public List<Context> contextsByArtifact(long artifactId) {
    return read(s -> pick(s.contexts, owners(s.attributions, artifactId)));
  }

  @Override
  public List<Context> contextsByExecution(long executionId) {
    return read(s -> pick(s.contexts, owners(s.associations, executionId)));
  }

  @Override
  public void putEvents(List<Event> events) {
    write(
        s -> {
          for (Event event : events) {
            artifacts.get(s, event.artifactId());
            executions.get(s, event.executionId());
            putEvent(s, event);
          }
          return true;
        });
  }

  private void putEvent(State s, Event event) {
    if (!event.problems().isEmpty()) {
      throw new ConfigurationException(
          "Cannot put the "
              + event.type()
              + " event of artifact "
              + event.artifactId()
              + " and execution "
              + event.executionId()
              + ": "
              + String.join("; ", event.problems()));
    }
    boolean stored =
        s.events.stream()
            .anyMatch(
                e ->
                    e.artifactId() == event.artifactId()
                        && e.executionId() == event.executionId()
                        && e.type() == event.type());
    if (!stored) {
      Instant time = event.time() == null ? now() : event.time().truncatedTo(ChronoUnit.MILLIS);
      s.events.add(
          new Event(event.artifactId(), event.executionId(), event.type(), event.path(), time));
    }
  }

  @Override
  public List<Event> eventsByExecution(long executionId) {
    return read(s -> s.events.stream().filter(e -> e.executionId() == executionId).toList());
  }

  @Override
  public List<Event> eventsByArtifact(long artifactId) {
    return read(s -> s.events.stream().filter(e -> e.artifactId() == artifactId).toList());
  }

  @Override
  public void putAttribution(long artifactId, long contextId) {
    write(
        s -> {
          artifacts.get(s, artifactId);
          contexts.get(s, contextId);
          return s.attributions.add(new Link(contextId, artifactId));
        });
  }

  @Override
  public void putAssociation(long executionId, long contextId) {
    write(
        s -> {
          executions.get(s, executionId);
          contexts.get(s, contextId);
          return s.associations.add(new Link(contextId, executionId));
        });
  }

  @Override
  public void putParentContext(long childId, long parentId) {
    write(
        s -> {
          contexts.get(s, childId);
          contexts.get(s, parentId);
          if (ancestors(s, parentId).contains(childId)) {
            throw new ConfigurationException(
                "Context "
                    + parentId
                    + " cannot be the parent of context "
                    + childId
                    + ", because it is the same one or descends from it");
          }
          return s.children.add(new Link(parentId, childId));
        });
  }

  /** A context and everything above it. */
  private static Set<Long> ancestors(State s, long contextId) {
    Set<Long> above = new HashSet<>();
    Deque<Long> open = new ArrayDeque<>(List.of(contextId));
    while (!open.isEmpty()) {
      long id = open.pop();
      if (above.add(id)) {
        open.addAll(owners(s.children, id));
      }
    }
    return above;
  }

  @Override
  public List<Context> parentContexts(long childId) {
    return read(s -> pick(s.contexts, owners(s.children, childId)));
  }

  @Override
  public List<Context> childContexts(long parentId) {
    return read(s -> pick(s.contexts, members(s.children, parentId)));
  }

  @Override
  public Lineage lineage(LineageQuery query) {
    return read(
        s -> {
          query.artifactIds().forEach(id -> artifacts.get(s, id));
          query.executionIds().forEach(id -> executions.get(s, id));
          return walk(s, query);
        });
  }

  private static Lineage walk(State s, LineageQuery query) {
    Set<Long> artifactIds = new LinkedHashSet<>(query.artifactIds());
    Set<Long> executionIds = new LinkedHashSet<>(query.executionIds());
    for (int hop = 0; hop < query.maxHops(); hop++) {
      Set<Long> nextArtifacts = new LinkedHashSet<>();
      Set<Long> nextExecutions = new LinkedHashSet<>();
      for (Event event : s.events) {
        if (leads(query, event, true) && artifactIds.contains(event.artifactId())) {
          nextExecutions.add(event.executionId());
        }
        if (leads(query, event, false) && executionIds.contains(event.executionId())) {
          nextArtifacts.add(event.artifactId());
        }
      }
      boolean more = artifactIds.addAll(nextArtifacts) | executionIds.addAll(nextExecutions);
      if (!more) {
        break;
      }
    }
    List<Event> between = new ArrayList<>();
    boolean truncated = false;
    for (Event event : s.events) {
      boolean fromArtifact = leads(query, event, true) && artifactIds.contains(event.artifactId());
      boolean fromExecution =
          leads(query, event, false) && executionIds.contains(event.executionId());
      if (fromArtifact || fromExecution) {
        if (artifactIds.contains(event.artifactId())
            && executionIds.contains(event.executionId())) {
          between.add(event);
        } else {
          truncated = true;
        }
      }
    }
    return new Lineage(
        pick(s.artifacts, artifactIds), pick(s.executions, executionIds), between, truncated);
  }

  /** Whether the walk goes along an event from its artifact (or else from its execution). */
  private static boolean leads(LineageQuery query, Event event, boolean fromArtifact) {
    return switch (query.direction()) {
      case BIDIRECTIONAL -> true;
      case DOWNSTREAM -> event.type().isInput() == fromArtifact;
      case UPSTREAM -> event.type().isInput() != fromArtifact;
    };
  }

  private static Set<Long> members(Set<Link> links, long contextId) {
    Set<Long> members = new HashSet<>();
    links.stream().filter(l -> l.contextId() == contextId).forEach(l -> members.add(l.memberId()));
    return members;
  }

  private static Set<Long> owners(Set<Link> links, long memberId) {
    Set<Long> owners = new HashSet<>();
    links.stream().filter(l -> l.memberId() == memberId).forEach(l -> owners.add(l.contextId()));
    return owners;
  }

  private static <N> List<N> pick(TreeMap<Long, N> nodes, Collection<Long> ids) {
    Map<Long, N> picked = new TreeMap<>(nodes);
    picked.keySet().retainAll(new TreeSet<>(ids));
    return List.copyOf(picked.values());
  }

  @Override
  public synchronized void close() {
    closed = true;
  }

  @Override
  public String toString() {
    return "metadata store in memory";
  }
}
