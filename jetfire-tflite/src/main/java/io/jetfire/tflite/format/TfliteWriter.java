package io.jetfire.tflite.format;

import io.jetfire.StorageException;
import io.jetfire.UnsupportedModelException;
import io.jetfire.tflite.graph.Graph;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;

/**
 * Writes a graph as a {@code .tflite} file.
 *
 * <p>The structure is made in memory, constant data are streamed from where they are; they begin at
 * multiples of 16 bytes. Models that would not fit a FlatBuffer get their data behind it. The graph
 * is not changed. Operators that are new or were changed get the lowest version that fits, the
 * others keep the file's.
 */
public final class TfliteWriter {
  private TfliteWriter() {}

  /**
   * Writes a file; it appears whole or not at all, and may replace the file that the graph was read
   * from.
   *
   * @param graph what to write
   * @param path where
   * @param options how
   * @throws UnsupportedModelException if the graph is broken, the target runtime does not know an
   *     operator, or something would be lost
   * @throws StorageException if the file cannot be written
   */
  public static void write(Graph graph, Path path, WriteOptions options) {
    ModelLayout layout = ModelLayout.of(graph, options);
    Path folder = path.toAbsolutePath().getParent();
    try {
      Path part = Files.createTempFile(folder, path.getFileName() + ".", ".part");
      try {
        try (FileChannel channel = FileChannel.open(part, StandardOpenOption.WRITE)) {
          layout.writeTo(channel);
        }
        move(part, path);
      } finally {
        Files.deleteIfExists(part);
      }
    } catch (IOException e) {
      throw new StorageException("cannot write the model " + path + ": " + e, e);
    }
  }

  /**
   * Writes to a channel, which stays open.
   *
   * @param graph what to write
   * @param channel where, from its present position; the model must begin a file
   * @param options how
   * @throws UnsupportedModelException as {@link #write(Graph, Path, WriteOptions)}
   * @throws IOException if the channel fails
   */
  public static void write(Graph graph, WritableByteChannel channel, WriteOptions options)
      throws IOException {
    ModelLayout.of(graph, options).writeTo(channel);
  }

  /**
   * Writes to memory.
   *
   * @param graph what to write
   * @param options how
   * @return the file's bytes
   * @throws UnsupportedModelException as {@link #write(Graph, Path, WriteOptions)}, or if it is
   *     above 2 GiB
   */
  public static byte[] toBytes(Graph graph, WriteOptions options) {
    ModelLayout layout = ModelLayout.of(graph, options);
    if (layout.sizeBytes() > Integer.MAX_VALUE - 8) {
      throw new UnsupportedModelException(
          "the model has "
              + layout.sizeBytes()
              + " bytes, too many for an array; write it to a"
              + " file");
    }
    ByteArrayOutputStream out = new ByteArrayOutputStream((int) layout.sizeBytes());
    try {
      layout.writeTo(Channels.newChannel(out));
    } catch (IOException e) {
      throw new StorageException("cannot write a model to memory: " + e, e);
    }
    return out.toByteArray();
  }

  static void writeFully(WritableByteChannel channel, ByteBuffer bytes) throws IOException {
    while (bytes.hasRemaining()) {
      channel.write(bytes);
    }
  }

  private static void move(Path part, Path path) throws IOException {
    try {
      Files.move(part, path, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    } catch (AtomicMoveNotSupportedException e) {
      Files.move(part, path, StandardCopyOption.REPLACE_EXISTING);
    }
  }
}
