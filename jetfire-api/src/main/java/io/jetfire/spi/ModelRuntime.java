package io.jetfire.spi;

import io.jetfire.ConfigurationException;
import io.jetfire.DataException;
import io.jetfire.Delegate;
import io.jetfire.Model;
import io.jetfire.Tensor;
import io.jetfire.TensorSpec;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;

/**
 * Executes models of some formats on this host. Thread-safe; its sessions are not.
 *
 * <pre>{@code
 * try (ModelRuntime.Session session = runtime.open(model, ModelRuntime.Options.defaults())) {
 *   List<Tensor> outputs = session.run(inputs);
 * }
 * }</pre>
 */
public interface ModelRuntime extends AutoCloseable {

  /**
   * Returns the formats that this runtime executes.
   *
   * @return such as {@code tflite}
   */
  Set<String> formats();

  /**
   * Returns the delegates that models can be opened with.
   *
   * @return never empty
   */
  Set<Delegate> delegates();

  /**
   * Returns what executes the models, for the record.
   *
   * @return such as {@code TensorFlow Lite 2.21.0}
   */
  String version();

  /**
   * Prepares a model for execution.
   *
   * @param model a file of one of the {@link #formats()}
   * @param options how to execute it
   * @return the session, which the caller closes
   * @throws io.jetfire.UnsupportedModelException if the file is broken or cannot be executed
   * @throws io.jetfire.PlatformException if native code cannot be loaded here
   * @throws io.jetfire.ConfigurationException if the options name something this runtime lacks
   */
  Session open(Model model, Options options);

  @Override
  default void close() {}

  /** Where a model is executed. */
  enum Isolation {
    /**
     * In a worker process that is limited in time and memory: nothing that a file does takes the
     * JVM down. For files from outside.
     */
    WORKER,
    /** In this process: fastest, for files that JetFire wrote itself or that the user trusts. */
    IN_PROCESS
  }

  /**
   * How to execute a model.
   *
   * @param delegate what executes the operators
   * @param threads how many threads, at least 1
   * @param isolation in which process
   * @param signature which signature; empty for the default one
   * @param inputShapes shapes to give to inputs by name, where the model leaves dimensions open
   * @param taps whether intermediate tensors can be read after {@link Session#invoke()}
   * @param profiling whether the time of each operator is measured
   */
  record Options(
      Delegate delegate,
      int threads,
      Isolation isolation,
      Optional<String> signature,
      Map<String, List<Integer>> inputShapes,
      boolean taps,
      boolean profiling) {

    /** Copies the map. */
    public Options {
      inputShapes = Map.copyOf(inputShapes);
    }

    /**
     * Returns the usual options: XNNPACK, one thread, in a worker process.
     *
     * @return the options
     */
    public static Options defaults() {
      return new Options(
          Delegate.XNNPACK, 1, Isolation.WORKER, Optional.empty(), Map.of(), false, false);
    }

    /**
     * Returns these options with another delegate.
     *
     * @param other what executes the operators
     * @return the options
     */
    public Options delegate(Delegate other) {
      return new Options(other, threads, isolation, signature, inputShapes, taps, profiling);
    }

    /**
     * Returns these options with another number of threads.
     *
     * @param count at least 1
     * @return the options
     */
    public Options threads(int count) {
      return new Options(delegate, count, isolation, signature, inputShapes, taps, profiling);
    }

    /**
     * Returns these options with another process to execute in.
     *
     * @param other in which process
     * @return the options
     */
    public Options isolation(Isolation other) {
      return new Options(delegate, threads, other, signature, inputShapes, taps, profiling);
    }

    /**
     * Returns these options with another signature.
     *
     * @param key the signature's key
     * @return the options
     */
    public Options signature(String key) {
      return new Options(
          delegate, threads, isolation, Optional.of(key), inputShapes, taps, profiling);
    }

    /**
     * Returns these options with intermediate tensors kept.
     *
     * @return the options
     */
    public Options withTaps() {
      return new Options(delegate, threads, isolation, signature, inputShapes, true, profiling);
    }

    /**
     * Returns these options with the time of each operator measured.
     *
     * @return the options
     */
    public Options withProfiling() {
      return new Options(delegate, threads, isolation, signature, inputShapes, taps, true);
    }

    /**
     * Returns these options with shapes for inputs whose dimensions are open.
     *
     * @param shapes dimensions by input name
     * @return the options
     */
    public Options inputShapes(Map<String, List<Integer>> shapes) {
      return new Options(delegate, threads, isolation, signature, shapes, taps, profiling);
    }
  }

  /**
   * A model that is ready to be executed. One thread at a time.
   *
   * <p>Raw tensors go in and out: quantized ones in the model's own integers (see {@link
   * TensorSpec#quantize} and {@link TensorSpec#dequantize}).
   */
  interface Session extends AutoCloseable {

    /**
     * Returns the model's inputs.
     *
     * @return in the model's order
     */
    List<TensorSpec> inputs();

    /**
     * Returns the model's outputs.
     *
     * @return in the model's order
     */
    List<TensorSpec> outputs();

    /**
     * Sets an input.
     *
     * @param index the index in {@link #inputs()}
     * @param tensor of the input's type and shape
     * @throws io.jetfire.DataException if type or shape differ
     */
    void input(int index, Tensor tensor);

    /**
     * Executes the model once on the inputs that were set.
     *
     * @throws io.jetfire.UnsupportedModelException if the model fails
     */
    void invoke();

    /**
     * Copies an output of the last {@link #invoke()}.
     *
     * @param index the index in {@link #outputs()}
     * @return the tensor
     */
    Tensor output(int index);

    /**
     * Copies a part of an output of the last {@link #invoke()} into a buffer, as a file channel is
     * read: for outputs that are looked at piece by piece.
     *
     * @param index the index in {@link #outputs()}
     * @param position the byte of the output to start at
     * @param target filled as far as the output has bytes; its position moves accordingly
     * @return how many bytes were copied; -1 if the output ends at the position or before
     */
    default int read(int index, long position, ByteBuffer target) {
      ByteBuffer data = output(index).data();
      long left = data.remaining() - position;
      if (position < 0 || left <= 0) {
        return -1;
      }
      int count = (int) Math.min(left, target.remaining());
      target.put(data.slice(data.position() + (int) position, count));
      return count;
    }

    /**
     * Returns the intermediate tensors that can be read; empty unless asked for with {@link
     * Options#taps()}.
     *
     * @return every tensor that an operator writes, by its index in the model's main subgraph
     */
    default Map<Integer, TensorSpec> taps() {
      return Map.of();
    }

    /**
     * Copies an intermediate tensor of the last {@link #invoke()}.
     *
     * @param tensor a key of {@link #taps()}
     * @return the tensor
     */
    default Tensor tap(int tensor) {
      throw new ConfigurationException(
          "Tensor "
              + tensor
              + " cannot be read; open the model with taps, on a runtime that has"
              + " them");
    }

    /**
     * Returns how the operators were placed.
     *
     * @return empty where the runtime cannot tell
     */
    default Optional<Placement> placement() {
      return Optional.empty();
    }

    /**
     * Returns the time of each operator in the last {@link #invoke()}; empty unless asked for with
     * {@link Options#profiling()}.
     *
     * @return in the order of execution
     */
    default List<OperatorTime> profile() {
      return List.of();
    }

    /**
     * Sets all inputs, executes the model, and copies all outputs.
     *
     * @param inputs one tensor per input
     * @return one tensor per output
     */
    default List<Tensor> run(List<Tensor> inputs) {
      if (inputs.size() != inputs().size()) {
        throw new DataException(
            "The model has " + inputs().size() + " inputs, but was given " + inputs.size());
      }
      for (int i = 0; i < inputs.size(); i++) {
        input(i, inputs.get(i));
      }
      invoke();
      List<Tensor> outputs = new ArrayList<>();
      for (int i = 0; i < outputs().size(); i++) {
        outputs.add(output(i));
      }
      return outputs;
    }

    @Override
    void close();
  }

  /**
   * How a delegate took the model.
   *
   * @param delegatedNodes how many operators the delegate executes
   * @param totalNodes how many operators the model has
   * @param partitions how many pieces the delegate executes
   */
  record Placement(int delegatedNodes, int totalNodes, int partitions) {}

  /**
   * The time of one operator.
   *
   * @param name the operator, or what the delegate calls its own
   * @param operatorIndex its index in the model's main subgraph; empty inside a delegate
   * @param delegated whether a delegate executed it
   * @param nanos the time in nanoseconds
   */
  record OperatorTime(String name, OptionalInt operatorIndex, boolean delegated, long nanos) {}
}
