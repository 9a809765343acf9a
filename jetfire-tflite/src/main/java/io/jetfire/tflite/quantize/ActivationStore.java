package io.jetfire.tflite.quantize;

import io.jetfire.StorageException;
import io.jetfire.Tensor;
import io.jetfire.TensorType;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.HashMap;
import java.util.Map;

/** One tensor of every sample, kept in a file so that the heap does not grow with the samples. */
final class ActivationStore implements AutoCloseable {
  private static final int PIECE_BYTES = 1 << 18;

  private record Entry(TensorType type, int[] shape, long position, int bytes) {}

  private final Path file;
  private final FileChannel channel;
  private final Map<Integer, Entry> entries = new HashMap<>();
  private long end;

  ActivationStore(Path folder) {
    try {
      file = Files.createTempFile(folder, "activations", ".bin");
      channel = FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE);
    } catch (IOException e) {
      throw failed("written", folder, e);
    }
  }

  private static StorageException failed(String what, Path where, IOException e) {
    return new StorageException(
        "Calibration data cannot be "
            + what
            + " in "
            + where
            + " ("
            + e
            + "); free some space or"
            + " name another work directory",
        e);
  }

  /** Adds the tensor of the next sample. */
  void add(Tensor tensor) {
    add(size(), tensor);
  }

  /** Adds the tensor of a sample. */
  void add(int index, Tensor tensor) {
    ByteBuffer data = tensor.data();
    long position = reserve(0, data.remaining());
    write(data, position);
    put(index, new Entry(tensor.type(), tensor.shape(), position, data.limit()));
  }

  /**
   * Copies the tensor of a sample without having it in memory as a whole. Threads may do so for
   * different samples at once.
   *
   * @param index the sample's number
   * @param samples how many there are
   * @param buffer for this thread alone
   * @return false if the source does not have as many bytes as the shape says; then nothing is kept
   */
  boolean copy(
      int index,
      int samples,
      TensorType type,
      int[] shape,
      TensorScan.Source source,
      ByteBuffer buffer) {
    long bytes = type.bytes();
    for (int d : shape) {
      bytes *= d;
    }
    if (bytes > Integer.MAX_VALUE) {
      return false;
    }
    reserve(samples * bytes, 0);
    long at = 0;
    while (true) {
      int count = source.read(at, buffer.clear());
      if (count <= 0) {
        break;
      }
      if (at + count > bytes) {
        return false;
      }
      write(buffer.flip(), index * bytes + at);
      at += count;
    }
    if (at == bytes) {
      put(index, new Entry(type, shape.clone(), index * bytes, (int) bytes));
    }
    return at == bytes;
  }

  private void write(ByteBuffer data, long position) {
    int end = data.limit();
    long at = position;
    try {
      while (data.position() < end) {
        data.limit(Math.min(end, data.position() + PIECE_BYTES));
        at += channel.write(data, at);
      }
    } catch (IOException e) {
      throw failed("written", file, e);
    }
  }

  /** Returns the end of what is in use, which is at least the given one, and moves it. */
  private synchronized long reserve(long least, long bytes) {
    long from = Math.max(end, least);
    end = from + bytes;
    return from;
  }

  private synchronized void put(int index, Entry entry) {
    entries.put(index, entry);
  }

  private synchronized Entry entry(int index) {
    Entry entry = entries.get(index);
    if (entry == null) {
      throw new IllegalStateException("sample " + index + " was not stored");
    }
    return entry;
  }

  /** Forgets all tensors; the file keeps its size, so that writing to it again takes less. */
  synchronized void clear() {
    entries.clear();
    end = 0;
  }

  synchronized int size() {
    return entries.size();
  }

  int[] shape(int index) {
    return entry(index).shape().clone();
  }

  /** Copies a part of the tensor of a sample, as {@link TensorScan.Source#read}. */
  int read(int index, long position, ByteBuffer target) {
    Entry entry = entry(index);
    if (position >= entry.bytes()) {
      return -1;
    }
    int end = target.limit();
    int count = (int) Math.min(target.remaining(), entry.bytes() - position);
    target.limit(target.position() + count);
    read(target, entry.position() + position);
    target.limit(end);
    return count;
  }

  Tensor get(int index) {
    Entry entry = entry(index);
    ByteBuffer data = ByteBuffer.allocate(entry.bytes()).order(ByteOrder.LITTLE_ENDIAN);
    read(data, entry.position());
    return Tensor.of(entry.type(), data.flip(), entry.shape());
  }

  /** Fills a buffer, in pieces: the platform keeps a copy of as many bytes as are read at once. */
  private void read(ByteBuffer target, long position) {
    int end = target.limit();
    long at = position;
    try {
      while (target.position() < end) {
        target.limit(Math.min(end, target.position() + PIECE_BYTES));
        int count = channel.read(target, at);
        if (count < 0) {
          throw new IOException("the file ended early");
        }
        at += count;
      }
    } catch (IOException e) {
      throw failed("read", file, e);
    }
  }

  @Override
  public void close() {
    try {
      channel.close();
      Files.deleteIfExists(file);
    } catch (IOException e) {
      throw failed("removed", file, e);
    }
  }
}
