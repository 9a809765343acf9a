package io.jetfire.runtime.internal.engine;

import java.nio.ByteBuffer;
import java.util.List;

/**
 * One interpreter of one model, in this process or in a worker.
 *
 * <p>For one thread at a time; a second thread is refused and not queued. Bytes are little-endian
 * and packed as TensorFlow Lite packs them; strings are in its serialized form.
 */
public interface EngineSession extends AutoCloseable {

  /** Input tensors, with the shapes of the last {@link #resize}. */
  List<TensorInfo> inputs();

  /** Output tensors; shapes and sizes of dynamic ones are those of the last invocation. */
  List<TensorInfo> outputs();

  /** How many outputs there are. */
  int outputCount();

  /** One output tensor, as {@link #outputs()} has it. */
  TensorInfo outputInfo(int output);

  /** The tensors that {@link #tensor} can read, by index. */
  List<TensorInfo> taps();

  /** Changes an input's shape; all inputs have to be filled again. */
  void resize(int input, int[] shape);

  /** Fills an input from the remaining bytes of a buffer, which must be as many as it has. */
  void input(int input, ByteBuffer bytes);

  /** Runs once; returns the nanoseconds spent inside the native call. */
  long invoke();

  /** Copies an output into a new heap buffer. */
  ByteBuffer output(int output);

  /**
   * Copies an output into the remaining bytes of a buffer.
   *
   * @return whether there were exactly as many bytes as the output has; if not, nothing is copied
   */
  default boolean output(int output, ByteBuffer target) {
    ByteBuffer value = output(output);
    boolean fits = value.remaining() == target.remaining();
    if (fits) {
      target.put(value);
    }
    return fits;
  }

  /**
   * Copies a part of an output into a buffer, as far as there are bytes from a position on.
   *
   * @return how many bytes were copied, or -1 at the end
   */
  default int read(int output, long position, ByteBuffer target) {
    return Tensors.read(output(output), position, target);
  }

  /** Copies an intermediate tensor, by index; needs preserved tensors. */
  ByteBuffer tensor(int index);

  /** Sets the variable tensors (recurrent state) back to their first value. */
  void resetVariables();

  /** How the graph was split. */
  Delegation delegation();

  /** Operator times of the last invocation; needs profiling. */
  List<OperatorTiming> timings();

  /** Frees everything; a second call does nothing. */
  @Override
  void close();
}
