package io.jetfire.tflite.transform;

import static org.assertj.core.api.Assertions.assertThat;

import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Graph;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Shape;
import io.jetfire.tflite.graph.Subgraph;
import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.importer.lowering.Build;
import io.jetfire.tflite.importer.lowering.Functions;
import java.util.List;
import java.util.Map;
import java.util.function.BiFunction;
import org.junit.jupiter.api.Test;

class FunctionRecognitionTest {
  private static Graph graph(BiFunction<Build, Value, Value> function) {
    Graph graph = Graph.create();
    Subgraph main = graph.addSubgraph("main");
    Value x = main.addInput("x", ElementType.FLOAT32, Shape.of(2, 500));
    Build b = new Build(main);
    main.outputs(List.of(function.apply(b, b.unary(OpKind.SIN, b.mul(x, 3)))));
    return graph;
  }

  private static List<OpKind> optimized(BiFunction<Build, Value, Value> function) {
    Graph graph = graph(function);
    Map<String, HostTensor> inputs = GraphEvaluator.randomInputs(graph, 7);
    Map<String, HostTensor> before = GraphEvaluator.run(graph, inputs);
    Graph edited = Optimizer.standard().run(graph.copy()).verify();
    Map<String, HostTensor> after = GraphEvaluator.run(edited, inputs);
    before.forEach(
        (name, expected) ->
            assertThat(GraphEvaluator.greatestDifference(expected, Edits.present(after.get(name))))
                .isLessThan(1e-5));
    return edited.main().ops().stream().map(Op::kind).toList();
  }

  private static Value tanhForm(Build b, Value x, Value cube, double factor) {
    Value inner = b.mul(b.add(x, b.mul(cube, 0.044715)), Math.sqrt(2 / Math.PI));
    return b.mul(b.mul(x, factor), b.add(b.unary(OpKind.TANH, inner), 1));
  }

  @Test
  void geluOfTheErrorFunctionIsOneOperator() {
    assertThat(
            optimized(
                (b, x) ->
                    b.mul(b.mul(x, 0.5), b.add(Functions.erf(b, b.mul(x, Math.sqrt(0.5))), 1))))
        .containsExactly(OpKind.MUL, OpKind.SIN, OpKind.GELU);
    assertThat(
            optimized(
                (b, x) ->
                    b.mul(
                        b.mul(x, b.add(Functions.erf(b, b.div(x, b.scalar(Math.sqrt(2)))), 1)),
                        0.5)))
        .containsExactly(OpKind.MUL, OpKind.SIN, OpKind.GELU);
  }

  @Test
  void geluOfTanhIsOneOperator() {
    assertThat(optimized((b, x) -> tanhForm(b, x, b.binary(OpKind.POW, x, b.scalar(3)), 0.5)))
        .containsExactly(OpKind.MUL, OpKind.SIN, OpKind.GELU);
    assertThat(optimized((b, x) -> tanhForm(b, x, b.mul(b.mul(x, x), x), 0.5)))
        .containsExactly(OpKind.MUL, OpKind.SIN, OpKind.GELU);
  }

  @Test
  void whatIsOnlySimilarStays() {
    assertThat(optimized((b, x) -> tanhForm(b, x, b.mul(b.mul(x, x), x), 0.501)))
        .doesNotContain(OpKind.GELU)
        .contains(OpKind.TANH);
    assertThat(optimized((b, x) -> b.mul(x, Functions.sigmoid(b, b.mul(x, 1.702)))))
        .doesNotContain(OpKind.GELU)
        .contains(OpKind.LOGISTIC);
  }

  @Test
  void geluOfTwoTensorsStays() {
    assertThat(optimized((b, x) -> tanhForm(b, x, b.mul(b.mul(x, x), b.unary(OpKind.COS, x)), 0.5)))
        .doesNotContain(OpKind.GELU);
  }
}
