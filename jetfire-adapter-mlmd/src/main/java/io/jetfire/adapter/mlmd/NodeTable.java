package io.jetfire.adapter.mlmd;

import io.jetfire.spi.MetadataStore.Kind;
import java.util.List;
import java.util.Locale;

/** The tables of one kind of node. The table's name is also the kind's name in messages. */
enum NodeTable {
  EXECUTION(Kind.EXECUTION, "Execution", List.of("last_known_state")),
  ARTIFACT(Kind.ARTIFACT, "Artifact", List.of("uri", "state")),
  CONTEXT(Kind.CONTEXT, "Context", List.of());

  private final Kind kind;
  private final String table;
  private final List<String> ownColumns;

  NodeTable(Kind kind, String table, List<String> ownColumns) {
    this.kind = kind;
    this.table = table;
    this.ownColumns = ownColumns;
  }

  static NodeTable of(Kind kind) {
    return switch (kind) {
      case EXECUTION -> EXECUTION;
      case ARTIFACT -> ARTIFACT;
      case CONTEXT -> CONTEXT;
    };
  }

  Kind kind() {
    return kind;
  }

  String table() {
    return table;
  }

  /** The columns that only this kind has. */
  List<String> ownColumns() {
    return ownColumns;
  }

  String propertyTable() {
    return table + "Property";
  }

  /** The column by which other tables refer to this one. */
  String idColumn() {
    return label() + "_id";
  }

  /** The kind's name inside a sentence. */
  String label() {
    return table.toLowerCase(Locale.ROOT);
  }
}
