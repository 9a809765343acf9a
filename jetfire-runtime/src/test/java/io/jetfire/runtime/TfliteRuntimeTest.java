package io.jetfire.runtime;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.within;

import io.jetfire.ConfigurationException;
import io.jetfire.DataException;
import io.jetfire.Delegate;
import io.jetfire.Model;
import io.jetfire.Tensor;
import io.jetfire.TensorSpec;
import io.jetfire.TensorType;
import io.jetfire.UnsupportedModelException;
import io.jetfire.spi.ModelRuntime;
import io.jetfire.spi.ModelRuntime.Isolation;
import io.jetfire.spi.ModelRuntime.OperatorTime;
import io.jetfire.spi.ModelRuntime.Options;
import io.jetfire.spi.ModelRuntime.Session;
import io.jetfire.testkit.TestProviderContext;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@SuppressWarnings("NullAway.Init") // JUnit fills the folder, create() the runtime.
final class TfliteRuntimeTest {
  private static final Options CPU =
      Options.defaults().isolation(Isolation.IN_PROCESS).delegate(Delegate.CPU);
  private static final Options XNNPACK = CPU.delegate(Delegate.XNNPACK);

  @TempDir private Path folder;
  private ModelRuntime runtime;

  @BeforeEach
  void create() {
    runtime = new TfliteRuntimeProvider().create(TestProviderContext.in(folder));
  }

  @AfterEach
  void close() {
    runtime.close();
  }

  private Model write(TestModel model) throws IOException {
    return Model.of(model.write(Files.createTempFile(folder, "model", ".tflite")));
  }

  private static Tensor image() {
    return Tensor.ofFloats(TestModel.noise(8 * 8 * 3, 9), 1, 8, 8, 3);
  }

  @Test
  void saysItsVersion() {
    assertThat(runtime.version()).matches("TensorFlow Lite \\d+\\.\\d+\\.\\d+");
  }

  @Test
  void bothDelegatesAgreeWithAComputationInJava() throws IOException {
    Model model = write(TestModel.classifier());
    float[] expected = Reference.classifier(image().toFloatArray());
    for (Options options : List.of(CPU, XNNPACK, CPU.threads(2), XNNPACK.threads(2))) {
      try (Session session = runtime.open(model, options)) {
        assertThat(session.run(List.of(image())).get(0).toFloatArray())
            .containsExactly(expected, within(1e-6f));
      }
    }
  }

  @Test
  void xnnpackTakesTheOperatorsAndCpuLeavesThem() throws IOException {
    Model model = write(TestModel.classifier());
    try (Session cpu = runtime.open(model, CPU);
        Session xnnpack = runtime.open(model, XNNPACK)) {
      assertThat(cpu.placement()).contains(new ModelRuntime.Placement(0, 3, 0));
      assertThat(xnnpack.placement()).contains(new ModelRuntime.Placement(3, 3, 1));
    }
  }

  @Test
  void profilesOperatorsAndTheStepsInsideXnnpack() throws IOException {
    Model model = write(TestModel.classifier());
    try (Session cpu = runtime.open(model, CPU.withProfiling());
        Session xnnpack = runtime.open(model, XNNPACK.withProfiling())) {
      cpu.run(List.of(image()));
      cpu.run(List.of(image()));
      assertThat(cpu.profile())
          .extracting(OperatorTime::name)
          .containsExactly("CONV_2D", "FULLY_CONNECTED", "SOFTMAX");
      assertThat(cpu.profile())
          .extracting(time -> time.operatorIndex().orElse(-1))
          .containsExactly(0, 1, 2);
      assertThat(cpu.profile()).noneMatch(OperatorTime::delegated);
      assertThat(cpu.profile().get(0).nanos()).isPositive();

      xnnpack.run(List.of(image()));
      assertThat(xnnpack.profile()).allMatch(OperatorTime::delegated);
      assertThat(xnnpack.profile())
          .extracting(OperatorTime::name)
          .anyMatch(name -> name.startsWith("Convolution"))
          .anyMatch(name -> name.startsWith("Fully Connected"));
    }
  }

  @Test
  void profileTimesAddUpToNoMoreThanTheRun() throws IOException {
    Model model = write(TestModel.heavy(4));
    Tensor input = Tensor.ofFloats(TestModel.noise(32 * 32 * 16, 1), 1, 32, 32, 16);
    for (Options options : List.of(CPU.withProfiling(), XNNPACK.withProfiling())) {
      try (Session session = runtime.open(model, options)) {
        session.run(List.of(input));
        session.input(0, input);
        long start = System.nanoTime();
        session.invoke();
        long elapsed = System.nanoTime() - start;
        long sum = session.profile().stream().mapToLong(OperatorTime::nanos).sum();
        assertThat(sum).isPositive().isLessThanOrEqualTo(elapsed);
      }
    }
  }

  @Test
  void tapsReadWhatAnOperatorWroteInsideXnnpackToo() throws IOException {
    Model model = write(TestModel.classifier());
    for (Options options : List.of(CPU.withTaps(), XNNPACK.withTaps())) {
      try (Session session = runtime.open(model, options)) {
        List<Tensor> outputs = session.run(List.of(image()));
        assertThat(session.taps().values())
            .extracting(TensorSpec::name)
            .containsExactly("features", "logits", "scores");
        int scores = session.taps().keySet().stream().reduce((a, b) -> b).orElseThrow();
        assertThat(session.tap(scores)).isEqualTo(outputs.get(0));
        int features = session.taps().keySet().iterator().next();
        assertThat(session.tap(features).toFloatArray())
            .containsExactly(Reference.features(image().toFloatArray()), within(1e-6f));
        assertThatExceptionOfType(ConfigurationException.class)
            .isThrownBy(() -> session.tap(0))
            .withMessageContaining("an input");
      }
    }
  }

  @Test
  void signaturesNameTheirTensors() throws IOException {
    Model model = write(TestModel.doubling());
    try (Session session = runtime.open(model, XNNPACK.signature("double"))) {
      assertThat(session.inputs()).extracting(TensorSpec::name).containsExactly("in");
      assertThat(session.outputs()).extracting(TensorSpec::name).containsExactly("out");
      assertThat(session.run(List.of(Tensor.ofFloats(new float[] {1, 2, 3, 4}, 1, 4))))
          .containsExactly(Tensor.ofFloats(new float[] {2, 4, 6, 8}, 1, 4));
    }
  }

  @Test
  void openDimensionsTakeTheShapeOfTheTensor() throws IOException {
    TestModel open = TestModel.create();
    int x = open.open("x", TestModel.FLOAT32, new int[] {-1, 2}, 1, 2);
    int y = open.open("y", TestModel.FLOAT32, new int[] {-1, 2}, 1, 2);
    Model model = write(open.add(x, x, y).inputs(x).outputs(y));
    for (Options options : List.of(CPU, XNNPACK)) {
      try (Session session = runtime.open(model, options)) {
        assertThat(session.inputs().get(0).shape()).containsExactly(-1, 2);
        for (int rows : new int[] {3, 1, 5, 5}) {
          float[] values = TestModel.noise(rows * 2, rows);
          Tensor out = session.run(List.of(Tensor.ofFloats(values, rows, 2))).get(0);
          assertThat(out.shape()).containsExactly(rows, 2);
          assertThat(out.toFloatArray()[rows * 2 - 1]).isEqualTo(values[rows * 2 - 1] * 2);
        }
        assertThatExceptionOfType(DataException.class)
            .isThrownBy(() -> session.input(0, Tensor.ofFloats(new float[3], 1, 3)));
        assertThatExceptionOfType(ConfigurationException.class)
            .isThrownBy(() -> session.input(0, Tensor.ofFloats(new float[0], 0, 2)))
            .withMessageContaining("at least 1");
      }
    }
  }

  @Test
  void shapesCanBeChosenWhenOpening() throws IOException {
    Model model = write(TestModel.doubling());
    Options wide = CPU.inputShapes(Map.of("x", List.of(2, 4)));
    try (Session session = runtime.open(model, wide)) {
      assertThat(session.inputs().get(0).shape()).containsExactly(2, 4);
      assertThat(session.run(List.of(Tensor.ofFloats(new float[8], 2, 4))).get(0).shape())
          .containsExactly(2, 4);
    }
    assertThatExceptionOfType(ConfigurationException.class)
        .isThrownBy(() -> runtime.open(model, CPU.inputShapes(Map.of("z", List.of(1)))))
        .withMessageContaining("'z'")
        .withMessageContaining("[x]");
  }

  @Test
  void shapesThatDoNotFitAreAnErrorAndNotAnEmptyOutput() throws IOException {
    TestModel flat = TestModel.create();
    int x = flat.tensor("x", TestModel.FLOAT32, 1, 8);
    int w = flat.constant("w", TestModel.noise(16, 1), 2, 8);
    int b = flat.constant("b", TestModel.noise(2, 2), 2);
    int y = flat.tensor("y", TestModel.FLOAT32, 1, 2);
    Model model = write(flat.fullyConnected(x, w, b, y).inputs(x).outputs(y));
    Options small = CPU.inputShapes(Map.of("x", List.of(1, 4)));
    assertThatExceptionOfType(io.jetfire.JetFireException.class)
        .isThrownBy(
            () -> {
              try (Session session = runtime.open(model, small)) {
                session.run(List.of(Tensor.ofFloats(new float[4], 1, 4)));
              }
            });
  }

  @Test
  void quantizedEdgesCarryTheirParameters() throws IOException {
    TestModel quantized = TestModel.create();
    int x = quantized.tensor("x", TestModel.FLOAT32, 1, 3);
    int q = quantized.quantized("q", TestModel.INT8, 0.5f, 3, 1, 3);
    Model model =
        write(quantized.operator(TestModel.QUANTIZE, new int[] {x}, q).inputs(x).outputs(q));
    try (Session session = runtime.open(model, CPU)) {
      TensorSpec out = session.outputs().get(0);
      assertThat(out.type()).isEqualTo(TensorType.INT8);
      assertThat(out.quantization()).contains(new TensorSpec.Quantization(0.5f, 3));
      Tensor raw = session.run(List.of(Tensor.ofFloats(new float[] {1, -1, 1000}, 1, 3))).get(0);
      assertThat(raw.toFloatArray()).containsExactly(5, 1, 127);
      assertThat(out.dequantize(raw).toFloatArray()).containsExactly(1, -1, 62);
    }
  }

  @Test
  void integersOfEveryWidthGoInAndOut() throws IOException {
    Map<Integer, TensorType> types =
        Map.of(
            TestModel.INT32, TensorType.INT32,
            TestModel.INT64, TensorType.INT64,
            TestModel.UINT8, TensorType.UINT8,
            TestModel.INT8, TensorType.INT8,
            TestModel.BOOL, TensorType.BOOL,
            TestModel.FLOAT64, TensorType.FLOAT64);
    for (Map.Entry<Integer, TensorType> type : types.entrySet()) {
      TestModel cast = TestModel.create();
      int x = cast.tensor("x", type.getKey(), 2);
      int y = cast.tensor("y", TestModel.FLOAT32, 2);
      Model model = write(cast.operator(TestModel.CAST, new int[] {x}, y).inputs(x).outputs(y));
      int bytes = type.getValue().bytes();
      ByteBuffer data = ByteBuffer.allocate(bytes * 2);
      if (type.getValue() == TensorType.FLOAT64) {
        data.order(java.nio.ByteOrder.LITTLE_ENDIAN).putDouble(8, 1);
      } else {
        data.put(bytes, (byte) 1);
      }
      try (Session session = runtime.open(model, CPU)) {
        assertThat(session.inputs().get(0).type()).isEqualTo(type.getValue());
        assertThat(session.run(List.of(Tensor.of(type.getValue(), data, 2))).get(0).toFloatArray())
            .as("%s", type.getValue())
            .containsExactly(0, 1);
      }
    }
  }

  @Test
  void unknownOperatorsAreNamed() throws IOException {
    TestModel custom = TestModel.create();
    int x = custom.tensor("x", TestModel.FLOAT32, 1);
    int y = custom.tensor("y", TestModel.FLOAT32, 1);
    Model model = write(custom.custom("MyOp", new int[] {x}, y).inputs(x).outputs(y));
    assertThatExceptionOfType(UnsupportedModelException.class)
        .isThrownBy(() -> runtime.open(model, CPU))
        .withMessageContaining("MyOp");
    Model future = write(TestModel.doubling().version(99));
    assertThatExceptionOfType(UnsupportedModelException.class)
        .isThrownBy(() -> runtime.open(future, CPU))
        .withMessageContaining("version");
  }

  @Test
  void textAtTheEdgeIsRefusedByName() throws IOException {
    TestModel text = TestModel.create();
    int x = text.tensor("words", TestModel.STRING, 1);
    int y = text.tensor("y", TestModel.STRING, 1);
    int s = text.constant("s", new int[] {1}, 1);
    Model model = write(text.operator(TestModel.RESHAPE, new int[] {x, s}, y).inputs(x).outputs(y));
    assertThatExceptionOfType(UnsupportedModelException.class)
        .isThrownBy(() -> runtime.open(model, CPU))
        .withMessageContaining("'words'")
        .withMessageContaining("string");
  }

  @Test
  void anInputThatWasNeverSetIsNoted() throws IOException {
    try (Session session = runtime.open(write(TestModel.doubling()), CPU)) {
      assertThatExceptionOfType(ConfigurationException.class)
          .isThrownBy(session::invoke)
          .withMessageContaining("'x'");
    }
  }

  @Test
  void gpuIsRefusedWithAWayOut() throws IOException {
    Model model = write(TestModel.doubling());
    assertThatExceptionOfType(ConfigurationException.class)
        .isThrownBy(() -> runtime.open(model, CPU.delegate(Delegate.GPU)))
        .withMessageContaining("GPU")
        .withMessageContaining("CPU and XNNPACK");
  }

  @Test
  void aSecondThreadIsRefusedWhileOneRuns() throws Exception {
    Model model = write(TestModel.heavy(40));
    Tensor input = Tensor.ofFloats(TestModel.noise(32 * 32 * 16, 1), 1, 32, 32, 16);
    try (Session session = runtime.open(model, CPU)) {
      session.input(0, input);
      AtomicReference<RuntimeException> failure = new AtomicReference<>();
      CountDownLatch started = new CountDownLatch(1);
      Thread other =
          new Thread(
              () -> {
                started.countDown();
                try {
                  for (int i = 0; i < 20; i++) {
                    session.invoke();
                  }
                } catch (IllegalStateException e) {
                  failure.set(e);
                }
              });
      other.start();
      started.await();
      boolean refused = false;
      while (other.isAlive() && !refused) {
        try {
          session.output(0);
        } catch (IllegalStateException e) {
          refused = String.valueOf(e.getMessage()).contains("another thread");
        }
      }
      session.close();
      other.join();
      assertThat(refused || failure.get() != null).isTrue();
      assertThatIllegalStateException().isThrownBy(session::invoke).withMessageContaining("closed");
    }
  }

  @Test
  void theFileMayGoWhileASessionIsOpen() throws IOException {
    Model model = write(TestModel.doubling());
    try (Session session = runtime.open(model, XNNPACK)) {
      Files.write(model.path(), new byte[(int) model.sizeBytes()]);
      Files.delete(model.path());
      assertThat(session.run(List.of(Tensor.ofFloats(new float[] {1, 2, 3, 4}, 1, 4))).get(0))
          .isEqualTo(Tensor.ofFloats(new float[] {2, 4, 6, 8}, 1, 4));
    }
  }

  @Test
  void forgottenSessionsAreFreedInOrder() throws IOException {
    Model model = write(TestModel.classifier());
    for (int i = 0; i < 200; i++) {
      runtime.open(model, XNNPACK).run(List.of(image()));
      if (i % 20 == 0) {
        System.gc();
      }
    }
    try (Session session = runtime.open(model, XNNPACK)) {
      assertThat(session.run(List.of(image()))).hasSize(1);
    }
  }
}
