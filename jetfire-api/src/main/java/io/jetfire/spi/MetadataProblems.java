package io.jetfire.spi;

import io.jetfire.spi.MetadataStore.Artifact;
import io.jetfire.spi.MetadataStore.Context;
import io.jetfire.spi.MetadataStore.Event;
import io.jetfire.spi.MetadataStore.Node;
import io.jetfire.spi.MetadataStore.PathStep;
import io.jetfire.spi.MetadataStore.PropertyType;
import io.jetfire.spi.MetadataStore.Type;
import io.jetfire.spi.MetadataStore.Value;
import java.math.BigDecimal;
import java.math.MathContext;
import java.nio.charset.CharsetEncoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What ML Metadata would accept and then fail on, or silently change.
 *
 * <p>The rules are its storage format's (schema version 10, release 1.14.0 and later): texts are
 * cut at a NUL; {@code __MLMD_NULL__} and {@code mlmd-struct::} are its own marks inside text
 * columns, and a node that holds them as plain text cannot be read any more; numbers that are not
 * finite make a write fail; a number that is infinite once it is printed with 15 digits is read
 * back as infinite; a protocol buffer message without a type URL cannot be read; one name in both
 * property maps makes each update overwrite the other map's value; an empty name or external id
 * collides with the next one.
 */
final class MetadataProblems {
  private static final String NULL_MARK = "__MLMD_NULL__";
  private static final String STRUCT_MARK = "mlmd-struct::";
  private static final MathContext PRINTED = new MathContext(15);

  private final CharsetEncoder utf8 = StandardCharsets.UTF_8.newEncoder();
  private final List<String> problems = new ArrayList<>();

  private MetadataProblems() {}

  static List<String> of(Type type) {
    MetadataProblems found = new MetadataProblems();
    found.text("the name", type.typeName().name());
    found.text("the version", type.typeName().version());
    found.text("the description", type.description());
    found.text("the input type", type.inputType());
    found.text("the output type", type.outputType());
    found.identifier("the external id", type.externalId());
    type.properties().keySet().forEach(found::propertyName);
    if (type.baseType() != null && type.baseType().kind() != type.kind()) {
      found.problems.add(
          "the base type " + type.baseType().typeName() + " is not one of " + type.kind());
    }
    return List.copyOf(found.problems);
  }

  static List<String> of(Node node) {
    MetadataProblems found = new MetadataProblems();
    found.identifier("the name", node.name());
    found.identifier("the external id", node.externalId());
    if (node instanceof Artifact artifact) {
      found.text("the URI", artifact.uri());
    }
    if (node instanceof Context context && context.name().isBlank()) {
      found.problems.add("the name of a context is blank");
    }
    node.properties().forEach(found::property);
    node.customProperties().forEach(found::property);
    for (Map.Entry<String, Value> custom : node.customProperties().entrySet()) {
      if (node.properties().containsKey(custom.getKey())) {
        found.problems.add(
            "\"" + custom.getKey() + "\" is a property and a custom property; keep one of them");
      }
    }
    return List.copyOf(found.problems);
  }

  static List<String> of(Node node, Type type) {
    List<String> problems = new ArrayList<>(of(node));
    node.properties()
        .forEach(
            (name, value) -> {
              PropertyType declared = type.properties().get(name);
              if (declared == null) {
                problems.add(
                    "its type does not declare property \""
                        + name
                        + "\"; add it to the type or use a custom property");
              } else if (declared != value.type()) {
                problems.add(
                    "its type declares property \""
                        + name
                        + "\" as "
                        + declared
                        + ", not "
                        + value.type());
              }
            });
    return List.copyOf(problems);
  }

  static List<String> of(Event event) {
    MetadataProblems found = new MetadataProblems();
    for (PathStep step : event.path()) {
      if (step instanceof PathStep.Key key) {
        found.text("a key of the event's path", key.key());
      }
    }
    return List.copyOf(found.problems);
  }

  private void property(String name, Value value) {
    propertyName(name);
    String what = "property \"" + name + "\"";
    if (value instanceof Value.StringValue string) {
      text(what, string.value());
      if (string.value().startsWith(STRUCT_MARK)) {
        problems.add(what + " starts with " + STRUCT_MARK + ", ML Metadata's mark of a struct");
      }
    } else if (value instanceof Value.DoubleValue number) {
      number(what, number.value());
    } else if (value instanceof Value.StructValue struct) {
      text(what, struct.json());
    } else if (value instanceof Value.ProtoValue proto) {
      text(what, proto.typeUrl());
      if (proto.typeUrl().isEmpty()) {
        problems.add(what + " is a message without a type URL");
      }
    }
  }

  private void number(String what, double number) {
    if (!Double.isFinite(number)) {
      problems.add(what + " is " + number + "; leave it unset, or store a text");
    } else if (Double.isInfinite(new BigDecimal(number).round(PRINTED).doubleValue())) {
      problems.add(what + " is " + number + ", which ML Metadata reads back as infinite");
    }
  }

  private void propertyName(String name) {
    text("the property name \"" + name + "\"", name);
    if (name.isEmpty()) {
      problems.add("a property has an empty name");
    }
  }

  private void identifier(String what, @Nullable String text) {
    text(what, text);
    if (text != null && text.isEmpty()) {
      problems.add(what + " is empty; leave it unset");
    }
  }

  private void text(String what, @Nullable String text) {
    if (text == null) {
      return;
    }
    if (text.indexOf('\0') >= 0) {
      problems.add(what + " holds a NUL character, at which ML Metadata cuts it");
    }
    if (text.equals(NULL_MARK)) {
      problems.add(what + " is " + NULL_MARK + ", ML Metadata's mark of an absent text");
    }
    if (!utf8.canEncode(text)) {
      problems.add(what + " holds half of a surrogate pair and cannot be stored as UTF-8");
    }
  }
}
