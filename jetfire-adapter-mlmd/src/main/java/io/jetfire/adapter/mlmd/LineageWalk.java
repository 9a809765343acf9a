package io.jetfire.adapter.mlmd;

import io.jetfire.adapter.mlmd.Events.StoredEvent;
import io.jetfire.spi.MetadataStore.Direction;
import io.jetfire.spi.MetadataStore.Event;
import io.jetfire.spi.MetadataStore.LineageQuery;
import java.sql.SQLException;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.TreeMap;

/** Walks the events breadth first, one query per kind of node and hop. */
final class LineageWalk {
  private final Events events;
  private final LineageQuery query;
  private final Set<Long> artifactIds;
  private final Set<Long> executionIds;
  private final TreeMap<Long, Event> followed = new TreeMap<>();
  private boolean truncated;

  private LineageWalk(Events events, LineageQuery query) {
    this.events = events;
    this.query = query;
    artifactIds = new LinkedHashSet<>(query.artifactIds());
    executionIds = new LinkedHashSet<>(query.executionIds());
  }

  static LineageWalk of(Events events, LineageQuery query) throws SQLException {
    LineageWalk walk = new LineageWalk(events, query);
    walk.run();
    return walk;
  }

  Set<Long> artifactIds() {
    return artifactIds;
  }

  Set<Long> executionIds() {
    return executionIds;
  }

  /** The events between the nodes reached, in stored order. */
  List<Event> events() {
    return List.copyOf(followed.values());
  }

  boolean truncated() {
    return truncated;
  }

  private void run() throws SQLException {
    Set<Long> artifacts = new LinkedHashSet<>(artifactIds);
    Set<Long> executions = new LinkedHashSet<>(executionIds);
    // The round after the last hop reaches nothing new; it collects the events between what the
    // last hop reached and sees whether there would have been more.
    for (int hop = 0; hop <= query.maxHops(); hop++) {
      if (artifacts.isEmpty() && executions.isEmpty()) {
        return;
      }
      boolean last = hop == query.maxHops();
      Set<Long> nextExecutions = new LinkedHashSet<>();
      Set<Long> nextArtifacts = new LinkedHashSet<>();
      for (StoredEvent stored : events.ofArtifacts(artifacts)) {
        if (follows(stored.event(), true)) {
          reach(stored, stored.event().executionId(), executionIds, nextExecutions, last);
        }
      }
      for (StoredEvent stored : events.ofExecutions(executions)) {
        if (follows(stored.event(), false)) {
          reach(stored, stored.event().artifactId(), artifactIds, nextArtifacts, last);
        }
      }
      artifacts = nextArtifacts;
      executions = nextExecutions;
    }
  }

  private void reach(StoredEvent stored, long id, Set<Long> reached, Set<Long> next, boolean last) {
    if (!reached.contains(id)) {
      if (last) {
        truncated = true;
        return;
      }
      reached.add(id);
      next.add(id);
    }
    followed.put(stored.id(), stored.event());
  }

  /** Whether the direction leads along an event from its artifact (or else its execution). */
  private boolean follows(Event event, boolean fromArtifact) {
    return query.direction() == Direction.BIDIRECTIONAL
        || (query.direction() == Direction.DOWNSTREAM) == (event.type().isInput() == fromArtifact);
  }
}
