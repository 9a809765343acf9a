package io.jetfire.adapter.mlmd;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.jetfire.spi.MetadataStore;
import io.jetfire.spi.MetadataStore.Artifact;
import io.jetfire.spi.MetadataStore.ArtifactEvent;
import io.jetfire.spi.MetadataStore.Context;
import io.jetfire.spi.MetadataStore.Direction;
import io.jetfire.spi.MetadataStore.Event;
import io.jetfire.spi.MetadataStore.Execution;
import io.jetfire.spi.MetadataStore.Kind;
import io.jetfire.spi.MetadataStore.Lineage;
import io.jetfire.spi.MetadataStore.LineageQuery;
import io.jetfire.spi.MetadataStore.Node;
import io.jetfire.spi.MetadataStore.NodeBuilder;
import io.jetfire.spi.MetadataStore.Recording;
import io.jetfire.spi.MetadataStore.Type;
import io.jetfire.spi.MetadataStore.TypeName;
import io.jetfire.spi.MetadataStore.Value;
import java.io.IOException;
import java.math.BigDecimal;
import java.math.MathContext;
import java.math.RoundingMode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.SQLException;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Compares with databases, calls and answers of the real ML Metadata library. */
class RealLibraryTest {
  @SuppressWarnings("NullAway.Init") // JUnit sets it.
  @TempDir
  Path folder;

  @Test
  void aNewFileHasTheSchemaOfTheRealLibrary() throws IOException, SQLException {
    try (SqliteMetadataStore real = open(RealData.copy("empty.db", folder));
        SqliteMetadataStore ours = open(folder.resolve("ours.db"))) {
      assertThat(schema(ours.database())).isEqualTo(schema(real.database())).hasSize(15);
      assertThat(indices(ours.database())).isEqualTo(indices(real.database())).hasSize(40);
      assertThat(names(ours.database())).isEqualTo(names(real.database()));
      assertThat(rows(ours.database(), "SELECT * FROM Type ORDER BY id"))
          .isEqualTo(rows(real.database(), "SELECT * FROM Type ORDER BY id"))
          .hasSize(9);
      for (String pragma :
          List.of("user_version", "page_size", "encoding", "journal_mode", "application_id")) {
        assertThat(rows(ours.database(), "PRAGMA " + pragma))
            .as(pragma)
            .isEqualTo(rows(real.database(), "PRAGMA " + pragma));
      }
    }
  }

  @Test
  void aNewFileHasTheStatementsOfTheRealDump() throws IOException, SQLException {
    List<String> real =
        Files.readAllLines(RealData.file("empty.dump.sql")).stream()
            .filter(line -> line.startsWith("CREATE"))
            .map(RealLibraryTest::plain)
            .toList();
    try (SqliteMetadataStore ours = open(folder.resolve("ours.db"))) {
      List<String> created =
          ours.database()
              .query(
                  "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL"
                      + " AND name NOT LIKE 'sqlite_%' ORDER BY rowid",
                  row -> plain(row.getString(1)));
      assertThat(created.subList(0, 15)).isEqualTo(real.subList(0, 15));
      assertThat(created.subList(15, 39)).containsExactlyInAnyOrderElementsOf(real.subList(15, 39));
      assertThat(real).hasSize(39);
    }
  }

  @Test
  void openingAFileOfTheRealLibraryChangesNoByte() throws IOException {
    Path file = RealData.copy("rich.db", folder);
    try (MetadataStore store = open(file)) {
      assertThat(store.artifacts()).hasSize(12);
      assertThat(store.executions()).hasSize(10);
    }
    assertThat(file).hasSameBinaryContentAs(RealData.file("rich.db"));
  }

  @Test
  void aRichFileIsReadAsTheRealLibraryReadsIt() throws IOException {
    Map<String, @Nullable Object> reads =
        map(RealData.json(Files.readString(RealData.file("rich.json"))), "reads");
    Map<Kind, Map<Long, TypeName>> names = new TreeMap<>();
    try (MetadataStore store = open(RealData.copy("rich.db", folder))) {
      for (Kind kind : Kind.values()) {
        String call = kind.name().toLowerCase(Locale.ROOT) + "_types";
        List<Type> types = answer(reads, call, wire -> wire.type(kind));
        // The library's lists leave the external id out; signatures are compared by the replay.
        assertThat(store.types(kind))
            .extracting(
                type -> type.toBuilder().externalId(null).inputType(null).outputType(null).build())
            .containsExactlyInAnyOrderElementsOf(types);
        types.forEach(
            type ->
                names
                    .computeIfAbsent(kind, k -> new TreeMap<>())
                    .put(requireNonNull(type.id()), type.typeName()));
      }
      Function<Wire, Node> artifact = wire -> wire.artifact(names(names, Kind.ARTIFACT));
      Function<Wire, Node> execution = wire -> wire.execution(names(names, Kind.EXECUTION));
      Function<Wire, Node> context = wire -> wire.context(names(names, Kind.CONTEXT));
      assertSame(store.artifacts(), answer(reads, "artifacts", artifact), 12);
      assertSame(store.executions(), answer(reads, "executions", execution), 10);
      assertSame(store.contexts(), answer(reads, "contexts", context), 6);
      for (long id = 1; id <= 12; id++) {
        assertSame(
            store.contextsByArtifact(id), answer(reads, "contexts_by_artifact_" + id, context));
      }
      for (long id = 1; id <= 10; id++) {
        assertSame(
            store.contextsByExecution(id), answer(reads, "contexts_by_execution_" + id, context));
      }
      for (long id = 1; id <= 6; id++) {
        assertSame(
            store.artifactsByContext(id), answer(reads, "artifacts_by_context_" + id, artifact));
        assertSame(
            store.executionsByContext(id), answer(reads, "executions_by_context_" + id, execution));
        assertSame(store.parentContexts(id), answer(reads, "parents_" + id, context));
        assertSame(store.childContexts(id), answer(reads, "children_" + id, context));
      }
      List<Artifact> byUri = new ArrayList<>();
      for (String uri : List.of("file:///a", "gs://b/neu", "")) {
        byUri.addAll(store.artifactsByUri(uri));
      }
      assertSame(byUri, answer(reads, "artifacts_by_uri", artifact));
      List<Event> byExecution = new ArrayList<>();
      store.executions().forEach(e -> byExecution.addAll(store.eventsByExecution(e.storedId())));
      assertThat(byExecution)
          .containsExactlyInAnyOrderElementsOf(answer(reads, "events_by_execution", Wire::event))
          .hasSize(15);
      List<Event> byArtifact = new ArrayList<>();
      store.artifacts().forEach(a -> byArtifact.addAll(store.eventsByArtifact(a.storedId())));
      assertThat(byArtifact)
          .containsExactlyInAnyOrderElementsOf(answer(reads, "events_by_artifact", Wire::event));
      assertSameLineage(store, wire(reads, "lineage_from_model").message(1));
    }
  }

  /** Nodes of a real lineage answer hold only their ids. */
  private static void assertSameLineage(MetadataStore store, Wire real) {
    Lineage lineage =
        store.lineage(new LineageQuery(List.of(4L), List.of(), Direction.BIDIRECTIONAL, 20));
    assertThat(lineage.artifacts())
        .extracting(Node::storedId)
        .containsExactlyInAnyOrderElementsOf(real.all(4).stream().map(n -> n.number(1)).toList());
    assertThat(lineage.executions())
        .extracting(Node::storedId)
        .containsExactlyInAnyOrderElementsOf(real.all(5).stream().map(n -> n.number(1)).toList());
    assertThat(lineage.events())
        .containsExactlyInAnyOrderElementsOf(real.all(7).stream().map(Wire::event).toList());
    assertThat(lineage.events()).isNotEmpty();
  }

  @Test
  void theSameCallsLeaveTheSameRowsAsInTheRealLibrary() throws IOException, SQLException {
    try (SqliteMetadataStore ours = open(folder.resolve("ours.db"));
        SqliteMetadataStore real = open(RealData.copy("rich.db", folder))) {
      int calls = 0;
      for (Map<String, @Nullable Object> call : RealData.jsonLines("rich-calls.jsonl")) {
        String method = (String) requireNonNull(call.get("method"));
        if (method.startsWith("Put")) {
          replay(ours, method, call);
          calls++;
        }
      }
      assertThat(calls).isEqualTo(31);
      for (String table : names(real.database())) {
        List<List<String>> expected = comparableRows(real.database(), table);
        assertThat(comparableRows(ours.database(), table)).as(table).isEqualTo(expected);
      }
    }
  }

  private static void replay(
      MetadataStore store, String method, Map<String, @Nullable Object> call) {
    Wire request = Wire.ofHex(call.get("request_hex"));
    switch (method) {
      case "PutArtifactType" -> store.putType(request.message(1).type(Kind.ARTIFACT));
      case "PutExecutionType" -> store.putType(executionType(request, call));
      case "PutContextType" -> store.putType(request.message(1).type(Kind.CONTEXT));
      case "PutTypes" -> {
        List<Type> types = new ArrayList<>();
        request.all(1).forEach(type -> types.add(type.type(Kind.ARTIFACT)));
        request.all(2).forEach(type -> types.add(type.type(Kind.EXECUTION)));
        request.all(3).forEach(type -> types.add(type.type(Kind.CONTEXT)));
        store.putTypes(types);
      }
      case "PutArtifacts" -> {
        for (Wire artifact : request.all(1)) {
          store.putArtifact(
              request.has(4)
                  ? masked(store, artifact.artifact(names(store, Kind.ARTIFACT)))
                  : artifact(store, artifact));
        }
      }
      case "PutExecutions" ->
          request
              .all(1)
              .forEach(
                  execution ->
                      store.putExecution(execution.execution(names(store, Kind.EXECUTION))));
      case "PutContexts" ->
          request
              .all(1)
              .forEach(context -> store.putContext(context.context(names(store, Kind.CONTEXT))));
      case "PutEvents" -> store.putEvents(request.all(1).stream().map(Wire::event).toList());
      case "PutAttributionsAndAssociations" -> {
        request.all(1).forEach(link -> store.putAttribution(link.number(1), link.number(2)));
        request.all(2).forEach(link -> store.putAssociation(link.number(1), link.number(2)));
      }
      case "PutParentContexts" ->
          request.all(1).forEach(link -> store.putParentContext(link.number(1), link.number(2)));
      case "PutExecution" -> store.record(recording(store, request));
      case "PutLineageSubgraph" -> store.record(subgraph(store, request));
      default -> throw new AssertionError(method);
    }
  }

  private static Type executionType(Wire request, Map<String, @Nullable Object> call) {
    Map<String, @Nullable Object> json = map(map(call, "request_json"), "executionType");
    Type.Builder type = request.message(1).type(Kind.EXECUTION).toBuilder();
    if (json.containsKey("inputType")) {
      type.inputType(((Value.StructValue) Value.struct(map(json, "inputType"))).json());
    }
    if (json.containsKey("outputType")) {
      type.outputType(((Value.StructValue) Value.struct(map(json, "outputType"))).json());
    }
    return type.build();
  }

  /** The largest double is left out: the real library reads it back as infinite. */
  private static Artifact artifact(MetadataStore store, Wire message) {
    Artifact artifact = message.artifact(names(store, Kind.ARTIFACT));
    Map<String, Value> custom = new TreeMap<>(artifact.customProperties());
    custom.remove("d_max");
    return new Artifact(
        artifact.id(),
        artifact.type(),
        artifact.name(),
        artifact.uri(),
        artifact.state(),
        artifact.properties(),
        custom,
        artifact.externalId(),
        null,
        null);
  }

  /** The one masked update of the replay, as a read and a write. */
  private static Artifact masked(MetadataStore store, Artifact update) {
    return store.artifact(update.storedId()).orElseThrow().toBuilder()
        .property("p_int", update.value("p_int").orElseThrow())
        .customProperty("s_uni", update.value("s_uni").orElseThrow())
        .build();
  }

  private static Recording recording(MetadataStore store, Wire request) {
    Recording.Builder recording =
        Recording.of(request.message(1).execution(names(store, Kind.EXECUTION)));
    for (Wire pair : request.all(2)) {
      Event event = pair.has(2) ? pair.message(2).event() : null;
      recording.artifact(
          new ArtifactEvent(
              pair.has(1) ? null : requireNonNull(event).artifactId(),
              pair.has(1) ? artifact(store, pair.message(1)) : null,
              event == null ? null : event.type(),
              event == null ? List.of() : event.path(),
              null));
    }
    request.all(3).forEach(c -> recording.context(c.context(names(store, Kind.CONTEXT))));
    return recording.build();
  }

  private static Recording subgraph(MetadataStore store, Wire request) {
    Recording.Builder recording =
        Recording.of(request.message(1).execution(names(store, Kind.EXECUTION)));
    for (Wire edge : request.all(4)) {
      Event event = edge.message(3).event();
      boolean stored = edge.message(3).has(1);
      recording.artifact(
          new ArtifactEvent(
              stored ? event.artifactId() : null,
              stored ? null : artifact(store, request.all(2).get((int) edge.number(2))),
              event.type(),
              event.path(),
              null));
    }
    request.all(3).forEach(c -> recording.context(c.context(names(store, Kind.CONTEXT))));
    return recording.build();
  }

  /**
   * The rows of a table without what differs for a good reason: times; the ids of links, which the
   * real library gives in random order; the largest double; and doubles beyond the six decimals
   * that the real library writes.
   */
  private static List<List<String>> comparableRows(Database database, String table)
      throws SQLException {
    List<String> columns =
        database.query("SELECT name FROM pragma_table_info(?)", row -> row.getString(1), table);
    List<String> kept =
        columns.stream()
            .filter(column -> !column.endsWith("_since_epoch"))
            .filter(
                column -> !(table.startsWith("A") && table.endsWith("tion") && column.equals("id")))
            .sorted()
            .toList();
    String condition = table.equals("ArtifactProperty") ? " WHERE name <> 'd_max'" : "";
    List<List<String>> rows =
        database.query(
            "SELECT " + String.join(", ", kept) + " FROM " + table + condition + " ORDER BY rowid",
            row -> {
              List<String> cells = new ArrayList<>();
              for (int i = 1; i <= kept.size(); i++) {
                cells.add(comparable(row.getObject(i)));
              }
              return cells;
            });
    // The steps of a path are in order of their rows; other rows have an order of their own.
    return table.equals("EventPath")
        ? rows
        : rows.stream().sorted(Comparator.comparing(String::valueOf)).toList();
  }

  private static String comparable(@Nullable Object cell) {
    if (cell instanceof Double number) {
      return new BigDecimal(number).setScale(6, RoundingMode.HALF_EVEN).toPlainString();
    }
    if (cell instanceof String text && text.startsWith("mlmd-struct::")) {
      return StoredValues.text(text).toString();
    }
    if (cell instanceof String text && text.startsWith("{") && !text.contains("\n")) {
      return RealData.json(text).toString();
    }
    return String.valueOf(cell);
  }

  private static SqliteMetadataStore open(Path file) {
    return SqliteMetadataStore.open(file, Clock.systemUTC(), Duration.ofSeconds(1));
  }

  private static Map<Long, TypeName> names(Map<Kind, Map<Long, TypeName>> names, Kind kind) {
    return requireNonNull(names.get(kind));
  }

  private static Map<Long, TypeName> names(MetadataStore store, Kind kind) {
    Map<Long, TypeName> names = new TreeMap<>();
    store.types(kind).forEach(type -> names.put(requireNonNull(type.id()), type.typeName()));
    return names;
  }

  @SuppressWarnings("unchecked") // JSON objects have texts as keys.
  private static Map<String, @Nullable Object> map(Map<String, ?> map, String key) {
    return (Map<String, @Nullable Object>) requireNonNull(map.get(key), key);
  }

  private static Wire wire(Map<String, @Nullable Object> reads, String call) {
    Object hex = map(reads, call).get("response_hex");
    return Wire.ofHex(hex == null ? "" : hex);
  }

  private static <T> List<T> answer(
      Map<String, @Nullable Object> reads, String call, Function<Wire, T> reader) {
    return wire(reads, call).all(1).stream().map(reader).toList();
  }

  private static void assertSame(
      List<? extends Node> ours, List<? extends Node> real, int expectedSize) {
    assertSame(ours, real);
    assertThat(ours).hasSize(expectedSize);
  }

  private static void assertSame(List<? extends Node> ours, List<? extends Node> real) {
    Stream<Node> printed = ours.stream().map(RealLibraryTest::asPrinted);
    assertThat(printed)
        .containsExactlyInAnyOrderElementsOf(real.stream().map(n -> (Node) n).toList());
  }

  /** The real library reads doubles from SQLite's text of 15 digits. */
  private static Node asPrinted(Node node) {
    UnaryOperator<Value> print =
        value ->
            value instanceof Value.DoubleValue number
                ? Value.of(new BigDecimal(number.value()).round(new MathContext(15)).doubleValue())
                : value;
    NodeBuilder<?> builder =
        node instanceof Artifact artifact
            ? artifact.toBuilder()
            : node instanceof Execution execution
                ? execution.toBuilder()
                : ((Context) node).toBuilder();
    node.properties().forEach((name, value) -> builder.property(name, print.apply(value)));
    node.customProperties()
        .forEach((name, value) -> builder.customProperty(name, print.apply(value)));
    return builder instanceof Artifact.Builder artifact
        ? artifact.build()
        : builder instanceof Execution.Builder execution
            ? execution.build()
            : ((Context.Builder) builder).build();
  }

  // --- Schemas

  private static List<String> names(Database database) throws SQLException {
    return database.query(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
            + " ORDER BY rowid",
        row -> row.getString(1));
  }

  /** Table to its columns, each with position, type, NOT NULL, default and place in the key. */
  private static Map<String, List<String>> schema(Database database) throws SQLException {
    Map<String, List<String>> schema = new TreeMap<>();
    for (String table : names(database)) {
      schema.put(table, rows(database, "PRAGMA table_info(" + table + ")"));
    }
    return schema;
  }

  /** Every index, those of UNIQUE constraints included, with columns and condition. */
  private static List<String> indices(Database database) throws SQLException {
    List<String> indices = new ArrayList<>();
    for (String table : names(database)) {
      for (String index :
          database.query(
              "SELECT name || '|' || \"unique\" || '|' || origin || '|' || partial"
                  + " FROM pragma_index_list(?)",
              row -> row.getString(1),
              table)) {
        String name = index.substring(0, index.indexOf('|'));
        String sql =
            database
                .query(
                    "SELECT coalesce(sql, '') FROM sqlite_master WHERE name = ?",
                    row -> plain(row.getString(1)),
                    name)
                .get(0);
        indices.add(
            table
                + "|"
                + index
                + "|"
                + rows(database, "PRAGMA index_info(" + name + ")")
                + "|"
                + sql);
      }
    }
    return indices.stream().sorted().toList();
  }

  private static List<String> rows(Database database, String sql) throws SQLException {
    return database.query(
        sql,
        row -> {
          List<@Nullable String> cells = new ArrayList<>();
          for (int i = 1; i <= row.getMetaData().getColumnCount(); i++) {
            cells.add(row.getString(i));
          }
          return cells.toString();
        });
  }

  /** A statement without backquotes, doubled spaces and the redundant NULL of one column. */
  private static String plain(String sql) {
    return sql.replace("`", "")
        .replaceAll("\\s+", " ")
        .replace(" (", "(")
        .replace("( ", "(")
        .replace(" )", ")")
        .replace("INT NULL,", "INT,")
        .replaceAll(";$", "");
  }
}
