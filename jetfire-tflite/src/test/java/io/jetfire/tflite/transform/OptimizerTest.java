package io.jetfire.tflite.transform;

import static org.assertj.core.api.Assertions.assertThat;

import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Graph;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Padding;
import io.jetfire.tflite.graph.Shape;
import io.jetfire.tflite.graph.Subgraph;
import io.jetfire.tflite.graph.Value;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class OptimizerTest {
  private static final double TOLERANCE = 2e-4;

  private static long transposes(Graph g) {
    return g.main().ops().stream().filter(op -> op.kind() == OpKind.TRANSPOSE).count();
  }

  private static void check(long seed, Pass... passes) {
    check(seed, RandomGraphs.channelsFirst(seed, 4 + (int) (seed % 12)), passes);
  }

  private static void check(long seed, Graph graph, Pass... passes) {
    Map<String, HostTensor> inputs = GraphEvaluator.randomInputs(graph, seed);
    Map<String, HostTensor> before = GraphEvaluator.run(graph, inputs);
    String text = graph.main().ops().toString();
    Graph edited = graph.copy();
    if (passes.length == 0) {
      Optimizer.standard().run(edited);
    } else {
      for (Pass p : passes) {
        p.run(edited);
      }
    }
    edited.verify();
    Map<String, HostTensor> after = GraphEvaluator.run(edited, inputs);
    assertThat(after.keySet()).as("outputs of seed %d", seed).isEqualTo(before.keySet());
    before.forEach(
        (name, expected) -> {
          HostTensor found = Edits.present(after.get(name));
          assertThat(found.shape()).as("%s of seed %d", name, seed).isEqualTo(expected.shape());
          assertThat(GraphEvaluator.greatestDifference(expected, found))
              .as("%s of seed %d\nbefore %s\nafter %s", name, seed, text, edited.main().ops())
              .isLessThan(TOLERANCE);
        });
    assertThat(transposes(edited)).isLessThanOrEqualTo(transposes(graph));
  }

  @Test
  void layoutKeepsResults() {
    for (long seed = 0; seed < 400; seed++) {
      check(seed, ShapeInference.create(), LayoutOptimizer.create(LayoutOptions.keep()));
    }
  }

  @Test
  void constantsBesideAnImageTurnWithIt() {
    Graph graph = Graph.create();
    Subgraph main = graph.addSubgraph("main");
    GraphEmitter e = GraphEmitter.into(main);
    Value x = main.addInput("x", ElementType.FLOAT32, Shape.of(1, 2, 4, 4));
    Value row = main.addConstant("row", Shape.of(1, 2, 1, 4), 1f, 2f, 3f, 4f, 5f, 6f, 7f, 8f);
    Value y = e.emit("y", Op.of(OpKind.CONCATENATION).set("axis", 2).inputs(row, x, row));
    Op pool =
        Op.of(OpKind.AVERAGE_POOL_2D)
            .set("padding", Padding.VALID)
            .set("filter_height", 2)
            .set("filter_width", 2)
            .set("stride_h", 2)
            .set("stride_w", 2);
    Value pooled = e.emit("pooled", pool.inputs(e.transpose(y, 0, 2, 3, 1)));
    main.outputs(List.of(e.transpose(pooled, 0, 3, 1, 2)));
    check(1, graph);
  }

  @Test
  void fusionKeepsResults() {
    for (long seed = 0; seed < 400; seed++) {
      check(seed, Simplification.create(), Fusion.create(), Fusion.create());
    }
  }

  @Test
  void allPassesKeepResults() {
    for (long seed = 0; seed < 600; seed++) {
      check(seed);
    }
  }

  @Test
  void channelsLastInputsAreThePermutedOnes() {
    for (long seed = 0; seed < 150; seed++) {
      long at = seed;
      Graph graph = RandomGraphs.channelsFirst(seed, 8);
      Map<String, HostTensor> inputs = GraphEvaluator.randomInputs(graph, seed);
      Map<String, HostTensor> before = GraphEvaluator.run(graph, inputs);
      Graph edited = Optimizer.standard(LayoutOptions.channelsLast()).run(graph.copy()).verify();
      inputs.replaceAll((k, t) -> MovementKernels.transpose(t, new int[] {0, 2, 3, 1}));
      for (Value v : edited.main().inputs()) {
        assertThat(v.shape().dims()).isEqualTo(Edits.present(inputs.get(v.name())).shape());
      }
      Map<String, HostTensor> after = GraphEvaluator.run(edited, inputs);
      before.forEach(
          (name, t) -> {
            HostTensor found = Edits.present(after.get(name));
            boolean moved = !Arrays.equals(found.shape(), t.shape()) || t.rank() == 4;
            HostTensor expected = moved ? MovementKernels.transpose(t, new int[] {0, 2, 3, 1}) : t;
            assertThat(GraphEvaluator.greatestDifference(expected, found))
                .as("%s of seed %d: %s", name, at, graph.main().ops() + "\n" + edited.main().ops())
                .isLessThan(TOLERANCE);
          });
    }
  }

  @Test
  void secondRunFindsNothing() {
    for (long seed = 0; seed < 100; seed++) {
      Graph g = Optimizer.standard().run(RandomGraphs.channelsFirst(seed, 10));
      String once = g.main().ops().stream().map(Op::name).toList().toString();
      Optimizer.standard().run(g);
      assertThat(g.main().ops().stream().map(Op::name).toList().toString()).isEqualTo(once);
    }
  }
}
