package io.jetfire.adapter.djl.internal.lower;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDArrays;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Activation;
import ai.djl.nn.LambdaBlock;
import io.jetfire.Delegate;
import io.jetfire.Model;
import io.jetfire.Tensor;
import io.jetfire.adapter.djl.TestContext;
import io.jetfire.adapter.djl.internal.engine.DjlEngine;
import io.jetfire.adapter.djl.internal.engine.NDTensors;
import io.jetfire.adapter.djl.internal.trace.Replay;
import io.jetfire.adapter.djl.internal.trace.Trace;
import io.jetfire.adapter.djl.internal.trace.Tracer;
import io.jetfire.runtime.TfliteRuntimeProvider;
import io.jetfire.spi.ModelRuntime;
import io.jetfire.tflite.format.TfliteWriter;
import io.jetfire.tflite.format.WriteOptions;
import io.jetfire.tflite.graph.Graph;
import io.jetfire.tflite.transform.LayoutOptions;
import io.jetfire.tflite.transform.Optimizer;
import io.jetfire.tflite.transform.SharedMemoryGuard;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Networks of random structure (branches, joins, changes of size, other layouts in between),
 * traced, lowered, optimized and executed: the numbers stay DJL's.
 */
class RandomNetworksTest {
  private static final int STEPS = 12;

  private final Path directory;

  RandomNetworksTest(@TempDir Path directory) {
    this.directory = directory;
  }

  static IntStream seeds() {
    return IntStream.range(0, 25);
  }

  static IntStream manySeeds() {
    return IntStream.range(25, 1000);
  }

  /** Builds a network while running it: each call with the same seed does the same. */
  private static NDArray network(NDArray input, int seed) {
    Random random = new Random(seed);
    List<NDArray> images = new ArrayList<>(List.of(input));
    for (int i = 0; i < STEPS; i++) {
      NDArray x = images.get(images.size() - 1 - random.nextInt(Math.min(3, images.size())));
      images.add(step(x, images, random));
    }
    NDArray last = images.get(images.size() - 1);
    NDArray pooled = images.get(images.size() / 2).getNDArrayInternal().globalAvgPool();
    return NDArrays.concat(new NDList(last.flatten(1, 3), pooled), 1);
  }

  private static NDArray step(NDArray x, List<NDArray> images, Random random) {
    Shape shape = x.getShape();
    return switch (random.nextInt(12)) {
      case 0, 1 -> convolution(x, 1 + random.nextInt(5), random);
      case 2 -> Activation.relu(x);
      case 3 -> Activation.leakyRelu(x, 0.1f);
      case 4 -> x.mul(constant(x, random, 1, shape.get(1), 1, 1)).add(0.5f);
      case 5 ->
          x.getNDArrayInternal().maxPool(new Shape(3, 3), new Shape(1, 1), new Shape(1, 1), false);
      case 6 ->
          x.getNDArrayInternal()
              .avgPool(new Shape(2, 2), new Shape(1, 1), new Shape(0, 0), false, true)
              .pad(new Shape(0, 1, 1, 0), 0);
      case 7 -> x.transpose(0, 2, 3, 1).softmax(-1).transpose(0, 3, 1, 2);
      case 8 -> x.swapAxes(2, 3).tanh().swapAxes(2, 3);
      case 9 -> {
        NDArray other = images.get(random.nextInt(images.size()));
        yield NDArrays.concat(new NDList(x, other), 1).get(":, :4");
      }
      case 10 -> {
        NDArray other = images.get(random.nextInt(images.size()));
        yield other.getShape().equals(shape)
            ? x.add(other)
            : x.sub(other.mean(new int[] {1}, true));
      }
      default ->
          x.reshape(shape.get(0), shape.get(1), shape.get(2) * shape.get(3))
              .mul(1.25f)
              .reshape(shape);
    };
  }

  private static NDArray convolution(NDArray x, int filters, Random random) {
    int kernel = 1 + 2 * random.nextInt(2);
    long channels = x.getShape().get(1);
    NDArray weight = constant(x, random, filters, channels, kernel, kernel).div(channels);
    Shape one = new Shape(1, 1);
    Shape padding = new Shape(kernel / 2, kernel / 2);
    return x.getNDArrayInternal()
        .convolution(x, weight, constant(x, random, filters), one, padding, one, 1)
        .head();
  }

  private static NDArray constant(NDArray like, Random random, long... shape) {
    Shape s = new Shape(shape);
    float[] values = new float[(int) s.size()];
    for (int i = 0; i < values.length; i++) {
      values[i] = random.nextFloat() * 2 - 1;
    }
    return like.getManager().create(values, s);
  }

  @ParameterizedTest
  @MethodSource("seeds")
  void staysTheSame(int seed) {
    assertSame(seed);
  }

  @Tag("proof")
  @ParameterizedTest
  @MethodSource("manySeeds")
  void staysTheSameForMany(int seed) {
    assertSame(seed);
  }

  private void assertSame(int seed) {
    Engine engine = DjlEngine.start(TestContext.create()).engine();
    try (NDManager manager = engine.newBaseManager();
        ModelRuntime runtime = new TfliteRuntimeProvider().create(TestContext.create())) {
      Random random = new Random(seed);
      NDArray samples = constant(manager.ones(new Shape(1)), random, 3, 3, 5, 6);
      Trace trace =
          Tracer.trace(
              LambdaBlock.singleton(x -> network(x, seed)), List.of("image"), new NDList(samples));
      Graph raw = Lowering.lower(trace, 1, "random");
      Graph first = Optimizer.standard().run(raw.copy());
      Graph last = Optimizer.standard(LayoutOptions.channelsLast()).run(raw.copy());
      NDArray input = samples.get("0:1");
      try (Replay replay = Replay.load(trace, manager)) {
        float[] want = replay.run(manager, new NDList(input)).head().toFloatArray();
        Tensor image = NDTensors.tensor(input);
        Tensor imageLast = NDTensors.tensor(input.transpose(0, 2, 3, 1).duplicate());
        compare("network " + seed + " as lowered", want, run(runtime, raw, image));
        compare("network " + seed + " optimized", want, run(runtime, first, image));
        compare("network " + seed + " with channels last", want, run(runtime, last, imageLast));
      }
    }
  }

  private float[] run(ModelRuntime runtime, Graph graph, Tensor input) {
    SharedMemoryGuard.create().run(graph);
    Path file = directory.resolve("random.tflite");
    TfliteWriter.write(graph, file, WriteOptions.defaults());
    ModelRuntime.Options options =
        ModelRuntime.Options.defaults()
            .delegate(Delegate.CPU)
            .isolation(ModelRuntime.Isolation.IN_PROCESS);
    try (ModelRuntime.Session session = runtime.open(Model.of(file), options)) {
      return session.run(List.of(input)).get(0).toFloatArray();
    }
  }

  private static void compare(String what, float[] want, float[] have) {
    double range = 1e-3;
    for (float w : want) {
      range = Math.max(range, Math.abs(w));
    }
    assertThat(have).hasSameSizeAs(want);
    for (int i = 0; i < want.length; i++) {
      assertThat(Math.abs(have[i] - want[i]))
          .as("element %d of %s", i, what)
          .isLessThan((float) (1e-5 * range));
    }
  }
}
