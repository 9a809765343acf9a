package org.tensorflow.lite;

import io.jetfire.JetFireException;
import io.jetfire.runtime.internal.engine.InterpreterSettings;
import io.jetfire.runtime.internal.engine.NativeInterpreter;
import io.jetfire.runtime.internal.engine.NativeModel;
import io.jetfire.runtime.internal.engine.TensorInfo;
import java.io.File;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.MappedByteBuffer;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Supplier;
import org.jspecify.annotations.NullMarked;
import org.jspecify.annotations.Nullable;

/**
 * {@link InterpreterApi} over JetFire's runtime, with the rules and the kinds of errors that the
 * Android library has.
 */
@NullMarked
class HostInterpreter implements InterpreterApi {
  private final NativeModel model;
  private final NativeInterpreter interpreter;
  private final Map<Integer, ByteBuffer> lastInputs = new HashMap<>();
  private @Nullable Long lastNanos;
  private boolean closed;

  HostInterpreter(NativeModel model, InterpreterApi.@Nullable Options options) {
    this.model = model;
    InterpreterSettings settings = settings(options);
    try {
      this.interpreter = converted(() -> model.interpreter(settings));
    } catch (RuntimeException e) {
      model.close();
      throw e;
    }
  }

  static HostInterpreter of(File file, InterpreterApi.@Nullable Options options) {
    return new HostInterpreter(model(file), options);
  }

  static HostInterpreter of(ByteBuffer buffer, InterpreterApi.@Nullable Options options) {
    return new HostInterpreter(model(buffer), options);
  }

  static NativeModel model(File file) {
    return converted(() -> NativeModel.read(file.toPath()));
  }

  static NativeModel model(@Nullable ByteBuffer buffer) {
    if (buffer == null
        || !(buffer instanceof MappedByteBuffer)
            && (!buffer.isDirect() || buffer.order() != ByteOrder.nativeOrder())) {
      throw new IllegalArgumentException(
          "A model in memory must be a mapped file, or a direct ByteBuffer in native byte order, as"
              + " on a phone.");
    }
    ByteBuffer whole = buffer.duplicate();
    whole.rewind();
    return converted(() -> NativeModel.of("in memory", whole));
  }

  private static InterpreterSettings settings(InterpreterApi.@Nullable Options options) {
    if (options == null) {
      return new InterpreterSettings(true, 1, false, false, null, Map.of());
    }
    if (options.getUseNNAPI()
        || !options.getDelegates().isEmpty()
        || !options.getDelegateFactories().isEmpty()
        || options.getAccelerationConfig() != null) {
      throw new IllegalArgumentException(
          "Delegates other than XNNPACK do not exist on a JVM host. Leave them away in host tests;"
              + " measure them on a device.");
    }
    int threads = options.getNumThreads();
    if (threads < -1) {
      throw new IllegalArgumentException(
          "The number of threads must be at least 0, or -1 for the usual one, not " + threads);
    }
    return new InterpreterSettings(
        options.getUseXNNPACK(), Math.max(1, threads), false, false, null, Map.of());
  }

  /** The Android library reports every failure of native code as an IllegalArgumentException. */
  private static <T> T converted(Supplier<T> work) {
    try {
      return work.get();
    } catch (JetFireException e) {
      throw new IllegalArgumentException("Internal error: " + e.getMessage(), e);
    }
  }

  @Override
  public void run(Object input, Object output) {
    runForMultipleInputsOutputs(new Object[] {input}, Map.of(0, output));
  }

  @Override
  public void runForMultipleInputsOutputs(
      Object @Nullable [] inputs, @Nullable Map<Integer, Object> outputs) {
    checkOpen();
    if (inputs == null || inputs.length == 0) {
      throw new IllegalArgumentException("Input error: Inputs should not be null or empty.");
    }
    if (outputs == null) {
      throw new IllegalArgumentException("Input error: Outputs should not be null.");
    }
    for (int i = 0; i < inputs.length; i++) {
      TensorInfo info = info(interpreter.inputs(), i, "input");
      JavaObjects.checkType(info, inputs[i]);
      int[] shape = JavaObjects.shape(inputs[i]);
      if (shape != null && !Arrays.equals(shape, info.shapeArray())) {
        resizeInput(i, shape);
      }
    }
    for (int i = 0; i < inputs.length; i++) {
      TensorInfo info = info(interpreter.inputs(), i, "input");
      ByteBuffer bytes = JavaObjects.toBytes(info, inputs[i]);
      int index = i;
      converted(
          () -> {
            interpreter.input(index, bytes);
            return true;
          });
      lastInputs.put(i, bytes);
    }
    lastNanos = null;
    lastNanos = converted(interpreter::invoke);
    for (Map.Entry<Integer, Object> output : new TreeMap<>(outputs).entrySet()) {
      TensorInfo info = info(interpreter.outputs(), output.getKey(), "output");
      JavaObjects.fromBytes(info, interpreter.output(output.getKey()), output.getValue());
    }
  }

  private static TensorInfo info(List<TensorInfo> infos, int index, String what) {
    if (index < 0 || index >= infos.size()) {
      throw new IllegalArgumentException("Invalid " + what + " Tensor index: " + index);
    }
    return infos.get(index);
  }

  @Override
  public void allocateTensors() {
    checkOpen();
  }

  @Override
  public void resizeInput(int idx, int[] dims) {
    resizeInput(idx, dims, false);
  }

  @Override
  public void resizeInput(int idx, int[] dims, boolean strict) {
    checkOpen();
    TensorInfo info = info(interpreter.inputs(), idx, "input");
    if (strict) {
      List<Integer> signature = info.shapeSignature();
      for (int i = 0; i < dims.length; i++) {
        if (signature.size() != dims.length
            || (signature.get(i) != -1 && signature.get(i) != dims[i])) {
          throw new IllegalArgumentException(
              "Attempting to resize the fixed dimensions of input "
                  + idx
                  + ", "
                  + signature
                  + ", to "
                  + Arrays.toString(dims));
        }
      }
    }
    lastInputs.clear();
    converted(
        () -> {
          interpreter.resize(idx, dims);
          return true;
        });
  }

  @Override
  public int getInputTensorCount() {
    checkOpen();
    return interpreter.inputs().size();
  }

  @Override
  public int getInputIndex(String opName) {
    checkOpen();
    return index(interpreter.inputs(), opName, "input");
  }

  @Override
  public Tensor getInputTensor(int inputIndex) {
    checkOpen();
    TensorInfo info = info(interpreter.inputs(), inputIndex, "input");
    return new HostTensor(info, () -> lastInputs.get(inputIndex));
  }

  @Override
  public int getOutputTensorCount() {
    checkOpen();
    return interpreter.outputs().size();
  }

  @Override
  public int getOutputIndex(String opName) {
    checkOpen();
    return index(interpreter.outputs(), opName, "output");
  }

  private static int index(List<TensorInfo> infos, String name, String what) {
    for (int i = 0; i < infos.size(); i++) {
      if (infos.get(i).name().equals(name)) {
        return i;
      }
    }
    throw new IllegalArgumentException(
        "Input error: '"
            + name
            + "' is not a valid name for any "
            + what
            + ". Names are "
            + infos.stream().map(TensorInfo::name).toList());
  }

  @Override
  public Tensor getOutputTensor(int outputIndex) {
    checkOpen();
    TensorInfo info = info(interpreter.outputs(), outputIndex, "output");
    return new HostTensor(info, () -> converted(() -> interpreter.output(outputIndex)));
  }

  @Override
  public @Nullable Long getLastNativeInferenceDurationNanoseconds() {
    checkOpen();
    return lastNanos;
  }

  private void checkOpen() {
    if (closed) {
      throw new IllegalStateException("Internal error: The Interpreter has already been closed.");
    }
  }

  @Override
  public void close() {
    closed = true;
    interpreter.close();
    model.close();
  }
}
