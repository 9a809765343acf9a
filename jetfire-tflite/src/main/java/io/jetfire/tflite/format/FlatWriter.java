package io.jetfire.tflite.format;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Writes a FlatBuffer from front to back: a table first, then what it refers to.
 *
 * <p>Offsets of a FlatBuffer point forward, so this order lets big data follow the structure
 * without ever being in memory with it. Equal vtables are shared. Format: FlatBuffers internals
 * document.
 */
final class FlatWriter {
  private ByteBuffer out = ByteBuffer.allocate(1 << 12).order(ByteOrder.LITTLE_ENDIAN);
  private final Map<String, Integer> vtables = new HashMap<>();

  int position() {
    return out.position();
  }

  /** Returns what was written, read-only. */
  ByteBuffer bytes() {
    return out.duplicate().order(ByteOrder.LITTLE_ENDIAN).flip().asReadOnlyBuffer();
  }

  void header(String identifier) {
    room(8);
    out.putInt(0).put(identifier.getBytes(StandardCharsets.US_ASCII));
  }

  /** Makes the offset at {@code slot} point to {@code target}, which lies behind it. */
  void patch(int slot, int target) {
    out.putInt(slot, target - slot);
  }

  void patchLong(int slot, long value) {
    out.putLong(slot, value);
  }

  /** Writes a vector of offsets that are to be patched; element i lies at the result + 4 * i. */
  int offsets(int count) {
    align(4);
    room(4 + 4 * count);
    out.putInt(count);
    int start = out.position();
    out.put(new byte[4 * count]);
    return start;
  }

  int string(String text) {
    byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
    align(4);
    int at = out.position();
    room(5 + utf8.length);
    out.putInt(utf8.length).put(utf8).put((byte) 0);
    return at;
  }

  /** Writes a vector of bytes that begins at a multiple of {@code alignment}. */
  int vector(ByteBuffer bytes, int alignment) {
    align(4);
    while ((out.position() + 4) % alignment != 0) {
      align4();
    }
    int at = out.position();
    room(4 + bytes.remaining());
    out.putInt(bytes.remaining()).put(bytes.duplicate());
    return at;
  }

  int vector(byte[] bytes) {
    return vector(ByteBuffer.wrap(bytes), 1);
  }

  int vector(int[] values) {
    align(4);
    int at = out.position();
    room(4 + 4 * values.length);
    out.putInt(values.length);
    for (int v : values) {
      out.putInt(v);
    }
    return at;
  }

  int vector(float[] values) {
    align(4);
    int at = out.position();
    room(4 + 4 * values.length);
    out.putInt(values.length);
    for (float v : values) {
      out.putFloat(v);
    }
    return at;
  }

  int vector(long[] values) {
    align(4);
    while ((out.position() + 4) % 8 != 0) {
      align4();
    }
    int at = out.position();
    room(4 + 8 * values.length);
    out.putInt(values.length);
    for (long v : values) {
      out.putLong(v);
    }
    return at;
  }

  /** Writes unsigned 16-bit numbers. */
  int shorts(int[] values) {
    align(4);
    int at = out.position();
    room(4 + 2 * values.length);
    out.putInt(values.length);
    for (int v : values) {
      out.putShort((short) v);
    }
    return at;
  }

  Table table() {
    return new Table();
  }

  void align(int n) {
    while (out.position() % n != 0) {
      room(1);
      out.put((byte) 0);
    }
  }

  private void align4() {
    room(4);
    out.putInt(0);
  }

  private void room(int more) {
    if (out.remaining() < more) {
      long wanted = Math.max(out.capacity() * 2L, out.position() + (long) more);
      if (wanted > Integer.MAX_VALUE - 8) {
        wanted = Integer.MAX_VALUE - 8;
      }
      ByteBuffer bigger =
          ByteBuffer.allocate(Math.toIntExact(wanted)).order(ByteOrder.LITTLE_ENDIAN);
      bigger.put(out.flip());
      out = bigger;
    }
  }

  private record Field(int id, int bytes, long bits) {}

  /** A table in the making: set fields, write it, then patch its references. */
  final class Table {
    private final List<Field> fields = new ArrayList<>();
    private final Map<Integer, Integer> slots = new HashMap<>();

    /** Sets a scalar of 1, 4 or 8 bytes, unless it has the default value. */
    Table scalar(int id, int bytes, long bits, long defaultBits) {
      if (bits != defaultBits) {
        fields.add(new Field(id, bytes, bits));
      }
      return this;
    }

    Table bool(int id, boolean value, boolean defaultValue) {
      return scalar(id, 1, value ? 1 : 0, defaultValue ? 1 : 0);
    }

    Table i8(int id, int value) {
      return scalar(id, 1, value, 0);
    }

    Table i32(int id, int value, int defaultValue) {
      return scalar(id, 4, value, defaultValue);
    }

    Table f32(int id, float value, float defaultValue) {
      return scalar(id, 4, Float.floatToRawIntBits(value), Float.floatToRawIntBits(defaultValue));
    }

    /** Reserves an offset that must be patched. */
    Table reference(int id) {
      fields.add(new Field(id, 4, 0));
      return this;
    }

    Table reference(int id, boolean wanted) {
      return wanted ? reference(id) : this;
    }

    /** Returns where a field lies in the written table. */
    int slot(int id) {
      Integer slot = slots.get(id);
      if (slot == null) {
        throw new IllegalStateException("field " + id + " was not set");
      }
      return slot;
    }

    /** Writes the table and returns its position. */
    int write() {
      fields.sort(Comparator.comparingInt(Field::bytes).reversed().thenComparingInt(Field::id));
      int highest = fields.stream().mapToInt(Field::id).max().orElse(-1);
      short[] vtable = new short[2 + highest + 1];
      int size = 4;
      boolean wide = false;
      for (Field f : fields) {
        wide |= f.bytes() == 8;
        vtable[2 + f.id()] = (short) size;
        size += f.bytes();
      }
      vtable[0] = (short) (2 * vtable.length);
      vtable[1] = (short) size;
      String key = Arrays.toString(vtable);
      Integer known = vtables.get(key);
      int vtableAt;
      if (known == null) {
        align(2);
        vtableAt = out.position();
        room(2 * vtable.length);
        for (short s : vtable) {
          out.putShort(s);
        }
        vtables.put(key, vtableAt);
      } else {
        vtableAt = known;
      }
      align(4);
      // The 8-byte fields come first, just behind the 4 bytes of the vtable's offset.
      if (wide && out.position() % 8 == 0) {
        align4();
      }
      int at = out.position();
      room(size);
      out.putInt(at - vtableAt);
      for (Field f : fields) {
        slots.put(f.id(), out.position());
        switch (f.bytes()) {
          case 1 -> out.put((byte) f.bits());
          case 4 -> out.putInt((int) f.bits());
          default -> out.putLong(f.bits());
        }
      }
      return at;
    }
  }
}
