package io.jetfire.importer.pytorch;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

/** Writes small programs as torch.export.save does, for tests. */
final class ProgramFile {
  private final List<String> inputSpecs = new ArrayList<>();
  private final List<String> inputs = new ArrayList<>();
  private final List<String> values = new ArrayList<>();
  private final List<String> nodes = new ArrayList<>();
  private final List<String> outputs = new ArrayList<>();
  private final List<String> outputSpecs = new ArrayList<>();
  private final Map<String, String> weights = new LinkedHashMap<>();
  private final Map<String, byte[]> entries = new LinkedHashMap<>();

  static String ints(int... v) {
    return Arrays.stream(v)
        .mapToObj(i -> "{\"as_int\":" + i + "}")
        .collect(Collectors.joining(","));
  }

  private static String strides(int... sizes) {
    int[] s = new int[sizes.length];
    int step = 1;
    for (int i = s.length - 1; i >= 0; i--) {
      s[i] = step;
      step *= sizes[i];
    }
    return ints(s);
  }

  static String meta(int type, String sizes, String strides, int offset) {
    return "{\"dtype\":"
        + type
        + ",\"sizes\":["
        + sizes
        + "],\"strides\":["
        + strides
        + "],\"storage_offset\":{\"as_int\":"
        + offset
        + "},\"layout\":7}";
  }

  static String symbol(String name) {
    return "{\"as_expr\":{\"expr_str\":\"Symbol('"
        + name
        + "', positive=True, integer=True)\",\"hint\":{\"as_int\":5}}}";
  }

  ProgramFile input(String name, int type, String sizes) {
    inputSpecs.add("{\"user_input\":{\"arg\":{\"as_tensor\":{\"name\":\"" + name + "\"}}}}");
    inputs.add("{\"as_tensor\":{\"name\":\"" + name + "\"}}");
    return value(name, type, sizes);
  }

  ProgramFile value(String name, int type, String sizes) {
    values.add("\"" + name + "\":" + meta(type, sizes, "", 0));
    return this;
  }

  /** A parameter that views a storage. */
  ProgramFile parameter(
      String name, String storage, int[] sizes, int[] strides, int offset, float... elements) {
    inputSpecs.add(
        "{\"parameter\":{\"arg\":{\"name\":\"p_"
            + name
            + "\"},\"parameter_name\":\""
            + name
            + "\"}}");
    value("p_" + name, Types.FLOAT, ints(sizes));
    weights.put(
        name,
        "{\"path_name\":\""
            + storage
            + "\",\"is_param\":true,\"use_pickle\":false,\"tensor_meta\":"
            + meta(Types.FLOAT, ints(sizes), ints(strides), offset)
            + "}");
    if (elements.length > 0) {
      ByteBuffer b = ByteBuffer.allocate(4 * elements.length).order(ByteOrder.LITTLE_ENDIAN);
      b.asFloatBuffer().put(elements);
      entries.put("data/weights/" + storage, b.array());
    }
    return this;
  }

  static String tensor(String argument, String name) {
    return argument(argument, "\"as_tensor\":{\"name\":\"" + name + "\"}");
  }

  static String argument(String name, String value) {
    return "{\"name\":\"" + name + "\",\"arg\":{" + value + "},\"kind\":1}";
  }

  /** A call with one result of the given type and sizes. */
  ProgramFile call(String target, String out, int type, String sizes, String... arguments) {
    nodes.add(
        "{\"target\":\""
            + target
            + "\",\"inputs\":["
            + String.join(",", arguments)
            + "],\"outputs\":[{\"as_tensor\":{\"name\":\""
            + out
            + "\"}}],\"metadata\":{\"stack_trace\":\"File \\\"net.py\\\", line "
            + (10 + nodes.size())
            + ", in forward\",\"nn_module_stack\":\"L__self__,,Net;L__self__b,body,Body\"}}");
    return value(out, type, sizes);
  }

  ProgramFile output(String name) {
    String arg = "{\"as_tensor\":{\"name\":\"" + name + "\"}}";
    outputs.add(arg);
    outputSpecs.add("{\"user_output\":{\"arg\":" + arg + "}}");
    return this;
  }

  /** This program as the argument of an operator that runs it. */
  String asArgument() {
    return argument("", "\"as_graph\":{\"name\":\"body\",\"graph\":" + graph() + "}");
  }

  /** The argument of such an operator that names tensors. */
  static String operands(String... names) {
    return argument(
        "",
        "\"as_tensors\":["
            + Arrays.stream(names)
                .map(n -> "{\"name\":\"" + n + "\"}")
                .collect(Collectors.joining(","))
            + "]");
  }

  private String graph() {
    return "{\"inputs\":["
        + String.join(",", inputs)
        + "],\"outputs\":["
        + String.join(",", outputs)
        + "],\"nodes\":["
        + String.join(",", nodes)
        + "],\"tensor_values\":{"
        + String.join(",", values)
        + "},\"sym_int_values\":{}}";
  }

  String program() {
    return "{\"graph_module\":{\"graph\":"
        + graph()
        + ",\"signature\":{\"input_specs\":["
        + String.join(",", inputSpecs)
        + "],\"output_specs\":["
        + String.join(",", outputSpecs)
        + "]},\"module_call_graph\":[]},\"opset_version\":{\"aten\":10},\"range_constraints\":{},"
        + "\"schema_version\":{\"major\":8,\"minor\":14}}";
  }

  /** The archive of PyTorch 2.8 and newer. */
  ByteBuffer archive(boolean deflated) {
    Map<String, byte[]> all = new LinkedHashMap<>();
    entries.forEach((name, bytes) -> all.put("net/" + name, bytes));
    String config =
        weights.entrySet().stream()
            .map(e -> "\"" + e.getKey() + "\":" + e.getValue())
            .collect(Collectors.joining(",", "{\"config\":{", "}}"));
    all.put("net/data/weights/model_weights_config.json", utf8(config));
    all.put("net/models/model.json", utf8(program()));
    all.put("net/archive_format", utf8("pt2"));
    all.put("net/byteorder", utf8("little"));
    return ByteBuffer.wrap(zip(all, deflated));
  }

  /** The archive of earlier versions: weights in a pickle. */
  ByteBuffer oldArchive(byte[] state) {
    Map<String, byte[]> all = new LinkedHashMap<>();
    all.put("version", utf8("8.8"));
    all.put("serialized_exported_program.json", utf8(program()));
    all.put("serialized_state_dict.pt", state);
    all.put("serialized_constants.pt", new byte[0]);
    return ByteBuffer.wrap(zip(all, false));
  }

  static byte[] utf8(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  static byte[] zip(Map<String, byte[]> entries, boolean deflated) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (ZipOutputStream zip = new ZipOutputStream(out, StandardCharsets.UTF_8)) {
      for (Map.Entry<String, byte[]> e : entries.entrySet()) {
        ZipEntry entry = new ZipEntry(e.getKey());
        if (!deflated) {
          CRC32 crc = new CRC32();
          crc.update(e.getValue());
          entry.setMethod(ZipEntry.STORED);
          entry.setSize(e.getValue().length);
          entry.setCrc(crc.getValue());
        }
        zip.putNextEntry(entry);
        zip.write(e.getValue());
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return out.toByteArray();
  }

  /** A file of torch.save: a dictionary with one parameter of two rows and three columns. */
  static byte[] savedState(String name, float... elements) {
    ByteBuffer data = ByteBuffer.allocate(4 * elements.length).order(ByteOrder.LITTLE_ENDIAN);
    data.asFloatBuffer().put(elements);
    Map<String, byte[]> all = new LinkedHashMap<>();
    all.put("archive/data.pkl", statePickle(name, "torch._utils\n_rebuild_tensor_v2\n"));
    all.put("archive/byteorder", utf8("little"));
    all.put("archive/data/0", data.array());
    return zip(all, false);
  }

  /** The pickle that torch.save writes, protocol 2, with a given function for its tensor. */
  static byte[] statePickle(String name, String function) {
    ByteArrayOutputStream p = new ByteArrayOutputStream();
    write(p, 0x80, 2, '}', 'q', 0, '(');
    text(p, name);
    write(p, 'c');
    p.writeBytes(utf8(function));
    write(p, '(', '(');
    text(p, "storage");
    write(p, 'c');
    p.writeBytes(utf8("torch\nFloatStorage\n"));
    text(p, "0");
    text(p, "cpu");
    write(p, 'K', 6, 't', 'Q', 'K', 0, 'K', 2, 'K', 3, 0x86, 'K', 3, 'K', 1, 0x86, 0x89);
    write(p, 'c');
    p.writeBytes(utf8("collections\nOrderedDict\n"));
    write(p, ')', 'R', 't', 'R', 'u', '.');
    return p.toByteArray();
  }

  private static void text(ByteArrayOutputStream p, String text) {
    write(p, 'X', text.length(), 0, 0, 0);
    p.writeBytes(utf8(text));
  }

  private static void write(ByteArrayOutputStream p, int... bytes) {
    IntStream.of(bytes).forEach(p::write);
  }

  static String contiguous(int type, int... sizes) {
    return meta(type, ints(sizes), strides(sizes), 0);
  }
}
