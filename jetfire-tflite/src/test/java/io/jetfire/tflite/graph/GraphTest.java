package io.jetfire.tflite.graph;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.jetfire.UnsupportedModelException;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class GraphTest {
  private final Graph graph = Graph.create();
  private final Subgraph main = graph.addSubgraph("main");
  private final Value x = main.addInput("x", ElementType.FLOAT32, Shape.of(-1, 4));
  private final Value w = main.addConstant("w", Shape.of(3, 4), new float[12]);
  private final Value y = main.addValue("y", ElementType.FLOAT32, Shape.of(-1, 3));
  private final Value z = main.addValue("z", ElementType.FLOAT32, Shape.of(-1, 3));
  private final Op dense =
      main.append(
          Op.of(OpKind.FULLY_CONNECTED)
              .set("fused_activation_function", Activation.RELU)
              .inputs(x, w, null)
              .outputs(y));
  private final Op relu = main.append(Op.of(OpKind.RELU).inputs(y).outputs(z));

  {
    main.outputs(z);
    graph.addSignature("serve", main, Map.of("in", x), Map.of("out", z));
  }

  @Test
  void producersAndConsumersFollowEdits() {
    assertThat(y.producer()).contains(dense);
    assertThat(y.consumers()).containsExactly(relu);
    Op add = Op.of(OpKind.ADD).inputs(y, y);
    main.replace(relu, add);
    assertThat(z.producer()).contains(add);
    assertThat(y.useCount()).isEqualTo(2);
    assertThat(y.consumers()).containsExactly(add);
    add.input(1, x);
    assertThat(y.useCount()).isOne();
    assertThat(x.consumers()).containsExactly(dense, add);
    assertThatThrownBy(() -> main.append(Op.of(OpKind.NEG).inputs(x).outputs(z)))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("already produced");
  }

  @Test
  void replacingAllUsesReachesOutputsAndSignatures() {
    main.replaceAllUses(z, y);
    assertThat(main.outputs()).containsExactly(y);
    assertThat(graph.signature("serve").orElseThrow().outputs()).containsEntry("out", y);
    assertThat(main.removeDead()).isOne();
    assertThat(main.ops()).containsExactly(dense);
    assertThat(main.values()).containsExactly(x, w, y);
    graph.verify();
  }

  @Test
  void sortRepairsOrderAndFindsCycles() {
    Value a = main.addValue("a", ElementType.FLOAT32, Shape.of(-1, 4));
    main.append(Op.of(OpKind.NEG).inputs(x).outputs(a));
    dense.input(0, a);
    assertThatThrownBy(graph::verify)
        .isInstanceOf(UnsupportedModelException.class)
        .hasMessageContaining("produced only later");
    main.sort();
    graph.verify();
    assertThat(main.ops().get(0).kind()).isEqualTo(OpKind.NEG);
    main.ops().get(0).input(0, z);
    assertThatThrownBy(main::sort).hasMessageContaining("cycle");
  }

  @Test
  void copyIsIndependentAndSharesData() {
    Graph copy = graph.copy().verify();
    copy.main().ops().get(0).set("keep_num_dims", true);
    assertThat(dense.flag("keep_num_dims")).isFalse();
    assertThat(copy.main().value("w").orElseThrow().data().orElseThrow())
        .isSameAs(w.data().orElseThrow());
    assertThat(copy.signatures().get(0).inputs().get("in")).isSameAs(copy.main().inputs().get(0));
    assertThat(copy.main().ops().get(0).optionalInput(2)).isEmpty();
  }

  @Test
  void attributesAreCheckedAndHaveDefaults() {
    Op conv = Op.of(OpKind.CONV_2D);
    assertThat(conv.integer("dilation_w_factor")).isOne();
    assertThat(conv.padding()).isEqualTo(Padding.SAME);
    assertThatThrownBy(() -> conv.set("stride", 2)).hasMessageContaining("stride_w");
    assertThatThrownBy(() -> conv.set("stride_w", 2.0)).hasMessageContaining("takes INT");
    assertThat(Op.of(OpKind.SOFTMAX).set("beta", 1).real("beta")).isEqualTo(1f);
    assertThat(OptionsTable.of(1, 126).orElseThrow().name()).isEqualTo("RightShiftOptions");
    assertThat(OptionsTable.of(2, 21).orElseThrow().name()).isEqualTo("StableHLOCompositeOptions");
    assertThat(OptionsTable.of(1, 111).orElseThrow().name()).isEqualTo("VarHandleOptions");
    for (OpKind kind : OpKind.values()) {
      assertThat(OpKind.of(kind.code())).contains(kind);
      kind.options().ifPresent(t -> assertThat(OptionsTable.of(t.union(), t.tag())).contains(t));
    }
    assertThat(OpKind.values()).hasSize(210);
  }

  @Test
  void readsPackedAndScaledConstants() {
    Value q =
        main.addConstant(
            "q",
            ElementType.INT4,
            Shape.of(5),
            Weights.packed(new byte[] {-8, 7, 0, -1, 3}, ElementType.INT4));
    assertThat(q.ints()).containsExactly(-8, 7, 0, -1, 3);
    q.quantization(Quantization.perTensor(0.5f, 1));
    assertThat(q.dequantized()).containsExactly(-4.5f, 3f, -0.5f, -1f, 1f);
    Value c =
        main.addConstant("c", ElementType.INT8, Shape.of(2, 2), Weights.of(new byte[] {1, 2, 3, 4}))
            .quantization(Quantization.symmetricPerChannel(new float[] {1f, 10f}, 0));
    assertThat(c.dequantized()).containsExactly(1f, 2f, 30f, 40f);
    Value two =
        main.addConstant(
            "two", ElementType.INT2, Shape.of(4), Weights.of(new byte[] {(byte) 0b11_10_01_00}));
    assertThat(two.longs()).containsExactly(0, 1, -2, -1);
    assertThat(main.addConstant("c", Shape.scalar(), 3f).name()).isEqualTo("c_1");
  }

  @Test
  void weightsStayWhereTheyAre() {
    ByteBuffer direct = ByteBuffer.allocateDirect(8);
    Weights weights = Weights.of(direct);
    assertThat(weights.bytes().isDirect()).isTrue();
    assertThat(weights.bytes().isReadOnly()).isTrue();
    assertThat(List.of(weights.byteSize())).containsExactly(8L);
  }

  @Test
  void unusedControlFlowAndStateIsDeadUnlessSomebodySeesIt() {
    Subgraph pure = graph.addSubgraph("pure");
    Value in = pure.addInput("in", ElementType.FLOAT32, Shape.of(-1, 4));
    Value negative = pure.addValue("negative", ElementType.FLOAT32, Shape.of(-1, 4));
    pure.append(Op.of(OpKind.NEG).inputs(in).outputs(negative));
    pure.outputs(negative);
    Subgraph acting = graph.addSubgraph("acting");
    Value id = acting.addValue("id", ElementType.RESOURCE, Shape.scalar());
    Value given = acting.addInput("given", ElementType.FLOAT32, Shape.of(-1, 4));
    acting.append(Op.of(OpKind.VAR_HANDLE).outputs(id));
    acting.append(Op.of(OpKind.ASSIGN_VARIABLE).inputs(id, given));
    acting.outputs(given);
    Value truth =
        main.addConstant("truth", ElementType.BOOL, Shape.scalar(), Weights.of(new byte[] {1}));
    for (int other : new int[] {pure.index(), acting.index()}) {
      Value result = main.addValue("result" + other, ElementType.FLOAT32, Shape.of(-1, 4));
      main.append(
          Op.of(OpKind.IF)
              .set("then_subgraph_index", pure.index())
              .set("else_subgraph_index", other)
              .inputs(truth, x)
              .outputs(result));
    }
    Value state = main.addValue("state", ElementType.FLOAT32, Shape.of(1, 4)).variable(true);
    Value kept = main.addValue("kept", ElementType.FLOAT32, Shape.of(1, 4));
    main.append(Op.of(OpKind.SVDF).inputs(x, w, w, null, state).outputs(kept));
    assertThat(main.removeDead()).isEqualTo(2);
    assertThat(main.ops()).extracting(Op::kind).contains(OpKind.IF).doesNotContain(OpKind.SVDF);
    Value seen = main.addValue("seen", ElementType.FLOAT32, Shape.of(1, 4)).variable(true);
    Value first = main.addValue("first", ElementType.FLOAT32, Shape.of(1, 4));
    main.append(Op.of(OpKind.SVDF).inputs(x, w, w, null, seen).outputs(first));
    main.append(
        Op.of(OpKind.ADD)
            .inputs(seen, z)
            .outputs(main.addValue("sum", ElementType.FLOAT32, Shape.of(1, 4))));
    main.removeDead();
    assertThat(main.ops()).extracting(Op::kind).contains(OpKind.SVDF);
  }

  /** A graph whose first subgraph calls the second, beside a third that a signature names. */
  private static Graph calling() {
    Graph calling = Graph.create();
    for (String name : List.of("caller", "called", "other")) {
      Subgraph s = calling.addSubgraph(name);
      Value in = s.addInput(name + "_in", ElementType.FLOAT32, Shape.of(4));
      Value out = s.addValue(name + "_out", ElementType.FLOAT32, Shape.of(4));
      s.append(
          (name.equals("caller") ? Op.of(OpKind.CALL).set("subgraph", 1) : Op.of(OpKind.NEG))
              .inputs(in)
              .outputs(out));
      s.outputs(out);
    }
    Subgraph other = calling.subgraphs().get(2);
    calling.addSignature(
        "other", other, Map.of("in", other.inputs().get(0)), Map.of("out", other.outputs().get(0)));
    return calling.verify();
  }

  @Test
  void subgraphsChangePlacesAndCallsFollow() {
    Graph calling = calling();
    Graph swapped = calling.withMain(calling.subgraphs().get(1)).verify();
    assertThat(swapped.subgraphs())
        .extracting(Subgraph::name)
        .containsExactly("called", "caller", "other");
    assertThat(swapped.subgraphs().get(1).ops().get(0).calledSubgraphs()).containsExactly(0);
    assertThat(swapped.signature("other").orElseThrow().subgraph().name()).isEqualTo("other");
    Graph back = swapped.withMain(swapped.subgraphs().get(1));
    assertThat(back.main().ops().get(0).calledSubgraphs()).containsExactly(1);
    assertThat(calling.main().ops().get(0).calledSubgraphs()).containsExactly(1);
  }

  @Test
  void aSubgraphOfACopyTakesThePlaceOfAnother() {
    Graph calling = calling();
    Graph edited = calling.copy();
    Subgraph other = edited.subgraphs().get(2);
    Value more = other.addValue("more", ElementType.FLOAT32, Shape.of(4));
    other.append(Op.of(OpKind.ABS).inputs(other.outputs().get(0)).outputs(more));
    other.replaceAllUses(other.outputs().get(0), more);
    other.ops().get(1).inputs(other.ops().get(0).output(0));

    calling.replace(calling.subgraphs().get(2), other);
    Subgraph now = calling.verify().subgraphs().get(2);
    assertThat(now.ops()).extracting(Op::kind).containsExactly(OpKind.NEG, OpKind.ABS);
    assertThat(now.graph()).isSameAs(calling);
    Signature signature = calling.signature("other").orElseThrow();
    assertThat(signature.subgraph()).isSameAs(now);
    assertThat(signature.outputs().get("out")).isSameAs(now.outputs().get(0));
    assertThatThrownBy(() -> calling.replace(now, edited.subgraphs().get(1)))
        .hasMessageContaining("signature other");
  }
}
