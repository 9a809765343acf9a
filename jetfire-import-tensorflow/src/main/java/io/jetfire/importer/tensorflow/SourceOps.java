package io.jetfire.importer.tensorflow;

import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.importer.lowering.Functions;
import io.jetfire.tflite.importer.lowering.Refusal;
import java.nio.ByteBuffer;
import java.util.Map;

/** Constants, variables, inputs, and operators that pass their input on. */
final class SourceOps {
  private SourceOps() {}

  static void register(Map<String, Lowering> ops) {
    ops.put("Const", SourceOps::constant);
    ops.put("VarHandleOp", n -> n.out(new Item.Handle(n.def.name())));
    for (String name : new String[] {"VariableV2", "Variable"}) {
      ops.put(name, n -> n.out(variable(n, n.def.name())));
    }
    ops.put("ReadVariableOp", SourceOps::read);
    ops.put("ResourceGather", SourceOps::gather);
    for (String name : new String[] {"Placeholder", "PlaceholderV2"}) {
      ops.put(
          name,
          n -> {
            throw new Refusal(
                "it is an input that the signature does not name",
                "feed it through the signature, or name it among the inputs");
          });
    }
    for (String name :
        new String[] {
          "Identity",
          "IdentityN",
          "RefIdentity",
          "StopGradient",
          "PreventGradient",
          "CheckNumerics",
          "CheckNumericsV2",
          "PlaceholderWithDefault",
          "Snapshot",
          "EnsureShape",
          "DebugIdentity",
          "DebugIdentityV2",
          "DeepCopy",
          "Print",
          "OptionalFromValue",
          "Enter"
        }) {
      if (!name.equals("Enter") && !name.equals("OptionalFromValue")) {
        ops.put(name, n -> n.results(passed(n)));
      }
    }
    ops.put("ReadVariableXlaSplitND", SourceOps::read);
    ops.put("Cast", n -> n.out(cast(n, n.in(0), n.elementType("DstT", Types.FLOAT))));
    ops.put("Bitcast", SourceOps::bitcast);
  }

  private static java.util.List<Item> passed(Node n) {
    boolean all = n.def.op().equals("IdentityN");
    return all ? n.inputs : java.util.List.of(n.item(0));
  }

  private static void constant(Node n) {
    Array a = n.array("value");
    if (a.type() == Types.STRING) {
      n.out(new Item.Texts(a.texts().stream().map(GraphFile::text).toList()));
      return;
    }
    if (a.type() == Types.COMPLEX64) {
      n.out(ComplexOps.constant(n.b, a));
      return;
    }
    n.out(a.constant(n.b.subgraph(), n.def.name()));
  }

  private static Value variable(Node n, String node) {
    Array a =
        n.scope
            .shared
            .variables
            .find(node)
            .orElseThrow(
                () ->
                    new Refusal(
                        "the variable '" + node + "' is not in the checkpoint",
                        "save the model with its variables, or freeze it"));
    return a.constant(n.b.subgraph(), node);
  }

  private static void read(Node n) {
    if (n.item(0) instanceof Item.Handle h) {
      n.out(variable(n, h.node()));
    } else {
      n.out(n.item(0));
    }
  }

  private static void gather(Node n) {
    Value table = n.item(0) instanceof Item.Handle h ? variable(n, h.node()) : n.in(0);
    int batch = n.integer("batch_dims", 0);
    n.out(
        n.b.emit(
            Op.of(OpKind.GATHER)
                .set("axis", batch)
                .set("batch_dims", batch)
                .inputs(table, n.in(1))));
  }

  /** TensorFlow's cast: floats are truncated, and anything but 0 is true. */
  static Value cast(Node n, Value x, ElementType to) {
    return Functions.cast(n.b, x, to);
  }

  private static void bitcast(Node n) {
    Value x = n.in(0);
    ElementType to = n.elementType("type", Types.FLOAT);
    if (to.bits() != x.type().bits()) {
      throw new Refusal("a bitcast to another width", "cast the numbers instead");
    }
    if (to == x.type()) {
      n.out(x);
      return;
    }
    if (x.isConstant()) {
      ByteBuffer bytes = x.data().orElseThrow().bytes();
      n.out(
          n.b
              .subgraph()
              .addConstant(n.def.name(), to, x.shape(), io.jetfire.tflite.graph.Weights.of(bytes)));
      return;
    }
    Value out = n.b.subgraph().addValue(n.def.name(), to, x.shape());
    n.b.subgraph().append(Op.of(OpKind.BITCAST).inputs(x).outputs(out));
    n.out(out);
  }
}
