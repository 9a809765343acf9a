package io.jetfire.importer.tensorflow;

import io.jetfire.UnsupportedModelException;
import io.jetfire.tflite.importer.ProtoReader;
import io.jetfire.tflite.importer.ProtoReader.LongList;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * The parts of TensorFlow's graphs that their meaning depends on, as plain records.
 *
 * <p>Field numbers are those of {@code graph.proto}, {@code node_def.proto}, {@code
 * attr_value.proto}, {@code function.proto}, {@code op_def.proto} and {@code meta_graph.proto}
 * (TensorFlow 2.21).
 */
final class GraphFile {
  /** Nesting of attributes beyond which a file is refused. */
  private static final int MAX_DEPTH = 24;

  private static final String FORMAT = "TensorFlow";

  private GraphFile() {}

  /** A graph and its functions. */
  record GraphDef(List<NodeDef> nodes, Map<String, FunctionDef> functions) {}

  record NodeDef(String name, String op, List<String> inputs, Map<String, Attr> attrs) {}

  /** An argument or result of a function. */
  record Arg(String name, int type, String typeList, String number) {}

  record FunctionDef(
      String name,
      List<Arg> inputs,
      List<Arg> outputs,
      List<NodeDef> nodes,
      Map<String, String> results) {}

  /** One value of an attribute; what is not given is empty. Its kind is the number of its field. */
  record Attr(
      int kind,
      @Nullable ByteBuffer s,
      long i,
      float f,
      boolean b,
      int type,
      int @Nullable [] shape,
      @Nullable ByteBuffer tensor,
      String function,
      @Nullable ListAttr list) {}

  record ListAttr(
      List<ByteBuffer> s,
      long[] i,
      float[] f,
      long[] types,
      List<int @Nullable []> shapes,
      List<String> functions) {}

  /** The name of a tensor with its type and shape, as signatures have them. */
  record TensorInfo(String name, int type, int @Nullable [] shape) {}

  record SignatureDef(
      Map<String, TensorInfo> inputs, Map<String, TensorInfo> outputs, String method) {}

  record MetaGraph(
      List<String> tags, GraphDef graph, Map<String, SignatureDef> signatures, String restoreOp) {}

  /** The graphs of a {@code saved_model.pb}. */
  static List<MetaGraph> savedModel(ByteBuffer bytes) {
    List<MetaGraph> graphs = new ArrayList<>();
    ProtoReader in = new ProtoReader(FORMAT, bytes);
    while (in.next()) {
      if (in.field() == 2) {
        graphs.add(metaGraph(in.message()));
      } else {
        in.skip();
      }
    }
    return graphs;
  }

  private static MetaGraph metaGraph(ProtoReader in) {
    List<String> tags = new ArrayList<>();
    GraphDef graph = new GraphDef(List.of(), Map.of());
    Map<String, SignatureDef> signatures = new TreeMap<>();
    String restore = "";
    while (in.next()) {
      switch (in.field()) {
        case 1 -> {
          ProtoReader info = in.message();
          while (info.next()) {
            if (info.field() == 4) {
              tags.add(info.string());
            } else {
              info.skip();
            }
          }
        }
        case 2 -> graph = graph(in.message());
        case 3 -> {
          ProtoReader saver = in.message();
          while (saver.next()) {
            if (saver.field() == 3) {
              restore = saver.string();
            } else {
              saver.skip();
            }
          }
        }
        case 5 -> entry(in.message(), (key, value) -> signatures.put(key, signature(value)));
        default -> in.skip();
      }
    }
    return new MetaGraph(tags, graph, signatures, restore);
  }

  private interface Entry {
    void put(String key, ProtoReader value);
  }

  /** An entry of a map whose values are messages. */
  private static void entry(ProtoReader in, Entry to) {
    String key = "";
    ByteBuffer value = ByteBuffer.allocate(0);
    while (in.next()) {
      switch (in.field()) {
        case 1 -> key = in.string();
        case 2 -> value = in.bytes();
        default -> in.skip();
      }
    }
    to.put(key, new ProtoReader(FORMAT, value));
  }

  private static SignatureDef signature(ProtoReader in) {
    Map<String, TensorInfo> inputs = new TreeMap<>();
    Map<String, TensorInfo> outputs = new TreeMap<>();
    String method = "";
    while (in.next()) {
      switch (in.field()) {
        case 1 -> entry(in.message(), (key, value) -> inputs.put(key, info(value)));
        case 2 -> entry(in.message(), (key, value) -> outputs.put(key, info(value)));
        case 3 -> method = in.string();
        default -> in.skip();
      }
    }
    return new SignatureDef(inputs, outputs, method);
  }

  private static TensorInfo info(ProtoReader in) {
    String name = "";
    int type = 0;
    int[] shape = null;
    while (in.next()) {
      switch (in.field()) {
        case 1 -> name = in.string();
        case 2 -> type = (int) in.integer();
        case 3 -> shape = Array.shape(in.message());
        default -> in.skip();
      }
    }
    return new TensorInfo(name, type, shape);
  }

  static GraphDef graph(ByteBuffer bytes) {
    return graph(new ProtoReader(FORMAT, bytes));
  }

  private static GraphDef graph(ProtoReader in) {
    List<NodeDef> nodes = new ArrayList<>();
    Map<String, FunctionDef> functions = new HashMap<>();
    while (in.next()) {
      switch (in.field()) {
        case 1 -> nodes.add(node(in.message()));
        case 2 -> {
          ProtoReader library = in.message();
          while (library.next()) {
            if (library.field() == 1) {
              FunctionDef f = function(library.message());
              functions.put(f.name, f);
            } else {
              library.skip();
            }
          }
        }
        default -> in.skip();
      }
    }
    return new GraphDef(nodes, functions);
  }

  private static NodeDef node(ProtoReader in) {
    String name = "";
    String op = "";
    List<String> inputs = new ArrayList<>(2);
    Map<String, Attr> attrs = new LinkedHashMap<>();
    while (in.next()) {
      switch (in.field()) {
        case 1 -> name = in.string();
        case 2 -> op = in.string();
        case 3 -> inputs.add(in.string());
        case 5 -> entry(in.message(), (key, value) -> attrs.put(key, attr(value, 0)));
        default -> in.skip();
      }
    }
    return new NodeDef(name, op, inputs, attrs);
  }

  private static Attr attr(ProtoReader in, int depth) {
    if (depth > MAX_DEPTH) {
      throw new UnsupportedModelException(
          "The TensorFlow file is broken: attributes nest more than "
              + MAX_DEPTH
              + " deep; export the model anew");
    }
    ByteBuffer s = null;
    long i = 0;
    float f = 0;
    boolean b = false;
    int type = 0;
    int[] shape = null;
    ByteBuffer tensor = null;
    String function = "";
    ListAttr list = null;
    int kind = 0;
    while (in.next()) {
      kind = in.field();
      switch (in.field()) {
        case 1 -> list = list(in.message());
        case 2 -> s = in.bytes();
        case 3 -> i = in.integer();
        case 4 -> f = in.float32();
        case 5 -> b = in.integer() != 0;
        case 6 -> type = (int) in.integer();
        case 7 -> shape = Array.shape(in.message());
        case 8 -> tensor = in.bytes();
        case 10 -> function = functionName(in.message());
        default -> in.skip();
      }
    }
    return new Attr(kind, s, i, f, b, type, shape, tensor, function, list);
  }

  private static String functionName(ProtoReader in) {
    String name = "";
    while (in.next()) {
      if (in.field() == 1) {
        name = in.string();
      } else {
        in.skip();
      }
    }
    return name;
  }

  private static ListAttr list(ProtoReader in) {
    List<ByteBuffer> s = new ArrayList<>();
    LongList ints = new LongList();
    LongList floats = new LongList();
    LongList types = new LongList();
    List<int @Nullable []> shapes = new ArrayList<>();
    List<String> functions = new ArrayList<>();
    while (in.next()) {
      switch (in.field()) {
        case 2 -> s.add(in.bytes());
        case 3 -> in.integers(ints);
        case 4 -> in.floatBits(floats);
        case 6 -> in.integers(types);
        case 7 -> shapes.add(Array.shape(in.message()));
        case 9 -> functions.add(functionName(in.message()));
        default -> in.skip();
      }
    }
    float[] f = new float[floats.size()];
    for (int k = 0; k < f.length; k++) {
      f[k] = Float.intBitsToFloat((int) floats.get(k));
    }
    return new ListAttr(s, ints.toArray(), f, types.toArray(), shapes, functions);
  }

  private static FunctionDef function(ProtoReader in) {
    String name = "";
    List<Arg> inputs = new ArrayList<>();
    List<Arg> outputs = new ArrayList<>();
    List<NodeDef> nodes = new ArrayList<>();
    Map<String, String> results = new HashMap<>();
    while (in.next()) {
      switch (in.field()) {
        case 1 -> {
          ProtoReader signature = in.message();
          while (signature.next()) {
            switch (signature.field()) {
              case 1 -> name = signature.string();
              case 2 -> inputs.add(arg(signature.message()));
              case 3 -> outputs.add(arg(signature.message()));
              default -> signature.skip();
            }
          }
        }
        case 3 -> nodes.add(node(in.message()));
        case 4 -> {
          ProtoReader ret = in.message();
          String key = "";
          String value = "";
          while (ret.next()) {
            switch (ret.field()) {
              case 1 -> key = ret.string();
              case 2 -> value = ret.string();
              default -> ret.skip();
            }
          }
          results.put(key, value);
        }
        default -> in.skip();
      }
    }
    return new FunctionDef(name, inputs, outputs, nodes, results);
  }

  private static Arg arg(ProtoReader in) {
    String name = "";
    int type = 0;
    String list = "";
    String number = "";
    while (in.next()) {
      switch (in.field()) {
        case 1 -> name = in.string();
        case 3 -> type = (int) in.integer();
        case 5 -> number = in.string();
        case 6 -> list = in.string();
        default -> in.skip();
      }
    }
    return new Arg(name, type, list, number);
  }

  /** Bytes as text, whatever they are: names that are compared, never shown as they are. */
  static String text(ByteBuffer bytes) {
    return StandardCharsets.UTF_8.decode(bytes.duplicate()).toString();
  }
}
