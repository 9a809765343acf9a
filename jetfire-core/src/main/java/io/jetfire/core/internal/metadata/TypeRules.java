package io.jetfire.core.internal.metadata;

import io.jetfire.ConfigurationException;
import io.jetfire.spi.MetadataStore.BaseType;
import io.jetfire.spi.MetadataStore.Kind;
import io.jetfire.spi.MetadataStore.Type;
import io.jetfire.spi.MetadataStore.TypeName;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** How types are put and found, by the rules of ML Metadata. */
final class TypeRules {
  private static final Set<String> SIMPLE_TYPES =
      Stream.of(BaseType.values()).map(BaseType::typeName).collect(Collectors.toUnmodifiableSet());

  private TypeRules() {}

  /** Adds ML Metadata's own types, as its library does when it opens a store. */
  static void putSimpleTypes(TreeMap<Long, Type> types) {
    for (BaseType base : BaseType.values()) {
      Type.Builder type =
          base.kind() == Kind.ARTIFACT
              ? Type.artifact(base.typeName())
              : Type.execution(base.typeName());
      put(types, type.build());
    }
  }

  static Type put(TreeMap<Long, Type> types, Type given) {
    if (!given.problems().isEmpty()) {
      throw new ConfigurationException(
          "Cannot put type " + given.typeName() + ": " + String.join("; ", given.problems()));
    }
    Optional<Type> found = find(types, given.kind(), given.typeName());
    long id = found.map(Type::id).orElseGet(() -> types.isEmpty() ? 1L : types.lastKey() + 1);
    checkExternalId(types, given, id);
    Type stored =
        found.map(old -> old.merge(given)).orElseGet(() -> given.toBuilder().id(id).build());
    types.put(id, stored);
    return stored;
  }

  private static void checkExternalId(TreeMap<Long, Type> types, Type given, long id) {
    for (Map.Entry<Long, Type> other : types.entrySet()) {
      if (given.externalId() != null
          && given.externalId().equals(other.getValue().externalId())
          && other.getKey() != id) {
        throw new ConfigurationException(
            "Cannot store type "
                + given.typeName()
                + ": its external id \""
                + given.externalId()
                + "\" belongs to another type of the store. Choose another one or leave it unset");
      }
    }
  }

  static Type require(TreeMap<Long, Type> types, Kind kind, TypeName name) {
    return find(types, kind, name)
        .orElseThrow(
            () ->
                new ConfigurationException(
                    "The metadata store has no "
                        + kind.name().toLowerCase(Locale.ROOT)
                        + " type "
                        + name
                        + "; put the type first"));
  }

  static Optional<Type> find(TreeMap<Long, Type> types, Kind kind, TypeName name) {
    return types.values().stream()
        .filter(type -> type.kind() == kind && type.typeName().equals(name))
        .findFirst();
  }

  static boolean isSimple(Type type) {
    return SIMPLE_TYPES.contains(type.typeName().name());
  }
}
