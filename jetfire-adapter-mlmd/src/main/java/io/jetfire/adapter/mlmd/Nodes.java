package io.jetfire.adapter.mlmd;

import io.jetfire.ConfigurationException;
import io.jetfire.StorageException;
import io.jetfire.spi.MetadataStore.Artifact;
import io.jetfire.spi.MetadataStore.Context;
import io.jetfire.spi.MetadataStore.Execution;
import io.jetfire.spi.MetadataStore.Node;
import io.jetfire.spi.MetadataStore.NodeBuilder;
import io.jetfire.spi.MetadataStore.Type;
import io.jetfire.spi.MetadataStore.TypeName;
import io.jetfire.spi.MetadataStore.Value;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Clock;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * The nodes of one kind and their properties. All methods run inside a transaction.
 *
 * @param <N> the kind of node
 */
abstract class Nodes<N extends Node> {
  /** Ids in one statement; far below SQLite's limit on parameters. */
  private static final int CHUNK = 500;

  private final Database database;
  private final Types types;
  private final Clock clock;
  private final NodeTable table;

  Nodes(Database database, Types types, Clock clock, NodeTable table) {
    this.database = database;
    this.types = types;
    this.clock = clock;
    this.table = table;
  }

  /** What the table's own columns hold for a node. */
  abstract List<@Nullable Object> ownValues(N node);

  /** Starts a node from a row; the table's own columns start at the given position. */
  abstract NodeBuilder<?> start(TypeName type, ResultSet row, int ownColumn) throws SQLException;

  abstract N finish(NodeBuilder<?> builder);

  /** Inserts or updates. */
  N put(N node) throws SQLException {
    Type type = types.require(table.kind(), node.type());
    checkProperties(type, node);
    Optional<N> stored = stored(node);
    long id = stored.isPresent() ? update(stored.get(), node) : insert(type, node);
    return get(id);
  }

  /** Returns the stored node with the given one's id or name, or inserts it. */
  N reuseOrInsert(N node) throws SQLException {
    Optional<N> stored = stored(node);
    return stored.isPresent() ? stored.get() : put(node);
  }

  private Optional<N> stored(N node) throws SQLException {
    Long id = node.id();
    if (id == null) {
      return node.name() == null ? Optional.empty() : find(node.type(), node.name());
    }
    N stored = get(id);
    if (!stored.type().equals(node.type())) {
      throw new ConfigurationException(
          "Cannot put "
              + describe(node)
              + ": the store has "
              + table.label()
              + " "
              + id
              + " with type "
              + stored.type()
              + ", and the type of a stored one cannot change");
    }
    return Optional.of(stored);
  }

  /** Returns the node that a call refers to. */
  N get(long id) throws SQLException {
    return find(id)
        .orElseThrow(
            () ->
                new ConfigurationException(
                    "The metadata store has no "
                        + table.label()
                        + " with id "
                        + id
                        + "; use an id that this store returned"));
  }

  Optional<N> find(long id) throws SQLException {
    return select("WHERE id = ?", id).stream().findFirst();
  }

  Optional<N> find(TypeName type, String name) throws SQLException {
    Optional<Type> stored = types.find(table.kind(), type);
    return stored.isEmpty()
        ? Optional.empty()
        : select("WHERE type_id = ? AND name = ?", stored.get().id(), name).stream().findFirst();
  }

  Optional<N> findByExternalId(String externalId) throws SQLException {
    return select("WHERE external_id = ?", externalId).stream().findFirst();
  }

  List<N> list() throws SQLException {
    return select("ORDER BY id");
  }

  List<N> listByType(TypeName type) throws SQLException {
    Optional<Type> stored = types.find(table.kind(), type);
    return stored.isEmpty()
        ? List.of()
        : select("WHERE type_id = ? ORDER BY id", stored.get().id());
  }

  /** The nodes whose ids a query returns. */
  List<N> listByQuery(String idQuery, @Nullable Object... parameters) throws SQLException {
    return select("WHERE id IN (" + idQuery + ") ORDER BY id", parameters);
  }

  List<N> list(Collection<Long> ids) throws SQLException {
    List<N> nodes = new ArrayList<>();
    for (List<Long> chunk : chunks(ids.stream().sorted().distinct().toList())) {
      nodes.addAll(
          select("WHERE id IN (" + marks(chunk.size()) + ") ORDER BY id", chunk.toArray()));
    }
    return nodes;
  }

  List<N> select(String condition, @Nullable Object... parameters) throws SQLException {
    Map<Long, TypeName> names = types.names(table.kind());
    Map<Long, NodeBuilder<?>> builders = new LinkedHashMap<>();
    String own = table.ownColumns().stream().map(c -> ", " + c).collect(Collectors.joining());
    database.query(
        "SELECT id, type_id, name, external_id, create_time_since_epoch,"
            + " last_update_time_since_epoch"
            + own
            + " FROM "
            + table.table()
            + " "
            + condition,
        row -> builders.put(row.getLong(1), readNode(row, names)),
        parameters);
    readProperties(builders);
    return builders.values().stream().map(this::finish).toList();
  }

  private NodeBuilder<?> readNode(ResultSet row, Map<Long, TypeName> names) throws SQLException {
    TypeName type = names.get(row.getLong(2));
    if (type == null) {
      throw new StorageException(
          "The metadata store "
              + database.file()
              + " has "
              + table.label()
              + " "
              + row.getLong(1)
              + " with the type id "
              + row.getLong(2)
              + ", and no "
              + table.label()
              + " type has that id; correct the column type_id");
    }
    return start(type, row, 7)
        .id(row.getLong(1))
        .name(row.getString(3))
        .externalId(row.getString(4))
        .times(Instant.ofEpochMilli(row.getLong(5)), Instant.ofEpochMilli(row.getLong(6)));
  }

  private void readProperties(Map<Long, NodeBuilder<?>> builders) throws SQLException {
    for (List<Long> chunk : chunks(List.copyOf(builders.keySet()))) {
      database.query(
          "SELECT "
              + table.idColumn()
              + ", name, is_custom_property, "
              + StoredValues.COLUMNS
              + " FROM "
              + table.propertyTable()
              + " WHERE "
              + table.idColumn()
              + " IN ("
              + marks(chunk.size())
              + ") ORDER BY name",
          row -> readProperty(row, Objects.requireNonNull(builders.get(row.getLong(1)))),
          chunk.toArray());
    }
  }

  private NodeBuilder<?> readProperty(ResultSet row, NodeBuilder<?> builder) throws SQLException {
    String name = row.getString(2);
    try {
      Value value = StoredValues.read(row, 4);
      return row.getBoolean(3)
          ? builder.customProperty(name, value)
          : builder.property(name, value);
    } catch (IllegalArgumentException e) {
      throw new StorageException(
          "The metadata store "
              + database.file()
              + " has a value that cannot be read, in property \""
              + name
              + "\" of "
              + table.label()
              + " "
              + row.getLong(1)
              + ": "
              + e.getMessage()
              + ". Correct or delete the row in "
              + table.propertyTable(),
          e);
    }
  }

  private long insert(Type type, N node) throws SQLException {
    checkExternalId(node, null);
    List<String> columns =
        new ArrayList<>(
            List.of(
                "type_id",
                "name",
                "external_id",
                "create_time_since_epoch",
                "last_update_time_since_epoch"));
    columns.addAll(table.ownColumns());
    long now = clock.millis();
    List<@Nullable Object> values = new ArrayList<>();
    Collections.addAll(values, type.id(), node.name(), node.externalId(), now, now);
    values.addAll(ownValues(node));
    long id =
        database.insert(
            "INSERT INTO "
                + table.table()
                + "("
                + String.join(", ", columns)
                + ") VALUES ("
                + marks(columns.size())
                + ")",
            values.toArray());
    for (Map.Entry<String, Value> property : node.properties().entrySet()) {
      putProperty(id, property.getKey(), false, property.getValue());
    }
    for (Map.Entry<String, Value> property : node.customProperties().entrySet()) {
      putProperty(id, property.getKey(), true, property.getValue());
    }
    return id;
  }

  private long update(N stored, N node) throws SQLException {
    long id = stored.storedId();
    boolean renamed = table == NodeTable.CONTEXT && !Objects.equals(stored.name(), node.name());
    boolean same =
        !renamed
            && ownValues(stored).equals(ownValues(node))
            && Objects.equals(stored.externalId(), node.externalId())
            && stored.properties().equals(node.properties())
            && stored.customProperties().equals(node.customProperties());
    if (same) {
      return id;
    }
    checkExternalId(node, id);
    if (renamed) {
      rename(id, node);
    }
    String own =
        table.ownColumns().stream().map(c -> ", " + c + " = ?").collect(Collectors.joining());
    List<@Nullable Object> values = new ArrayList<>();
    Collections.addAll(values, node.externalId(), clock.millis());
    values.addAll(ownValues(node));
    values.add(id);
    // The time never goes back, even if the clock does.
    database.update(
        "UPDATE "
            + table.table()
            + " SET external_id = ?, last_update_time_since_epoch ="
            + " max(last_update_time_since_epoch, ?)"
            + own
            + " WHERE id = ?",
        values.toArray());
    updateProperties(id, false, stored.properties(), node.properties());
    updateProperties(id, true, stored.customProperties(), node.customProperties());
    return id;
  }

  private void rename(long id, N node) throws SQLException {
    String name = Objects.requireNonNull(node.name());
    if (find(node.type(), name).isPresent()) {
      throw new ConfigurationException(
          "Cannot rename "
              + table.label()
              + " "
              + id
              + " to \""
              + name
              + "\": another one of type "
              + node.type()
              + " has that name");
    }
    database.update("UPDATE " + table.table() + " SET name = ? WHERE id = ?", name, id);
  }

  private void updateProperties(
      long id, boolean custom, Map<String, Value> stored, Map<String, Value> given)
      throws SQLException {
    for (String name : stored.keySet()) {
      if (!Objects.equals(stored.get(name), given.get(name))) {
        database.update(
            "DELETE FROM "
                + table.propertyTable()
                + " WHERE "
                + table.idColumn()
                + " = ? AND name = ? AND is_custom_property = ?",
            id,
            name,
            custom ? 1 : 0);
      }
    }
    for (Map.Entry<String, Value> property : given.entrySet()) {
      if (!property.getValue().equals(stored.get(property.getKey()))) {
        putProperty(id, property.getKey(), custom, property.getValue());
      }
    }
  }

  private void putProperty(long id, String name, boolean custom, Value value) throws SQLException {
    List<@Nullable Object> values = new ArrayList<>();
    Collections.addAll(values, id, name, custom ? 1 : 0);
    Collections.addAll(values, StoredValues.toColumns(value));
    database.update(
        "INSERT INTO "
            + table.propertyTable()
            + "("
            + table.idColumn()
            + ", name, is_custom_property, "
            + StoredValues.COLUMNS
            + ") VALUES ("
            + marks(values.size())
            + ")",
        values.toArray());
  }

  private void checkProperties(Type type, N node) {
    List<String> problems = node.problemsWith(type);
    if (!problems.isEmpty()) {
      throw new ConfigurationException(
          "Cannot put " + describe(node) + ": " + String.join("; ", problems));
    }
  }

  private void checkExternalId(N node, @Nullable Long id) throws SQLException {
    if (node.externalId() != null
        && database.exists(
            "SELECT id FROM " + table.table() + " WHERE external_id = ? AND id IS NOT ?",
            node.externalId(),
            id)) {
      throw new ConfigurationException(
          "Cannot put "
              + describe(node)
              + ": its external id \""
              + node.externalId()
              + "\" belongs to another "
              + table.label()
              + ". Choose another one or leave it unset");
    }
  }

  private String describe(N node) {
    return table.label()
        + " of type "
        + node.type()
        + (node.name() == null ? "" : " \"" + node.name() + "\"");
  }

  static String marks(int count) {
    return String.join(", ", Collections.nCopies(count, "?"));
  }

  static List<List<Long>> chunks(List<Long> ids) {
    List<List<Long>> chunks = new ArrayList<>();
    for (int start = 0; start < ids.size(); start += CHUNK) {
      chunks.add(ids.subList(start, Math.min(start + CHUNK, ids.size())));
    }
    return chunks;
  }

  /** The table Artifact. */
  static final class Artifacts extends Nodes<Artifact> {
    Artifacts(Database database, Types types, Clock clock) {
      super(database, types, clock, NodeTable.ARTIFACT);
    }

    List<Artifact> listByUri(String uri) throws SQLException {
      return select("WHERE uri = ? ORDER BY id", uri);
    }

    @Override
    List<@Nullable Object> ownValues(Artifact artifact) {
      List<@Nullable Object> values = new ArrayList<>();
      // An unset URI is an empty text in this schema, not NULL.
      values.add(artifact.uri() == null ? "" : artifact.uri());
      values.add(artifact.state() == null ? null : Codes.of(artifact.state()));
      return values;
    }

    @Override
    NodeBuilder<?> start(TypeName type, ResultSet row, int ownColumn) throws SQLException {
      String uri = row.getString(ownColumn);
      long state = row.getLong(ownColumn + 1);
      boolean unset = row.wasNull();
      return Artifact.builder(type)
          .uri(uri == null || uri.isEmpty() || uri.equals("__MLMD_NULL__") ? null : uri)
          .state(unset ? null : Codes.artifactState(state));
    }

    @Override
    Artifact finish(NodeBuilder<?> builder) {
      return ((Artifact.Builder) builder).build();
    }
  }

  /** The table Execution. */
  static final class Executions extends Nodes<Execution> {
    Executions(Database database, Types types, Clock clock) {
      super(database, types, clock, NodeTable.EXECUTION);
    }

    @Override
    List<@Nullable Object> ownValues(Execution execution) {
      List<@Nullable Object> values = new ArrayList<>();
      values.add(execution.lastKnownState() == null ? null : Codes.of(execution.lastKnownState()));
      return values;
    }

    @Override
    NodeBuilder<?> start(TypeName type, ResultSet row, int ownColumn) throws SQLException {
      long state = row.getLong(ownColumn);
      boolean unset = row.wasNull();
      return Execution.builder(type).lastKnownState(unset ? null : Codes.executionState(state));
    }

    @Override
    Execution finish(NodeBuilder<?> builder) {
      return ((Execution.Builder) builder).build();
    }
  }

  /** The table Context. */
  static final class Contexts extends Nodes<Context> {
    Contexts(Database database, Types types, Clock clock) {
      super(database, types, clock, NodeTable.CONTEXT);
    }

    @Override
    List<@Nullable Object> ownValues(Context context) {
      return List.of();
    }

    @Override
    NodeBuilder<?> start(TypeName type, ResultSet row, int ownColumn) throws SQLException {
      return Context.builder(type, row.getString(3));
    }

    @Override
    Context finish(NodeBuilder<?> builder) {
      return ((Context.Builder) builder).build();
    }
  }
}
