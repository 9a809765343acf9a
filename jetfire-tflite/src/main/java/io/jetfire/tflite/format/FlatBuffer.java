package io.jetfire.tflite.format;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.CharBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Reads tables, vectors and strings of a FlatBuffer that nobody has checked.
 *
 * <p>Every access is checked against the bounds, the alignment that the format demands, and a
 * budget of bytes and tables: a small file whose offsets point to the same big vector again and
 * again must not make a big graph. Rules: FlatBuffers internals document and its C++ verifier.
 */
final class FlatBuffer {
  /** The limit of the C++ verifier, which every runtime applies. */
  private static final int MAX_TABLES = 1_000_000;

  private static final long MIN_BUDGET = 16L << 20;
  private static final long MAX_BUDGET = 512L << 20;

  private final ByteBuffer bytes;
  private final int size;
  private long budget;
  private int tables;

  FlatBuffer(ByteBuffer bytes) {
    this.bytes = bytes.slice().order(ByteOrder.LITTLE_ENDIAN);
    this.size = this.bytes.limit();
    this.budget = MIN_BUDGET + Math.min(4L * size, MAX_BUDGET);
  }

  Table root() {
    if (size < 8) {
      throw new ModelFormatException(
          "the file has " + size + " bytes, too few for a .tflite model");
    }
    String id = "";
    for (int i = 4; i < 8; i++) {
      int c = bytes.get(i) & 0xff;
      id += c >= 32 && c < 127 ? String.valueOf((char) c) : "?";
    }
    if (!id.equals("TFL3")) {
      throw new ModelFormatException(
          "the file has the identifier \""
              + id
              + "\" at byte 4, not \"TFL3\": it is no .tflite"
              + " model");
    }
    return table(0, null, "model");
  }

  ByteBuffer slice(int start, int length) {
    return bytes.slice(start, length);
  }

  /** Elements of a vector: where the first one lies, and how many there are. */
  record Vector(int start, int length) {}

  // Follows the offset at a position to a table.
  private Table table(int at, @Nullable Table parent, String label) {
    int pos = follow(at, parent, label);
    if ((pos & 3) != 0) {
      throw broken(parent, label, "table is not aligned at byte " + pos);
    }
    if (++tables > MAX_TABLES) {
      throw broken(parent, label, "the file has more than " + MAX_TABLES + " tables");
    }
    spend(16, parent, label);
    require(pos, 4, parent, label);
    long vtable = (long) pos - bytes.getInt(pos);
    require(vtable, 4, parent, label);
    int vsize = bytes.getShort((int) vtable) & 0xffff;
    int tsize = bytes.getShort((int) vtable + 2) & 0xffff;
    if ((vtable & 1) != 0 || vsize < 4 || (vsize & 1) != 0 || tsize < 4) {
      throw broken(parent, label, "vtable at byte " + vtable + " is broken");
    }
    require(vtable, vsize, parent, label);
    require(pos, tsize, parent, label);
    return new Table(pos, (int) vtable, vsize, tsize, parent, label);
  }

  private int follow(int at, @Nullable Table parent, String label) {
    require(at, 4, parent, label);
    long target = at + (bytes.getInt(at) & 0xffffffffL);
    if (target == at || target >= size) {
      throw broken(
          parent, label, "offset at byte " + at + " points to byte " + target + " of " + size);
    }
    return (int) target;
  }

  private void require(long position, long length, @Nullable Table parent, String label) {
    if (position < 0 || position + length > size) {
      throw broken(
          parent,
          label,
          "bytes "
              + position
              + " to "
              + (position + length)
              + " lie outside the "
              + size
              + " bytes of the model");
    }
  }

  private void spend(long cost, @Nullable Table parent, String label) {
    budget -= cost;
    if (budget < 0) {
      throw broken(parent, label, "the same bytes are referred to too often");
    }
  }

  private static ModelFormatException broken(@Nullable Table parent, String label, String problem) {
    return new ModelFormatException(
        "broken model at "
            + (parent == null ? label : parent.path() + "." + label)
            + ": "
            + problem);
  }

  /** A table of the file. */
  final class Table {
    private final int pos;
    private final int vtable;
    private final int vsize;
    private final int tsize;
    private final @Nullable Table parent;
    private final String label;

    private Table(int pos, int vtable, int vsize, int tsize, @Nullable Table parent, String label) {
      this.pos = pos;
      this.vtable = vtable;
      this.vsize = vsize;
      this.tsize = tsize;
      this.parent = parent;
      this.label = label;
    }

    String path() {
      return parent == null ? label : parent.path() + "." + label;
    }

    ModelFormatException broken(String problem) {
      return new ModelFormatException("broken model at " + path() + ": " + problem);
    }

    // Returns the position of a field of so many bytes, or 0 if it is not there.
    private int field(int id, int bytesNeeded) {
      int slot = 4 + 2 * id;
      if (slot >= vsize) {
        return 0;
      }
      int offset = bytes.getShort(vtable + slot) & 0xffff;
      if (offset == 0) {
        return 0;
      }
      if (offset < 4 || offset + bytesNeeded > tsize || ((pos + offset) & bytesNeeded - 1) != 0) {
        throw broken("field " + id + " lies outside its table or is not aligned");
      }
      return pos + offset;
    }

    boolean has(int id) {
      return field(id, 1) != 0;
    }

    /** Lists fields that are set and have a number of {@code known} or more. */
    List<Integer> fieldsFrom(int known) {
      List<Integer> found = new ArrayList<>();
      for (int id = known; 4 + 2 * id < vsize; id++) {
        if (bytes.getShort(vtable + 4 + 2 * id) != 0) {
          found.add(id);
        }
      }
      return found;
    }

    boolean bool(int id, boolean defaultValue) {
      int at = field(id, 1);
      return at == 0 ? defaultValue : bytes.get(at) != 0;
    }

    int i8(int id, int defaultValue) {
      int at = field(id, 1);
      return at == 0 ? defaultValue : bytes.get(at);
    }

    int u8(int id) {
      int at = field(id, 1);
      return at == 0 ? 0 : bytes.get(at) & 0xff;
    }

    int i32(int id, int defaultValue) {
      int at = field(id, 4);
      return at == 0 ? defaultValue : bytes.getInt(at);
    }

    long u32(int id) {
      int at = field(id, 4);
      return at == 0 ? 0 : bytes.getInt(at) & 0xffffffffL;
    }

    long i64(int id, long defaultValue) {
      int at = field(id, 8);
      return at == 0 ? defaultValue : bytes.getLong(at);
    }

    float f32(int id, float defaultValue) {
      int at = field(id, 4);
      return at == 0 ? defaultValue : bytes.getFloat(at);
    }

    @Nullable Table table(int id, String name) {
      int at = field(id, 4);
      return at == 0 ? null : FlatBuffer.this.table(at, this, name);
    }

    @Nullable String string(int id, String name) {
      Vector v = vector(id, 1, name);
      if (v == null) {
        return null;
      }
      require(v.start() + (long) v.length(), 1, this, name);
      if (bytes.get(v.start() + v.length()) != 0) {
        throw FlatBuffer.broken(this, name, "the text does not end with a zero byte");
      }
      spend(v.length(), this, name);
      try {
        CharBuffer text =
            StandardCharsets.UTF_8.newDecoder().decode(bytes.slice(v.start(), v.length()));
        return text.toString();
      } catch (CharacterCodingException e) {
        throw new ModelFormatException(
            "broken model at " + path() + "." + name + ": the text is not UTF-8", e);
      }
    }

    /** Finds a vector; its elements are inside the file, and nothing of them is read yet. */
    @Nullable Vector vector(int id, int elementBytes, String name) {
      int at = field(id, 4);
      if (at == 0) {
        return null;
      }
      int start = follow(at, this, name);
      require(start, 4, this, name);
      if ((start & 3) != 0 || (elementBytes == 8 && (start + 4 & 7) != 0)) {
        throw FlatBuffer.broken(this, name, "vector is not aligned at byte " + start);
      }
      long length = bytes.getInt(start) & 0xffffffffL;
      require(start + 4L, length * elementBytes, this, name);
      return new Vector(start + 4, (int) length);
    }

    int[] ints(int id, String name) {
      Vector v = vector(id, 4, name);
      if (v == null) {
        return new int[0];
      }
      spend(4L * v.length(), this, name);
      int[] out = new int[v.length()];
      bytes.slice(v.start(), 4 * v.length()).order(ByteOrder.LITTLE_ENDIAN).asIntBuffer().get(out);
      return out;
    }

    long[] longs(int id, String name) {
      Vector v = vector(id, 8, name);
      if (v == null) {
        return new long[0];
      }
      spend(8L * v.length(), this, name);
      long[] out = new long[v.length()];
      bytes.slice(v.start(), 8 * v.length()).order(ByteOrder.LITTLE_ENDIAN).asLongBuffer().get(out);
      return out;
    }

    float[] floats(int id, String name) {
      Vector v = vector(id, 4, name);
      if (v == null) {
        return new float[0];
      }
      spend(4L * v.length(), this, name);
      float[] out = new float[v.length()];
      bytes
          .slice(v.start(), 4 * v.length())
          .order(ByteOrder.LITTLE_ENDIAN)
          .asFloatBuffer()
          .get(out);
      return out;
    }

    byte[] bytes(int id, String name) {
      Vector v = vector(id, 1, name);
      if (v == null) {
        return new byte[0];
      }
      spend(v.length(), this, name);
      byte[] out = new byte[v.length()];
      bytes.get(v.start(), out);
      return out;
    }

    int[] unsignedShorts(int id, String name) {
      Vector v = vector(id, 2, name);
      if (v == null) {
        return new int[0];
      }
      spend(4L * v.length(), this, name);
      int[] out = new int[v.length()];
      for (int i = 0; i < out.length; i++) {
        out[i] = bytes.getShort(v.start() + 2 * i) & 0xffff;
      }
      return out;
    }

    List<Table> tables(int id, String name) {
      Vector v = vector(id, 4, name);
      if (v == null) {
        return List.of();
      }
      List<Table> out = new ArrayList<>();
      for (int i = 0; i < v.length(); i++) {
        out.add(FlatBuffer.this.table(v.start() + 4 * i, this, name + "[" + i + "]"));
      }
      return out;
    }
  }
}
