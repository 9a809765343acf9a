package io.jetfire.adapter.mlmd;

import io.jetfire.ConfigurationException;
import io.jetfire.spi.MetadataStore;
import java.nio.file.Path;
import java.sql.SQLException;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;

/** A metadata store in one SQLite file; see {@link MlmdSqliteProvider}. */
final class SqliteMetadataStore implements MetadataStore {
  private final Database database;
  private final Types types;
  private final Nodes.Artifacts artifacts;
  private final Nodes.Executions executions;
  private final Nodes.Contexts contexts;
  private final Events events;

  private SqliteMetadataStore(Database database, Clock clock) {
    this.database = database;
    types = new Types(database);
    artifacts = new Nodes.Artifacts(database, types, clock);
    executions = new Nodes.Executions(database, types, clock);
    contexts = new Nodes.Contexts(database, types, clock);
    events = new Events(database, clock);
  }

  static SqliteMetadataStore open(Path file, Clock clock, Duration busyTimeout) {
    Database database = Database.open(file, busyTimeout);
    boolean ready = false;
    try {
      Schema.prepare(database);
      ready = true;
      return new SqliteMetadataStore(database, clock);
    } finally {
      if (!ready) {
        database.close();
      }
    }
  }

  Database database() {
    return database;
  }

  @Override
  public List<Type> putTypes(List<Type> given) {
    return database.write(
        "put types",
        () -> {
          List<Type> stored = new ArrayList<>();
          for (Type type : given) {
            if (!type.problems().isEmpty()) {
              throw new ConfigurationException(
                  "Cannot put type " + type.typeName() + ": " + String.join("; ", type.problems()));
            }
            stored.add(types.put(type));
          }
          return List.copyOf(stored);
        });
  }

  @Override
  public Optional<Type> type(Kind kind, TypeName name) {
    return database.read("read types", () -> types.find(kind, name));
  }

  @Override
  public List<Type> types(Kind kind) {
    return database.read("read types", () -> types.list(kind));
  }

  @Override
  public Artifact putArtifact(Artifact artifact) {
    return database.write("put an artifact", () -> artifacts.put(artifact));
  }

  @Override
  public Execution putExecution(Execution execution) {
    return database.write("put an execution", () -> executions.put(execution));
  }

  @Override
  public Context putContext(Context context) {
    return database.write("put a context", () -> contexts.put(context));
  }

  @Override
  public Recorded record(Recording recording) {
    return database.write("record an execution", () -> recordAll(recording));
  }

  private Recorded recordAll(Recording recording) throws SQLException {
    List<Artifact> storedArtifacts = new ArrayList<>();
    for (ArtifactEvent given : recording.artifacts()) {
      storedArtifacts.add(
          given.artifact() == null
              ? artifacts.get(Objects.requireNonNull(given.artifactId()))
              : artifacts.put(given.artifact()));
    }
    Execution execution = executions.put(recording.execution());
    for (int i = 0; i < storedArtifacts.size(); i++) {
      ArtifactEvent given = recording.artifacts().get(i);
      if (given.type() != null) {
        events.put(
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
      storedContexts.add(contexts.reuseOrInsert(context));
    }
    for (Context context : storedContexts) {
      putLink("Association", "execution_id", context.storedId(), execution.storedId());
      for (Artifact artifact : storedArtifacts) {
        putLink("Attribution", "artifact_id", context.storedId(), artifact.storedId());
      }
    }
    return new Recorded(execution, storedArtifacts, storedContexts);
  }

  @Override
  public Optional<Artifact> artifact(long id) {
    return database.read("read an artifact", () -> artifacts.find(id));
  }

  @Override
  public Optional<Artifact> artifact(TypeName type, String name) {
    return database.read("read an artifact", () -> artifacts.find(type, name));
  }

  @Override
  public Optional<Artifact> artifactByExternalId(String externalId) {
    return database.read("read an artifact", () -> artifacts.findByExternalId(externalId));
  }

  @Override
  public List<Artifact> artifacts() {
    return database.read("read artifacts", artifacts::list);
  }

  @Override
  public List<Artifact> artifactsByType(TypeName type) {
    return database.read("read artifacts", () -> artifacts.listByType(type));
  }

  @Override
  public List<Artifact> artifactsByUri(String uri) {
    return database.read("read artifacts", () -> artifacts.listByUri(uri));
  }

  @Override
  public List<Artifact> artifactsByContext(long contextId) {
    return database.read(
        "read artifacts",
        () ->
            artifacts.listByQuery(
                "SELECT artifact_id FROM Attribution WHERE context_id = ?", contextId));
  }

  @Override
  public Optional<Execution> execution(long id) {
    return database.read("read an execution", () -> executions.find(id));
  }

  @Override
  public Optional<Execution> execution(TypeName type, String name) {
    return database.read("read an execution", () -> executions.find(type, name));
  }

  @Override
  public Optional<Execution> executionByExternalId(String externalId) {
    return database.read("read an execution", () -> executions.findByExternalId(externalId));
  }

  @Override
  public List<Execution> executions() {
    return database.read("read executions", executions::list);
  }

  @Override
  public List<Execution> executionsByType(TypeName type) {
    return database.read("read executions", () -> executions.listByType(type));
  }

  @Override
  public List<Execution> executionsByContext(long contextId) {
    return database.read(
        "read executions",
        () ->
            executions.listByQuery(
                "SELECT execution_id FROM Association WHERE context_id = ?", contextId));
  }

  @Override
  public Optional<Context> context(long id) {
    return database.read("read a context", () -> contexts.find(id));
  }

  @Override
  public Optional<Context> context(TypeName type, String name) {
    return database.read("read a context", () -> contexts.find(type, name));
  }

  @Override
  public Optional<Context> contextByExternalId(String externalId) {
    return database.read("read a context", () -> contexts.findByExternalId(externalId));
  }

  @Override
  public List<Context> contexts() {
    return database.read("read contexts", contexts::list);
  }

  @Override
  public List<Context> contextsByType(TypeName type) {
    return database.read("read contexts", () -> contexts.listByType(type));
  }

  @Override
  public List<Context> contextsByArtifact(long artifactId) {
    return database.read(
        "read contexts",
        () ->
            contexts.listByQuery(
                "SELECT context_id FROM Attribution WHERE artifact_id = ?", artifactId));
  }

  @Override
  public List<Context> contextsByExecution(long executionId) {
    return database.read(
        "read contexts",
        () ->
            contexts.listByQuery(
                "SELECT context_id FROM Association WHERE execution_id = ?", executionId));
  }

  @Override
  public void putEvents(List<Event> given) {
    database.write(
        "put events",
        () -> {
          for (Event event : given) {
            artifacts.get(event.artifactId());
            executions.get(event.executionId());
            events.put(event);
          }
          return true;
        });
  }

  @Override
  public List<Event> eventsByExecution(long executionId) {
    return database.read(
        "read events",
        () ->
            events.ofExecutions(List.of(executionId)).stream()
                .map(Events.StoredEvent::event)
                .toList());
  }

  @Override
  public List<Event> eventsByArtifact(long artifactId) {
    return database.read(
        "read events",
        () ->
            events.ofArtifacts(List.of(artifactId)).stream()
                .map(Events.StoredEvent::event)
                .toList());
  }

  @Override
  public void putAttribution(long artifactId, long contextId) {
    database.write(
        "put an attribution",
        () -> {
          artifacts.get(artifactId);
          contexts.get(contextId);
          return putLink("Attribution", "artifact_id", contextId, artifactId);
        });
  }

  @Override
  public void putAssociation(long executionId, long contextId) {
    database.write(
        "put an association",
        () -> {
          executions.get(executionId);
          contexts.get(contextId);
          return putLink("Association", "execution_id", contextId, executionId);
        });
  }

  private int putLink(String table, String column, long contextId, long id) throws SQLException {
    // Not INSERT OR IGNORE: that would use up an id each time.
    return database.update(
        "INSERT INTO "
            + table
            + "(context_id, "
            + column
            + ") SELECT ?1, ?2 WHERE NOT EXISTS (SELECT 1 FROM "
            + table
            + " WHERE context_id = ?1 AND "
            + column
            + " = ?2)",
        contextId,
        id);
  }

  @Override
  public void putParentContext(long childId, long parentId) {
    database.write(
        "put a parent context",
        () -> {
          contexts.get(childId);
          contexts.get(parentId);
          if (ancestors(parentId).contains(childId)) {
            throw new ConfigurationException(
                "Context "
                    + parentId
                    + " cannot be the parent of context "
                    + childId
                    + ", because it is the same one or descends from it");
          }
          return database.update(
              "INSERT OR IGNORE INTO ParentContext(context_id, parent_context_id) VALUES (?, ?)",
              childId,
              parentId);
        });
  }

  /** A context and everything above it. */
  private Set<Long> ancestors(long contextId) throws SQLException {
    return new LinkedHashSet<>(
        database.query(
            "WITH RECURSIVE above(id) AS (SELECT ? UNION SELECT parent_context_id"
                + " FROM ParentContext JOIN above ON context_id = id) SELECT id FROM above",
            row -> row.getLong(1),
            contextId));
  }

  @Override
  public List<Context> parentContexts(long childId) {
    return database.read(
        "read contexts",
        () ->
            contexts.listByQuery(
                "SELECT parent_context_id FROM ParentContext WHERE context_id = ?", childId));
  }

  @Override
  public List<Context> childContexts(long parentId) {
    return database.read(
        "read contexts",
        () ->
            contexts.listByQuery(
                "SELECT context_id FROM ParentContext WHERE parent_context_id = ?", parentId));
  }

  @Override
  public Lineage lineage(LineageQuery query) {
    return database.read(
        "read the lineage",
        () -> {
          for (long id : query.artifactIds()) {
            artifacts.get(id);
          }
          for (long id : query.executionIds()) {
            executions.get(id);
          }
          LineageWalk walk = LineageWalk.of(events, query);
          return new Lineage(
              artifacts.list(walk.artifactIds()),
              executions.list(walk.executionIds()),
              walk.events(),
              walk.truncated());
        });
  }

  @Override
  public void close() {
    database.close();
  }

  @Override
  public String toString() {
    return "mlmd-sqlite " + database.file();
  }
}
