package io.jetfire.importer.pytorch;

import io.jetfire.UnsupportedModelException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.zip.DataFormatException;
import java.util.zip.Inflater;
import org.jspecify.annotations.Nullable;

/**
 * A zip in memory, read through its central directory; stored entries are not copied.
 *
 * <p>The JDK's readers do not fit: {@code ZipFile} takes files only, and archives of the older
 * layout hold archives; {@code ZipInputStream} refuses stored entries with a data descriptor, which
 * is what PyTorch writes. Format: PKWARE's APPNOTE, sections 4.3 and 4.5.3 (zip64).
 *
 * <p>Names are only compared, never used as paths. Deflated entries may inflate to a stated size
 * only, and all of them together to a few times the file.
 */
final class Zip {
  private static final int MAX_ENTRIES = 1 << 20;
  private static final int MAX_NAME = 4096;

  /** Where an entry lies. */
  private record Entry(int method, long header, long packed, long size) {}

  private final ByteBuffer file;
  private final Map<String, Entry> entries = new LinkedHashMap<>();
  private long budget;

  private Zip(ByteBuffer bytes) {
    file = bytes.slice().order(ByteOrder.LITTLE_ENDIAN);
    budget = 8L * file.limit() + (64L << 20);
  }

  /** Reads the directory of an archive. */
  static Zip of(ByteBuffer bytes) {
    Zip zip = new Zip(bytes);
    try {
      zip.readDirectory();
    } catch (IndexOutOfBoundsException | IllegalArgumentException e) {
      throw broken("its directory reaches beyond the file");
    }
    return zip;
  }

  static UnsupportedModelException broken(String what) {
    return new UnsupportedModelException(
        "The archive is broken: " + what + ". Save the program with torch.export.save again.");
  }

  Set<String> names() {
    return entries.keySet();
  }

  boolean has(String name) {
    return entries.containsKey(name);
  }

  private int end() {
    for (int at = file.limit() - 22; at >= Math.max(0, file.limit() - 22 - 0xffff); at--) {
      if (file.getInt(at) == 0x06054b50) {
        return at;
      }
    }
    throw broken("it has no end record");
  }

  private void readDirectory() {
    int end = end();
    long count = file.getShort(end + 10) & 0xffff;
    long at = file.getInt(end + 16) & 0xffffffffL;
    if (end >= 20 && file.getInt(end - 20) == 0x07064b50) {
      int big = offset(file.getLong(end - 20 + 8));
      if (file.getInt(big) != 0x06064b50) {
        throw broken("its zip64 end record is missing");
      }
      count = file.getLong(big + 32);
      at = file.getLong(big + 48);
    }
    if (count < 0 || count > MAX_ENTRIES) {
      throw broken("it says that it has " + count + " entries");
    }
    int p = offset(at);
    for (long i = 0; i < count; i++) {
      p = readEntry(p);
    }
  }

  private int readEntry(int p) {
    if (file.getInt(p) != 0x02014b50) {
      throw broken("its directory has something else than entries");
    }
    int method = file.getShort(p + 10);
    long packed = file.getInt(p + 20) & 0xffffffffL;
    long size = file.getInt(p + 24) & 0xffffffffL;
    int nameLength = file.getShort(p + 28) & 0xffff;
    int extraLength = file.getShort(p + 30) & 0xffff;
    int commentLength = file.getShort(p + 32) & 0xffff;
    long header = file.getInt(p + 42) & 0xffffffffL;
    if (nameLength > MAX_NAME) {
      throw broken("the name of an entry has " + nameLength + " bytes");
    }
    byte[] name = new byte[nameLength];
    file.get(p + 46, name);
    int extra = p + 46 + nameLength;
    for (int e = extra; e + 4 <= extra + extraLength; ) {
      int id = file.getShort(e) & 0xffff;
      int length = file.getShort(e + 2) & 0xffff;
      if (id == 1) {
        int q = e + 4;
        if (size == 0xffffffffL) {
          size = file.getLong(q);
          q += 8;
        }
        if (packed == 0xffffffffL) {
          packed = file.getLong(q);
          q += 8;
        }
        header = header == 0xffffffffL ? file.getLong(q) : header;
      }
      e += 4 + length;
    }
    String text = new String(name, StandardCharsets.UTF_8);
    if (entries.put(text, new Entry(method, header, packed, size)) != null) {
      throw broken("it has two entries '" + text + "'");
    }
    return extra + extraLength + commentLength;
  }

  private int offset(long at) {
    if (at < 0 || at > file.limit()) {
      throw broken("an offset points outside the file");
    }
    return (int) at;
  }

  /** The bytes of an entry; null if there is none. */
  @Nullable ByteBuffer find(String name, long most) {
    return has(name) ? read(name, most) : null;
  }

  /** The bytes of an entry of at most a given size. */
  ByteBuffer read(String name, long most) {
    Entry e = entries.get(name);
    if (e == null) {
      throw broken("it has no entry '" + name + "'");
    }
    if (e.size < 0 || e.size > most) {
      throw broken("the entry '" + name + "' has " + e.size + " bytes, more than " + most);
    }
    try {
      int header = offset(e.header);
      if (file.getInt(header) != 0x04034b50) {
        throw broken("the entry '" + name + "' has no header");
      }
      int names = file.getShort(header + 26) & 0xffff;
      int extras = file.getShort(header + 28) & 0xffff;
      int start = offset((long) header + 30 + names + extras);
      if (e.packed < 0 || e.packed > file.limit() - start) {
        throw broken("the entry '" + name + "' reaches beyond the file");
      }
      ByteBuffer packed =
          file.slice(start, (int) e.packed).asReadOnlyBuffer().order(ByteOrder.LITTLE_ENDIAN);
      return switch (e.method) {
        case 0 -> packed;
        case 8 -> inflate(name, packed, e.size);
        default -> throw broken("the entry '" + name + "' is packed by method " + e.method);
      };
    } catch (IndexOutOfBoundsException ex) {
      throw broken("the entry '" + name + "' reaches beyond the file");
    }
  }

  private ByteBuffer inflate(String name, ByteBuffer packed, long size) {
    budget -= size;
    // Deflate cannot make more than 1032 bytes of one.
    if (budget < 0 || size > 1032L * packed.remaining() + 64 || size > Integer.MAX_VALUE - 16) {
      throw broken("the entry '" + name + "' would unpack to " + size + " bytes");
    }
    Inflater inflater = new Inflater(true);
    try {
      byte[] out = new byte[(int) size];
      inflater.setInput(packed);
      int n = 0;
      while (n < out.length) {
        int got = inflater.inflate(out, n, out.length - n);
        if (got == 0) {
          throw broken("the entry '" + name + "' ends too early");
        }
        n += got;
      }
      return ByteBuffer.wrap(out).order(ByteOrder.LITTLE_ENDIAN);
    } catch (DataFormatException e) {
      throw broken("the entry '" + name + "' is not deflated data");
    } finally {
      inflater.end();
    }
  }
}
