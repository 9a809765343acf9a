package io.jetfire.core.internal.json;

import com.fasterxml.jackson.databind.JsonNode;
import io.jetfire.ConfigurationException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/** Reads the fields of a JSON object, with errors that say where they are. */
final class JsonFields {
  private final JsonNode node;
  private final String place;

  JsonFields(JsonNode node, String place) {
    this.node = node;
    this.place = place;
    if (!node.isObject()) {
      throw error("should be an object");
    }
  }

  ConfigurationException error(String problem) {
    return new ConfigurationException(
        "The JSON is no description that JetFire wrote: " + place + " " + problem);
  }

  JsonNode node() {
    return node;
  }

  boolean has(String name) {
    return node.hasNonNull(name);
  }

  JsonNode required(String name) {
    JsonNode value = node.get(name);
    if (value == null || value.isNull()) {
      throw error("lacks '" + name + "'");
    }
    return value;
  }

  String text(String name) {
    JsonNode value = required(name);
    if (!value.isTextual()) {
      throw error("has '" + name + "', which should be a text");
    }
    return value.textValue();
  }

  Optional<String> optionalText(String name) {
    return has(name) ? Optional.of(text(name)) : Optional.empty();
  }

  int integer(String name) {
    JsonNode value = required(name);
    if (!value.canConvertToInt() || !value.isIntegralNumber()) {
      throw error("has '" + name + "', which should be an integer");
    }
    return value.intValue();
  }

  long longInteger(String name) {
    JsonNode value = required(name);
    if (!value.canConvertToLong() || !value.isIntegralNumber()) {
      throw error("has '" + name + "', which should be an integer");
    }
    return value.longValue();
  }

  double number(String name) {
    JsonNode value = required(name);
    if (!value.isNumber()) {
      throw error("has '" + name + "', which should be a number");
    }
    return value.doubleValue();
  }

  boolean bool(String name) {
    JsonNode value = required(name);
    if (!value.isBoolean()) {
      throw error("has '" + name + "', which should be true or false");
    }
    return value.booleanValue();
  }

  <E extends Enum<E>> E constant(String name, Class<E> type) {
    String value = text(name);
    for (E constant : type.getEnumConstants()) {
      if (constant.name().equals(value.toUpperCase(Locale.ROOT))) {
        return constant;
      }
    }
    throw error(
        "has '"
            + name
            + "': '"
            + value
            + "', which is not one of "
            + List.of(type.getEnumConstants()));
  }

  JsonFields object(String name) {
    return new JsonFields(required(name), place + "." + name);
  }

  List<JsonFields> objects(String name) {
    List<JsonFields> list = new ArrayList<>();
    int i = 0;
    for (JsonNode element : array(name)) {
      list.add(new JsonFields(element, place + "." + name + "[" + i++ + "]"));
    }
    return list;
  }

  List<String> texts(String name) {
    List<String> list = new ArrayList<>();
    for (JsonNode element : array(name)) {
      if (!element.isTextual()) {
        throw error("has '" + name + "', which should hold texts only");
      }
      list.add(element.textValue());
    }
    return list;
  }

  List<Double> numbers(String name) {
    List<Double> list = new ArrayList<>();
    for (JsonNode element : array(name)) {
      if (!element.isNumber()) {
        throw error("has '" + name + "', which should hold numbers only");
      }
      list.add(element.doubleValue());
    }
    return list;
  }

  int[] integers(String name) {
    List<Integer> list = new ArrayList<>();
    for (JsonNode element : array(name)) {
      if (!element.canConvertToInt() || !element.isIntegralNumber()) {
        throw error("has '" + name + "', which should hold integers only");
      }
      list.add(element.intValue());
    }
    return list.stream().mapToInt(i -> i).toArray();
  }

  List<String> names() {
    List<String> list = new ArrayList<>();
    node.fieldNames().forEachRemaining(list::add);
    return list;
  }

  private JsonNode array(String name) {
    JsonNode value = required(name);
    if (!value.isArray()) {
      throw error("has '" + name + "', which should be a list");
    }
    return value;
  }
}
