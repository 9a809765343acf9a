package org.tensorflow.lite;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.jetfire.runtime.TestModel;
import java.io.File;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.tensorflow.lite.nnapi.NnApiDelegate;

/** Code as it stands in an Android app, run here. */
class InterpreterApiTest {
  @TempDir Path folder;

  private File doubling() throws IOException {
    return TestModel.doubling().write(folder.resolve("doubling.tflite")).toFile();
  }

  @Test
  void arraysGoInAndOut() throws IOException {
    float[][] output = new float[1][4];
    try (InterpreterApi interpreter =
        InterpreterApi.create(doubling(), new InterpreterApi.Options())) {
      interpreter.run(new float[][] {{1, -2, 3.5f, 0}}, output);
      assertThat(output[0]).containsExactly(2, -4, 7, 0);
      assertThat(interpreter.getLastNativeInferenceDurationNanoseconds()).isPositive();
    }
  }

  @Test
  void buffersGoInAndOut() throws IOException {
    ByteBuffer input = ByteBuffer.allocateDirect(16).order(ByteOrder.nativeOrder());
    input.putFloat(1).putFloat(2).putFloat(3).putFloat(4);
    FloatBuffer output = FloatBuffer.allocate(4);
    try (InterpreterApi interpreter =
        InterpreterApi.create(doubling(), new InterpreterApi.Options().setUseXNNPACK(false))) {
      interpreter.runForMultipleInputsOutputs(new Object[] {input}, Map.of(0, output));
      assertThat(output.array()).containsExactly(2, 4, 6, 8);
    }
  }

  @Test
  void aMappedModelWorksAsOnAPhone() throws IOException {
    try (FileChannel channel = FileChannel.open(doubling().toPath());
        InterpreterApi interpreter =
            InterpreterApi.create(
                channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size()),
                new InterpreterApi.Options().setNumThreads(2))) {
      float[][] output = new float[1][4];
      interpreter.run(new float[][] {{1, 2, 3, 4}}, output);
      assertThat(output[0]).containsExactly(2, 4, 6, 8);
    }
    ByteBuffer heap = ByteBuffer.wrap(Files.readAllBytes(doubling().toPath()));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> InterpreterApi.create(heap, new InterpreterApi.Options()));
  }

  @Test
  void anArrayOfAnotherShapeResizesTheInput() throws IOException {
    float[][] output = new float[2][4];
    try (InterpreterApi interpreter =
        InterpreterApi.create(doubling(), new InterpreterApi.Options())) {
      interpreter.run(new float[][] {{1, 2, 3, 4}, {5, 6, 7, 8}}, output);
      assertThat(output[1]).containsExactly(10, 12, 14, 16);
      assertThat(interpreter.getInputTensor(0).shape()).containsExactly(2, 4);
      assertThatIllegalArgumentException()
          .isThrownBy(() -> interpreter.resizeInput(0, new int[] {3, 5}, true));
    }
  }

  @Test
  void tensorsDescribeThemselves() throws IOException {
    TestModel quantized = TestModel.create();
    int x = quantized.tensor("x", TestModel.FLOAT32, 1, 3);
    int q = quantized.quantized("q", TestModel.INT8, 0.5f, 3, 1, 3);
    File file =
        quantized
            .operator(TestModel.QUANTIZE, new int[] {x}, q)
            .inputs(x)
            .outputs(q)
            .write(folder.resolve("q.tflite"))
            .toFile();
    try (InterpreterApi interpreter = InterpreterApi.create(file, new InterpreterApi.Options())) {
      Tensor output = interpreter.getOutputTensor(interpreter.getOutputIndex("q"));
      assertThat(output.dataType()).isEqualTo(DataType.INT8);
      assertThat(output.quantizationParams().getScale()).isEqualTo(0.5f);
      assertThat(output.quantizationParams().getZeroPoint()).isEqualTo(3);
      assertThat(output.numBytes()).isEqualTo(3);
      byte[][] values = new byte[1][3];
      interpreter.run(new float[][] {{1, -1, 1000}}, values);
      assertThat(values[0]).containsExactly(5, 1, 127);
      assertThat(interpreter.getOutputTensor(0).asReadOnlyBuffer().get(2)).isEqualTo((byte) 127);
    }
  }

  @Test
  void mistakesAreTheSameKindsOfErrors() throws IOException {
    InterpreterApi interpreter = InterpreterApi.create(doubling(), new InterpreterApi.Options());
    float[][] output = new float[1][4];
    assertThatIllegalArgumentException()
        .isThrownBy(() -> interpreter.run(new int[][] {{1, 2, 3, 4}}, output))
        .withMessageContaining("FLOAT32");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> interpreter.run(new float[][] {{1, 2, 3, 4}}, new float[1][5]))
        .withMessageContaining("[1, 5]");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> interpreter.run(ByteBuffer.allocateDirect(12), output))
        .withMessageContaining("12 bytes");
    assertThatIllegalArgumentException().isThrownBy(() -> interpreter.getInputIndex("nothing"));
    interpreter.close();
    assertThatIllegalStateException().isThrownBy(() -> interpreter.getInputTensorCount());
    Path broken = Files.writeString(folder.resolve("broken.tflite"), "not a model at all");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> InterpreterApi.create(broken.toFile(), new InterpreterApi.Options()));
  }

  @Test
  void whatOnlyAPhoneHasSaysSo() throws IOException {
    File model = doubling();
    assertThatIllegalArgumentException()
        .isThrownBy(
            () -> InterpreterApi.create(model, new InterpreterApi.Options().setUseNNAPI(true)))
        .withMessageContaining("JVM host");
    assertThatThrownBy(
            () -> new InterpreterFactoryImpl().createNnApiDelegateImpl(new NnApiDelegate.Options()))
        .isInstanceOf(UnsupportedOperationException.class)
        .hasMessageContaining("NNAPI");
  }

  @Test
  void theConcreteClassStandsIn() throws IOException {
    try (Interpreter interpreter =
        new Interpreter(doubling(), new Interpreter.Options().setNumThreads(1))) {
      float[][] output = new float[1][4];
      interpreter.run(new float[][] {{1, 2, 3, 4}}, output);
      assertThat(output[0]).containsExactly(2, 4, 6, 8);
    }
    assertThat(TensorFlowLite.runtimeVersion()).startsWith("2.");
  }
}
