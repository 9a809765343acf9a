package io.jetfire.adapter.mlmd;

import io.jetfire.ConfigurationException;
import io.jetfire.StorageException;
import io.jetfire.spi.MetadataStore.Event;
import io.jetfire.spi.MetadataStore.EventType;
import io.jetfire.spi.MetadataStore.PathStep;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Clock;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The tables Event and EventPath. All methods run inside a transaction. */
final class Events {
  private final Database database;
  private final Clock clock;

  Events(Database database, Clock clock) {
    this.database = database;
    this.clock = clock;
  }

  /** Adds an event, unless its artifact, execution and type have one already. */
  void put(Event event) throws SQLException {
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
    int type = Codes.of(event.type());
    if (database.exists(
        "SELECT id FROM Event WHERE artifact_id = ? AND execution_id = ? AND type = ?",
        event.artifactId(),
        event.executionId(),
        type)) {
      return;
    }
    long id =
        database.insert(
            "INSERT INTO Event(artifact_id, execution_id, type, milliseconds_since_epoch)"
                + " VALUES (?, ?, ?, ?)",
            event.artifactId(),
            event.executionId(),
            type,
            event.time() == null ? clock.millis() : event.time().toEpochMilli());
    for (PathStep step : event.path()) {
      putStep(id, step);
    }
  }

  private void putStep(long eventId, PathStep step) throws SQLException {
    if (step instanceof PathStep.Index index) {
      database.update(
          "INSERT INTO EventPath(event_id, is_index_step, step_index) VALUES (?, 1, ?)",
          eventId,
          index.index());
    } else if (step instanceof PathStep.Key key) {
      database.update(
          "INSERT INTO EventPath(event_id, is_index_step, step_key) VALUES (?, 0, ?)",
          eventId,
          key.key());
    }
  }

  List<StoredEvent> ofArtifacts(Collection<Long> artifactIds) throws SQLException {
    return select("artifact_id", artifactIds);
  }

  List<StoredEvent> ofExecutions(Collection<Long> executionIds) throws SQLException {
    return select("execution_id", executionIds);
  }

  private List<StoredEvent> select(String column, Collection<Long> ids) throws SQLException {
    List<StoredEvent> events = new ArrayList<>();
    for (List<Long> chunk : Nodes.chunks(List.copyOf(ids))) {
      String condition = " WHERE " + column + " IN (" + Nodes.marks(chunk.size()) + ")";
      Map<Long, List<PathStep>> paths = new LinkedHashMap<>();
      // The schema gives the steps of a path no number; their order is that of insertion.
      database.query(
          "SELECT event_id, is_index_step, step_index, step_key FROM EventPath"
              + " WHERE event_id IN (SELECT id FROM Event"
              + condition
              + ") ORDER BY rowid",
          row -> paths.computeIfAbsent(row.getLong(1), id -> new ArrayList<>()).add(readStep(row)),
          chunk.toArray());
      events.addAll(
          database.query(
              "SELECT id, artifact_id, execution_id, type, milliseconds_since_epoch FROM Event"
                  + condition
                  + " ORDER BY id",
              row -> readEvent(row, paths.getOrDefault(row.getLong(1), List.of())),
              chunk.toArray()));
    }
    return events;
  }

  private static PathStep readStep(ResultSet row) throws SQLException {
    if (row.getBoolean(2)) {
      return PathStep.index(row.getLong(3));
    }
    String key = row.getString(4);
    return PathStep.key(key == null ? "" : key);
  }

  private StoredEvent readEvent(ResultSet row, List<PathStep> path) throws SQLException {
    long id = row.getLong(1);
    EventType type = Codes.eventType(row.getLong(4));
    if (type == null) {
      throw new StorageException(
          "The metadata store "
              + database.file()
              + " has event "
              + id
              + " with the unknown type "
              + row.getLong(4)
              + "; correct the row in Event");
    }
    long millis = row.getLong(5);
    Instant time = row.wasNull() ? null : Instant.ofEpochMilli(millis);
    return new StoredEvent(id, new Event(row.getLong(2), row.getLong(3), type, path, time));
  }

  /**
   * An event and its id, by which events are in the order of storing.
   *
   * @param id the id in the table
   * @param event the event
   */
  record StoredEvent(long id, Event event) {}
}
