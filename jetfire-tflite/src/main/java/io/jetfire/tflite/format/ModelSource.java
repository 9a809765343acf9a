package io.jetfire.tflite.format;

import io.jetfire.StorageException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.MappedByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.jspecify.annotations.Nullable;

/** The bytes of a model: a buffer, or a file of any size that is mapped piece by piece. */
final class ModelSource {
  private final ByteBuffer head;
  private final long sizeBytes;
  private final @Nullable Path path;
  private @Nullable MappedByteBuffer window;
  private long windowStart;

  private ModelSource(ByteBuffer head, long sizeBytes, @Nullable Path path) {
    this.head = head;
    this.sizeBytes = sizeBytes;
    this.path = path;
  }

  static ModelSource of(ByteBuffer bytes) {
    ByteBuffer head = bytes.slice().asReadOnlyBuffer();
    return new ModelSource(head, head.limit(), null);
  }

  static ModelSource of(Path path) {
    try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
      long size = channel.size();
      long mapped = Math.min(size, Integer.MAX_VALUE);
      ByteBuffer head =
          size == 0
              ? ByteBuffer.allocate(0)
              : channel.map(FileChannel.MapMode.READ_ONLY, 0, mapped);
      return new ModelSource(head, size, path);
    } catch (IOException e) {
      throw new StorageException("cannot read the model " + path + ": " + e, e);
    }
  }

  /** The first 2 GiB, in which the FlatBuffer lies. */
  ByteBuffer head() {
    return head;
  }

  long sizeBytes() {
    return sizeBytes;
  }

  /** Returns bytes that lie inside the file; the caller has checked that. */
  ByteBuffer slice(long offset, int length) {
    if (offset + length <= head.limit()) {
      return head.slice((int) offset, length);
    }
    MappedByteBuffer w = window;
    if (w == null || offset < windowStart || offset + length > windowStart + w.limit()) {
      w = map(offset);
      window = w;
      windowStart = offset;
    }
    return w.slice((int) (offset - windowStart), length);
  }

  private MappedByteBuffer map(long offset) {
    if (path == null) {
      throw new IllegalStateException("bytes outside the buffer");
    }
    try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
      return channel.map(
          FileChannel.MapMode.READ_ONLY, offset, Math.min(sizeBytes - offset, Integer.MAX_VALUE));
    } catch (IOException e) {
      throw new StorageException("cannot read the model " + path + ": " + e, e);
    }
  }
}
