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
import java.util.ArrayList;
import java.util.List;

/** One tensor of every sample, kept in a file so that the heap does not grow with the samples. */
final class ActivationStore implements AutoCloseable {
  private record Entry(TensorType type, int[] shape, long position, int bytes) {}

  private final Path file;
  private final FileChannel channel;
  private final List<Entry> entries = new ArrayList<>();
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

  void add(Tensor tensor) {
    ByteBuffer data = tensor.data();
    entries.add(new Entry(tensor.type(), tensor.shape(), end, data.remaining()));
    try {
      while (data.hasRemaining()) {
        end += channel.write(data, end);
      }
    } catch (IOException e) {
      throw failed("written", file, e);
    }
  }

  int size() {
    return entries.size();
  }

  Tensor get(int index) {
    Entry entry = entries.get(index);
    ByteBuffer data = ByteBuffer.allocate(entry.bytes()).order(ByteOrder.LITTLE_ENDIAN);
    try {
      while (data.hasRemaining()) {
        if (channel.read(data, entry.position() + data.position()) < 0) {
          throw new IOException("the file ended early");
        }
      }
    } catch (IOException e) {
      throw failed("read", file, e);
    }
    return Tensor.of(entry.type(), data.flip(), entry.shape());
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
