package io.jetfire.adapter.mlmd;

import io.jetfire.StorageException;
import io.jetfire.spi.MetadataStore.BaseType;
import io.jetfire.spi.MetadataStore.Kind;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeSet;
import java.util.stream.Stream;

/**
 * ML Metadata's SQL schema, version 10 (since its release 1.11.0): makes it in an empty file, and
 * checks it in any other by the rules of ML Metadata's library.
 */
final class Schema {
  static final int VERSION = 10;

  private static final String ID = "id INTEGER PRIMARY KEY AUTOINCREMENT";
  private static final String TIMES =
      "create_time_since_epoch INT NOT NULL DEFAULT 0,"
          + " last_update_time_since_epoch INT NOT NULL DEFAULT 0";
  private static final String VALUES =
      "name VARCHAR(255) NOT NULL, is_custom_property TINYINT(1) NOT NULL, int_value INT,"
          + " double_value DOUBLE, string_value TEXT, byte_value BLOB, proto_value BLOB,"
          + " bool_value BOOLEAN";

  /** Name and definition of every table, in the order in which the library makes them. */
  private static final Map<String, String> TABLES = tables();

  private final Database database;

  private Schema(Database database) {
    this.database = database;
  }

  /** Makes the schema in an empty file, or checks the one that is there. */
  static void prepare(Database database) {
    Schema schema = new Schema(database);
    if (!database.read("read its schema", schema::isComplete)) {
      database.write(
          "make its schema",
          () -> {
            // Another program may have made it between the two transactions.
            schema.createOrComplete();
            return true;
          });
    }
  }

  /** Whether nothing is left to do; false for an empty file or one without the simple types. */
  private boolean isComplete() throws SQLException {
    if (isEmpty()) {
      return false;
    }
    checkTables();
    checkVersion();
    for (BaseType type : BaseType.values()) {
      if (!hasSimpleType(type)) {
        return false;
      }
    }
    return true;
  }

  private void createOrComplete() throws SQLException {
    if (isEmpty()) {
      create();
    }
    for (BaseType type : BaseType.values()) {
      if (!hasSimpleType(type)) {
        database.update(
            "INSERT INTO Type(name, type_kind) VALUES (?, ?)",
            type.typeName(),
            Codes.of(type.kind()));
      }
    }
  }

  private boolean hasSimpleType(BaseType type) throws SQLException {
    return database.exists(
        "SELECT id FROM Type WHERE name = ? AND type_kind = ? AND version IS NULL",
        type.typeName(),
        Codes.of(type.kind()));
  }

  private boolean isEmpty() throws SQLException {
    return !database.exists("SELECT 1 FROM sqlite_master WHERE type = 'table' LIMIT 1");
  }

  private void checkTables() throws SQLException {
    List<String> missing = new ArrayList<>();
    for (Map.Entry<String, String> table : TABLES.entrySet()) {
      TreeSet<String> found = new TreeSet<>(String.CASE_INSENSITIVE_ORDER);
      found.addAll(
          database.query(
              "SELECT name FROM pragma_table_info(?)", row -> row.getString(1), table.getKey()));
      if (found.isEmpty()) {
        missing.add("table " + table.getKey());
      } else {
        columns(table.getValue()).stream()
            .filter(column -> !found.contains(column))
            .forEach(column -> missing.add("column " + table.getKey() + "." + column));
      }
    }
    if (!missing.isEmpty()) {
      throw new StorageException(
          "The file "
              + database.file()
              + " is an SQLite database but no complete ML Metadata store: it lacks "
              + String.join(", ", missing)
              + ". Choose another path, or restore the file from a copy");
    }
  }

  private void checkVersion() throws SQLException {
    List<Long> versions =
        database.query("SELECT schema_version FROM MLMDEnv", row -> row.getLong(1));
    if (versions.size() != 1) {
      throw new StorageException(
          "The metadata store "
              + database.file()
              + " must hold one schema version in its table MLMDEnv, but holds "
              + versions
              + "; restore it from a copy, or choose another path");
    }
    if (versions.get(0) != VERSION) {
      throw new StorageException(
          "The metadata store "
              + database.file()
              + " has ML Metadata's schema version "
              + versions.get(0)
              + ", and this adapter reads version "
              + VERSION
              + String.format(
                  Locale.ROOT,
                  "; %s",
                  versions.get(0) < VERSION
                      ? "let ML Metadata's library upgrade the file, or choose another path"
                      : "use a newer JetFire, or choose another path"));
    }
  }

  private void create() throws SQLException {
    for (Map.Entry<String, String> table : TABLES.entrySet()) {
      database.execute("CREATE TABLE " + table.getKey() + " (" + table.getValue() + ")");
    }
    for (String index : indices()) {
      database.execute("CREATE INDEX " + index);
    }
    database.update("INSERT INTO MLMDEnv(schema_version) VALUES (?)", VERSION);
  }

  private static Map<String, String> tables() {
    Map<String, String> tables = new LinkedHashMap<>();
    tables.put(
        "Type",
        ID
            + ", name VARCHAR(255) NOT NULL, version VARCHAR(255), type_kind TINYINT(1) NOT NULL,"
            + " description TEXT, input_type TEXT, output_type TEXT,"
            + " external_id VARCHAR(255) UNIQUE");
    tables.put(
        "TypeProperty",
        "type_id INT NOT NULL, name VARCHAR(255) NOT NULL, data_type INT,"
            + " PRIMARY KEY (type_id, name)");
    tables.put(
        "ParentType",
        "type_id INT NOT NULL, parent_type_id INT NOT NULL, PRIMARY KEY (type_id, parent_type_id)");
    tables.put("Artifact", node("uri TEXT, state INT, name VARCHAR(255)"));
    tables.put("ArtifactProperty", properties("artifact_id"));
    tables.put("Execution", node("last_known_state INT, name VARCHAR(255)"));
    tables.put("ExecutionProperty", properties("execution_id"));
    tables.put(
        "Event",
        ID
            + ", artifact_id INT NOT NULL, execution_id INT NOT NULL, type INT NOT NULL,"
            + " milliseconds_since_epoch INT, UNIQUE (artifact_id, execution_id, type)");
    tables.put(
        "EventPath",
        "event_id INT NOT NULL, is_index_step TINYINT(1) NOT NULL, step_index INT, step_key TEXT");
    tables.put("MLMDEnv", "schema_version INTEGER PRIMARY KEY");
    tables.put("Context", node("name VARCHAR(255) NOT NULL"));
    tables.put("ContextProperty", properties("context_id"));
    tables.put(
        "ParentContext",
        "context_id INT NOT NULL, parent_context_id INT NOT NULL,"
            + " PRIMARY KEY (context_id, parent_context_id)");
    tables.put("Association", link("execution_id"));
    tables.put("Attribution", link("artifact_id"));
    return tables;
  }

  private static String node(String columns) {
    return ID
        + ", type_id INT NOT NULL, "
        + columns
        + ", external_id VARCHAR(255) UNIQUE, "
        + TIMES
        + ", UNIQUE (type_id, name)";
  }

  private static String properties(String owner) {
    return owner
        + " INT NOT NULL, "
        + VALUES
        + ", PRIMARY KEY ("
        + owner
        + ", name, is_custom_property)";
  }

  private static String link(String member) {
    return ID
        + ", context_id INT NOT NULL, "
        + member
        + " INT NOT NULL, UNIQUE (context_id, "
        + member
        + ")";
  }

  private static List<String> indices() {
    List<String> indices = new ArrayList<>();
    indices.add("idx_artifact_uri ON Artifact(uri)");
    indices.addAll(timeIndices(Kind.ARTIFACT));
    indices.add("idx_event_execution_id ON Event(execution_id)");
    indices.add("idx_parentcontext_parent_context_id ON ParentContext(parent_context_id)");
    indices.add("idx_type_name ON Type(name)");
    indices.addAll(timeIndices(Kind.EXECUTION));
    indices.addAll(timeIndices(Kind.CONTEXT));
    indices.add("idx_eventpath_event_id ON EventPath(event_id)");
    for (String owner : List.of("Artifact", "Execution", "Context")) {
      for (String kind : List.of("int", "double", "string")) {
        String index = "idx_" + owner.toLowerCase(Locale.ROOT) + "_property_" + kind;
        String column = kind + "_value";
        indices.add(
            index
                + " ON "
                + owner
                + "Property(name, is_custom_property, "
                + column
                + ") WHERE "
                + column
                + " IS NOT NULL");
      }
    }
    for (String owner : List.of("Type", "Artifact", "Execution", "Context")) {
      indices.add(
          "idx_" + owner.toLowerCase(Locale.ROOT) + "_external_id ON " + owner + "(external_id)");
    }
    return indices;
  }

  private static List<String> timeIndices(Kind kind) {
    String table = NodeTable.of(kind).table();
    String prefix = "idx_" + table.toLowerCase(Locale.ROOT) + "_";
    return List.of(
        prefix + "create_time_since_epoch ON " + table + "(create_time_since_epoch)",
        prefix + "last_update_time_since_epoch ON " + table + "(last_update_time_since_epoch)");
  }

  /** The names of the columns in a table's definition. */
  private static List<String> columns(String definition) {
    return Stream.of(definition.replaceAll("\\([^()]*\\)", "").split(", "))
        .map(part -> part.substring(0, part.indexOf(' ')))
        .filter(word -> !word.equals("UNIQUE") && !word.equals("PRIMARY"))
        .toList();
  }
}
