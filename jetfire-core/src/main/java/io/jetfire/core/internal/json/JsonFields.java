package io.jetfire.core.internal.json;

import com.fasterxml.jackson.databind.JsonNode;
import io.jetfire.ConfigurationException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/** Reads the fields of a JSON object, with errors that say where they are. */
public final class JsonFields {
  private final JsonNode node;
  private final String place;

  /**
   * Reads an object.
   *
   * @param node the object
   * @param place where it is, for errors
   */
  public JsonFields(JsonNode node, String place) {
    this.node = node;
    this.place = place;
    if (!node.isObject()) {
      throw error("should be an object");
    }
  }

  /**
   * Makes an error that says where it is.
   *
   * @param problem what is wrong
   * @return the error
   */
  public ConfigurationException error(String problem) {
    return new ConfigurationException(
        "The JSON is no description that JetFire wrote: " + place + " " + problem);
  }

  /**
   * Returns the object.
   *
   * @return the object
   */
  public JsonNode node() {
    return node;
  }

  /**
   * Says whether a field is there and not null.
   *
   * @param name the field
   * @return whether it is
   */
  public boolean has(String name) {
    return node.hasNonNull(name);
  }

  /**
   * Returns a field.
   *
   * @param name the field
   * @return its value, never null
   */
  public JsonNode required(String name) {
    JsonNode value = node.get(name);
    if (value == null || value.isNull()) {
      throw error("lacks '" + name + "'");
    }
    return value;
  }

  /**
   * Returns a text.
   *
   * @param name the field
   * @return the text
   */
  public String text(String name) {
    JsonNode value = required(name);
    if (!value.isTextual()) {
      throw error("has '" + name + "', which should be a text");
    }
    return value.textValue();
  }

  /**
   * Returns a text that may be absent.
   *
   * @param name the field
   * @return the text, if the field is there
   */
  public Optional<String> optionalText(String name) {
    return has(name) ? Optional.of(text(name)) : Optional.empty();
  }

  /**
   * Returns an integer.
   *
   * @param name the field
   * @return the integer
   */
  public int integer(String name) {
    JsonNode value = required(name);
    if (!value.canConvertToInt() || !value.isIntegralNumber()) {
      throw error("has '" + name + "', which should be an integer");
    }
    return value.intValue();
  }

  /**
   * Returns an integer of 64 bits.
   *
   * @param name the field
   * @return the integer
   */
  public long longInteger(String name) {
    JsonNode value = required(name);
    if (!value.canConvertToLong() || !value.isIntegralNumber()) {
      throw error("has '" + name + "', which should be an integer");
    }
    return value.longValue();
  }

  /**
   * Returns a number.
   *
   * @param name the field
   * @return the number
   */
  public double number(String name) {
    JsonNode value = required(name);
    if (!value.isNumber()) {
      throw error("has '" + name + "', which should be a number");
    }
    return value.doubleValue();
  }

  /**
   * Returns a truth value.
   *
   * @param name the field
   * @return the value
   */
  public boolean bool(String name) {
    JsonNode value = required(name);
    if (!value.isBoolean()) {
      throw error("has '" + name + "', which should be true or false");
    }
    return value.booleanValue();
  }

  /**
   * Returns a constant by its name in any case.
   *
   * @param name the field
   * @param type the constants
   * @param <E> the constants
   * @return the constant
   */
  public <E extends Enum<E>> E constant(String name, Class<E> type) {
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

  /**
   * Returns an object.
   *
   * @param name the field
   * @return its fields
   */
  public JsonFields object(String name) {
    return new JsonFields(required(name), place + "." + name);
  }

  /**
   * Returns a list of objects.
   *
   * @param name the field
   * @return their fields
   */
  public List<JsonFields> objects(String name) {
    List<JsonFields> list = new ArrayList<>();
    int i = 0;
    for (JsonNode element : array(name)) {
      list.add(new JsonFields(element, place + "." + name + "[" + i++ + "]"));
    }
    return list;
  }

  /**
   * Returns a list of texts.
   *
   * @param name the field
   * @return the texts
   */
  public List<String> texts(String name) {
    List<String> list = new ArrayList<>();
    for (JsonNode element : array(name)) {
      if (!element.isTextual()) {
        throw error("has '" + name + "', which should hold texts only");
      }
      list.add(element.textValue());
    }
    return list;
  }

  /**
   * Returns a list of numbers.
   *
   * @param name the field
   * @return the numbers
   */
  public List<Double> numbers(String name) {
    List<Double> list = new ArrayList<>();
    for (JsonNode element : array(name)) {
      if (!element.isNumber()) {
        throw error("has '" + name + "', which should hold numbers only");
      }
      list.add(element.doubleValue());
    }
    return list;
  }

  /**
   * Returns a list of integers.
   *
   * @param name the field
   * @return the integers
   */
  public int[] integers(String name) {
    List<Integer> list = new ArrayList<>();
    for (JsonNode element : array(name)) {
      if (!element.canConvertToInt() || !element.isIntegralNumber()) {
        throw error("has '" + name + "', which should hold integers only");
      }
      list.add(element.intValue());
    }
    return list.stream().mapToInt(i -> i).toArray();
  }

  /**
   * Returns the names of the fields.
   *
   * @return the names in order
   */
  public List<String> names() {
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
