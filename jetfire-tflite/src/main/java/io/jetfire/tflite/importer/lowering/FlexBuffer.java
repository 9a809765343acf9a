package io.jetfire.tflite.importer.lowering;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * Writes a map as a FlexBuffer, the format of custom operators' options.
 *
 * <p>Every number and offset takes 8 bytes: the format allows narrower ones, but options are small.
 * Source of the format: {@code flatbuffers/flexbuffers.h}, and "FlexBuffers" in FlatBuffers'
 * documentation of its internals. An offset counts backwards from where it stands.
 */
final class FlexBuffer {
  private static final int WIDTH = 8;
  private static final int WIDTH_BITS = 3;
  private static final int MAX_DEPTH = 16;

  private static final int INT = 1;
  private static final int FLOAT = 3;
  private static final int KEY = 4;
  private static final int STRING = 5;
  private static final int MAP = 9;
  private static final int VECTOR = 10;
  private static final int VECTOR_INT = 11;
  private static final int VECTOR_FLOAT = 13;
  private static final int BLOB = 25;
  private static final int BOOL = 26;
  private static final int VECTOR_BOOL = 36;

  private final ByteArrayOutputStream out = new ByteArrayOutputStream();

  /** A value within a map or vector: as it is, or the place that an offset leads to. */
  private record Slot(int type, long bits, boolean offset) {}

  private FlexBuffer() {}

  /**
   * Writes a map.
   *
   * @param map values are Boolean, Number, String, byte[], List or Map
   * @return the file
   */
  static byte[] of(Map<String, ?> map) {
    FlexBuffer b = new FlexBuffer();
    Slot root = b.map(map, 0);
    b.align();
    b.number(b.out.size() - root.bits);
    b.out.write(packed(root.type));
    b.out.write(WIDTH);
    return b.out.toByteArray();
  }

  private static int packed(int type) {
    return type << 2 | WIDTH_BITS;
  }

  private void align() {
    while (out.size() % WIDTH != 0) {
      out.write(0);
    }
  }

  private void number(long v) {
    for (int i = 0; i < WIDTH; i++) {
      out.write((int) (v >>> 8 * i));
    }
  }

  private Slot map(Map<String, ?> map, int depth) {
    // Readers search keys by their bytes.
    Map<String, Object> sorted = new TreeMap<>(FlexBuffer::compare);
    sorted.putAll(map);
    List<Slot> keys = new ArrayList<>();
    List<Slot> values = new ArrayList<>();
    for (String key : sorted.keySet()) {
      keys.add(new Slot(KEY, out.size(), true));
      out.writeBytes(key.replace("\0", "").getBytes(StandardCharsets.UTF_8));
      out.write(0);
    }
    sorted.values().forEach(v -> values.add(slot(v, depth + 1)));
    align();
    number(keys.size());
    long keysAt = out.size();
    keys.forEach(this::element);
    number(out.size() - keysAt);
    number(WIDTH);
    number(values.size());
    return new Slot(MAP, elements(values, true), true);
  }

  private static int compare(String a, String b) {
    return java.util.Arrays.compareUnsigned(
        a.getBytes(StandardCharsets.UTF_8), b.getBytes(StandardCharsets.UTF_8));
  }

  private long elements(List<Slot> slots, boolean typed) {
    final long at = out.size();
    slots.forEach(this::element);
    if (typed) {
      slots.forEach(s -> out.write(packed(s.type)));
    }
    return at;
  }

  private void element(Slot s) {
    number(s.offset ? out.size() - s.bits : s.bits);
  }

  private Slot slot(Object value, int depth) {
    if (depth > MAX_DEPTH) {
      throw new Refusal("its attributes nest more than " + MAX_DEPTH + " deep", "flatten them");
    }
    if (value instanceof Boolean v) {
      return new Slot(BOOL, v ? 1 : 0, false);
    }
    if (value instanceof Float || value instanceof Double) {
      return new Slot(FLOAT, Double.doubleToRawLongBits(((Number) value).doubleValue()), false);
    }
    if (value instanceof Number v) {
      return new Slot(INT, v.longValue(), false);
    }
    if (value instanceof String v) {
      return bytes(STRING, v.getBytes(StandardCharsets.UTF_8));
    }
    if (value instanceof byte[] v) {
      return bytes(BLOB, v);
    }
    if (value instanceof List<?> list) {
      return vector(list, depth);
    }
    if (value instanceof Map<?, ?> inner) {
      Map<String, Object> named = new TreeMap<>();
      inner.forEach((k, v) -> named.put(String.valueOf(k), v));
      return map(named, depth);
    }
    throw new IllegalArgumentException("no FlexBuffer of " + value.getClass());
  }

  private Slot bytes(int type, byte[] content) {
    align();
    number(content.length);
    int at = out.size();
    out.writeBytes(content);
    if (type == STRING) {
      out.write(0);
    }
    return new Slot(type, at, true);
  }

  private Slot vector(List<?> list, int depth) {
    List<Slot> slots = new ArrayList<>();
    for (Object o : list) {
      slots.add(slot(o, depth + 1));
    }
    int type = VECTOR;
    for (int[] typed :
        new int[][] {{INT, VECTOR_INT}, {FLOAT, VECTOR_FLOAT}, {BOOL, VECTOR_BOOL}}) {
      if (!slots.isEmpty() && slots.stream().allMatch(s -> s.type == typed[0])) {
        type = typed[1];
      }
    }
    align();
    number(slots.size());
    return new Slot(type, elements(slots, type == VECTOR), true);
  }
}
