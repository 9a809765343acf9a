package io.jetfire.adapter.djl.internal.artifact;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.jetfire.adapter.djl.internal.trace.Dim;
import io.jetfire.adapter.djl.internal.trace.Trace;
import io.jetfire.adapter.djl.internal.trace.TraceArg;
import io.jetfire.adapter.djl.internal.trace.TraceOp;
import io.jetfire.adapter.djl.internal.trace.TraceValue;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;

/**
 * A recorded computation as JSON, the entry {@code trace.json}; contents of arrays are ranges of
 * the entry {@code weights.bin}.
 *
 * <p>Whoever reads does not trust the text: every number must name an array that exists and was
 * computed before, every range must lie in the weights and fit the array's type and shape.
 */
final class TraceJson {
  static final String FORMAT = "jetfire-djl-trace";
  static final int VERSION = 1;

  private static final int MAX_VALUES = 1_000_000;
  private static final int MAX_RANK = 16;
  private static final JsonNodeFactory JSON = JsonNodeFactory.instance;
  private static final Map<String, Integer> TYPE_BYTES =
      Map.of(
          "float32",
          4,
          "float64",
          8,
          "float16",
          2,
          "bfloat16",
          2,
          "uint8",
          1,
          "int8",
          1,
          "int32",
          4,
          "int64",
          8,
          "boolean",
          1,
          "int16",
          2);

  private TraceJson() {}

  /** Where the content of an array lies. */
  record Range(long offset, int length) {}

  // ---- writing -----------------------------------------------------------------------------

  static ObjectNode write(Trace trace, Map<Integer, Range> ranges) {
    ObjectNode root = JSON.objectNode();
    root.put("format", FORMAT).put("version", VERSION).put("fixedBatch", trace.fixedBatch());
    ArrayNode values = root.putArray("values");
    for (TraceValue value : trace.values()) {
      ObjectNode node = values.addObject();
      node.put("kind", value.kind().name().toLowerCase(Locale.ROOT));
      if (!value.name().isEmpty()) {
        node.put("name", value.name());
      }
      node.put("type", value.type()).set("shape", dims(value.shape()));
      Range range = ranges.get(value.id());
      if (range != null) {
        node.put("offset", range.offset()).put("length", range.length());
      }
    }
    trace.inputs().forEach(root.putArray("inputs")::add);
    trace.outputs().forEach(root.putArray("outputs")::add);
    ArrayNode ops = root.putArray("ops");
    trace.ops().forEach(op -> ops.add(op(op)));
    return root;
  }

  private static ObjectNode op(TraceOp op) {
    ObjectNode node = JSON.objectNode();
    node.put("call", op.call()).put("on", op.on());
    ArrayNode args = node.putArray("args");
    op.args().forEach(arg -> args.add(arg(arg)));
    op.results().forEach(node.putArray("results")::add);
    node.put("place", op.place());
    if (!op.source().isEmpty()) {
      node.put("source", op.source());
    }
    return node;
  }

  private static JsonNode arg(TraceArg arg) {
    if (arg instanceof TraceArg.Ref ref) {
      return JSON.objectNode().put("ref", ref.value());
    } else if (arg instanceof TraceArg.Refs refs) {
      ArrayNode list = JSON.arrayNode();
      refs.values().forEach(list::add);
      return JSON.objectNode().set("refs", list);
    } else if (arg instanceof TraceArg.Whole whole) {
      return JSON.objectNode().set("int", dim(whole.dim()));
    } else if (arg instanceof TraceArg.Real real) {
      ObjectNode node = JSON.objectNode();
      if (Double.isFinite(real.number())) {
        node.put("number", real.number());
      } else {
        node.put("number", Double.toString(real.number()));
      }
      return node.put("kind", real.kind());
    } else if (arg instanceof TraceArg.Flag flag) {
      return JSON.booleanNode(flag.flag());
    } else if (arg instanceof TraceArg.Dims list) {
      return JSON.objectNode().set("dims", dims(list.dims()));
    } else if (arg instanceof TraceArg.Name name) {
      return JSON.objectNode().put("name", name.name());
    } else if (arg instanceof TraceArg.Index index) {
      ArrayNode items = JSON.arrayNode();
      index.items().forEach(item -> items.add(item(item)));
      return JSON.objectNode().set("index", items);
    }
    return JSON.nullNode();
  }

  private static JsonNode item(TraceArg.Item item) {
    if (item instanceof TraceArg.Item.All) {
      return JSON.textNode("all");
    } else if (item instanceof TraceArg.Item.Ellipsis) {
      return JSON.textNode("ellipsis");
    } else if (item instanceof TraceArg.Item.NewAxis) {
      return JSON.textNode("new");
    } else if (item instanceof TraceArg.Item.At at) {
      return JSON.objectNode().set("at", dim(at.position()));
    } else if (item instanceof TraceArg.Item.Take take) {
      return JSON.objectNode().put("take", take.value());
    }
    TraceArg.Item.Range range = (TraceArg.Item.Range) item;
    ObjectNode node = JSON.objectNode();
    node.set("from", dims(range.from()));
    node.set("to", dims(range.to()));
    return node.set("step", dims(range.step()));
  }

  private static ArrayNode dims(List<Dim> dims) {
    ArrayNode list = JSON.arrayNode();
    dims.forEach(d -> list.add(dim(d)));
    return list;
  }

  private static JsonNode dim(Dim dim) {
    return dim.ofBatch() ? JSON.textNode(dim.toString()) : JSON.numberNode(dim.value());
  }

  // ---- reading -----------------------------------------------------------------------------

  /** Reads and checks; {@code weights} gives the bytes of a range that lies within its length. */
  static Trace read(JsonNode root, long weightsLength, Function<Range, byte[]> weights) {
    check(FORMAT.equals(text(root, "format")), "it does not say format " + FORMAT);
    check(integer(root, "version") == VERSION, "its version is not " + VERSION);
    long fixedBatch = integer(root, "fixedBatch");
    check(fixedBatch >= 0 && fixedBatch <= Integer.MAX_VALUE, "its fixed batch is out of range");
    List<TraceValue> values = new ArrayList<>();
    Map<Integer, byte[]> data = new HashMap<>();
    JsonNode list = array(root, "values");
    check(list.size() <= MAX_VALUES, "it has more than " + MAX_VALUES + " values");
    for (JsonNode node : list) {
      TraceValue value = value(node, values.size());
      values.add(value);
      if (value.isStored()) {
        data.put(value.id(), weights.apply(range(node, value, weightsLength)));
      }
    }
    List<Integer> inputs = ids(array(root, "inputs"), values.size());
    Set<Integer> known = new HashSet<>(data.keySet());
    for (int input : inputs) {
      check(values.get(input).kind() == TraceValue.Kind.INPUT, "value " + input + " is no input");
      check(known.add(input), "input " + input + " appears twice");
    }
    check(!inputs.isEmpty(), "it has no input");
    List<TraceOp> ops = new ArrayList<>();
    for (JsonNode node : array(root, "ops")) {
      TraceOp op = op(node, values.size());
      for (int used : Trace.operands(op)) {
        check(known.contains(used), op.call() + " uses value " + used + " before it is computed");
      }
      for (int result : op.results()) {
        check(
            values.get(result).kind() == TraceValue.Kind.RESULT && known.add(result),
            op.call() + " computes value " + result + ", which something else gives");
      }
      ops.add(op);
    }
    List<Integer> outputs = ids(array(root, "outputs"), values.size());
    check(known.containsAll(outputs), "an output is not computed");
    check(!outputs.isEmpty(), "it has no output");
    return new Trace(values, inputs, outputs, ops, fixedBatch, data);
  }

  private static TraceValue value(JsonNode node, int id) {
    TraceValue.Kind kind = kind(text(node, "kind"));
    String type = text(node, "type");
    check(TYPE_BYTES.containsKey(type), "value " + id + " has the unknown type " + type);
    JsonNode shape = array(node, "shape");
    check(shape.size() <= MAX_RANK, "value " + id + " has more than " + MAX_RANK + " dimensions");
    List<Dim> dims = dims(shape);
    check(dims.stream().allMatch(d -> d.value() >= 0), "value " + id + " has a negative extent");
    return new TraceValue(id, kind, node.path("name").asText(""), type, dims);
  }

  private static TraceValue.Kind kind(String name) {
    for (TraceValue.Kind kind : TraceValue.Kind.values()) {
      if (kind.name().toLowerCase(Locale.ROOT).equals(name)) {
        return kind;
      }
    }
    throw new MalformedTraceException("a value has the unknown kind " + name);
  }

  private static Range range(JsonNode node, TraceValue value, long weightsLength) {
    long bytes = TYPE_BYTES.getOrDefault(value.type(), 0);
    try {
      for (Dim dim : value.shape()) {
        check(!dim.ofBatch(), "stored value " + value.id() + " depends on the batch");
        bytes = Math.multiplyExact(bytes, dim.value());
      }
    } catch (ArithmeticException e) {
      throw new MalformedTraceException("value " + value.id() + " is too large");
    }
    long offset = integer(node, "offset");
    long length = integer(node, "length");
    check(length == bytes, "value " + value.id() + " has " + length + " bytes instead of " + bytes);
    check(
        offset >= 0 && length <= Integer.MAX_VALUE && offset <= weightsLength - length,
        "the content of value " + value.id() + " lies outside the weights");
    return new Range(offset, (int) length);
  }

  private static TraceOp op(JsonNode node, int count) {
    List<TraceArg> args = new ArrayList<>();
    for (JsonNode arg : array(node, "args")) {
      args.add(arg(arg, count));
    }
    String call = text(node, "call");
    check(call.matches("NDArray(Ex)?\\.\\w+\\([\\w,\\[\\]]*\\)"), "an operation is called " + call);
    List<Integer> results = ids(array(node, "results"), count);
    return new TraceOp(
        call,
        id(node.path("on"), count),
        args,
        results,
        text(node, "place"),
        node.path("source").asText(""));
  }

  private static TraceArg arg(JsonNode node, int count) {
    if (node.isNull()) {
      return new TraceArg.None();
    } else if (node.isBoolean()) {
      return new TraceArg.Flag(node.asBoolean());
    } else if (node.has("ref")) {
      return new TraceArg.Ref(id(node.path("ref"), count));
    } else if (node.has("refs")) {
      return new TraceArg.Refs(ids(array(node, "refs"), count));
    } else if (node.has("int")) {
      return new TraceArg.Whole(dim(node.path("int")));
    } else if (node.has("number")) {
      return new TraceArg.Real(real(node.path("number")), text(node, "kind"));
    } else if (node.has("dims")) {
      return new TraceArg.Dims(dims(array(node, "dims")));
    } else if (node.has("name")) {
      return new TraceArg.Name(text(node, "name"));
    } else if (node.has("index")) {
      List<TraceArg.Item> items = new ArrayList<>();
      array(node, "index").forEach(item -> items.add(item(item, count)));
      return new TraceArg.Index(items);
    }
    throw new MalformedTraceException("an argument is of no known kind");
  }

  private static TraceArg.Item item(JsonNode node, int count) {
    if (node.isTextual()) {
      return switch (node.asText()) {
        case "all" -> new TraceArg.Item.All();
        case "ellipsis" -> new TraceArg.Item.Ellipsis();
        case "new" -> new TraceArg.Item.NewAxis();
        default -> throw new MalformedTraceException("an index is of no known kind");
      };
    } else if (node.has("at")) {
      return new TraceArg.Item.At(dim(node.path("at")));
    } else if (node.has("take")) {
      return new TraceArg.Item.Take(id(node.path("take"), count));
    }
    return new TraceArg.Item.Range(bound(node, "from"), bound(node, "to"), bound(node, "step"));
  }

  private static List<Dim> bound(JsonNode node, String field) {
    List<Dim> bound = dims(array(node, field));
    check(bound.size() <= 1, "a range has several bounds on one side");
    return bound;
  }

  private static double real(JsonNode node) {
    if (node.isNumber()) {
      return node.asDouble();
    }
    return switch (node.asText()) {
      case "Infinity" -> Double.POSITIVE_INFINITY;
      case "-Infinity" -> Double.NEGATIVE_INFINITY;
      case "NaN" -> Double.NaN;
      default -> throw new MalformedTraceException("a number is " + node);
    };
  }

  private static List<Dim> dims(JsonNode list) {
    List<Dim> dims = new ArrayList<>();
    list.forEach(node -> dims.add(dim(node)));
    return dims;
  }

  private static Dim dim(JsonNode node) {
    if (node.isIntegralNumber() && node.canConvertToLong()) {
      return Dim.of(node.asLong());
    }
    String text = node.asText("");
    if (text.equals("batch")) {
      return Dim.ofBatch(1);
    }
    check(text.matches("-?\\d{1,10}\\*batch"), "a whole number is " + node);
    return Dim.ofBatch(Long.parseLong(text.substring(0, text.indexOf('*'))));
  }

  private static List<Integer> ids(JsonNode list, int count) {
    List<Integer> ids = new ArrayList<>();
    list.forEach(node -> ids.add(id(node, count)));
    return ids;
  }

  private static int id(JsonNode node, int count) {
    check(
        node.isInt() && node.asInt() >= 0 && node.asInt() < count,
        "a value is named that does not exist: " + node);
    return node.asInt();
  }

  private static JsonNode array(JsonNode node, String field) {
    JsonNode list = node.path(field);
    check(list.isArray(), "the list " + field + " is missing");
    return list;
  }

  private static String text(JsonNode node, String field) {
    JsonNode text = node.path(field);
    check(text.isTextual(), "the text " + field + " is missing");
    return text.asText();
  }

  private static long integer(JsonNode node, String field) {
    JsonNode number = node.path(field);
    check(
        number.isIntegralNumber() && number.canConvertToLong(),
        "the number " + field + " is missing");
    return number.asLong();
  }

  private static void check(boolean holds, String problem) {
    if (!holds) {
      throw new MalformedTraceException(problem);
    }
  }
}
