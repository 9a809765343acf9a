package io.jetfire.benchmarks;

import java.nio.file.Path;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.tensorflowlite.BuiltinOpResolver;
import org.bytedeco.tensorflowlite.FlatBufferModel;
import org.bytedeco.tensorflowlite.Interpreter;
import org.bytedeco.tensorflowlite.InterpreterBuilder;

/** TensorFlow Lite without JetFire: XNNPACK, one thread, and nothing is checked. */
final class BareInterpreter implements AutoCloseable {
  private final FlatBufferModel model;
  private final BuiltinOpResolver resolver = new BuiltinOpResolver();
  private final Interpreter interpreter = new Interpreter((Pointer) null);

  BareInterpreter(Path file, float[] input) {
    model = FlatBufferModel.BuildFromFile(file.toString());
    try (InterpreterBuilder builder = new InterpreterBuilder(model, resolver)) {
      builder.SetNumThreads(1);
      require(builder.apply(interpreter));
    }
    require(interpreter.AllocateTensors());
    FloatPointer data = new FloatPointer(interpreter.input_tensor(0).data().data());
    data.capacity(input.length).put(input);
  }

  /** Nothing but the native call: inputs stay, outputs are not read. */
  int invoke() {
    return interpreter.Invoke();
  }

  private static void require(int status) {
    if (status != 0) {
      throw new IllegalStateException("TensorFlow Lite answered " + status);
    }
  }

  @Override
  public void close() {
    interpreter.close();
    resolver.close();
    model.close();
  }
}
