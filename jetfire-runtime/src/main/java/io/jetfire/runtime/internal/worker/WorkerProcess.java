package io.jetfire.runtime.internal.worker;

import io.jetfire.ConfigurationException;
import io.jetfire.PlatformException;
import io.jetfire.StorageException;
import io.jetfire.UnsupportedModelException;
import io.jetfire.runtime.internal.Failures;
import io.jetfire.runtime.internal.ProcessMemory;
import io.jetfire.runtime.internal.engine.NativeInterpreter;
import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.BufferedReader;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** A worker as its host sees it. One thread at a time calls; any thread may end it. */
final class WorkerProcess implements AutoCloseable {
  /** What a worker exits with when it finds itself too large. */
  static final int MEMORY_EXIT = 77;

  private static final int KEPT_LINES = 40;
  private static final Pattern SIGNAL = Pattern.compile("#\\s+(SIG\\w+)");
  private static final Pattern FRAME = Pattern.compile("# Problematic frame:\\s+# (.{1,200})");

  /** Starting includes unpacking the native library for the first time. */
  private static final Duration START_TIME = Duration.ofSeconds(60);

  private final Process process;
  private final WorkerLimits limits;
  private final DataInputStream in;
  private final DataOutputStream out;
  private final ReentrantLock lock = new ReentrantLock();
  private final Deque<String> messages = new ArrayDeque<>();
  private int endsOfMessages;
  private final Path folder;
  private @Nullable ByteBuffer shared;
  private boolean cannotShare;
  private final long startResidentBytes;

  /** When the call that is under way must be over; 0 when none is. */
  private volatile long deadlineNanos;

  private volatile long allowedNanos;
  private volatile @Nullable String killedFor;
  private volatile boolean broken;

  private WorkerProcess(Process process, Path folder, WorkerLimits limits, Watchdog watchdog) {
    this.process = process;
    this.folder = folder;
    this.limits = limits;
    this.in = new DataInputStream(new BufferedInputStream(process.getInputStream(), 1 << 16));
    this.out = new DataOutputStream(new BufferedOutputStream(process.getOutputStream(), 1 << 16));
    Thread reader = new Thread(this::readMessages, "jetfire-worker-messages");
    reader.setDaemon(true);
    reader.start();
    watchdog.watch(this);
    try {
      answer(START_TIME, answer -> true);
    } catch (RuntimeException e) {
      close();
      throw e;
    }
    this.startResidentBytes = memory().residentBytes();
  }

  /** Starts a worker and waits until it has loaded the native library. */
  static WorkerProcess start(
      WorkerLaunch launch, Path folder, WorkerLimits limits, Watchdog watchdog) {
    boolean linux = Watchdog.canSeeMemory();
    List<String> options =
        List.of(
            "-Xms16m",
            "-Xmx" + Math.max(128, limits.residentBytes() / 4 >> 20) + "m",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "-Xshare:auto",
            "-XX:-UsePerfData",
            "-XX:-CreateCoredumpOnCrash",
            "-XX:ErrorLogTimeout=2",
            "-XX:ErrorFile=" + folder.resolve("hs_err_pid%p.log"),
            "-Dorg.bytedeco.javacpp.maxphysicalbytes=0",
            cacheOption());
    List<String> arguments =
        List.of(
            Long.toString(ProcessHandle.current().pid()),
            Long.toString(linux ? 0 : limits.residentBytes()));
    ProcessBuilder builder = new ProcessBuilder(launch.command(options, arguments));
    // Agents and options that are meant for the host do not fit a worker.
    builder.environment().remove("JAVA_TOOL_OPTIONS");
    builder.environment().remove("JDK_JAVA_OPTIONS");
    builder.environment().remove("_JAVA_OPTIONS");
    builder.directory(folder.toFile());
    Process process;
    try {
      process = builder.start();
    } catch (IOException e) {
      throw new PlatformException(
          "A worker process cannot be started: "
              + e
              + ". Where processes cannot be made, run the"
              + " model in this one (Isolation.IN_PROCESS), if you trust the file.",
          e);
    }
    return new WorkerProcess(process, folder, limits, watchdog);
  }

  private static String cacheOption() {
    String folder = System.getProperty("org.bytedeco.javacpp.cachedir");
    return folder == null ? "-Djetfire.worker=true" : "-Dorg.bytedeco.javacpp.cachedir=" + folder;
  }

  /** Sends a command and reads the answer. */
  <T> T call(byte command, Wire.Writer arguments, Wire.Reader<T> answer) {
    if (!lock.tryLock()) {
      throw new IllegalStateException(
          "This session is in use by another thread; open one session per thread.");
    }
    try {
      begin(limits.callTime());
      try {
        out.writeByte(command);
        arguments.write(out);
        out.flush();
      } catch (IOException e) {
        throw died(e);
      }
      return answer(limits.callTime(), answer);
    } finally {
      deadlineNanos = 0;
      lock.unlock();
    }
  }

  /**
   * Returns memory that the worker sees too, the same at every call until more is needed.
   *
   * @return at least as many bytes as asked for, or null where that cannot be had and tensors have
   *     to go through the pipe
   */
  @Nullable ByteBuffer shared(long bytes) {
    ByteBuffer present = shared;
    if (present != null && present.capacity() >= bytes) {
      return present;
    }
    if (cannotShare) {
      return null;
    }
    Path file = null;
    try {
      file = Files.createTempFile(folder, "tensors", ".bin");
      ByteBuffer memory = SharedMemory.create(file, bytes);
      String name = file.toString();
      call(Wire.MAP, out -> Wire.text(out, name), in -> true);
      shared = memory;
      return memory;
    } catch (IOException | StorageException e) {
      cannotShare = true;
      return null;
    } finally {
      delete(file);
    }
  }

  /** Both sides have mapped it; where that forbids deleting, the pool deletes its folder later. */
  private static void delete(@Nullable Path file) {
    try {
      if (file != null) {
        Files.deleteIfExists(file);
      }
    } catch (IOException e) {
      // A temporary file.
    }
  }

  private void begin(Duration time) {
    if (broken || killedFor != null) {
      throw died(null);
    }
    allowedNanos = time.toNanos();
    deadlineNanos = Math.max(1, System.nanoTime() + allowedNanos);
  }

  private <T> T answer(Duration time, Wire.Reader<T> answer) {
    begin(time);
    byte kind;
    String message;
    try {
      kind = in.readByte();
      if (kind == Wire.OK) {
        return answer.read(in);
      }
      if (kind < 0 || kind > Wire.LAST_KIND) {
        // The JVM reports a crash on standard output, in the middle of the conversation.
        throw new IOException("an answer of kind " + kind);
      }
      message = Wire.text(in);
    } catch (IOException e) {
      throw died(e);
    } finally {
      deadlineNanos = 0;
    }
    throw failure(kind, message);
  }

  private RuntimeException failure(byte kind, String message) {
    String said = said();
    String text = message.replace(NativeInterpreter.NEXT, "");
    if (!said.isEmpty() && kind != Wire.STATE) {
      text += " TensorFlow Lite said: " + said;
    }
    return switch (kind) {
      case Wire.CONFIGURATION -> new ConfigurationException(text);
      case Wire.STORAGE -> new StorageException(text);
      case Wire.PLATFORM -> new PlatformException(text);
      case Wire.STATE -> new IllegalStateException(text);
      default -> new UnsupportedModelException(text);
    };
  }

  /** The answer did not come, or made no sense. */
  private RuntimeException died(@Nullable IOException cause) {
    String reason = killedFor;
    broken = true;
    if (reason == null) {
      // Standard output closes before the exit is known.
      process.onExit().completeOnTimeout(process, 3, TimeUnit.SECONDS).join();
      reason = killedFor;
    }
    if (reason == null && process.isAlive()) {
      process.destroyForcibly();
      reason = "Its worker process answered nonsense and was ended: " + cause;
    }
    if (reason == null) {
      int exit = process.exitValue();
      reason =
          exit == MEMORY_EXIT
              ? memoryReason(limits.residentBytes())
              : "Its "
                  + Failures.WORKER_DIED
                  + " ("
                  + exit(exit)
                  + crash()
                  + "). The file is broken or meets a fault of TensorFlow Lite; this process is not"
                  + " affected.";
    }
    return new UnsupportedModelException("The model cannot be executed. " + reason, cause);
  }

  private static String exit(int code) {
    return switch (code) {
      // What a JVM exits with after a fault in native code, where no core is dumped.
      case 1 -> "crashed";
      case 134 -> "aborted";
      case 137 -> "killed by the system or a person";
      case 139 -> "segmentation fault";
      case 136 -> "arithmetic fault";
      default -> "exit code " + code;
    };
  }

  /** What the JVM wrote about its crash: the signal and the frame. */
  private String crash() {
    String report;
    try {
      report = new String(in.readNBytes(8192), StandardCharsets.ISO_8859_1);
    } catch (IOException e) {
      return "";
    }
    StringBuilder text = new StringBuilder();
    Matcher signal = SIGNAL.matcher(report);
    if (signal.find()) {
      text.append("; ").append(signal.group(1));
    }
    Matcher frame = FRAME.matcher(report);
    if (frame.find()) {
      text.append(" in ").append(frame.group(1).trim());
    }
    return text.toString();
  }

  /** What TensorFlow Lite wrote while the last command failed. */
  private String said() {
    synchronized (messages) {
      long give = System.nanoTime() + Duration.ofSeconds(1).toNanos();
      try {
        while (endsOfMessages == 0 && System.nanoTime() < give) {
          messages.wait(50);
        }
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
      endsOfMessages = Math.max(0, endsOfMessages - 1);
      StringBuilder text = new StringBuilder();
      for (String line : messages) {
        if (!line.startsWith("INFO:") && !line.startsWith("WARNING:") && !line.isBlank()) {
          String said = line.startsWith("ERROR: ") ? line.substring(7) : line;
          // Where the library was compiled tells nobody anything.
          text.append(text.length() == 0 ? "" : " ")
              .append(said.replaceAll("/\\S*/tensorflow/", ""));
        }
      }
      messages.clear();
      return text.length() > 600 ? text.substring(0, 600) + "..." : text.toString();
    }
  }

  private void readMessages() {
    try (BufferedReader lines =
        new BufferedReader(
            new InputStreamReader(process.getErrorStream(), StandardCharsets.UTF_8), 8192)) {
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        synchronized (messages) {
          if (line.equals(Wire.END_OF_MESSAGES)) {
            endsOfMessages++;
          } else {
            messages.addLast(line.length() > 1000 ? line.substring(0, 1000) : line);
            if (messages.size() > KEPT_LINES) {
              messages.removeFirst();
            }
          }
          messages.notifyAll();
        }
      }
    } catch (IOException e) {
      // The worker is gone; whoever waits for its answer will notice.
    }
  }

  /** Looks at time and memory, and returns the latter; called by the watchdog. */
  long check(ResidentMemory memory) {
    long deadline = deadlineNanos;
    if (deadline == 0) {
      return 0;
    }
    if (System.nanoTime() - deadline > 0) {
      kill(
          "Its "
              + Failures.WORKER_TIME
              + " longer than "
              + seconds(allowedNanos)
              + " s. If the model needs that, allow more with the setting 'worker-seconds'.");
      return 0;
    }
    long resident = memory.bytes(process.pid());
    if (resident > limits.residentBytes()) {
      kill(memoryReason(resident));
    }
    return resident;
  }

  private static String seconds(long nanos) {
    return String.format(Locale.ROOT, "%.1f", nanos / 1e9);
  }

  private String memoryReason(long resident) {
    return "Its "
        + Failures.WORKER_MEMORY
        + " "
        + (resident >> 20)
        + " MB of memory where "
        + (limits.residentBytes() >> 20)
        + " MB are allowed. If the model needs that, allow more with the setting"
        + " 'worker-megabytes'.";
  }

  /** Ends the worker; a call that waits for it fails with the reason. */
  void kill(String reason) {
    if (killedFor == null) {
      killedFor = reason;
    }
    process.destroyForcibly();
  }

  /** Whether the host ended it, because of its limits or because the run was stopped. */
  boolean wasEnded() {
    return killedFor != null;
  }

  boolean isUsable() {
    return !broken && killedFor == null && process.isAlive();
  }

  ProcessMemory memory() {
    return ProcessMemory.of(process.pid());
  }

  long startResidentBytes() {
    return startResidentBytes;
  }

  @Override
  public void close() {
    broken = true;
    process.destroyForcibly();
    try {
      out.close();
    } catch (IOException e) {
      // It is gone already.
    }
  }
}
