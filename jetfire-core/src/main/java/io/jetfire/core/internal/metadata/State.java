package io.jetfire.core.internal.metadata;

import io.jetfire.spi.MetadataStore.Artifact;
import io.jetfire.spi.MetadataStore.Context;
import io.jetfire.spi.MetadataStore.Event;
import io.jetfire.spi.MetadataStore.Execution;
import io.jetfire.spi.MetadataStore.Type;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.TreeMap;

/** Everything a store in memory holds. A write changes a copy, which then takes its place. */
final class State {
  final TreeMap<Long, Type> types;
  final TreeMap<Long, Artifact> artifacts;
  final TreeMap<Long, Execution> executions;
  final TreeMap<Long, Context> contexts;
  final List<Event> events;

  /** Contexts and their artifacts. */
  final Set<Link> attributions;

  /** Contexts and their executions. */
  final Set<Link> associations;

  /** Parent contexts and their children. */
  final Set<Link> children;

  State() {
    types = new TreeMap<>();
    artifacts = new TreeMap<>();
    executions = new TreeMap<>();
    contexts = new TreeMap<>();
    events = new ArrayList<>();
    attributions = new LinkedHashSet<>();
    associations = new LinkedHashSet<>();
    children = new LinkedHashSet<>();
  }

  private State(State other) {
    types = new TreeMap<>(other.types);
    artifacts = new TreeMap<>(other.artifacts);
    executions = new TreeMap<>(other.executions);
    contexts = new TreeMap<>(other.contexts);
    events = new ArrayList<>(other.events);
    attributions = new LinkedHashSet<>(other.attributions);
    associations = new LinkedHashSet<>(other.associations);
    children = new LinkedHashSet<>(other.children);
  }

  State copy() {
    return new State(this);
  }

  /**
   * A member of a context.
   *
   * @param contextId the context
   * @param memberId the artifact, execution or child context
   */
  record Link(long contextId, long memberId) {}
}
