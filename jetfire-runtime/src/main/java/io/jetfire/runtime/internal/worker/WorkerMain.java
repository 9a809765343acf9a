package io.jetfire.runtime.internal.worker;

import io.jetfire.ConfigurationException;
import io.jetfire.PlatformException;
import io.jetfire.StorageException;
import io.jetfire.runtime.internal.engine.EngineSession;
import io.jetfire.runtime.internal.engine.InterpreterSettings;
import io.jetfire.runtime.internal.engine.NativeInterpreter;
import io.jetfire.runtime.internal.engine.NativeLibrary;
import io.jetfire.runtime.internal.engine.NativeModel;
import io.jetfire.runtime.internal.engine.TensorInfo;
import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** A worker: obeys until its standard input ends or its host is gone. */
public final class WorkerMain {
  private final DataInputStream in;
  private final DataOutputStream out;
  private final FileOutputStream messages = new FileOutputStream(FileDescriptor.err);
  private @Nullable EngineSession session;

  /** What the host sees too, once it has asked for it. */
  private @Nullable ByteBuffer memory;

  /** The outputs as the host knows them from the last run; empty before it. */
  private List<TensorInfo> told = List.of();

  private WorkerMain(DataInputStream in, DataOutputStream out) {
    this.in = in;
    this.out = out;
  }

  /**
   * Starts the worker.
   *
   * @param args the process id of the host, and the most bytes of memory to commit, where the host
   *     cannot watch that itself (0 otherwise)
   */
  public static void main(String[] args) throws IOException {
    long host = Long.parseLong(args[0]);
    long committedBytes = Long.parseLong(args[1]);
    Thread watch = new Thread(() -> watch(host, committedBytes), "jetfire-worker-watch");
    watch.setDaemon(true);
    watch.start();
    WorkerMain worker =
        new WorkerMain(
            new DataInputStream(
                new BufferedInputStream(new FileInputStream(FileDescriptor.in), 1 << 16)),
            new DataOutputStream(
                new BufferedOutputStream(new FileOutputStream(FileDescriptor.out), 1 << 16)));
    worker.answer(
        () -> {
          NativeLibrary.load();
          return answer -> {};
        });
    try {
      while (true) {
        worker.obey();
      }
    } catch (EOFException e) {
      Runtime.getRuntime().halt(0);
    }
  }

  /** The host may die while a model runs for ever. */
  private static void watch(long host, long committedBytes) {
    try {
      for (int i = 0; ; i++) {
        if (i % 50 == 0 && ProcessHandle.of(host).filter(ProcessHandle::isAlive).isEmpty()) {
          Runtime.getRuntime().halt(1);
        }
        if (committedBytes > 0 && committed() > committedBytes) {
          Runtime.getRuntime().halt(WorkerProcess.MEMORY_EXIT);
        }
        Thread.sleep(20);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private static long committed() {
    return java.lang.management.ManagementFactory.getOperatingSystemMXBean()
            instanceof com.sun.management.OperatingSystemMXBean bean
        ? bean.getCommittedVirtualMemorySize()
        : 0;
  }

  /** Does the work of a command; what it returns writes the answer. */
  @FunctionalInterface
  private interface Work {
    Wire.Writer run() throws IOException;
  }

  private void obey() throws IOException {
    byte command = in.readByte();
    switch (command) {
      case Wire.OPEN -> {
        String file = Wire.text(in);
        InterpreterSettings settings = Wire.settings(in);
        answer(() -> open(file, settings));
      }
      case Wire.RESIZE -> {
        int input = in.readInt();
        int[] shape = Wire.ints(in).stream().mapToInt(Integer::intValue).toArray();
        answer(
            () -> {
              session().resize(input, shape);
              return answer -> {};
            });
      }
      case Wire.INVOKE -> invoke();
      case Wire.EDGES -> answer(this::edges);
      case Wire.TAPS ->
          answer(
              () -> {
                List<TensorInfo> taps = session().taps();
                return answer -> Wire.infos(answer, taps);
              });
      case Wire.TENSOR -> {
        int index = in.readInt();
        answer(
            () -> {
              var bytes = session().tensor(index);
              return answer -> Wire.bytes(answer, bytes);
            });
      }
      case Wire.RESET ->
          answer(
              () -> {
                session().resetVariables();
                return answer -> {};
              });
      case Wire.TIMINGS ->
          answer(
              () -> {
                var timings = session().timings();
                return answer -> Wire.timings(answer, timings);
              });
      case Wire.CLOSE ->
          answer(
              () -> {
                close();
                return answer -> {};
              });
      case Wire.MAP -> {
        String file = Wire.text(in);
        answer(
            () -> {
              memory = SharedMemory.open(Path.of(file));
              return answer -> {};
            });
      }
      default -> throw new IOException("unknown command " + command);
    }
  }

  private Wire.Writer open(String file, InterpreterSettings settings) {
    close();
    NativeInterpreter opened;
    try (NativeModel model = NativeModel.read(Path.of(file))) {
      opened = model.interpreter(settings);
    }
    session = opened;
    told = List.of();
    var delegation = opened.delegation();
    Wire.Writer edges = edges();
    return answer -> {
      edges.write(answer);
      Wire.delegation(answer, delegation);
    };
  }

  private Wire.Writer edges() {
    List<TensorInfo> inputs = session().inputs();
    List<TensorInfo> outputs = session().outputs();
    return answer -> {
      Wire.infos(answer, inputs);
      Wire.infos(answer, outputs);
    };
  }

  /** Inputs come with the command and outputs go with the answer: one exchange per run. */
  private void invoke() throws IOException {
    int count = Wire.count(in, 100_000);
    List<Integer> indices = new ArrayList<>();
    List<ByteBuffer> tensors = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      indices.add(in.readInt());
      Wire.Place place = Wire.place(in, memory);
      tensors.add(place.isShared() && memory != null ? place.in(memory) : Wire.bytes(in));
    }
    List<Wire.Place> places = new ArrayList<>();
    int targets = Wire.count(in, 100_000);
    for (int i = 0; i < targets; i++) {
      places.add(Wire.place(in, memory));
    }
    answer(
        () -> {
          EngineSession current = session();
          for (int i = 0; i < count; i++) {
            current.input(indices.get(i), tensors.get(i));
          }
          long nanos = current.invoke();
          int outputs = current.outputCount();
          List<TensorInfo> infos = new ArrayList<>();
          List<@Nullable ByteBuffer> values = new ArrayList<>();
          for (int i = 0; i < outputs; i++) {
            infos.add(current.outputInfo(i));
            boolean placed = i < places.size() && put(current, i, places.get(i));
            values.add(placed ? null : current.output(i));
          }
          return answer -> {
            answer.writeLong(nanos);
            answer.writeInt(outputs);
            for (int i = 0; i < outputs; i++) {
              // Some operators find the shape of what they give only when they run.
              boolean news = i >= told.size() || !infos.get(i).equals(told.get(i));
              answer.writeBoolean(news);
              if (news) {
                Wire.info(answer, infos.get(i));
              }
              ByteBuffer value = values.get(i);
              answer.writeBoolean(value == null);
              if (value != null) {
                Wire.bytes(answer, value);
              }
            }
            told = infos;
          };
        });
  }

  private boolean put(EngineSession current, int output, Wire.Place place) {
    ByteBuffer shared = memory;
    return shared != null && place.isShared() && current.output(output, place.in(shared));
  }

  private EngineSession session() {
    if (session == null) {
      throw new IllegalStateException("No model is open in this worker.");
    }
    return session;
  }

  private void close() {
    if (session != null) {
      session.close();
      session = null;
    }
  }

  private void answer(Work work) throws IOException {
    Wire.Writer answer;
    try {
      answer = work.run();
    } catch (IOException | RuntimeException | Error e) {
      out.writeByte(kind(e));
      Wire.text(
          out,
          e instanceof Error || e instanceof IOException
              ? e.toString()
              : String.valueOf(e.getMessage()));
      messages.write((Wire.END_OF_MESSAGES + "\n").getBytes(StandardCharsets.UTF_8));
      out.flush();
      return;
    }
    out.writeByte(Wire.OK);
    answer.write(out);
    out.flush();
  }

  private static byte kind(Throwable error) {
    if (error instanceof ConfigurationException) {
      return Wire.CONFIGURATION;
    }
    if (error instanceof StorageException || error instanceof IOException) {
      return Wire.STORAGE;
    }
    if (error instanceof PlatformException) {
      return Wire.PLATFORM;
    }
    return error instanceof IllegalStateException ? Wire.STATE : Wire.UNSUPPORTED;
  }
}
