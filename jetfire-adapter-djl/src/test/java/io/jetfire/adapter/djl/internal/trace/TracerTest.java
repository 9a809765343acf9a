package io.jetfire.adapter.djl.internal.trace;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDArrays;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.index.NDIndex;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Activation;
import ai.djl.nn.Block;
import ai.djl.nn.Blocks;
import ai.djl.nn.LambdaBlock;
import ai.djl.nn.ParallelBlock;
import ai.djl.nn.SequentialBlock;
import ai.djl.nn.convolutional.Conv2d;
import ai.djl.nn.core.Linear;
import ai.djl.nn.norm.BatchNorm;
import ai.djl.nn.norm.Dropout;
import ai.djl.nn.pooling.Pool;
import ai.djl.pytorch.engine.PtNDArray;
import ai.djl.training.ParameterStore;
import io.jetfire.UnsupportedModelException;
import io.jetfire.adapter.djl.TestContext;
import io.jetfire.adapter.djl.internal.engine.DjlEngine;
import java.util.List;
import java.util.function.Function;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class TracerTest {
  private NDManager manager;

  @BeforeEach
  void open() {
    manager = DjlEngine.start(TestContext.create()).engine().newBaseManager();
  }

  @AfterEach
  void close() {
    manager.close();
  }

  private Trace trace(Block block, Shape sample) {
    NDArray input = manager.randomUniform(-1, 1, new Shape(3).addAll(sample));
    if (!block.isInitialized()) {
      block.initialize(manager, DataType.FLOAT32, new Shape(1).addAll(sample));
    }
    return Tracer.trace(block, List.of("image"), new NDList(input));
  }

  private Trace traceLambda(Function<NDArray, NDArray> function, long... sample) {
    NDArray input = manager.randomUniform(-1, 1, new Shape(3).addAll(new Shape(sample)));
    SequentialBlock block = new SequentialBlock().add(LambdaBlock.singleton(function));
    return Tracer.trace(block, List.of("image"), new NDList(input));
  }

  private static SequentialBlock detector() {
    ParallelBlock heads =
        new ParallelBlock(
            outs -> new NDList(outs.get(0).singletonOrThrow(), outs.get(1).singletonOrThrow()));
    heads.add(Linear.builder().setUnits(2).build());
    heads.add(
        new SequentialBlock()
            .add(Linear.builder().setUnits(4).build())
            .add(Activation.sigmoidBlock()));
    return new SequentialBlock()
        .add(
            new SequentialBlock()
                .add(
                    Conv2d.builder()
                        .setKernelShape(new Shape(3, 3))
                        .optPadding(new Shape(1, 1))
                        .setFilters(8)
                        .build())
                .add(BatchNorm.builder().build())
                .add(Activation.reluBlock())
                .add(Pool.maxPool2dBlock(new Shape(2, 2), new Shape(2, 2))))
        .add(Pool.globalAvgPool2dBlock())
        .add(Blocks.batchFlattenBlock())
        .add(Dropout.builder().optRate(0.3f).build())
        .add(heads);
  }

  @Test
  void recordsOperationsWithArgumentsAndPlaces() {
    Trace trace = trace(detector(), new Shape(3, 8, 8));

    assertThat(trace.fixedBatch()).isZero();
    assertThat(trace.ops())
        .extracting(TraceOp::method)
        .containsExactly(
            "convolution",
            "batchNorm",
            "relu",
            "maxPool",
            "globalAvgPool",
            "reshape",
            "dropout",
            "linear",
            "linear",
            "sigmoid");
    assertThat(trace.ops().get(0).place()).isEqualTo("01SequentialBlock/01Conv2d");
    assertThat(trace.ops().get(3).place()).isEqualTo("01SequentialBlock/04LambdaBlock(maxPool2d)");
    assertThat(trace.ops().get(8).place()).isEqualTo("05ParallelBlock/02SequentialBlock/01Linear");
    assertThat(trace.value(trace.inputs().get(0)).describe()).isEqualTo("float32 (batch, 3, 8, 8)");
    assertThat(trace.outputs()).hasSize(2);
    assertThat(trace.values())
        .filteredOn(v -> v.kind() == TraceValue.Kind.PARAMETER)
        .extracting(TraceValue::name)
        .contains("01SequentialBlock/01Conv2d/weight", "01SequentialBlock/02BatchNorm/runningVar");
  }

  @Test
  void replaysWithAnyBatchWithoutTheBlock() {
    SequentialBlock block = detector();
    Trace trace = trace(block, new Shape(3, 8, 8));
    NDArray input = manager.randomUniform(-1, 1, new Shape(5, 3, 8, 8));
    NDList expected = block.forward(new ParameterStore(manager, false), new NDList(input), false);
    block.clear();

    try (Replay replay = Replay.load(trace, manager)) {
      NDList actual = replay.run(manager, new NDList(input));
      for (int i = 0; i < expected.size(); i++) {
        assertThat(actual.get(i).toFloatArray()).containsExactly(expected.get(i).toFloatArray());
      }
    }
  }

  @Test
  void constantOnTheLeftIsRecorded() {
    Trace trace = traceLambda(x -> x.getManager().create(new float[] {1, 2, 3}).mul(x).add(1f), 3);

    assertThat(trace.ops()).extracting(TraceOp::method).containsExactly("mul", "add");
    assertThat(trace.value(trace.ops().get(0).on()).kind()).isEqualTo(TraceValue.Kind.CONSTANT);
  }

  @Test
  void inPlaceCallsStandForTheResult() {
    Trace trace =
        traceLambda(
            x -> {
              NDArray y = x.mul(2);
              y.addi(3f);
              y.getNDArrayInternal().rsubi(1f);
              return y.add(x);
            },
            4);

    assertThat(trace.ops())
        .extracting(TraceOp::call)
        .containsExactly(
            "NDArray.mul(Number)",
            "NDArray.add(Number)",
            "NDArrayEx.rsub(Number)",
            "NDArray.add(NDArray)");
  }

  @Test
  void batchSizesInArgumentsBecomeMultiplesOfTheBatch() {
    Trace trace =
        traceLambda(
            x ->
                x.reshape(x.getShape().get(0) * 2, 3)
                    .mul(x.getManager().ones(new Shape(x.getShape().get(0) * 2, 1)))
                    .reshape(x.getShape().get(0), 6)
                    .concat(x.getManager().full(new Shape(x.getShape().get(0), 1), 7f), 1),
            6);

    assertThat(trace.fixedBatch()).isZero();
    assertThat(trace.ops().get(trace.ops().size() - 1).call()).startsWith("NDArray.concat");
    try (Replay replay = Replay.load(trace, manager)) {
      NDArray input = manager.randomUniform(-1, 1, new Shape(4, 6));
      NDArray output = replay.run(manager, new NDList(input)).singletonOrThrow();
      assertThat(output.getShape()).isEqualTo(new Shape(4, 7));
      assertThat(output.get(":, 0:6").toFloatArray()).containsExactly(input.toFloatArray());
      assertThat(output.get(":, 6").toFloatArray()).containsExactly(7, 7, 7, 7);
    }
  }

  @Test
  void indexesAndSplitsAndStacksAreReplayed() {
    Trace trace =
        traceLambda(
            x -> {
              NDList parts = x.split(2, 1);
              NDArray first = parts.get(0).get(":, 0, ..., 1:3");
              NDArray second = parts.get(1).get(":, -1").get("...,0:4:2");
              NDArray taken =
                  x.get(":, {}", x.getManager().create(new long[] {3, 0})).get(":,1,:, :2");
              return NDArrays.stack(new NDList(first, second, taken), 1).swapAxes(1, 2);
            },
            4,
            5,
            4);

    assertThat(trace.ops()).extracting(TraceOp::method).contains("split", "get", "swapAxes");
    try (Replay replay = Replay.load(trace, manager)) {
      NDArray input = manager.arange(80f).reshape(1, 4, 5, 4);
      NDArray output = replay.run(manager, new NDList(input)).singletonOrThrow();
      assertThat(output.getShape()).isEqualTo(new Shape(1, 5, 3, 2));
      assertThat(output.get("0, 0").toFloatArray()).containsExactly(1, 2, 60, 62, 0, 1);
    }
  }

  @Test
  void whatNoOutputNeedsIsDropped() {
    Trace trace =
        traceLambda(
            x -> {
              x.exp().sin();
              return x.neg();
            },
            2);

    assertThat(trace.ops()).extracting(TraceOp::method).containsExactly("neg");
    assertThat(trace.values()).hasSize(2);
  }

  @Test
  void readingNumbersOfTheInputIsRefusedWithThePlace() {
    assertThatThrownBy(() -> traceLambda(x -> x.sum().getFloat() > 0 ? x : x.neg(), 4))
        .isInstanceOf(UnsupportedModelException.class)
        .hasMessageContaining("getFloat")
        .hasMessageContaining("01LambdaBlock");
  }

  @Test
  void anArrayOutsideTheTraceOnTheLeftIsRefused() {
    NDArray outside = manager.ones(new Shape(4));
    assertThatThrownBy(() -> traceLambda(x -> outside.mul(x), 4))
        .isInstanceOf(UnsupportedModelException.class)
        .hasMessageContaining("getManager()");
  }

  @Test
  void anOutputThatIsNotTracedIsRefused() {
    NDArray outside = manager.ones(new Shape(4));
    assertThatThrownBy(() -> traceLambda(x -> outside, 4))
        .isInstanceOf(UnsupportedModelException.class)
        .hasMessageContaining("output 0");
    assertThatThrownBy(() -> traceLambda(x -> x.getManager().ones(new Shape(4)), 4))
        .isInstanceOf(UnsupportedModelException.class)
        .hasMessageContaining("depends on an input");
  }

  @Test
  void writingIntoAUsedArrayIsRefused() {
    assertThatThrownBy(
            () ->
                traceLambda(
                    x -> {
                      NDArray y = x.mul(2);
                      y.set(new NDIndex(":, 0"), 5);
                      return y;
                    },
                    4))
        .isInstanceOf(UnsupportedModelException.class)
        .hasMessageContaining("set writes into");
  }

  @Test
  void randomNumbersAreRefused() {
    assertThatThrownBy(
            () -> traceLambda(x -> x.add(x.getManager().randomUniform(0, 1, new Shape(4))), 4))
        .isInstanceOf(UnsupportedModelException.class)
        .hasMessageContaining("randomUniform");
  }

  @Test
  void stateBetweenCallsIsFoundByTheReplay() {
    int[] calls = {0};
    assertThatThrownBy(() -> traceLambda(x -> x.mul(calls[0]++ > 1 ? 3 : 2), 4))
        .isInstanceOf(UnsupportedModelException.class)
        .hasMessageContaining("mul at 01LambdaBlock");
  }

  @Test
  void aBlockThatDependsOnTheBatchSizeIsTracedForSingleSamples() {
    Trace trace = traceLambda(x -> x.getShape().get(0) == 3 ? x.neg().neg() : x.mul(1), 4);

    assertThat(trace.fixedBatch()).isEqualTo(1);
  }

  @Test
  void operationsThatTheEngineLacksAreNamed() {
    assertThatThrownBy(() -> traceLambda(x -> x.mean(new int[] {1, 2}), 4, 4))
        .isInstanceOf(UnsupportedModelException.class)
        .hasMessageContaining("mean")
        .hasMessageContaining("Only 1 axis");
  }

  @Test
  void severalInputsAndSharedParameters() {
    Linear shared = Linear.builder().setUnits(2).build();
    ParallelBlock both =
        new ParallelBlock(outs -> new NDList(outs.get(0).head().add(outs.get(1).head())));
    both.add(new SequentialBlock().add(list -> new NDList(list.get(0))).add(shared));
    both.add(new SequentialBlock().add(list -> new NDList(list.get(1))).add(shared));
    shared.initialize(manager, DataType.FLOAT32, new Shape(1, 4));
    NDList samples =
        new NDList(
            manager.randomUniform(-1, 1, new Shape(3, 4)),
            manager.randomUniform(-1, 1, new Shape(3, 4)));

    Trace trace = Tracer.trace(both, List.of("a", "b"), samples);

    assertThat(trace.inputs()).extracting(id -> trace.value(id).name()).containsExactly("a", "b");
    assertThat(trace.values()).filteredOn(v -> v.kind() == TraceValue.Kind.PARAMETER).hasSize(2);
  }

  @Test
  void replaysLeaveNoMemoryBehind() {
    Trace trace = trace(detector(), new Shape(3, 8, 8));
    NDArray input = manager.randomUniform(-1, 1, new Shape(1, 3, 8, 8));
    try (Replay replay = Replay.load(trace, manager)) {
      int before = arrays(manager);
      for (int i = 0; i < 20; i++) {
        try (NDManager scratch = manager.newSubManager()) {
          assertThat(replay.run(scratch, new NDList(input))).hasSize(2);
          assertThat(arrays(scratch)).isEqualTo(2);
        }
      }
      assertThat(arrays(manager)).isEqualTo(before);
    }
  }

  private static int arrays(NDManager manager) {
    return manager.getManagedArrays().size();
  }

  @Test
  void castsToAnEnginesClassesAreExplained() {
    assertThatThrownBy(() -> traceLambda(x -> ((PtNDArray) x).neg(), 4))
        .isInstanceOf(UnsupportedModelException.class)
        .hasMessageContaining("ClassCastException")
        .hasMessageContaining("without casts");
  }
}
