package io.jetfire.importer.tensorflow;

import io.airlift.compress.MalformedInputException;
import io.airlift.compress.snappy.SnappyDecompressor;
import io.jetfire.StorageException;
import io.jetfire.UnsupportedModelException;
import io.jetfire.tflite.importer.ProtoReader;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The variables of a TensorFlow checkpoint: an index, which is a table as LevelDB has them, and one
 * or more files of little-endian data.
 *
 * <p>Blocks of the index may be compressed with Snappy. A partitioned variable has an entry without
 * data that lists its slices, and one entry per slice under a key of its own. Format: {@code
 * tensor_bundle.proto}, {@code table_format.txt} of LevelDB, and TensorFlow's {@code
 * ordered_code.cc}. Not thread-safe.
 */
final class Checkpoint {
  private static final int FOOTER = 48;
  private static final long MAGIC = 0xdb4775248b80fb57L;
  private static final int MAX_BLOCK = 64 << 20;
  private static final int MAX_ENTRIES = 1 << 20;

  private final Map<String, Entry> entries;
  private final @Nullable Path folder;
  private final String prefix;
  private int shards = 1;
  private long indexBytes;
  private final Map<Integer, ByteBuffer> data = new HashMap<>();

  private record Entry(
      int type, int[] shape, int shard, long offset, long size, List<int[][]> slices) {}

  private Checkpoint(Map<String, Entry> entries, @Nullable Path folder, String prefix) {
    this.entries = entries;
    this.folder = folder;
    this.prefix = prefix;
  }

  /** A checkpoint without variables. */
  static Checkpoint none() {
    return new Checkpoint(new HashMap<>(), null, "");
  }

  /** Reads {@code variables/variables.index} in a folder, if it is there. */
  static Checkpoint in(Path savedModel) {
    Path variables = savedModel.resolve("variables");
    Path index = variables.resolve("variables.index");
    if (!Files.isRegularFile(index, LinkOption.NOFOLLOW_LINKS)) {
      return none();
    }
    try {
      Checkpoint c = new Checkpoint(new HashMap<>(), variables, "variables");
      c.index(ByteBuffer.wrap(Files.readAllBytes(index)));
      return c;
    } catch (IOException e) {
      throw unreadable(index, e);
    }
  }

  private static StorageException unreadable(Path file, IOException e) {
    return new StorageException(
        "The checkpoint's file " + file + " cannot be read (" + e + "); check it and its rights",
        e);
  }

  private static UnsupportedModelException broken(String what) {
    return new UnsupportedModelException(
        "The checkpoint is broken: found " + what + "; get it again or save the model anew");
  }

  Set<String> keys() {
    return entries.keySet();
  }

  // ---- the index

  private void index(ByteBuffer file) {
    file.order(ByteOrder.LITTLE_ENDIAN);
    indexBytes = file.remaining();
    if (file.remaining() < FOOTER || file.getLong(file.limit() - 8) != MAGIC) {
      throw broken("an index without its end mark");
    }
    ByteBuffer footer = file.duplicate().order(ByteOrder.LITTLE_ENDIAN);
    footer.position(file.limit() - FOOTER);
    varint(footer);
    varint(footer);
    long offset = varint(footer);
    long size = varint(footer);
    long[] unpacked = {0};
    for (Map.Entry<ByteBuffer, ByteBuffer> handle : block(file, offset, size, unpacked)) {
      ByteBuffer h = handle.getValue();
      long at = varint(h);
      long length = varint(h);
      for (Map.Entry<ByteBuffer, ByteBuffer> e : block(file, at, length, unpacked)) {
        entry(StandardCharsets.ISO_8859_1.decode(e.getKey()).toString(), e.getValue());
        if (entries.size() > MAX_ENTRIES) {
          throw broken("more than " + MAX_ENTRIES + " variables");
        }
      }
    }
  }

  private static long varint(ByteBuffer in) {
    long value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      if (!in.hasRemaining()) {
        throw broken("a number that is cut off");
      }
      byte b = in.get();
      value |= (long) (b & 0x7f) << shift;
      if (b >= 0) {
        return value;
      }
    }
    throw broken("a number longer than ten bytes");
  }

  /** The keys and values of a block. */
  private List<Map.Entry<ByteBuffer, ByteBuffer>> block(
      ByteBuffer file, long offset, long size, long[] unpacked) {
    if (offset < 0 || size < 0 || offset > file.limit() || size + 5 > file.limit() - offset) {
      throw broken("a block of " + size + " bytes at " + offset);
    }
    byte[] raw = new byte[(int) size];
    file.get((int) offset, raw);
    byte compression = file.get((int) (offset + size));
    byte[] plain = raw;
    if (compression == 1) {
      plain = snappy(raw);
    } else if (compression != 0) {
      throw broken("a block of compression " + compression);
    }
    unpacked[0] += plain.length;
    if (unpacked[0] > Math.max(MAX_BLOCK, 64 * indexBytes)) {
      throw broken("an index that unpacks to more than " + unpacked[0] + " bytes");
    }
    ByteBuffer in = ByteBuffer.wrap(plain).order(ByteOrder.LITTLE_ENDIAN);
    if (plain.length < 4) {
      throw broken("a block of " + plain.length + " bytes");
    }
    int restarts = in.getInt(plain.length - 4);
    long end = plain.length - 4L - 4L * restarts;
    if (restarts < 0 || end < 0) {
      throw broken("a block with " + restarts + " restarts");
    }
    in.limit((int) end);
    List<Map.Entry<ByteBuffer, ByteBuffer>> out = new ArrayList<>();
    byte[] key = new byte[0];
    while (in.hasRemaining()) {
      long shared = varint(in);
      long more = varint(in);
      long length = varint(in);
      if (shared < 0
          || shared > key.length
          || more < 0
          || length < 0
          || more > in.remaining()
          || length > in.remaining() - more) {
        throw broken("an entry of " + more + " and " + length + " bytes");
      }
      byte[] next = Arrays.copyOf(key, (int) (shared + more));
      in.get(next, (int) shared, (int) more);
      unpacked[0] += next.length;
      if (unpacked[0] > Math.max(MAX_BLOCK, 64 * indexBytes)) {
        throw broken("an index that unpacks to more than " + unpacked[0] + " bytes");
      }
      ByteBuffer value = in.slice(in.position(), (int) length).order(ByteOrder.LITTLE_ENDIAN);
      in.position(in.position() + (int) length);
      out.add(Map.entry(ByteBuffer.wrap(next), value));
      key = next;
    }
    return out;
  }

  private static byte[] snappy(byte[] raw) {
    try {
      int length = SnappyDecompressor.getUncompressedLength(raw, 0);
      // A copy of 64 bytes takes three in the file, so a real block grows less than this.
      if (length < 0 || length > Math.min((long) MAX_BLOCK, 32L * raw.length + 64)) {
        throw broken("a block that unpacks to " + length + " bytes");
      }
      byte[] out = new byte[length];
      int n = new SnappyDecompressor().decompress(raw, 0, raw.length, out, 0, length);
      return n == length ? out : Arrays.copyOf(out, n);
    } catch (MalformedInputException | IllegalArgumentException | IndexOutOfBoundsException e) {
      throw broken("a block that Snappy cannot unpack (" + e.getMessage() + ")");
    }
  }

  private void entry(String key, ByteBuffer value) {
    ProtoReader in = new ProtoReader("checkpoint", value);
    if (key.isEmpty()) {
      while (in.next()) {
        switch (in.field()) {
          case 1 -> shards = (int) in.integer();
          case 2 -> {
            if (in.integer() != 0) {
              throw broken("big-endian data");
            }
          }
          default -> in.skip();
        }
      }
      return;
    }
    int type = 0;
    int[] shape = new int[0];
    int shard = 0;
    long offset = 0;
    long size = 0;
    List<int[][]> slices = new ArrayList<>();
    while (in.next()) {
      switch (in.field()) {
        case 1 -> type = (int) in.integer();
        case 2 -> {
          int[] s = Array.shape(in.message());
          shape = s == null ? new int[0] : s;
        }
        case 3 -> shard = (int) in.integer();
        case 4 -> offset = in.integer();
        case 5 -> size = in.integer();
        case 7 -> slices.add(slice(in.message()));
        default -> in.skip();
      }
    }
    entries.put(key, new Entry(type, shape, shard, offset, size, slices));
  }

  /** Per dimension the start and the length, -1 for all of it. */
  private static int[][] slice(ProtoReader in) {
    List<int[]> extents = new ArrayList<>();
    while (in.next()) {
      if (in.field() != 1) {
        in.skip();
        continue;
      }
      ProtoReader extent = in.message();
      int[] e = {0, -1};
      while (extent.next()) {
        switch (extent.field()) {
          case 1 -> e[0] = (int) extent.integer();
          case 2 -> e[1] = (int) extent.integer();
          default -> extent.skip();
        }
      }
      extents.add(e);
    }
    return extents.toArray(new int[0][]);
  }

  // ---- variables

  /**
   * Reads a variable, or the part of it that a specification of {@code RestoreV2} names.
   *
   * @param key its key
   * @param part such as {@code 10 4 0,5:-}; empty for all of it
   */
  Optional<Array> read(String key, String part) {
    Entry e = entries.get(latin(key));
    if (e == null) {
      return Optional.empty();
    }
    Array whole = e.slices.isEmpty() ? stored(key, e) : joined(key, e);
    return Optional.of(part.isEmpty() ? whole : cut(whole, part));
  }

  /** Keys are bytes; the map has them as Latin-1. */
  private static String latin(String key) {
    return StandardCharsets.ISO_8859_1.decode(StandardCharsets.UTF_8.encode(key)).toString();
  }

  private Array stored(String key, Entry e) {
    long elements = 1;
    for (int d : e.shape) {
      elements = d < 0 || elements > Integer.MAX_VALUE ? Long.MAX_VALUE / 64 : elements * d;
    }
    int size = Types.bytes(e.type);
    if (size == 0 || size > 8) {
      throw broken("the variable " + key + " of " + Types.name(e.type));
    }
    if (elements > Integer.MAX_VALUE || elements * size != e.size) {
      throw broken(
          "the variable " + key + " of " + e.size + " bytes for " + Arrays.toString(e.shape));
    }
    ByteBuffer shard = shard(e.shard);
    if (e.offset < 0 || e.size > shard.limit() || e.offset > shard.limit() - e.size) {
      throw broken("the variable " + key + " beyond the end of its file");
    }
    return new Array(
        e.type,
        e.shape,
        shard.slice((int) e.offset, (int) e.size).order(ByteOrder.LITTLE_ENDIAN),
        List.of());
  }

  private ByteBuffer shard(int number) {
    if (folder == null || number < 0 || number >= shards) {
      throw broken("a variable in file " + number + " of " + shards);
    }
    ByteBuffer known = data.get(number);
    if (known != null) {
      return known;
    }
    Path file =
        folder.resolve(String.format(Locale.ROOT, "%s.data-%05d-of-%05d", prefix, number, shards));
    try (FileChannel in =
        FileChannel.open(file, StandardOpenOption.READ, LinkOption.NOFOLLOW_LINKS)) {
      if (in.size() > Integer.MAX_VALUE) {
        throw broken("a file of more than 2 GB; save the model in more shards");
      }
      ByteBuffer bytes = ByteBuffer.allocate((int) in.size());
      while (bytes.hasRemaining() && in.read(bytes) >= 0) {}
      bytes.flip();
      data.put(number, bytes);
      return bytes;
    } catch (IOException e) {
      throw unreadable(file, e);
    }
  }

  private Array joined(String key, Entry e) {
    int size = Types.bytes(e.type);
    long elements = Array.count(e.shape);
    long stored = 0;
    List<Array> parts = new ArrayList<>();
    for (int[][] slice : e.slices) {
      Entry part = entries.get(sliceKey(latin(key), slice));
      if (part == null || part.type != e.type || slice.length != e.shape.length) {
        throw broken("the variable " + key + " without one of its slices");
      }
      Array a = stored(key, part);
      stored += a.bytes().remaining();
      parts.add(a);
    }
    if (size == 0 || stored != elements * size) {
      throw broken("slices of " + stored + " bytes for " + key + Arrays.toString(e.shape));
    }
    ByteBuffer out = ByteBuffer.allocate((int) stored).order(ByteOrder.LITTLE_ENDIAN);
    for (int i = 0; i < parts.size(); i++) {
      int[][] slice = e.slices.get(i);
      int[] start = new int[slice.length];
      int[] length = new int[slice.length];
      for (int d = 0; d < slice.length; d++) {
        start[d] = slice[d][0];
        length[d] = slice[d][1] < 0 ? e.shape[d] : slice[d][1];
        if (start[d] < 0 || length[d] > e.shape[d] - start[d]) {
          throw broken("a slice outside of " + key);
        }
      }
      if (Array.count(length) * size != parts.get(i).bytes().remaining()) {
        throw broken("a slice of " + key + " of another size");
      }
      copy(parts.get(i).bytes(), out, e.shape, start, length, size, true);
    }
    return new Array(e.type, e.shape, out, List.of());
  }

  /** Copies rows between a whole array and a part of it. */
  private static void copy(
      ByteBuffer part,
      ByteBuffer whole,
      int[] shape,
      int[] start,
      int[] length,
      int size,
      boolean toWhole) {
    int rank = shape.length;
    int row = rank == 0 ? 1 : length[rank - 1];
    long rows = 1;
    for (int d = 0; d < rank - 1; d++) {
      rows *= length[d];
    }
    byte[] bytes = new byte[row * size];
    int[] at = new int[Math.max(0, rank - 1)];
    for (long r = 0; r < rows && row > 0; r++) {
      long offset = 0;
      for (int d = 0; d < rank - 1; d++) {
        offset = offset * shape[d] + start[d] + at[d];
      }
      offset = rank == 0 ? 0 : offset * shape[rank - 1] + start[rank - 1];
      int inPart = (int) (r * bytes.length);
      if (toWhole) {
        part.get(inPart, bytes);
        whole.put((int) (offset * size), bytes);
      } else {
        whole.get((int) (offset * size), bytes);
        part.put(inPart, bytes);
      }
      for (int d = rank - 2; d >= 0 && ++at[d] == length[d]; d--) {
        at[d] = 0;
      }
    }
  }

  /** The part that a specification names: the whole shape, then the slice. */
  private static Array cut(Array whole, String spec) {
    String[] words = spec.trim().split(" ");
    String[] extents = words[words.length - 1].split(":");
    int rank = whole.shape().length;
    int[] start = new int[rank];
    int[] length = whole.shape().clone();
    if (extents.length != rank) {
      throw broken("the slice '" + spec + "' of " + Arrays.toString(whole.shape()));
    }
    try {
      for (int d = 0; d < rank; d++) {
        if (!extents[d].equals("-")) {
          String[] pair = extents[d].split(",");
          start[d] = Integer.parseInt(pair[0]);
          length[d] = Integer.parseInt(pair[1]);
        }
        if (start[d] < 0 || length[d] < 0 || length[d] > whole.shape()[d] - start[d]) {
          throw broken("the slice '" + spec + "' of " + Arrays.toString(whole.shape()));
        }
      }
    } catch (NumberFormatException | IndexOutOfBoundsException e) {
      throw broken("the slice '" + spec + "'");
    }
    int size = Types.bytes(whole.type());
    ByteBuffer out = ByteBuffer.allocate((int) Array.count(length) * size);
    copy(out, whole.bytes(), whole.shape(), start, length, size, false);
    return new Array(whole.type(), length, out.order(ByteOrder.LITTLE_ENDIAN), List.of());
  }

  // ---- keys of slices, in TensorFlow's ordered code

  private static String sliceKey(String name, int[][] slice) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    unsigned(out, 0);
    for (char c : name.toCharArray()) {
      out.write(c);
      if (c == 0) {
        out.write(0xff);
      } else if (c == 0xff) {
        out.write(0);
      }
    }
    out.write(0);
    out.write(1);
    unsigned(out, slice.length);
    for (int[] extent : slice) {
      signed(out, extent[0]);
      signed(out, extent[1]);
    }
    return out.toString(StandardCharsets.ISO_8859_1);
  }

  private static void unsigned(ByteArrayOutputStream out, long value) {
    int length = (64 - Long.numberOfLeadingZeros(value) + 7) / 8;
    out.write(length);
    for (int i = length - 1; i >= 0; i--) {
      out.write((int) (value >>> (8 * i)));
    }
  }

  private static void signed(ByteArrayOutputStream out, long value) {
    long magnitude = value < 0 ? ~value : value;
    int length = 1;
    while (length < 8 && magnitude >= 1L << (7 * length - 1)) {
      length++;
    }
    // The first bits say how long the number is; they are flipped for negative ones.
    byte[] bytes = new byte[length];
    for (int i = 0; i < length; i++) {
      bytes[i] = (byte) (value >> (8 * (length - 1 - i)));
    }
    bytes[0] ^= (byte) (0xff00 >> length);
    out.writeBytes(bytes);
  }
}
