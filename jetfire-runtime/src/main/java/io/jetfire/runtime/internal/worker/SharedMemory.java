package io.jetfire.runtime.internal.worker;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * Bytes that host and worker both see: a temporary file that both map.
 *
 * <p>Tensors of more than a few kilobytes go through it: a pipe holds 64 kB, so that larger ones
 * would wake both sides many times per run. Who may read or write when is settled by the commands
 * and answers in the pipes, which also order the memory accesses. Positions and lengths come from
 * the host alone, and the worker checks them against what it mapped.
 */
final class SharedMemory {
  /** Below this, the pipe is as quick. */
  static final int SMALL_BYTES = 1 << 12;

  /** Above this, tensors take the pipe. */
  static final long MOST_BYTES = 1L << 28;

  private static final int GRAIN_BYTES = 1 << 16;
  private static final int ALIGNMENT = 64;

  private SharedMemory() {}

  /**
   * Fills a file and maps it. It is written and not only made longer: on a full disk a mapped file
   * with holes would fail at its first use, and not as an exception.
   */
  static ByteBuffer create(Path file, long bytes) throws IOException {
    long size = (bytes + GRAIN_BYTES - 1) / GRAIN_BYTES * GRAIN_BYTES;
    try (FileChannel channel =
        FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
      ByteBuffer zeros = ByteBuffer.allocateDirect(GRAIN_BYTES);
      for (long at = 0; at < size; at += channel.write(zeros, at)) {
        zeros.clear().limit((int) Math.min(GRAIN_BYTES, size - at));
      }
      return channel.map(FileChannel.MapMode.READ_WRITE, 0, size);
    }
  }

  /** Maps a file that the host has filled. */
  static ByteBuffer open(Path file) throws IOException {
    try (FileChannel channel =
        FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
      return channel.map(FileChannel.MapMode.READ_WRITE, 0, channel.size());
    }
  }

  /** Where the next tensor may begin. */
  static long aligned(long position) {
    return (position + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  }
}
