package io.jetfire.adapter.djl.internal.lower;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDArrays;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.ndarray.types.SparseFormat;
import ai.djl.nn.Activation;
import ai.djl.nn.Block;
import ai.djl.nn.LambdaBlock;
import ai.djl.nn.Parameter;
import ai.djl.nn.SequentialBlock;
import ai.djl.nn.convolutional.Conv1d;
import ai.djl.nn.convolutional.Conv2d;
import ai.djl.nn.norm.BatchNorm;
import ai.djl.nn.norm.LayerNorm;
import io.jetfire.Delegate;
import io.jetfire.Model;
import io.jetfire.Tensor;
import io.jetfire.UnsupportedModelException;
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
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.transform.Optimizer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import java.util.stream.Stream;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Every rule's outcome is executed by TensorFlow Lite and compared with DJL's. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class LoweringTest {
  private static final double TOLERANCE = 1e-5;

  private final Path directory;
  private final ModelRuntime runtime = new TfliteRuntimeProvider().create(TestContext.create());
  private final Engine engine = DjlEngine.start(TestContext.create()).engine();
  private NDManager manager = engine.newBaseManager();

  LoweringTest(@TempDir Path directory) {
    this.directory = directory;
  }

  @BeforeAll
  void seed() {
    engine.setRandomSeed(3);
  }

  @BeforeEach
  void open() {
    manager = engine.newBaseManager();
  }

  @AfterEach
  void close() {
    manager.close();
  }

  @AfterAll
  void closeRuntime() {
    runtime.close();
  }

  // ---- cases -------------------------------------------------------------------------------

  /** A computation on one array, with the shape of a sample. */
  record Case(String name, Shape sample, Block block) {
    @Override
    public String toString() {
      return name;
    }
  }

  private static Case of(String name, Function<NDArray, NDArray> function, long... sample) {
    return new Case(
        name, new Shape(sample), new SequentialBlock().add(LambdaBlock.singleton(function)));
  }

  private static Case block(String name, Block block, long... sample) {
    return new Case(name, new Shape(sample), block);
  }

  static Stream<Case> elementwise() {
    return Stream.of(
        of("add", x -> x.add(x.mul(2)).add(1.5f), 3, 4),
        of("sub", x -> x.sub(0.5f).sub(x.square()), 3, 4),
        of("rsub", x -> x.getNDArrayInternal().rsub(2), 3, 4),
        of("div", x -> x.div(3).div(x.abs().add(1)), 3, 4),
        of("rdiv", x -> x.abs().add(1).getNDArrayInternal().rdiv(2), 3, 4),
        of("mod", x -> x.mul(10).mod(3), 3, 4),
        of("neg abs sign", x -> x.neg().abs().add(x.sign()), 3, 4),
        of("sqrt", x -> x.abs().add(0.5f).sqrt(), 3, 4),
        of("exp log", x -> x.exp().add(1).log(), 3, 4),
        of("log2 log10", x -> x.exp().log2().add(x.exp().log10()), 3, 4),
        of("sin cos", x -> x.sin().add(x.cos()), 3, 4),
        of("floor ceil round", x -> x.mul(7).floor().add(x.ceil()).add(x.mul(5).round()), 3, 4),
        of("pow", x -> x.pow(2).add(x.abs().pow(0.5)).add(x.abs().add(1).pow(1.7)), 3, 4),
        of("power of two arrays", x -> x.abs().add(1).pow(x), 3, 4),
        of("rpow", x -> x.getNDArrayInternal().rpow(2), 3, 4),
        of("maximum minimum", x -> x.maximum(0.1f).add(x.minimum(x.neg())), 3, 4),
        of("clip", x -> x.mul(9).clip(0, 6).add(x.clip(-0.5f, 0.25f)), 3, 4),
        of("constant on the left", x -> x.getManager().create(new float[] {1, 2, 3}).sub(x), 3),
        of("double constant", x -> x.getManager().create(new double[] {1, 2}).mul(x), 2),
        of("in place", x -> x.add(1).muli(3).subi(x), 4),
        of("broadcasting", x -> x.sum(new int[] {2}, true).mul(x).add(x.get(":,0:1")), 3, 4),
        of(
            "comparisons",
            x ->
                x.gt(0.25)
                    .logicalOr(x.lte(x.neg()))
                    .logicalAnd(x.neq(5).logicalNot().logicalNot())
                    .toType(DataType.FLOAT32, false)
                    .add(x.eq(x).logicalXor(x.lt(0)).toType(DataType.FLOAT32, false)),
            3,
            4),
        of("where", x -> NDArrays.where(x.gte(0), x, x.mul(10)), 3, 4),
        of("whole numbers", x -> x.mul(5).toType(DataType.INT32, false).mul(3).add(2), 3, 4));
  }

  static Stream<Case> activations() {
    return Stream.of(
        of("relu", x -> Activation.relu(x), 3, 4),
        of("relu6", x -> Activation.relu6(x.mul(20)), 3, 4),
        of("sigmoid tanh", x -> Activation.sigmoid(x).add(Activation.tanh(x)), 3, 4),
        of("leakyRelu", x -> Activation.leakyRelu(x, 0.2f), 3, 4),
        of("elu", x -> Activation.elu(x, 1f).add(Activation.elu(x, 0.3f)), 3, 4),
        of("selu", Activation::selu, 3, 4),
        of("gelu", Activation::gelu, 3, 4),
        of("swish", x -> Activation.swish(x, 1f).add(Activation.swish(x, 1.7f)), 3, 4),
        of("mish", Activation::mish, 3, 4),
        of("softPlus", x -> Activation.softPlus(x.mul(5)), 3, 4),
        of("softSign", Activation::softSign, 3, 4),
        of("softmax", x -> x.softmax(-1).add(x.softmax(1)), 3, 4),
        of("logSoftmax", x -> x.logSoftmax(1), 3, 4),
        of("dropout", x -> x.getNDArrayInternal().dropout(x, 0.5f, false).head().add(1), 4),
        of("gradients", x -> x.stopGradient().add(x.mul(2)), 4));
  }

  static Stream<Case> reductions() {
    return Stream.of(
        of("mean", x -> x.mean(new int[] {-1}).add(x.mean(new int[] {1}, true).get(":,0")), 4, 4),
        of("sum", x -> x.sum(new int[] {1, 2}), 3, 4),
        of("sum of all", x -> x.mul(x.sum()), 3, 4),
        of("max min", x -> x.max(new int[] {1}).sub(x.min(new int[] {1})), 3, 4),
        of("prod", x -> x.add(2).prod(new int[] {1}), 3, 4),
        of("argMax", x -> x.argMax(1).add(x.argMin(1)), 3, 4),
        of("argMax of all", x -> x.argMax().add(x.argMax(1)), 3),
        of("cumSum", x -> x.cumSum(1), 3, 4),
        of("topK", x -> x.topK(2, -1, true, true).get(0), 5),
        of("topK positions", x -> x.topK(2, -1, true, true).get(1), 5),
        block("layerNorm", new SequentialBlock().add(LayerNorm.builder().axis(2).build()), 3, 4),
        of("normalize", x -> x.normalize(2, 1), 3, 4),
        of("norm", x -> x.norm(new int[] {1}, true), 3, 4));
  }

  static Stream<Case> shapes() {
    return Stream.of(
        of("reshape", x -> x.reshape(-1, 2, 6), 3, 4),
        of("reshape with the batch", x -> x.reshape(x.getShape().get(0), 12), 3, 4),
        of("flatten", x -> x.expandDims(1).squeeze(1).flatten(1, 2), 3, 4),
        of("transpose", x -> x.transpose(0, 2, 1), 3, 4),
        of("swapAxes", x -> x.swapAxes(1, 3), 2, 3, 4),
        of("concat", x -> NDArrays.concat(new NDList(x, x.neg(), x.mul(2)), 1), 3, 4),
        of("concat of two", x -> x.concat(x.mul(3), 2), 3, 4),
        of("stack", x -> NDArrays.stack(new NDList(x, x.neg()), 1), 3, 4),
        of("split", x -> x.split(2, 1).get(1).add(x.split(2, 1).get(0)), 4, 3),
        of("split at", x -> x.split(new long[] {1, 3}, 1).get(1), 6, 3),
        of("get at", x -> x.get(":, 1"), 3, 4),
        of("get at the end", x -> x.get(":, -1, :"), 3, 4),
        of("get a range", x -> x.get(":, 1:3, :-1"), 3, 4),
        of("get with a step", x -> x.get(":, 0:3:2"), 3, 4),
        of("get behind an ellipsis", x -> x.get("..., 1:"), 3, 4, 5),
        of("get before an ellipsis", x -> x.get(":, 2, ..., 0"), 3, 4, 5),
        of("get a new axis", x -> x.get(":, null, 1:2"), 3, 4),
        of(
            "get positions",
            x -> x.get(":, {}", x.getManager().create(new long[] {2, 0, -1, 0})),
            3,
            4),
        of("take", x -> x.take(x.getManager().create(new long[] {3, 1})).add(x.get(":,:2")), 4),
        of("pad", x -> x.pad(new Shape(1, 2), 0).add(x.pad(new Shape(0, 3), 1.5)), 3, 4),
        of("broadcast", x -> x.broadcast(new Shape(x.getShape().get(0), 3, 4)), 1, 4),
        of("tile", x -> x.tile(new long[] {1, 2, 3}), 2, 2),
        of("repeat", x -> x.repeat(1, 3), 2, 2),
        of("flip", x -> x.flip(1), 3, 4),
        of(
            "embedding",
            x ->
                x.getNDArrayInternal()
                    .embedding(
                        x.abs().mul(4.9f).toType(DataType.INT64, false),
                        x.getManager().arange(15f).reshape(5, 3),
                        SparseFormat.DENSE)
                    .head(),
            4),
        of("oneHot", x -> x.argMax(1).oneHot(5), 5),
        of("batch-sized constant", x -> x.add(x.zerosLike().add(2)), 3));
  }

  static Stream<Case> matrices() {
    return Stream.of(
        of(
            "linear",
            x ->
                x.getNDArrayInternal()
                    .linear(x, weights(x, 5, 4), x.getManager().arange(5f))
                    .head(),
            4),
        of(
            "linear on rows",
            x -> x.getNDArrayInternal().linear(x, weights(x, 5, 4), null).head(),
            3,
            4),
        of("matMul by a constant", x -> x.matMul(weights(x, 4, 5)), 3, 4),
        of("matMul", x -> x.matMul(x.swapAxes(1, 2)), 3, 4),
        of("batchMatMul", x -> x.batchMatMul(x.swapAxes(1, 2).softmax(-1)), 3, 4));
  }

  private static NDArray weights(NDArray like, long rows, long columns) {
    return like.getManager().arange((float) (rows * columns)).reshape(rows, columns).sin();
  }

  static Stream<Case> images() {
    List<Case> cases = new ArrayList<>();
    for (int kernel : new int[] {1, 2, 3, 5}) {
      for (int stride : new int[] {1, 2, 3}) {
        for (int padding : new int[] {0, 1, 2}) {
          if (padding <= kernel / 2) {
            cases.add(conv("", 3, 4, kernel, stride, padding, 1, 1, 9, 10));
            cases.add(pool(true, kernel, stride, padding, false, false));
            cases.add(pool(false, kernel, stride, padding, true, false));
          }
        }
      }
    }
    cases.add(conv("dilated ", 3, 4, 3, 1, 2, 2, 1, 9, 10));
    cases.add(conv("depthwise ", 4, 4, 3, 1, 1, 1, 4, 8, 8));
    cases.add(conv("depthwise ", 4, 8, 3, 2, 1, 1, 4, 8, 7));
    cases.add(conv("grouped ", 4, 6, 3, 1, 1, 1, 2, 8, 8));
    cases.add(pool(true, 3, 2, 0, false, true));
    cases.add(pool(true, 3, 2, 1, false, true));
    cases.add(pool(false, 3, 2, 1, true, true));
    cases.add(pool(false, 3, 2, 1, false, true));
    cases.add(pool(false, 3, 2, 1, false, false));
    cases.add(pool(false, 3, 1, 1, false, false));
    cases.add(
        block(
            "conv1d",
            new SequentialBlock()
                .add(
                    Conv1d.builder()
                        .setKernelShape(new Shape(3))
                        .optPadding(new Shape(1))
                        .optStride(new Shape(2))
                        .setFilters(4)
                        .build()),
            3,
            11));
    cases.add(
        of(
            "pooling of one dimension",
            x ->
                x.getNDArrayInternal()
                    .maxPool(new Shape(2), new Shape(2), new Shape(0), false)
                    .add(
                        x.getNDArrayInternal()
                            .avgPool(new Shape(2), new Shape(2), new Shape(0), false, true)),
            3,
            8));
    cases.add(of("globalAvgPool", x -> x.getNDArrayInternal().globalAvgPool(), 3, 4, 5));
    cases.add(of("globalMaxPool", x -> x.getNDArrayInternal().globalMaxPool(), 3, 4, 5));
    cases.add(
        of(
            "nearest",
            x -> x.getNDArrayInternal().interpolation(new long[] {8, 7}, 0, false),
            3,
            4,
            5));
    cases.add(
        of(
            "bilinear",
            x -> x.getNDArrayInternal().interpolation(new long[] {8, 7}, 1, false),
            3,
            4,
            5));
    cases.add(of("resize", x -> x.getNDArrayInternal().resize(7, 6, 1), 4, 5, 3));
    cases.add(block("batchNorm alone", norm(new SequentialBlock()), 3, 4, 4));
    cases.add(
        block(
            "conv and batchNorm",
            norm(
                new SequentialBlock()
                    .add(
                        Conv2d.builder()
                            .setKernelShape(new Shape(3, 3))
                            .setFilters(3)
                            .optBias(false)
                            .build())),
            3,
            6,
            6));
    return cases.stream();
  }

  private static SequentialBlock norm(SequentialBlock before) {
    return before.add(BatchNorm.builder().optEpsilon(1e-3f).build());
  }

  private static Case conv(
      String kind,
      int in,
      int out,
      int kernel,
      int stride,
      int padding,
      int dilation,
      int groups,
      int height,
      int width) {
    Block conv =
        Conv2d.builder()
            .setKernelShape(new Shape(kernel, kernel))
            .optStride(new Shape(stride, stride))
            .optPadding(new Shape(padding, padding))
            .optDilation(new Shape(dilation, dilation))
            .optGroups(groups)
            .setFilters(out)
            .build();
    return block(
        kind + "conv " + kernel + "/" + stride + "+" + padding,
        new SequentialBlock().add(conv),
        in,
        height,
        width);
  }

  private static Case pool(
      boolean max, int kernel, int stride, int padding, boolean countPadding, boolean ceil) {
    Shape k = new Shape(kernel, kernel);
    Shape s = new Shape(stride, stride);
    Shape p = new Shape(padding, padding);
    return of(
        (max ? "maxPool " : countPadding ? "avgPool " : "avgPool without padding ")
            + kernel
            + "/"
            + stride
            + "+"
            + padding
            + (ceil ? " ceil" : ""),
        x ->
            max
                ? x.getNDArrayInternal().maxPool(k, s, p, ceil)
                : x.getNDArrayInternal().avgPool(k, s, p, ceil, countPadding),
        2,
        9,
        10);
  }

  // ---- comparing ---------------------------------------------------------------------------

  @ParameterizedTest
  @MethodSource({"elementwise", "activations", "reductions", "shapes", "matrices", "images"})
  void givesDjlsNumbers(Case c) {
    Trace trace = trace(c);
    NDArray input = manager.randomUniform(-1, 1, new Shape(1).addAll(c.sample()));
    Graph graph = Lowering.lower(trace, 1, "test");
    assertSame(trace, graph, input, Delegate.CPU);
    assertSame(trace, Optimizer.standard().run(graph), input, Delegate.XNNPACK);
  }

  @ParameterizedTest
  @MethodSource({"shapes", "reductions", "matrices"})
  void givesDjlsNumbersForABatch(Case c) {
    Trace trace = trace(c);
    if (trace.fixedBatch() == 0) {
      NDArray input = manager.randomUniform(-1, 1, new Shape(3).addAll(c.sample()));
      Graph graph = Optimizer.standard().run(Lowering.lower(trace, 3, "test"));
      assertSame(trace, graph, input, Delegate.CPU);
    }
  }

  private Trace trace(Case c) {
    NDArray samples = manager.randomUniform(-1, 1, new Shape(3).addAll(c.sample()));
    boolean lambda = c.block().getParameters().isEmpty();
    if (!lambda) {
      c.block().clear();
      c.block().initialize(manager, DataType.FLOAT32, new Shape(1).addAll(c.sample()));
      for (Parameter parameter : c.block().getParameters().values()) {
        if (parameter.getType() != Parameter.Type.WEIGHT) {
          NDArray array = parameter.getArray();
          array.set(manager.randomUniform(0.5f, 1.5f, array.getShape()).toFloatArray());
        }
      }
    }
    return Tracer.trace(c.block(), List.of("input"), new NDList(samples));
  }

  private void assertSame(Trace trace, Graph graph, NDArray input, Delegate delegate) {
    Path file = directory.resolve("model.tflite");
    TfliteWriter.write(graph, file, WriteOptions.defaults());
    ModelRuntime.Options options =
        ModelRuntime.Options.defaults()
            .delegate(delegate)
            .isolation(ModelRuntime.Isolation.IN_PROCESS);
    try (Replay replay = Replay.load(trace, manager);
        ModelRuntime.Session session = runtime.open(Model.of(file), options)) {
      Tensor expected = NDTensors.tensor(replay.run(manager, new NDList(input)).singletonOrThrow());
      Tensor actual = session.run(List.of(NDTensors.tensor(input))).get(0);
      assertThat(actual.shape()).isEqualTo(expected.shape());
      float[] want = expected.toFloatArray();
      float[] have = actual.toFloatArray();
      double range = 1e-30;
      for (float w : want) {
        range = Math.max(range, Math.abs(w));
      }
      for (int i = 0; i < want.length; i++) {
        assertThat((double) have[i])
            .as("%s element %d of %s", delegate, i, graph.main().ops())
            .isCloseTo(want[i], Offset.offset(TOLERANCE * range));
      }
    }
  }

  // ---- structure ---------------------------------------------------------------------------

  private static List<OpKind> kinds(Graph graph) {
    return graph.main().ops().stream().map(Op::kind).toList();
  }

  @Test
  void normalizationAndActivationJoinTheConvolution() {
    Block block =
        norm(new SequentialBlock()
                .add(
                    Conv2d.builder()
                        .setKernelShape(new Shape(3, 3))
                        .optPadding(new Shape(1, 1))
                        .setFilters(4)
                        .build()))
            .add(Activation.relu6Block());
    Graph graph = Lowering.lower(trace(block("net", block, 3, 8, 8)), 1, "net");

    assertThat(kinds(graph))
        .containsExactly(OpKind.TRANSPOSE, OpKind.CONV_2D, OpKind.TRANSPOSE, OpKind.RELU6);
    assertThat(graph.main().inputs().get(0).name()).isEqualTo("input");
    assertThat(graph.main().outputs().get(0).name()).isEqualTo("output0");
    assertThat(graph.signature("serving_default")).isPresent();
    assertThat(graph.main().ops().get(1).input(1).name()).isEqualTo("01Conv2d/convolution/weight");
  }

  @Test
  void aNormalizationWhoseInputIsUsedElsewhereStaysAlone() {
    Block conv = Conv2d.builder().setKernelShape(new Shape(1, 1)).setFilters(3).build();
    SequentialBlock block =
        new SequentialBlock()
            .add(conv)
            .add(
                LambdaBlock.singleton(
                    x ->
                        BatchNorm.batchNorm(
                                x,
                                x.getManager().zeros(new Shape(3)),
                                x.getManager().ones(new Shape(3)),
                                x.getManager().ones(new Shape(3)),
                                x.getManager().zeros(new Shape(3)),
                                1,
                                0.9f,
                                1e-5f,
                                false)
                            .head()
                            .add(x)));

    assertThat(kinds(Lowering.lower(trace(block("net", block, 3, 4, 4)), 1, "net")))
        .contains(OpKind.CONV_2D, OpKind.MUL);
  }

  @Test
  void outputsThatNothingComputesAreCopied() {
    Block block =
        new SequentialBlock()
            .add(
                list ->
                    new NDList(
                        list.head(),
                        list.head().neg(),
                        list.head().getManager().create(new float[] {1, 2})));
    Graph graph = Lowering.lower(trace(block("net", block, 2)), 1, "net");

    assertThat(graph.main().outputs())
        .extracting(Value::name)
        .containsExactly("output0", "output1", "output2");
    assertThat(kinds(graph)).containsExactly(OpKind.NEG, OpKind.RESHAPE, OpKind.RESHAPE);
  }

  @Test
  void everythingThatCannotBeExpressedIsNamedAtOnce() {
    Block block =
        new SequentialBlock()
            .add(LambdaBlock.singleton(x -> x.erf().add(1), "curve"))
            .add(
                new SequentialBlock()
                    .add(LambdaBlock.singleton(x -> x.get(x.gt(0)).reshape(-1, 1), "mask"))
                    .add(LambdaBlock.singleton(x -> x.sort(0), "order")));
    NDArray ones = manager.ones(new Shape(3, 4));
    Trace trace = Tracer.trace(block, List.of("input"), new NDList(ones));

    assertThatThrownBy(() -> Lowering.lower(trace, 1, "net.djl-trace"))
        .isInstanceOf(UnsupportedModelException.class)
        .hasMessageContaining("net.djl-trace cannot be converted: 3 operations")
        .hasMessageContaining("erf at 01LambdaBlock(curve) (LoweringTest.java:")
        .hasMessageContaining("on float32 [1, 4]")
        .hasMessageContaining("get at 02SequentialBlock/01LambdaBlock(mask)")
        .hasMessageContaining("sort at 02SequentialBlock/02LambdaBlock(order)");
  }
}
