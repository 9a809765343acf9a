package io.jetfire.adapter.mlmd;

import io.jetfire.spi.MetadataStore.Value;
import java.nio.charset.StandardCharsets;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Property values in ML Metadata's columns. A struct is a text: a mark and the base64 of a {@code
 * google.protobuf.Struct}. A message is the base64 of a {@code google.protobuf.Any}. Of several
 * filled columns the first counts, in the order integer, double, text, message, boolean.
 */
final class StoredValues {
  static final String COLUMNS = "int_value, double_value, string_value, proto_value, bool_value";

  private static final String STRUCT_MARK = "mlmd-struct::";
  private static final String NULL_MARK = "__MLMD_NULL__";

  /** The deepest nesting of messages that is read; protocol buffer readers stop at 100. */
  private static final int MAX_DEPTH = 100;

  private StoredValues() {}

  /** The contents of the five columns, in the order of {@link #COLUMNS}. */
  static @Nullable Object[] toColumns(Value value) {
    @Nullable Object[] columns = new @Nullable Object[5];
    if (value instanceof Value.IntValue integer) {
      columns[0] = integer.value();
    } else if (value instanceof Value.DoubleValue number) {
      columns[1] = number.value();
    } else if (value instanceof Value.StringValue string) {
      columns[2] = string.value();
    } else if (value instanceof Value.StructValue struct) {
      columns[2] = STRUCT_MARK + base64(struct(struct.fields()));
    } else if (value instanceof Value.ProtoValue proto) {
      columns[3] =
          base64(new ProtoWriter().string(1, proto.typeUrl()).bytes(2, proto.message()).toBytes());
    } else if (value instanceof Value.BoolValue bool) {
      columns[4] = bool.value() ? 1 : 0;
    }
    return columns;
  }

  /**
   * Reads the five columns from the given position on.
   *
   * @throws IllegalArgumentException if they hold what ML Metadata could not read either
   */
  static Value read(ResultSet row, int column) throws SQLException {
    Object integer = row.getObject(column);
    if (integer != null) {
      if (integer instanceof Integer || integer instanceof Long) {
        return Value.of(((Number) integer).longValue());
      }
      throw new IllegalArgumentException("int_value holds \"" + integer + "\"");
    }
    Object number = row.getObject(column + 1);
    if (number != null) {
      return Value.of(toDouble(number));
    }
    String string = row.getString(column + 2);
    if (string != null) {
      return text(string);
    }
    Object message = row.getObject(column + 3);
    if (message != null) {
      return any(
          message instanceof byte[] bytes
              ? new String(bytes, StandardCharsets.US_ASCII)
              : message.toString());
    }
    String bool = row.getString(column + 4);
    if (bool != null) {
      return Value.of(toBoolean(bool));
    }
    throw new IllegalArgumentException("no column holds a value");
  }

  private static double toDouble(Object number) {
    if (number instanceof Number value) {
      return value.doubleValue();
    }
    // NaN has no place in a REAL cell; as a text, ML Metadata reads it.
    if ("nan".equalsIgnoreCase(number.toString())) {
      return Double.NaN;
    }
    throw new IllegalArgumentException("double_value holds \"" + number + "\"");
  }

  private static boolean toBoolean(String bool) {
    return switch (bool) {
      case "1", "true" -> true;
      case "0", "false" -> false;
      default -> throw new IllegalArgumentException("bool_value holds \"" + bool + "\"");
    };
  }

  static Value text(String string) {
    if (string.equals(NULL_MARK)) {
      throw new IllegalArgumentException("string_value holds " + NULL_MARK);
    }
    if (!string.startsWith(STRUCT_MARK)) {
      return Value.of(string);
    }
    byte[] bytes = Base64.getDecoder().decode(string.substring(STRUCT_MARK.length()));
    return Value.struct(fields(new ProtoReader(bytes), 0));
  }

  static Value any(String base64) {
    ProtoReader in = new ProtoReader(Base64.getDecoder().decode(base64));
    String typeUrl = "";
    byte[] message = {};
    for (int field = in.next(); field != 0; field = in.next()) {
      switch (field) {
        case 1 -> typeUrl = in.string();
        case 2 -> message = in.bytes();
        default -> in.skip();
      }
    }
    if (typeUrl.isEmpty()) {
      throw new IllegalArgumentException("proto_value holds a message without a type URL");
    }
    return Value.proto(typeUrl, message);
  }

  private static String base64(byte[] bytes) {
    return Base64.getEncoder().encodeToString(bytes);
  }

  // google.protobuf.Struct: map<string, Value> fields = 1.

  private static byte[] struct(Map<String, @Nullable Object> fields) {
    ProtoWriter out = new ProtoWriter();
    for (Map.Entry<String, @Nullable Object> field : fields.entrySet()) {
      out.bytes(
          1,
          new ProtoWriter().string(1, field.getKey()).bytes(2, value(field.getValue())).toBytes());
    }
    return out.toBytes();
  }

  @SuppressWarnings("unchecked") // The maps of a StructValue have texts as keys.
  private static byte[] value(@Nullable Object value) {
    ProtoWriter out = new ProtoWriter();
    if (value == null) {
      out.varint(1, 0);
    } else if (value instanceof Double number) {
      out.fixed64(2, number);
    } else if (value instanceof String string) {
      out.string(3, string);
    } else if (value instanceof Boolean bool) {
      out.varint(4, bool ? 1 : 0);
    } else if (value instanceof Map<?, ?> map) {
      out.bytes(5, struct((Map<String, @Nullable Object>) map));
    } else if (value instanceof List<?> list) {
      ProtoWriter elements = new ProtoWriter();
      list.forEach(element -> elements.bytes(1, value(element)));
      out.bytes(6, elements.toBytes());
    }
    return out.toBytes();
  }

  private static Map<String, @Nullable Object> fields(ProtoReader in, int depth) {
    if (depth > MAX_DEPTH) {
      throw new IllegalArgumentException("a struct is nested too deeply");
    }
    Map<String, @Nullable Object> fields = new TreeMap<>();
    for (int field = in.next(); field != 0; field = in.next()) {
      if (field == 1) {
        entry(in.message(), fields, depth + 1);
      } else {
        in.skip();
      }
    }
    return fields;
  }

  private static void entry(ProtoReader in, Map<String, @Nullable Object> fields, int depth) {
    String key = "";
    Object value = null;
    for (int field = in.next(); field != 0; field = in.next()) {
      switch (field) {
        case 1 -> key = in.string();
        case 2 -> value = value(in.message(), depth + 1);
        default -> in.skip();
      }
    }
    fields.put(key, value);
  }

  private static @Nullable Object value(ProtoReader in, int depth) {
    Object value = null;
    for (int field = in.next(); field != 0; field = in.next()) {
      switch (field) {
        case 1 -> {
          in.varint();
          value = null;
        }
        case 2 -> value = in.fixed64();
        case 3 -> value = in.string();
        case 4 -> value = in.varint() != 0;
        case 5 -> value = fields(in.message(), depth + 1);
        case 6 -> value = list(in.message(), depth + 1);
        default -> in.skip();
      }
    }
    return value;
  }

  private static List<@Nullable Object> list(ProtoReader in, int depth) {
    if (depth > MAX_DEPTH) {
      throw new IllegalArgumentException("a struct is nested too deeply");
    }
    List<@Nullable Object> elements = new ArrayList<>();
    for (int field = in.next(); field != 0; field = in.next()) {
      if (field == 1) {
        elements.add(value(in.message(), depth + 1));
      } else {
        in.skip();
      }
    }
    return elements;
  }
}
