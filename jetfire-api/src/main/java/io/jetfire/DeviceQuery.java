package io.jetfire;

import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * Which devices are wanted: conditions on attributes, all of which must hold.
 *
 * <pre>{@code
 * DeviceQuery pixel6 = DeviceQuery.parse("model=oriole,version=33");
 * DeviceQuery small = DeviceQuery.ramAtMost(4_000_000_000L).and(DeviceQuery.parse("version>=30"));
 * }</pre>
 *
 * <p>A text has conditions separated by commas, each {@code attribute op value} with one of {@code
 * =}, {@code !=}, {@code <=}, {@code >=}, {@code <}, {@code >}; {@code *} in a value of {@code =}
 * and {@code !=} stands for any characters. Attributes are those of {@link Device#attributes()},
 * and {@code id} and {@code name}. Comparisons are numeric; an attribute that is not known, or no
 * number, fulfils none. Firebase Test Lab's strings have this form. Immutable.
 */
public final class DeviceQuery {
  private static final Pattern CONDITION =
      Pattern.compile("\\s*([A-Za-z][A-Za-z0-9_.-]*)\\s*(<=|>=|!=|=|<|>)\\s*([^,]*?)\\s*");

  private final List<Condition> conditions;

  private record Condition(String attribute, String operator, String value) {
    boolean holds(Device device) {
      String found =
          switch (attribute) {
            case "id" -> device.id();
            case "name" -> device.name();
            default -> device.attribute(attribute);
          };
      boolean matches = glob(value).matcher(found).matches();
      return switch (operator) {
        case "=" -> matches;
        case "!=" -> !matches;
        default -> compares(found);
      };
    }

    private boolean compares(String found) {
      int order;
      try {
        order = new BigDecimal(found).compareTo(new BigDecimal(value));
      } catch (NumberFormatException e) {
        return false;
      }
      return switch (operator) {
        case "<" -> order < 0;
        case "<=" -> order <= 0;
        case ">" -> order > 0;
        default -> order >= 0;
      };
    }

    private static Pattern glob(String value) {
      StringBuilder regex = new StringBuilder();
      for (String literal : value.split("\\*", -1)) {
        regex.append(regex.length() == 0 ? "" : ".*").append(Pattern.quote(literal));
      }
      return Pattern.compile(regex.toString(), Pattern.CASE_INSENSITIVE | Pattern.DOTALL);
    }

    @Override
    public String toString() {
      return attribute + operator + value;
    }
  }

  private DeviceQuery(List<Condition> conditions) {
    this.conditions = List.copyOf(conditions);
  }

  /**
   * Returns the query that every device fulfils.
   *
   * @return no conditions
   */
  public static DeviceQuery any() {
    return new DeviceQuery(List.of());
  }

  /**
   * Reads a query.
   *
   * @param text conditions separated by commas; empty or {@code any} for none
   * @return the query
   * @throws ConfigurationException if a condition has another form
   */
  public static DeviceQuery parse(String text) {
    List<Condition> conditions = new ArrayList<>();
    if (!text.isBlank() && !text.equals("any")) {
      for (String part : text.split(",", -1)) {
        Matcher m = CONDITION.matcher(part);
        if (!m.matches() || m.group(3).isEmpty()) {
          throw new ConfigurationException(
              "The device query '"
                  + text
                  + "' has the condition '"
                  + part
                  + "', which is not of the form attribute=value (or !=, <=, >=, <, >)");
        }
        boolean ordered = m.group(2).startsWith("<") || m.group(2).startsWith(">");
        if (ordered && !m.group(3).matches("-?[0-9]+(\\.[0-9]+)?")) {
          throw new ConfigurationException(
              "The device query '" + text + "' compares with '" + m.group(3) + "', no number");
        }
        conditions.add(new Condition(m.group(1), m.group(2), m.group(3)));
      }
    }
    return new DeviceQuery(conditions);
  }

  /**
   * Wants devices with little memory.
   *
   * @param bytes the most memory in bytes
   * @return the query
   */
  public static DeviceQuery ramAtMost(long bytes) {
    return parse("ram<=" + bytes);
  }

  /**
   * Wants devices with much memory.
   *
   * @param bytes the least memory in bytes
   * @return the query
   */
  public static DeviceQuery ramAtLeast(long bytes) {
    return parse("ram>=" + bytes);
  }

  /**
   * Adds the conditions of another query.
   *
   * @param other the other query
   * @return what fulfils both
   */
  public DeviceQuery and(DeviceQuery other) {
    List<Condition> both = new ArrayList<>(conditions);
    both.addAll(other.conditions);
    return new DeviceQuery(both);
  }

  /**
   * Says whether a device fulfils all conditions.
   *
   * @param device the device
   * @return true if it does
   */
  public boolean matches(Device device) {
    return conditions.stream().allMatch(c -> c.holds(device));
  }

  @Override
  public boolean equals(Object o) {
    return o instanceof DeviceQuery q && conditions.equals(q.conditions);
  }

  @Override
  public int hashCode() {
    return conditions.hashCode();
  }

  /**
   * Returns the text that {@link #parse} reads.
   *
   * @return the conditions, or {@code any}
   */
  @Override
  public String toString() {
    return conditions.isEmpty()
        ? "any"
        : conditions.stream().map(Condition::toString).collect(Collectors.joining(","));
  }
}
