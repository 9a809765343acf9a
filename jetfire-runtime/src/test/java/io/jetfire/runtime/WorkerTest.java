package io.jetfire.runtime;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.within;

import io.jetfire.Delegate;
import io.jetfire.Model;
import io.jetfire.Tensor;
import io.jetfire.TensorSpec;
import io.jetfire.UnsupportedModelException;
import io.jetfire.spi.ModelRuntime;
import io.jetfire.spi.ModelRuntime.OperatorTime;
import io.jetfire.spi.ModelRuntime.Options;
import io.jetfire.spi.ModelRuntime.Session;
import io.jetfire.testkit.TestProviderContext;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@SuppressWarnings("NullAway.Init") // JUnit fills the folder, create() the runtime.
final class WorkerTest {
  private static final Options WORKER = Options.defaults();

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
  void resultsEqualThoseOfThisProcess() throws IOException {
    Model model = write(TestModel.classifier());
    for (Delegate delegate : List.of(Delegate.CPU, Delegate.XNNPACK)) {
      Options options = WORKER.delegate(delegate);
      try (Session worker = runtime.open(model, options);
          Session here =
              runtime.open(model, options.isolation(ModelRuntime.Isolation.IN_PROCESS))) {
        assertThat(worker.inputs()).isEqualTo(here.inputs());
        assertThat(worker.outputs()).isEqualTo(here.outputs());
        assertThat(worker.placement()).isEqualTo(here.placement());
        assertThat(worker.run(List.of(image()))).isEqualTo(here.run(List.of(image())));
      }
    }
  }

  @Test
  void tapsAndTimesComeAcross() throws IOException {
    Model model = write(TestModel.classifier());
    try (Session session =
        runtime.open(model, WORKER.delegate(Delegate.CPU).withTaps().withProfiling())) {
      session.run(List.of(image()));
      assertThat(session.taps().values())
          .extracting(TensorSpec::name)
          .containsExactly("features", "logits", "scores");
      assertThat(session.tap(session.taps().keySet().iterator().next()).toFloatArray())
          .containsExactly(Reference.features(image().toFloatArray()), within(1e-6f));
      assertThat(session.profile())
          .extracting(OperatorTime::name)
          .containsExactly("CONV_2D", "FULLY_CONNECTED", "SOFTMAX");
    }
  }

  @Test
  void openDimensionsWorkAcross() throws IOException {
    TestModel open = TestModel.create();
    int x = open.open("x", TestModel.FLOAT32, new int[] {-1, 2}, 1, 2);
    int y = open.open("y", TestModel.FLOAT32, new int[] {-1, 2}, 1, 2);
    Model model = write(open.add(x, x, y).inputs(x).outputs(y));
    try (Session session = runtime.open(model, WORKER)) {
      for (int rows : new int[] {3, 1, 5}) {
        Tensor out =
            session.run(List.of(Tensor.ofFloats(TestModel.noise(rows * 2, 1), rows, 2))).get(0);
        assertThat(out.shape()).containsExactly(rows, 2);
      }
    }
  }

  @Test
  void shapesThatOnlyTheRunFindsComeAcross() throws IOException {
    TestModel model = TestModel.create();
    int x = model.tensor("x", TestModel.FLOAT32, 1, 8);
    int shape = model.tensor("shape", TestModel.INT32, 2);
    int same = model.open("same", TestModel.FLOAT32, new int[] {-1, -1}, 1, 1);
    int y = model.open("y", TestModel.FLOAT32, new int[] {-1, -1}, 1, 1);
    model
        .operator(TestModel.RESHAPE, new int[] {x, shape}, same)
        .add(same, same, y)
        .inputs(x, shape)
        .outputs(y);
    Tensor values = Tensor.ofFloats(new float[] {1, 2, 3, 4, 5, 6, 7, 8}, 1, 8);
    try (Session session = runtime.open(write(model), WORKER)) {
      for (int[] wanted : new int[][] {{2, 4}, {2, 4}, {8, 1}}) {
        Tensor out = session.run(List.of(values, Tensor.ofInts(wanted, 2))).get(0);
        assertThat(out.shape()).isEqualTo(wanted);
        assertThat(out.toFloatArray()).containsExactly(2, 4, 6, 8, 10, 12, 14, 16);
      }
    }
  }

  @Test
  void aDeathInTheMiddleIsAnErrorAndTheNextModelRuns() throws IOException {
    Model good = write(TestModel.doubling());
    List<Tensor> input = List.of(Tensor.ofFloats(new float[] {1, 2, 3, 4}, 1, 4));
    for (int i = 0; i < 2; i++) {
      try (Session session = runtime.open(good, WORKER)) {
        session.run(input);
        ProcessHandle.current().children().forEach(ProcessHandle::destroyForcibly);
        assertThatExceptionOfType(UnsupportedModelException.class)
            .isThrownBy(() -> session.run(input))
            .withMessageContaining("worker process died (killed");
      }
    }
    try (Session session = runtime.open(good, WORKER)) {
      assertThat(session.run(input))
          .containsExactly(Tensor.ofFloats(new float[] {2, 4, 6, 8}, 1, 4));
    }
  }

  @Test
  void whatTheRuntimeSaysIsInTheError() throws IOException {
    TestModel model = TestModel.create();
    int x = model.tensor("x", TestModel.FLOAT32, 4);
    int k = model.tensor("k", TestModel.INT32, 1);
    int y = model.tensor("y", TestModel.FLOAT32, 1);
    Model gather = write(model.gather(x, k, y).inputs(x, k).outputs(y));
    try (Session session = runtime.open(gather, WORKER)) {
      session.input(0, Tensor.ofFloats(new float[] {1, 2, 3, 4}, 4));
      session.input(1, Tensor.ofInts(new int[] {-3}, 1));
      assertThatExceptionOfType(UnsupportedModelException.class)
          .isThrownBy(session::invoke)
          .withMessageContaining("TensorFlow Lite said:")
          .withMessageContaining("GATHER");
      session.input(0, Tensor.ofFloats(new float[] {1, 2, 3, 4}, 4));
      session.input(1, Tensor.ofInts(new int[] {2}, 1));
      session.invoke();
      assertThat(session.output(0).toFloatArray()).containsExactly(3);
    }
  }

  @Test
  void whatIsPlainlyBrokenNeverGetsToAWorker() throws IOException {
    TestModel model = TestModel.create();
    int x = model.tensor("x", TestModel.FLOAT32, 1, 2);
    int y = model.tensor("y", TestModel.FLOAT32, 1, 3);
    int z = model.tensor("z", TestModel.FLOAT32, 1, 3);
    Model wrong = write(model.add(x, y, z).inputs(x, y).outputs(z));
    Set<Long> before = workerIds(); // of earlier tests, still ending
    assertThatExceptionOfType(UnsupportedModelException.class)
        .isThrownBy(() -> runtime.open(wrong, WORKER))
        .withMessageContaining("was refused before it was executed")
        .withMessageContaining("ADD");
    assertThat(workerIds()).isSubsetOf(before);
  }

  @Test
  void whatTakesTooLongIsEnded() throws IOException {
    TestModel model = TestModel.create();
    int x = model.tensor("x", TestModel.FLOAT32, 1, 128, 128, 64);
    int w = model.constant("w", TestModel.noise(64 * 9 * 64, 1), 64, 3, 3, 64);
    int b = model.constant("b", TestModel.noise(64, 1), 64);
    int last = x;
    for (int i = 0; i < 90; i++) {
      int next = model.tensor("c" + i, TestModel.FLOAT32, 1, 128, 128, 64);
      model.conv(last, w, b, next);
      last = next;
    }
    Model heavy = write(model.inputs(x).outputs(last));
    try (ModelRuntime strict =
            new TfliteRuntimeProvider()
                .create(TestProviderContext.in(folder).with("worker-seconds", "1"));
        Session session = strict.open(heavy, WORKER.delegate(Delegate.CPU))) {
      session.input(0, Tensor.ofFloats(new float[128 * 128 * 64], 1, 128, 128, 64));
      assertThatExceptionOfType(UnsupportedModelException.class)
          .isThrownBy(session::invoke)
          .withMessageContaining("took longer than 1.0 s")
          .withMessageContaining("worker-seconds");
    }
  }

  /** Below 4 kB through the pipe, above through memory that both see, growing with the shapes. */
  @Test
  void tensorsOfEverySizeComeAcross() throws IOException {
    TestModel doubling = TestModel.create();
    int x = doubling.open("x", TestModel.FLOAT32, new int[] {-1}, 1);
    int y = doubling.open("y", TestModel.FLOAT32, new int[] {-1}, 1);
    Model model = write(doubling.add(x, x, y).inputs(x).outputs(y));
    try (Session session = runtime.open(model, WORKER)) {
      for (int length : new int[] {1, 1023, 1024, 1025, 40_000, 1 << 20, 7, 3 << 20}) {
        float[] values = TestModel.noise(length, length);
        float[] twice = values.clone();
        for (int i = 0; i < length; i++) {
          twice[i] *= 2;
        }
        List<Tensor> first = session.run(List.of(Tensor.ofFloats(values, length)));
        assertThat(first).containsExactly(Tensor.ofFloats(twice, length));
        // What was returned stays as it is when the model runs again.
        session.run(List.of(Tensor.ofFloats(twice, length)));
        assertThat(first).containsExactly(Tensor.ofFloats(twice, length));
      }
    }
  }

  @Test
  void aWorkerIsUsedAgain() throws IOException {
    Model model = write(TestModel.doubling());
    try (Session session = runtime.open(model, WORKER)) {
      session.run(List.of(Tensor.ofFloats(new float[4], 1, 4)));
    }
    long start = System.nanoTime();
    for (int i = 0; i < 20; i++) {
      try (Session session = runtime.open(model, WORKER)) {
        session.run(List.of(Tensor.ofFloats(new float[4], 1, 4)));
      }
    }
    // Twenty starts of a JVM would take far longer.
    assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(2));
  }

  @Test
  void workersEndWithTheRuntime() throws Exception {
    Model model = write(TestModel.doubling());
    runtime.open(model, WORKER).close();
    assertThat(workers()).isPositive();
    runtime.close();
    long deadline = System.nanoTime() + Duration.ofSeconds(5).toNanos();
    while (workers() > 0 && System.nanoTime() < deadline) {
      Thread.sleep(20);
    }
    assertThat(workers()).isZero();
  }

  private static long workers() {
    return workerIds().size();
  }

  private static Set<Long> workerIds() {
    return ProcessHandle.current()
        .children()
        .filter(ProcessHandle::isAlive)
        .map(ProcessHandle::pid)
        .collect(Collectors.toSet());
  }
}
