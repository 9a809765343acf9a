package io.jetfire.runtime.internal.worker;

import io.jetfire.runtime.internal.engine.Delegation;
import io.jetfire.runtime.internal.engine.InterpreterSettings;
import io.jetfire.runtime.internal.engine.OperatorTiming;
import io.jetfire.runtime.internal.engine.TensorInfo;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** How host and worker write things to each other; reading checks every count and size. */
final class Wire {
  static final byte OPEN = 1;
  static final byte RESIZE = 2;
  static final byte INVOKE = 3;
  static final byte TAPS = 4;
  static final byte TENSOR = 5;
  static final byte RESET = 6;
  static final byte TIMINGS = 7;
  static final byte CLOSE = 8;
  static final byte EDGES = 9;
  static final byte MAP = 10;

  static final byte OK = 0;
  static final byte UNSUPPORTED = 1;
  static final byte CONFIGURATION = 2;
  static final byte STORAGE = 3;
  static final byte PLATFORM = 4;
  static final byte STATE = 5;
  static final byte LAST_KIND = STATE;

  /** What the worker writes to standard error after a failed command, so that no text is missed. */
  static final String END_OF_MESSAGES = "\u0001end";

  private static final int MAX_COUNT = 1_000_000;
  private static final int MAX_TEXT_BYTES = 1 << 20;

  /** The most bytes of one tensor that a worker may send. */
  private static final int MAX_TENSOR_BYTES = 1 << 30;

  /** Announced sizes up to this are taken at their word. */
  private static final int TRUSTED_BYTES = 1 << 20;

  private Wire() {}

  /** Writes one part of a message. */
  @FunctionalInterface
  interface Writer {
    void write(DataOutputStream out) throws IOException;
  }

  /** Reads an answer. */
  @FunctionalInterface
  interface Reader<T> {
    T read(DataInputStream in) throws IOException;
  }

  static void text(DataOutputStream out, String text) throws IOException {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    if (bytes.length > MAX_TEXT_BYTES) {
      bytes = java.util.Arrays.copyOf(bytes, MAX_TEXT_BYTES);
    }
    out.writeInt(bytes.length);
    out.write(bytes);
  }

  static String text(DataInputStream in) throws IOException {
    byte[] bytes = new byte[count(in, MAX_TEXT_BYTES)];
    in.readFully(bytes);
    return new String(bytes, StandardCharsets.UTF_8);
  }

  static int count(DataInputStream in, int max) throws IOException {
    int count = in.readInt();
    if (count < 0 || count > max) {
      throw new IOException("a count of " + count + " where at most " + max + " make sense");
    }
    return count;
  }

  static void bytes(DataOutputStream out, ByteBuffer buffer) throws IOException {
    ByteBuffer bytes = buffer.duplicate();
    out.writeInt(bytes.remaining());
    if (bytes.hasArray()) {
      out.write(bytes.array(), bytes.arrayOffset() + bytes.position(), bytes.remaining());
      return;
    }
    byte[] chunk = new byte[Math.min(bytes.remaining(), 1 << 16)];
    while (bytes.hasRemaining()) {
      int length = Math.min(chunk.length, bytes.remaining());
      bytes.get(chunk, 0, length);
      out.write(chunk, 0, length);
    }
  }

  static ByteBuffer bytes(DataInputStream in) throws IOException {
    int count = count(in, MAX_TENSOR_BYTES);
    byte[] bytes;
    if (count <= TRUSTED_BYTES) {
      bytes = new byte[count];
      in.readFully(bytes);
    } else {
      // Takes memory for what arrives and not for what was announced.
      bytes = in.readNBytes(count);
      if (bytes.length < count) {
        throw new EOFException("the end after " + bytes.length + " of " + count + " bytes");
      }
    }
    return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  /** A tensor in the shared memory, by its place. */
  static void place(DataOutputStream out, Place place) throws IOException {
    out.writeInt(place.position());
    out.writeInt(place.length());
  }

  /** A place in the shared memory, which must be inside it. */
  static Place place(DataInputStream in, @Nullable ByteBuffer shared) throws IOException {
    Place place = new Place(in.readInt(), in.readInt());
    int size = shared == null ? 0 : shared.capacity();
    boolean none = place.equals(Place.NONE);
    if (!none
        && (place.position() < 0
            || place.length() < 0
            || place.position() > size - place.length())) {
      throw new IOException(place + " in a shared memory of " + size + " bytes");
    }
    return place;
  }

  /**
   * Where a tensor lies in the shared memory.
   *
   * @param position the first byte
   * @param length the number of bytes
   */
  record Place(int position, int length) {
    /** A tensor that goes through the pipe. */
    static final Place NONE = new Place(-1, 0);

    boolean isShared() {
      return position >= 0;
    }

    ByteBuffer in(ByteBuffer shared) {
      return shared.slice(position, length).order(ByteOrder.LITTLE_ENDIAN);
    }
  }

  static void ints(DataOutputStream out, List<Integer> values) throws IOException {
    out.writeInt(values.size());
    for (int value : values) {
      out.writeInt(value);
    }
  }

  static List<Integer> ints(DataInputStream in) throws IOException {
    int count = count(in, MAX_COUNT);
    List<Integer> values = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      values.add(in.readInt());
    }
    return values;
  }

  static void infos(DataOutputStream out, List<TensorInfo> infos) throws IOException {
    out.writeInt(infos.size());
    for (TensorInfo info : infos) {
      info(out, info);
    }
  }

  static List<TensorInfo> infos(DataInputStream in) throws IOException {
    int count = count(in, MAX_COUNT);
    List<TensorInfo> infos = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      infos.add(info(in));
    }
    return infos;
  }

  static void info(DataOutputStream out, TensorInfo info) throws IOException {
    out.writeInt(info.index());
    text(out, info.name());
    out.writeInt(info.type());
    ints(out, info.shape());
    ints(out, info.shapeSignature());
    out.writeLong(info.bytes());
    out.writeBoolean(info.dynamic());
    out.writeInt(info.scales().size());
    for (float scale : info.scales()) {
      out.writeFloat(scale);
    }
    ints(out, info.zeroPoints());
    out.writeInt(info.quantizedDimension());
  }

  static TensorInfo info(DataInputStream in) throws IOException {
    int index = in.readInt();
    String name = text(in);
    int type = in.readInt();
    List<Integer> shape = ints(in);
    List<Integer> signature = ints(in);
    long bytes = in.readLong();
    boolean dynamic = in.readBoolean();
    int count = count(in, MAX_COUNT);
    List<Float> scales = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      scales.add(in.readFloat());
    }
    List<Integer> zeroPoints = ints(in);
    return new TensorInfo(
        index, name, type, shape, signature, bytes, dynamic, scales, zeroPoints, in.readInt());
  }

  static void delegation(DataOutputStream out, Delegation delegation) throws IOException {
    out.writeInt(delegation.nodes());
    out.writeInt(delegation.delegatedNodes());
    out.writeInt(delegation.partitions());
  }

  static Delegation delegation(DataInputStream in) throws IOException {
    return new Delegation(in.readInt(), in.readInt(), in.readInt());
  }

  static void timings(DataOutputStream out, List<OperatorTiming> timings) throws IOException {
    out.writeInt(timings.size());
    for (OperatorTiming timing : timings) {
      text(out, timing.name());
      out.writeLong(timing.subgraph());
      out.writeLong(timing.node());
      out.writeBoolean(timing.insideDelegate());
      out.writeLong(timing.count());
      out.writeLong(timing.nanos());
    }
  }

  static List<OperatorTiming> timings(DataInputStream in) throws IOException {
    int count = count(in, MAX_COUNT);
    List<OperatorTiming> timings = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      timings.add(
          new OperatorTiming(
              text(in),
              in.readLong(),
              in.readLong(),
              in.readBoolean(),
              in.readLong(),
              in.readLong()));
    }
    return timings;
  }

  static void settings(DataOutputStream out, InterpreterSettings settings) throws IOException {
    out.writeBoolean(settings.xnnpack());
    out.writeInt(settings.threads());
    out.writeBoolean(settings.preserveTensors());
    out.writeBoolean(settings.profiling());
    String signature = settings.signature();
    out.writeBoolean(signature != null);
    text(out, signature == null ? "" : signature);
    out.writeInt(settings.inputShapes().size());
    for (Map.Entry<String, List<Integer>> shape : settings.inputShapes().entrySet()) {
      text(out, shape.getKey());
      ints(out, shape.getValue());
    }
  }

  static InterpreterSettings settings(DataInputStream in) throws IOException {
    boolean xnnpack = in.readBoolean();
    int threads = in.readInt();
    boolean preserve = in.readBoolean();
    boolean profiling = in.readBoolean();
    boolean hasSignature = in.readBoolean();
    String text = text(in);
    @Nullable String signature = hasSignature ? text : null;
    int count = count(in, MAX_COUNT);
    Map<String, List<Integer>> shapes = new HashMap<>();
    for (int i = 0; i < count; i++) {
      shapes.put(text(in), ints(in));
    }
    return new InterpreterSettings(xnnpack, threads, preserve, profiling, signature, shapes);
  }
}
