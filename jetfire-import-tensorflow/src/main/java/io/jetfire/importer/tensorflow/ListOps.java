package io.jetfire.importer.tensorflow;

import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.importer.lowering.Build;
import io.jetfire.tflite.importer.lowering.Refusal;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Lists of tensors, which recurrent layers collect their steps in: known while importing. */
final class ListOps {
  private ListOps() {}

  static void register(Map<String, Lowering> ops) {
    ops.put("TensorListReserve", ListOps::reserve);
    ops.put("EmptyTensorList", n -> n.out(new Item.TensorList(List.of(), shape(n, 0), type(n))));
    ops.put("TensorListFromTensor", ListOps::fromTensor);
    ops.put("TensorListGetItem", ListOps::get);
    ops.put("TensorListSetItem", ListOps::set);
    ops.put("TensorListPushBack", ListOps::push);
    ops.put("TensorListStack", ListOps::stack);
    ops.put(
        "TensorListLength",
        n -> n.out(n.b.scalar(ElementType.INT32, list(n, 0).elements().size())));
  }

  private static Item.TensorList list(Node n, int input) {
    if (n.item(input) instanceof Item.TensorList l) {
      return l;
    }
    throw new Refusal("input " + input + " is no list", "export the model anew");
  }

  private static int type(Node n) {
    return n.type("element_dtype", Types.FLOAT);
  }

  private static int @Nullable [] shape(Node n, int input) {
    Value v = n.in(input);
    if (Build.rank(v) == 0) {
      return null;
    }
    return n.b.partial(v).orElse(null);
  }

  private static void reserve(Node n) {
    int size = Build.repetitions(n.knownOne(1, "number of elements"));
    List<@Nullable Value> elements = new ArrayList<>();
    for (int i = 0; i < size; i++) {
      elements.add(null);
    }
    n.out(new Item.TensorList(elements, shape(n, 0), type(n)));
  }

  private static void fromTensor(Node n) {
    Value x = n.in(0);
    int size = Build.repetitions(Build.fixedFrom(x, 0)[0]);
    int[] element = Arrays.copyOfRange(x.shape().dims(), 1, Build.rank(x));
    List<@Nullable Value> elements = new ArrayList<>();
    if (size > 0) {
      elements.addAll(
          n.b.emit(Op.of(OpKind.UNPACK).set("num", size).set("axis", 0).inputs(x), size));
    }
    n.out(new Item.TensorList(elements, element, type(n)));
  }

  private static int place(Node n, Item.TensorList list) {
    int i = n.knownOne(1, "place in the list");
    if (i < 0 || i >= list.elements().size()) {
      throw new Refusal(
          "element " + i + " of a list of " + list.elements().size(), "export the model anew");
    }
    return i;
  }

  private static void get(Node n) {
    Item.TensorList list = list(n, 0);
    Value v = list.elements().get(place(n, list));
    n.out(v == null ? zeros(n, list) : v);
  }

  private static Value zeros(Node n, Item.TensorList list) {
    int[] shape = list.shape();
    if (shape == null || Arrays.stream(shape).anyMatch(d -> d < 0)) {
      for (Value v : list.elements()) {
        if (v != null) {
          return ElementwiseOps.zeros(n.b, v);
        }
      }
      throw new Refusal("an element that was never written", "export the model anew");
    }
    return n.b.filled(Types.of(list.type()), 0, shape);
  }

  private static void set(Node n) {
    Item.TensorList list = list(n, 0);
    int i = n.knownOne(1, "place in the list");
    List<@Nullable Value> elements = new ArrayList<>(list.elements());
    if (n.flag("resize_if_index_out_of_bounds", false)) {
      Build.repetitions(i + 1);
      while (elements.size() <= i) {
        elements.add(null);
      }
    }
    if (i < 0 || i >= elements.size()) {
      throw new Refusal("element " + i + " of " + elements.size(), "export the model anew");
    }
    elements.set(i, n.in(2));
    n.out(new Item.TensorList(elements, list.shape(), list.type()));
  }

  private static void push(Node n) {
    Item.TensorList list = list(n, 0);
    List<@Nullable Value> elements = new ArrayList<>(list.elements());
    Build.repetitions(elements.size() + 1);
    elements.add(n.in(1));
    n.out(new Item.TensorList(elements, list.shape(), list.type()));
  }

  private static void stack(Node n) {
    Item.TensorList list = list(n, 0);
    List<Value> parts = new ArrayList<>();
    for (Value v : list.elements()) {
      parts.add(v == null ? zeros(n, list) : v);
    }
    if (parts.isEmpty()) {
      throw new Refusal("a stack of an empty list", "remove the loop");
    }
    n.out(
        n.b.emit(
            Op.of(OpKind.PACK)
                .set("values_count", parts.size())
                .set("axis", 0)
                .inputs(new ArrayList<>(parts))));
  }
}
