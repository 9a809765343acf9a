package io.jetfire.runtime.internal.engine;

import io.jetfire.StorageException;
import io.jetfire.UnsupportedModelException;
import java.io.IOException;
import java.lang.ref.Cleaner;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.tensorflowlite.FlatBufferModel;
import org.jspecify.annotations.Nullable;

/**
 * A verified .tflite file in native memory of its own.
 *
 * <p>The bytes are copied: TensorFlow Lite keeps pointing into them, and a file or array that
 * changes under a running interpreter gives wrong numbers without any error. Thread-safe; several
 * interpreters may use one model. Closing it frees the memory when the last of them is closed.
 */
public final class NativeModel implements AutoCloseable {
  static final Cleaner CLEANER = Cleaner.create();

  private static final int CHUNK_BYTES = 1 << 20;

  private final State state;
  private final Cleaner.Cleanable cleanable;
  private final String name;

  private NativeModel(State state, String name) {
    this.state = state;
    this.name = name;
    this.cleanable = CLEANER.register(this, state::release);
  }

  /**
   * Copies and verifies a model.
   *
   * @param name how errors call it
   * @param bytes the remaining bytes are the file
   * @throws UnsupportedModelException if it is no valid .tflite file
   */
  public static NativeModel of(String name, ByteBuffer bytes) {
    NativeLibrary.load();
    BytePointer memory = allocate(name, bytes.remaining());
    memory.asByteBuffer().put(bytes.duplicate());
    return build(name, memory);
  }

  /**
   * Reads and verifies a model file.
   *
   * @throws StorageException if it cannot be read
   * @throws UnsupportedModelException if it is no valid .tflite file
   */
  public static NativeModel read(Path file) {
    NativeLibrary.load();
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      BytePointer memory = allocate(file.toString(), channel.size());
      try {
        fill(memory, channel);
      } catch (IOException | RuntimeException e) {
        Pointer.free(memory);
        throw e;
      }
      return build(file.toString(), memory);
    } catch (IOException e) {
      throw new StorageException(
          "The model " + file + " cannot be read: " + e + ". Check that the file is there.", e);
    }
  }

  private static void fill(BytePointer memory, FileChannel channel) throws IOException {
    long length = memory.capacity();
    for (long at = 0; at < length; ) {
      int chunk = (int) Math.min(CHUNK_BYTES, length - at);
      ByteBuffer window = new BytePointer(memory).position(at).limit(at + chunk).asByteBuffer();
      while (window.hasRemaining()) {
        if (channel.read(window) < 0) {
          throw new IOException("the file became shorter while it was read");
        }
      }
      at += chunk;
    }
  }

  /** Plain malloc: JavaCPP's own allocation counts it against the Java heap's limit. */
  private static BytePointer allocate(String name, long bytes) {
    if (bytes == 0) {
      throw new UnsupportedModelException(
          "The model " + name + " is empty; a .tflite file was expected.");
    }
    Pointer memory = Pointer.malloc(bytes);
    if (memory == null || memory.isNull()) {
      throw new UnsupportedModelException(
          "There is no memory for the model " + name + " of " + bytes + " bytes.");
    }
    return new BytePointer(memory).capacity(bytes);
  }

  private static NativeModel build(String name, BytePointer memory) {
    FlatBufferModel model;
    try {
      model = FlatBufferModel.VerifyAndBuildFromBuffer(memory, memory.capacity());
    } catch (RuntimeException e) {
      Pointer.free(memory);
      throw new UnsupportedModelException("The model " + name + " cannot be loaded: " + e, e);
    }
    if (model == null || model.isNull()) {
      Pointer.free(memory);
      throw new UnsupportedModelException(
          "The model "
              + name
              + " is not a valid .tflite file: its structure (FlatBuffer schema 3, identifier"
              + " TFL3) failed verification. It may be truncated or damaged.");
    }
    return new NativeModel(new State(model, memory), name);
  }

  /** How errors call the model. */
  public String name() {
    return name;
  }

  /** Size of the file. */
  public long bytes() {
    return state.memory.capacity();
  }

  /** Opens an interpreter; the model may be closed while it is in use. */
  public NativeInterpreter interpreter(InterpreterSettings settings) {
    state.retain(name);
    try {
      return NativeInterpreter.create(this, settings);
    } catch (RuntimeException | Error e) {
      state.release();
      throw e;
    }
  }

  FlatBufferModel pointer() {
    return state.model();
  }

  State state() {
    return state;
  }

  @Override
  public void close() {
    cleanable.clean();
  }

  /** What has to be freed, in this order, when nobody uses it: this object has one use itself. */
  static final class State {
    private @Nullable FlatBufferModel model;
    private final BytePointer memory;
    private int uses = 1;

    State(FlatBufferModel model, BytePointer memory) {
      this.model = model;
      this.memory = memory;
    }

    synchronized void retain(String name) {
      if (uses == 0 || model == null) {
        throw new IllegalStateException("The model " + name + " is closed.");
      }
      uses++;
    }

    synchronized FlatBufferModel model() {
      if (model == null) {
        throw new IllegalStateException("The model is closed.");
      }
      return model;
    }

    synchronized void release() {
      uses--;
      if (uses == 0 && model != null) {
        model.close();
        model = null;
        Pointer.free(memory);
      }
    }
  }
}
