package io.jetfire.importer.tensorflow;

import io.airlift.compress.snappy.SnappyCompressor;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.TreeMap;

/** Writes checkpoints as TensorFlow does: an index table and files of data. */
final class CheckpointBytes {
  private final TreeMap<String, byte[]> entries = new TreeMap<>();
  private final ByteArrayOutputStream[] shards;
  private final boolean snappy;

  CheckpointBytes(int shards, boolean snappy) {
    this.shards = new ByteArrayOutputStream[shards];
    Arrays.setAll(this.shards, i -> new ByteArrayOutputStream());
    this.snappy = snappy;
    entries.put("", TfBytes.message().number(1, shards).number(2, 0).toBytes());
  }

  CheckpointBytes variable(String key, int shard, float[] values, int... dims) {
    entries.put(key, entry(shard, values, dims).toBytes());
    return this;
  }

  private TfBytes entry(int shard, float[] values, int... dims) {
    TfBytes e =
        TfBytes.message()
            .number(1, Types.FLOAT)
            .add(2, TfBytes.shape(dims))
            .number(3, shard)
            .number(4, shards[shard].size())
            .number(5, values.length * 4L);
    shards[shard].writeBytes(TfBytes.Data.of(values));
    return e;
  }

  /** A variable of rows in two slices; keys of slices are written out by hand. */
  CheckpointBytes partitioned(String key, float[] top, float[] bottom, int columns) {
    int first = top.length / columns;
    int second = bottom.length / columns;
    entries.put(
        key,
        TfBytes.message()
            .number(1, Types.FLOAT)
            .add(2, TfBytes.shape(first + second, columns))
            .add(7, rows(0, first))
            .add(7, rows(first, second))
            .toBytes());
    // Ordered code: 0, the name, the number of dimensions, then start and length of each; numbers
    // below 64 are one byte with the sign bit flipped, "all of it" is -1.
    entries.put(sliceKey(key, 0, first), entry(0, top, first, columns).toBytes());
    entries.put(sliceKey(key, first, second), entry(0, bottom, second, columns).toBytes());
    return this;
  }

  private static String sliceKey(String key, int start, int length) {
    return "\0"
        + key
        + "\0\1"
        + "\1\2"
        + (char) (0x80 + start)
        + (char) (0x80 + length)
        + (char) 0x80
        + (char) 0x7f;
  }

  private static TfBytes rows(int start, int length) {
    TfBytes rows = TfBytes.message();
    if (start != 0) {
      rows.number(1, start);
    }
    rows.number(2, length);
    return TfBytes.message().add(1, rows).add(1, TfBytes.message());
  }

  byte[] index() {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    byte[] handle = block(out, entries, snappy);
    TreeMap<String, byte[]> index = new TreeMap<>();
    index.put(entries.lastKey() + "~", handle);
    byte[] meta = block(out, new TreeMap<>(), false);
    byte[] indexHandle = block(out, index, false);
    ByteBuffer footer = ByteBuffer.allocate(48).order(ByteOrder.LITTLE_ENDIAN);
    footer.put(meta).put(indexHandle).putLong(40, 0xdb4775248b80fb57L);
    out.writeBytes(footer.array());
    return out.toByteArray();
  }

  private static byte[] block(
      ByteArrayOutputStream out, Map<String, byte[]> entries, boolean snappy) {
    ByteArrayOutputStream plain = new ByteArrayOutputStream();
    byte[] before = new byte[0];
    for (Map.Entry<String, byte[]> e : entries.entrySet()) {
      byte[] key = e.getKey().getBytes(StandardCharsets.ISO_8859_1);
      int shared = 0;
      while (shared < Math.min(before.length, key.length) && before[shared] == key[shared]) {
        shared++;
      }
      varint(plain, shared);
      varint(plain, key.length - shared);
      varint(plain, e.getValue().length);
      plain.write(key, shared, key.length - shared);
      plain.writeBytes(e.getValue());
      before = key;
    }
    plain.writeBytes(
        ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putInt(0).putInt(1).array());
    byte[] data = plain.toByteArray();
    if (snappy) {
      SnappyCompressor compressor = new SnappyCompressor();
      byte[] packed = new byte[compressor.maxCompressedLength(data.length)];
      int n = compressor.compress(data, 0, data.length, packed, 0, packed.length);
      data = Arrays.copyOf(packed, n);
    }
    ByteArrayOutputStream handle = new ByteArrayOutputStream();
    varint(handle, out.size());
    varint(handle, data.length);
    out.writeBytes(data);
    out.write(snappy ? 1 : 0);
    out.writeBytes(new byte[4]); // the checksum, which is not looked at
    return handle.toByteArray();
  }

  private static void varint(ByteArrayOutputStream out, long value) {
    long v = value;
    while (v >= 0x80) {
      out.write((int) ((v & 0x7f) | 0x80));
      v >>>= 7;
    }
    out.write((int) v);
  }

  /** Writes a SavedModel's folder. */
  Path write(Path folder, byte[] savedModel) throws IOException {
    Files.createDirectories(folder.resolve("variables"));
    Files.write(folder.resolve("saved_model.pb"), savedModel);
    Files.write(folder.resolve("variables/variables.index"), index());
    for (int i = 0; i < shards.length; i++) {
      String name =
          String.format(
              java.util.Locale.ROOT, "variables/variables.data-%05d-of-%05d", i, shards.length);
      Files.write(folder.resolve(name), shards[i].toByteArray());
    }
    return folder;
  }
}
