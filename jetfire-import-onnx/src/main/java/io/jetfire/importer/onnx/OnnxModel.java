package io.jetfire.importer.onnx;

import io.jetfire.UnsupportedModelException;
import io.jetfire.tflite.importer.ProtoReader;
import io.jetfire.tflite.importer.ProtoReader.LongList;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The parts of an ONNX model that its meaning depends on, as plain records.
 *
 * <p>Field numbers are those of {@code onnx.proto} (ONNX 1.19, IR version 13).
 */
record OnnxModel(
    long irVersion,
    String producer,
    Map<String, Long> opsets,
    GraphProto graph,
    Map<String, FunctionProto> functions) {

  /** Nesting of graphs, functions and types beyond which a file is refused. */
  private static final int MAX_DEPTH = 24;

  record GraphProto(
      String name,
      List<NodeProto> nodes,
      Map<String, OnnxTensor> initializers,
      List<ValueInfo> inputs,
      List<ValueInfo> outputs,
      Map<String, ValueInfo> valueInfos) {}

  record NodeProto(
      String name,
      String opType,
      String domain,
      List<String> inputs,
      List<String> outputs,
      Map<String, Attribute> attributes,
      String location) {

    String key() {
      return functionKey(domain, opType);
    }
  }

  record FunctionProto(
      String domain,
      String name,
      List<String> inputs,
      List<String> outputs,
      List<String> attributes,
      Map<String, Attribute> defaults,
      List<NodeProto> nodes,
      Map<String, Long> opsets) {}

  /** A value's declared type; an unknown dimension is a name or the empty text. */
  record ValueInfo(String name, String kind, int elementType, @Nullable List<Dim> shape) {}

  record Dim(long value, String parameter) {}

  /** An attribute; only the field that its kind names is set. */
  record Attribute(
      String name,
      float f,
      long i,
      @Nullable ByteBuffer s,
      @Nullable OnnxTensor t,
      @Nullable GraphProto g,
      float[] floats,
      long[] ints,
      List<String> strings,
      List<GraphProto> graphs,
      int type,
      String reference) {

    String text() {
      return s == null
          ? ""
          : java.nio.charset.StandardCharsets.UTF_8.decode(s.duplicate()).toString();
    }
  }

  static String functionKey(String domain, String name) {
    return (domain.isEmpty() || domain.equals("ai.onnx") ? "" : domain) + ":" + name;
  }

  /** Reads a model. */
  static OnnxModel read(ByteBuffer file) {
    ProtoReader in = new ProtoReader("ONNX", file);
    long irVersion = 0;
    String producer = "";
    Map<String, Long> opsets = new HashMap<>();
    GraphProto graph = null;
    Map<String, FunctionProto> functions = new LinkedHashMap<>();
    while (in.next()) {
      switch (in.field()) {
        case 1 -> irVersion = in.integer();
        case 2 -> producer = in.string();
        case 7 -> graph = graph(in.message(), 0);
        case 8 -> opset(in.message(), opsets);
        case 25 -> {
          FunctionProto f = function(in.message());
          functions.put(functionKey(f.domain(), f.name()), f);
        }
        default -> in.skip();
      }
    }
    if (graph == null) {
      throw new UnsupportedModelException(
          "The file has no ONNX graph; check that it is an ONNX model");
    }
    if (opsets.isEmpty()) {
      opsets.put("", 1L);
    }
    return new OnnxModel(irVersion, producer, opsets, graph, functions);
  }

  private static void opset(ProtoReader in, Map<String, Long> to) {
    String domain = "";
    long version = 0;
    while (in.next()) {
      switch (in.field()) {
        case 1 -> domain = in.string();
        case 2 -> version = in.integer();
        default -> in.skip();
      }
    }
    to.put(domain.equals("ai.onnx") ? "" : domain, version);
  }

  private static GraphProto graph(ProtoReader in, int depth) {
    checkDepth(depth);
    String name = "";
    List<NodeProto> nodes = new ArrayList<>();
    Map<String, OnnxTensor> initializers = new LinkedHashMap<>();
    List<ValueInfo> inputs = new ArrayList<>();
    List<ValueInfo> outputs = new ArrayList<>();
    Map<String, ValueInfo> infos = new HashMap<>();
    while (in.next()) {
      switch (in.field()) {
        case 1 -> nodes.add(node(in.message(), depth));
        case 2 -> name = in.string();
        case 5 -> {
          OnnxTensor t = OnnxTensor.read(in.message());
          initializers.put(t.name(), t);
        }
        case 11 -> inputs.add(valueInfo(in.message()));
        case 12 -> outputs.add(valueInfo(in.message()));
        case 13 -> {
          ValueInfo info = valueInfo(in.message());
          infos.put(info.name(), info);
        }
        case 15 -> {
          OnnxTensor t = sparse(in.message());
          initializers.put(t.name(), t);
        }
        default -> in.skip();
      }
    }
    return new GraphProto(name, nodes, initializers, inputs, outputs, infos);
  }

  private static OnnxTensor sparse(ProtoReader in) {
    OnnxTensor values = null;
    OnnxTensor indices = null;
    LongList dims = new LongList();
    while (in.next()) {
      switch (in.field()) {
        case 1 -> values = OnnxTensor.read(in.message());
        case 2 -> indices = OnnxTensor.read(in.message());
        case 3 -> in.integers(dims);
        default -> in.skip();
      }
    }
    if (values == null || indices == null) {
      throw new UnsupportedModelException(
          "The ONNX file is broken: a sparse tensor lacks values or indices; export it anew");
    }
    return values.scattered(indices, dims.toArray());
  }

  private static NodeProto node(ProtoReader in, int depth) {
    String name = "";
    String opType = "";
    String domain = "";
    String location = "";
    List<String> inputs = new ArrayList<>();
    List<String> outputs = new ArrayList<>();
    Map<String, Attribute> attributes = new LinkedHashMap<>();
    while (in.next()) {
      switch (in.field()) {
        case 1 -> inputs.add(in.string());
        case 2 -> outputs.add(in.string());
        case 3 -> name = in.string();
        case 4 -> opType = in.string();
        case 5 -> {
          Attribute a = attribute(in.message(), depth);
          attributes.put(a.name(), a);
        }
        case 7 -> domain = in.string();
        case 9 -> location = location(in.message(), location);
        default -> in.skip();
      }
    }
    if (domain.equals("ai.onnx")) {
      domain = "";
    }
    return new NodeProto(name, opType, domain, inputs, outputs, attributes, location);
  }

  /** The exporter's note of the source line, where it left one ("pkg.torch.onnx.stack_trace"). */
  private static String location(ProtoReader in, String otherwise) {
    String key = "";
    String value = "";
    while (in.next()) {
      switch (in.field()) {
        case 1 -> key = in.string();
        case 2 -> value = in.string();
        default -> in.skip();
      }
    }
    if (!key.endsWith("stack_trace")) {
      return otherwise;
    }
    String last = otherwise;
    for (String line : value.split("\n")) {
      if (line.strip().startsWith("File ")) {
        last = line.strip();
      }
    }
    return last;
  }

  private static Attribute attribute(ProtoReader in, int depth) {
    String name = "";
    float f = 0;
    long i = 0;
    ByteBuffer s = null;
    OnnxTensor t = null;
    GraphProto g = null;
    LongList floats = new LongList();
    LongList ints = new LongList();
    List<String> strings = new ArrayList<>();
    List<GraphProto> graphs = new ArrayList<>();
    int type = 0;
    String reference = "";
    while (in.next()) {
      switch (in.field()) {
        case 1 -> name = in.string();
        case 2 -> f = in.float32();
        case 3 -> i = in.integer();
        case 4 -> s = in.bytes();
        case 5 -> t = OnnxTensor.read(in.message());
        case 6 -> g = graph(in.message(), depth + 1);
        case 7 -> in.floatBits(floats);
        case 8 -> in.integers(ints);
        case 9 -> strings.add(in.string());
        case 11 -> graphs.add(graph(in.message(), depth + 1));
        case 20 -> type = (int) in.integer();
        case 21 -> reference = in.string();
        case 22 -> t = sparse(in.message());
        default -> in.skip();
      }
    }
    float[] values = new float[floats.size()];
    for (int k = 0; k < values.length; k++) {
      values[k] = Float.intBitsToFloat((int) floats.get(k));
    }
    return new Attribute(
        name, f, i, s, t, g, values, ints.toArray(), strings, graphs, type, reference);
  }

  private static ValueInfo valueInfo(ProtoReader in) {
    String name = "";
    ValueInfo type = new ValueInfo("", "none", 0, null);
    while (in.next()) {
      switch (in.field()) {
        case 1 -> name = in.string();
        case 2 -> type = type(in.message(), 0);
        default -> in.skip();
      }
    }
    return new ValueInfo(name, type.kind(), type.elementType(), type.shape());
  }

  private static ValueInfo type(ProtoReader in, int depth) {
    checkDepth(depth);
    ValueInfo found = new ValueInfo("", "none", 0, null);
    while (in.next()) {
      switch (in.field()) {
        case 1 -> found = tensorType(in.message());
        case 4 -> {
          in.skip();
          found = new ValueInfo("", "sequence", 0, null);
        }
        case 5 -> {
          in.skip();
          found = new ValueInfo("", "map", 0, null);
        }
        case 9 -> {
          in.skip();
          found = new ValueInfo("", "optional", 0, null);
        }
        case 8 -> {
          in.skip();
          found = new ValueInfo("", "sparse tensor", 0, null);
        }
        default -> in.skip();
      }
    }
    return found;
  }

  private static ValueInfo tensorType(ProtoReader in) {
    int elementType = 0;
    List<Dim> shape = null;
    while (in.next()) {
      switch (in.field()) {
        case 1 -> elementType = (int) in.integer();
        case 2 -> {
          shape = new ArrayList<>();
          ProtoReader s = in.message();
          while (s.next()) {
            if (s.field() == 1) {
              shape.add(dim(s.message()));
            } else {
              s.skip();
            }
          }
        }
        default -> in.skip();
      }
    }
    return new ValueInfo("", "tensor", elementType, shape);
  }

  private static Dim dim(ProtoReader in) {
    long value = -1;
    String parameter = "";
    while (in.next()) {
      switch (in.field()) {
        case 1 -> value = in.integer();
        case 2 -> parameter = in.string();
        default -> in.skip();
      }
    }
    return new Dim(value, parameter);
  }

  private static FunctionProto function(ProtoReader in) {
    String name = "";
    String domain = "";
    List<String> inputs = new ArrayList<>();
    List<String> outputs = new ArrayList<>();
    List<String> attributes = new ArrayList<>();
    Map<String, Attribute> defaults = new HashMap<>();
    List<NodeProto> nodes = new ArrayList<>();
    Map<String, Long> opsets = new HashMap<>();
    while (in.next()) {
      switch (in.field()) {
        case 1 -> name = in.string();
        case 4 -> inputs.add(in.string());
        case 5 -> outputs.add(in.string());
        case 6 -> attributes.add(in.string());
        case 7 -> nodes.add(node(in.message(), 0));
        case 9 -> opset(in.message(), opsets);
        case 10 -> domain = in.string();
        case 11 -> {
          Attribute a = attribute(in.message(), 0);
          defaults.put(a.name(), a);
        }
        default -> in.skip();
      }
    }
    return new FunctionProto(domain, name, inputs, outputs, attributes, defaults, nodes, opsets);
  }

  private static void checkDepth(int depth) {
    if (depth > MAX_DEPTH) {
      throw new UnsupportedModelException(
          "The ONNX file nests graphs more than "
              + MAX_DEPTH
              + " deep; flatten the control flow before exporting");
    }
  }
}
