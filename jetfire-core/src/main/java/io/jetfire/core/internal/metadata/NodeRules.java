package io.jetfire.core.internal.metadata;

import io.jetfire.ConfigurationException;
import io.jetfire.spi.MetadataStore.Kind;
import io.jetfire.spi.MetadataStore.Node;
import io.jetfire.spi.MetadataStore.Type;
import io.jetfire.spi.MetadataStore.TypeName;
import java.time.Instant;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * How the nodes of one kind are put and found, by the rules of ML Metadata.
 *
 * @param <N> the kind of node
 */
final class NodeRules<N extends Node> {
  private final Kind kind;
  private final Function<State, TreeMap<Long, N>> table;
  private final Stamp<N> stamp;

  NodeRules(Kind kind, Function<State, TreeMap<Long, N>> table, Stamp<N> stamp) {
    this.kind = kind;
    this.table = table;
    this.stamp = stamp;
  }

  /** Copies a node with what the store gives it. */
  @FunctionalInterface
  interface Stamp<N> {
    N apply(N node, long id, @Nullable String name, Instant createTime, Instant lastUpdateTime);
  }

  N put(State state, N node, Instant now) {
    Type type = TypeRules.require(state.types, kind, node.type());
    List<String> problems = node.problemsWith(type);
    if (!problems.isEmpty()) {
      throw new ConfigurationException(
          "Cannot put " + describe(node) + ": " + String.join("; ", problems));
    }
    TreeMap<Long, N> nodes = table.apply(state);
    Optional<N> stored = stored(state, node);
    checkExternalId(nodes, node, stored.map(Node::storedId).orElse(0L));
    N result =
        stored.isPresent()
            ? updated(nodes, stored.get(), node, now)
            : stamp.apply(node, nodes.isEmpty() ? 1 : nodes.lastKey() + 1, node.name(), now, now);
    nodes.put(result.storedId(), result);
    return result;
  }

  N reuseOrInsert(State state, N node, Instant now) {
    Optional<N> stored = stored(state, node);
    return stored.isPresent() ? stored.get() : put(state, node, now);
  }

  private N updated(TreeMap<Long, N> nodes, N stored, N node, Instant now) {
    String name = kind == Kind.CONTEXT ? node.name() : stored.name();
    if (!Objects.equals(name, stored.name())
        && nodes.values().stream()
            .anyMatch(n -> n.type().equals(node.type()) && Objects.equals(n.name(), name))) {
      throw new ConfigurationException(
          "Cannot rename "
              + label()
              + " "
              + stored.storedId()
              + " to \""
              + name
              + "\": another one of type "
              + node.type()
              + " has that name");
    }
    Instant created = Objects.requireNonNull(stored.createTime());
    Instant before = Objects.requireNonNull(stored.lastUpdateTime());
    N same = stamp.apply(node, stored.storedId(), name, created, before);
    // The time never goes back, even if the clock does.
    return same.equals(stored) || !now.isAfter(before)
        ? same
        : stamp.apply(node, stored.storedId(), name, created, now);
  }

  private Optional<N> stored(State state, N node) {
    Long id = node.id();
    if (id == null) {
      return node.name() == null ? Optional.empty() : find(state, node.type(), node.name());
    }
    N stored = get(state, id);
    if (!stored.type().equals(node.type())) {
      throw new ConfigurationException(
          "Cannot put "
              + describe(node)
              + ": the store has "
              + label()
              + " "
              + id
              + " with type "
              + stored.type()
              + ", and the type of a stored one cannot change");
    }
    return Optional.of(stored);
  }

  N get(State state, long id) {
    N node = table.apply(state).get(id);
    if (node == null) {
      throw new ConfigurationException(
          "The metadata store has no "
              + label()
              + " with id "
              + id
              + "; use an id that this store returned");
    }
    return node;
  }

  Optional<N> find(State state, long id) {
    return Optional.ofNullable(table.apply(state).get(id));
  }

  Optional<N> find(State state, TypeName type, String name) {
    return table.apply(state).values().stream()
        .filter(node -> node.type().equals(type) && name.equals(node.name()))
        .findFirst();
  }

  Optional<N> findByExternalId(State state, String externalId) {
    return table.apply(state).values().stream()
        .filter(node -> externalId.equals(node.externalId()))
        .findFirst();
  }

  List<N> listByType(State state, TypeName type) {
    return table.apply(state).values().stream().filter(node -> node.type().equals(type)).toList();
  }

  private void checkExternalId(TreeMap<Long, N> nodes, N node, long id) {
    for (Map.Entry<Long, N> other : nodes.entrySet()) {
      if (node.externalId() != null
          && node.externalId().equals(other.getValue().externalId())
          && other.getKey() != id) {
        throw new ConfigurationException(
            "Cannot put "
                + describe(node)
                + ": its external id \""
                + node.externalId()
                + "\" belongs to another "
                + label()
                + ". Choose another one or leave it unset");
      }
    }
  }

  private String describe(N node) {
    return label()
        + " of type "
        + node.type()
        + (node.name() == null ? "" : " \"" + node.name() + "\"");
  }

  private String label() {
    return kind.name().toLowerCase(Locale.ROOT);
  }
}
