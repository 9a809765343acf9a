package io.jetfire.runtime.internal;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** Resident memory of a process, from Linux's /proc; -1 elsewhere. */
public final class ProcessMemory {
  private final Path status;

  private ProcessMemory(Path status) {
    this.status = status;
  }

  /** The process of that id. */
  public static ProcessMemory of(long pid) {
    return new ProcessMemory(Path.of("/proc", Long.toString(pid), "status"));
  }

  /** What is resident now, in bytes; -1 if that is not known. */
  public long residentBytes() {
    return kilobytes("VmRSS:");
  }

  /** The most that was resident so far, in bytes; -1 if that is not known. */
  public long peakBytes() {
    return kilobytes("VmHWM:");
  }

  private long kilobytes(String key) {
    List<String> lines;
    try {
      lines = Files.readAllLines(status, StandardCharsets.ISO_8859_1);
    } catch (IOException e) {
      return -1;
    }
    for (String line : lines) {
      if (line.startsWith(key)) {
        String number = line.substring(key.length()).replace("kB", "").trim();
        return number.matches("\\d{1,15}") ? Long.parseLong(number) * 1024 : -1;
      }
    }
    return -1;
  }
}
