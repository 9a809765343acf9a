package io.jetfire.tflite.format;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.jspecify.annotations.Nullable;

/**
 * The ZIP archive behind a model, with the files that its metadata name.
 *
 * <p>The archive's own positions count from the start of the whole file, so they change when the
 * model in front of it does. Format: PKWARE APPNOTE 6.3, without the 64-bit extension.
 */
final class AppendedZip {
  private static final int END = 0x06054b50;
  private static final int CENTRAL = 0x02014b50;
  private static final int LOCAL = 0x04034b50;
  private static final int END_BYTES = 22;
  private static final int MAX_COMMENT = 0xffff;
  private static final int MAX_ARCHIVE = 256 << 20;

  private AppendedZip() {}

  /** Finds the archive at the end and returns it with positions counted from its own start. */
  static @Nullable ByteBuffer find(ModelSource source) {
    long size = source.sizeBytes();
    int tail = (int) Math.min(size, END_BYTES + MAX_COMMENT);
    if (tail < END_BYTES) {
      return null;
    }
    ByteBuffer b = source.slice(size - tail, tail).order(ByteOrder.LITTLE_ENDIAN);
    for (int at = tail - END_BYTES; at >= 0; at--) {
      if (b.getInt(at) == END && at + END_BYTES + (b.getShort(at + 20) & 0xffff) == tail) {
        return archive(source, size - tail + at, b.getInt(at + 12), b.getInt(at + 16));
      }
    }
    return null;
  }

  private static @Nullable ByteBuffer archive(
      ModelSource source, long end, int directoryBytes, int directoryOffset) {
    long directory = end - (directoryBytes & 0xffffffffL);
    long base = directory - (directoryOffset & 0xffffffffL);
    if (directory < 0 || base < 0 || end - directory > MAX_ARCHIVE) {
      return null;
    }
    // The first entry in the file begins the archive: what lies before belongs to the model.
    ByteBuffer d = source.slice(directory, (int) (end - directory)).order(ByteOrder.LITTLE_ENDIAN);
    long start = directory;
    for (int at = 0; at + 46 <= d.limit() && d.getInt(at) == CENTRAL; at = next(d, at)) {
      start = Math.min(start, base + (d.getInt(at + 42) & 0xffffffffL));
    }
    long length = source.sizeBytes() - start;
    if (start < 8 || length > MAX_ARCHIVE) {
      return null;
    }
    ByteBuffer archive = ByteBuffer.allocate((int) length).order(ByteOrder.LITTLE_ENDIAN);
    archive.put(source.slice(start, (int) length)).flip();
    if (start < directory && archive.getInt(0) != LOCAL) {
      return null;
    }
    move(archive, base - start);
    return archive;
  }

  /** Returns the archive as it must be written at a position of a file. */
  static ByteBuffer at(ByteBuffer archive, long position) {
    ByteBuffer copy = ByteBuffer.allocate(archive.remaining()).order(ByteOrder.LITTLE_ENDIAN);
    copy.put(archive.duplicate()).flip();
    move(copy, position);
    return copy;
  }

  // Adds to every position that the archive holds.
  private static void move(ByteBuffer archive, long by) {
    int end = archive.limit() - END_BYTES;
    while (end >= 0
        && !(archive.getInt(end) == END
            && end + END_BYTES + (archive.getShort(end + 20) & 0xffff) == archive.limit())) {
      end--;
    }
    if (end < 0) {
      throw new ModelFormatException("the appended files are no ZIP archive");
    }
    int directory = end - archive.getInt(end + 12);
    archive.putInt(end + 16, (int) (archive.getInt(end + 16) + by));
    for (int at = directory;
        at >= 0 && at + 46 <= end && archive.getInt(at) == CENTRAL;
        at = next(archive, at)) {
      archive.putInt(at + 42, (int) (archive.getInt(at + 42) + by));
    }
  }

  private static int next(ByteBuffer d, int at) {
    return at
        + 46
        + (d.getShort(at + 28) & 0xffff)
        + (d.getShort(at + 30) & 0xffff)
        + (d.getShort(at + 32) & 0xffff);
  }
}
