package io.jetfire.adapter.mlmd;

import io.jetfire.ConfigurationException;
import io.jetfire.StorageException;
import io.jetfire.spi.MetadataStore.BaseType;
import io.jetfire.spi.MetadataStore.Kind;
import io.jetfire.spi.MetadataStore.PropertyType;
import io.jetfire.spi.MetadataStore.Type;
import io.jetfire.spi.MetadataStore.TypeName;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** The tables Type, TypeProperty and ParentType. All methods run inside a transaction. */
final class Types {
  private static final Set<String> SIMPLE_TYPES =
      Stream.of(BaseType.values()).map(BaseType::typeName).collect(Collectors.toUnmodifiableSet());

  private final Database database;

  Types(Database database) {
    this.database = database;
  }

  Type put(Type type) throws SQLException {
    Optional<Type> stored = find(type.kind(), type.typeName());
    if (stored.isPresent()) {
      update(stored.get(), type);
    } else {
      insert(type);
    }
    return require(type.kind(), type.typeName());
  }

  private void insert(Type type) throws SQLException {
    checkExternalId(type);
    long id =
        database.insert(
            "INSERT INTO Type(name, version, type_kind, description, input_type, output_type,"
                + " external_id) VALUES (?, ?, ?, ?, ?, ?, ?)",
            type.typeName().name(),
            type.typeName().version(),
            Codes.of(type.kind()),
            type.description(),
            type.inputType(),
            type.outputType(),
            type.externalId());
    for (Map.Entry<String, PropertyType> property : type.properties().entrySet()) {
      insertProperty(id, property.getKey(), property.getValue());
    }
    if (type.baseType() != null) {
      insertBaseType(id, type.baseType());
    }
  }

  private void update(Type stored, Type given) throws SQLException {
    long id = Objects.requireNonNull(stored.id());
    Type merged = stored.merge(given);
    for (Map.Entry<String, PropertyType> property : merged.properties().entrySet()) {
      if (!stored.properties().containsKey(property.getKey())) {
        insertProperty(id, property.getKey(), property.getValue());
      }
    }
    if (merged.baseType() != null && stored.baseType() == null) {
      insertBaseType(id, merged.baseType());
    }
    if (!Objects.equals(merged.externalId(), stored.externalId())) {
      checkExternalId(merged);
      database.update("UPDATE Type SET external_id = ? WHERE id = ?", merged.externalId(), id);
    }
  }

  private void insertProperty(long typeId, String name, PropertyType type) throws SQLException {
    database.update(
        "INSERT INTO TypeProperty(type_id, name, data_type) VALUES (?, ?, ?)",
        typeId,
        name,
        Codes.of(type));
  }

  private void insertBaseType(long typeId, BaseType base) throws SQLException {
    database.update(
        "INSERT INTO ParentType(type_id, parent_type_id) SELECT ?, min(id) FROM Type"
            + " WHERE name = ? AND type_kind = ? AND version IS NULL",
        typeId,
        base.typeName(),
        Codes.of(base.kind()));
  }

  private void checkExternalId(Type type) throws SQLException {
    if (type.externalId() != null
        && database.exists("SELECT id FROM Type WHERE external_id = ?", type.externalId())) {
      throw new ConfigurationException(
          "Cannot store type "
              + type.typeName()
              + ": its external id \""
              + type.externalId()
              + "\" belongs to another type of the store. Choose another one or leave it unset");
    }
  }

  /** The type of a node that is put. */
  Type require(Kind kind, TypeName name) throws SQLException {
    return find(kind, name)
        .orElseThrow(
            () ->
                new ConfigurationException(
                    "The metadata store has no "
                        + NodeTable.of(kind).label()
                        + " type "
                        + name
                        + "; put the type first"));
  }

  Optional<Type> find(Kind kind, TypeName name) throws SQLException {
    // Nothing in the schema keeps a type from being there twice; the first one counts.
    return select(
            "WHERE type_kind = ? AND name = ? AND version IS ? ORDER BY id LIMIT 1",
            Codes.of(kind),
            name.name(),
            name.version())
        .stream()
        .findFirst();
  }

  List<Type> list(Kind kind) throws SQLException {
    return select("WHERE type_kind = ? ORDER BY id", Codes.of(kind)).stream()
        .filter(type -> !SIMPLE_TYPES.contains(type.typeName().name()))
        .toList();
  }

  /** The names of all types of a kind by their ids. */
  Map<Long, TypeName> names(Kind kind) throws SQLException {
    Map<Long, TypeName> names = new LinkedHashMap<>();
    database.query(
        "SELECT id, name, version FROM Type WHERE type_kind = ?",
        row -> names.put(row.getLong(1), new TypeName(row.getString(2), row.getString(3))),
        Codes.of(kind));
    return names;
  }

  private List<Type> select(String condition, @Nullable Object... parameters) throws SQLException {
    List<Type.Builder> builders =
        database.query(
            "SELECT id, type_kind, name, version, description, input_type, output_type,"
                + " external_id FROM Type "
                + condition,
            this::read,
            parameters);
    List<Type> types = new ArrayList<>();
    for (Type.Builder builder : builders) {
      types.add(withProperties(builder));
    }
    return types;
  }

  private Type.Builder read(ResultSet row) throws SQLException {
    String name = row.getString(3);
    Type.Builder builder =
        switch (row.getInt(2)) {
          case 0 -> Type.execution(name);
          case 1 -> Type.artifact(name);
          default -> Type.context(name);
        };
    return builder
        .id(row.getLong(1))
        .version(row.getString(4))
        .description(row.getString(5))
        .inputType(blankAsAbsent(row.getString(6)))
        .outputType(blankAsAbsent(row.getString(7)))
        .externalId(row.getString(8));
  }

  private Type withProperties(Type.Builder builder) throws SQLException {
    long id = Objects.requireNonNull(builder.build().id());
    database.query(
        "SELECT name, data_type FROM TypeProperty WHERE type_id = ? ORDER BY name",
        row -> {
          PropertyType type = Codes.propertyType(row.getLong(2));
          if (type == null) {
            throw new StorageException(
                "The metadata store "
                    + database.file()
                    + " has property \""
                    + row.getString(1)
                    + "\" of type "
                    + builder.build().typeName()
                    + " with the unknown kind "
                    + row.getLong(2)
                    + "; correct the row in TypeProperty");
          }
          return builder.property(row.getString(1), type);
        },
        id);
    List<String> bases =
        database.query(
            "SELECT t.name FROM ParentType p JOIN Type t ON t.id = p.parent_type_id"
                + " WHERE p.type_id = ?",
            row -> row.getString(1),
            id);
    for (BaseType base : BaseType.values()) {
      if (bases.contains(base.typeName())) {
        builder.baseType(base);
      }
    }
    return builder.build();
  }

  private static @Nullable String blankAsAbsent(@Nullable String text) {
    return text == null || text.isEmpty() ? null : text;
  }
}
