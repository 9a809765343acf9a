package io.jetfire.tflite.format;

import io.jetfire.StorageException;
import io.jetfire.tflite.format.FlatBuffer.Table;
import io.jetfire.tflite.format.FlatBuffer.Vector;
import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Graph;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.OptionsTable;
import io.jetfire.tflite.graph.OptionsTable.FieldType;
import io.jetfire.tflite.graph.Quantization;
import io.jetfire.tflite.graph.Shape;
import io.jetfire.tflite.graph.Sparsity;
import io.jetfire.tflite.graph.Subgraph;
import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.graph.Weights;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Reads {@code .tflite} models into the graph.
 *
 * <p>Every byte is treated as hostile: offsets, sizes, indices, codes and memory are checked while
 * reading, so a broken file gives a {@link ModelFormatException} and nothing else. Whether the
 * model makes sense (shapes, order, attributes) is the business of {@link ModelCheck}. Constant
 * data are not read: they stay slices of the mapped file or of the buffer given, which must not
 * change while the graph is in use.
 */
public final class TfliteReader {
  private static final int MODEL_FIELDS = 10;
  private static final int SUBGRAPH_FIELDS = 6;
  private static final int TENSOR_FIELDS = 11;
  private static final int OPERATOR_FIELDS = 14;
  private static final int OPERATOR_CODE_FIELDS = 4;
  private static final int BUFFER_FIELDS = 3;
  private static final int QUANTIZATION_FIELDS = 7;

  private record Code(OpKind kind, String customName, int version) {}

  private final ModelSource source;
  private final FlatBuffer flat;
  private final Graph graph = Graph.create();
  private final List<Code> codes = new ArrayList<>();
  private final List<Table> buffers = new ArrayList<>();
  private final Map<Integer, Weights> bufferData = new HashMap<>();
  private final Map<Long, Weights> externalData = new HashMap<>();

  private TfliteReader(ModelSource source) {
    this.source = source;
    this.flat = new FlatBuffer(source.head());
  }

  /**
   * Maps a file and reads it.
   *
   * @param path the model
   * @return a new graph, whose constants stay in the mapped file: do not overwrite it in place
   * @throws ModelFormatException if it is no valid model
   * @throws StorageException if the file cannot be opened
   */
  public static Graph read(Path path) {
    ModelSource source = ModelSource.of(path);
    try {
      return new TfliteReader(source).read();
    } catch (ModelFormatException e) {
      throw new ModelFormatException("cannot read " + path + ": " + e.getMessage(), e);
    }
  }

  /**
   * Reads the remaining bytes of a buffer.
   *
   * @param bytes the model; not to be changed while the graph is in use
   * @return a new graph, whose constants are slices of the buffer
   * @throws ModelFormatException if it is no valid model
   */
  public static Graph read(ByteBuffer bytes) {
    return new TfliteReader(ModelSource.of(bytes)).read();
  }

  private Graph read() {
    Table model = flat.root();
    long version = model.u32(0);
    if (version != 3) {
      throw model.broken("schema version " + version + "; JetFire reads version 3");
    }
    known(model, MODEL_FIELDS);
    graph.description(text(model, 3, "description"));
    buffers.addAll(model.tables(4, "buffers"));
    model.tables(1, "operator_codes").forEach(this::readCode);
    readExternals(model);
    List<Table> tables = model.tables(2, "subgraphs");
    if (tables.isEmpty()) {
      throw model.broken("the model has no subgraph");
    }
    for (Table t : tables) {
      readSubgraph(t);
    }
    readMetadata(model);
    for (Table t : model.tables(7, "signature_defs")) {
      readSignature(t);
    }
    ByteBuffer zip = AppendedZip.find(source);
    if (zip != null) {
      graph.appendedFiles(Weights.of(zip));
    }
    graph.tolerate(graph.problems());
    return graph;
  }

  // ---- model

  private void readCode(Table t) {
    known(t, OPERATOR_CODE_FIELDS);
    int code = Math.max(t.i8(0, 0), t.i32(3, 0));
    OpKind kind =
        OpKind.of(code)
            .orElseThrow(
                () -> t.broken("operator code " + code + " is not in the schema of this version"));
    int version = t.i32(2, 1);
    if (version < 1) {
      throw t.broken("operator version " + version);
    }
    codes.add(new Code(kind, text(t, 1, "custom_code"), version));
  }

  private void readExternals(Table model) {
    List<String> groups = new ArrayList<>();
    for (Table g : model.tables(8, "external_buffer_groups")) {
      groups.add(text(g, 0, "name"));
    }
    for (Table e : model.tables(9, "external_buffers")) {
      int group = index(e, e.u32(1), groups.size(), "external buffer group");
      externalData.put(
          e.u32(0),
          Weights.external(
              new Weights.External(
                  groups.get(group), e.i64(2, 0), e.i64(3, 0), text(e, 4, "packing"))));
    }
  }

  private void readMetadata(Table model) {
    for (Table m : model.tables(6, "metadata")) {
      String name = text(m, 0, "name");
      Weights data = buffer(m, m.u32(1));
      // Some writers add a second entry of the same name; the runtime's map keeps the last one.
      graph.metadata().put(name, data == null ? empty() : data);
    }
    for (int i : model.ints(5, "metadata_buffer")) {
      Weights data = buffer(model, i);
      graph.legacyMetadata().add(data == null ? empty() : data);
    }
  }

  private void readSignature(Table t) {
    Subgraph subgraph =
        graph
            .subgraphs()
            .get(index(t, t.u32(4), graph.subgraphs().size(), "subgraph of a signature"));
    graph.addSignature(
        text(t, 2, "signature_key"),
        subgraph,
        tensorMap(t, 0, "inputs", subgraph),
        tensorMap(t, 1, "outputs", subgraph));
  }

  private Map<String, Value> tensorMap(Table t, int id, String label, Subgraph subgraph) {
    Map<String, Value> map = new LinkedHashMap<>();
    for (Table entry : t.tables(id, label)) {
      String name = text(entry, 0, "name");
      int tensor = index(entry, entry.u32(1), subgraph.values().size(), "tensor");
      if (map.putIfAbsent(name, subgraph.values().get(tensor)) != null) {
        throw entry.broken("the signature has the name " + name + " twice");
      }
    }
    return map;
  }

  // ---- subgraphs

  private void readSubgraph(Table t) {
    known(t, SUBGRAPH_FIELDS);
    Subgraph subgraph = graph.addSubgraph(text(t, 4, "name"));
    List<Table> tensors = t.tables(0, "tensors");
    for (Table tensor : tensors) {
      readTensor(tensor, subgraph);
    }
    for (int i = 0; i < tensors.size(); i++) {
      Table q = tensors.get(i).table(4, "quantization");
      if (q != null) {
        subgraph.values().get(i).quantization(readQuantization(q, subgraph));
      }
    }
    subgraph.inputs(values(t, 1, "inputs", subgraph));
    subgraph.outputs(values(t, 2, "outputs", subgraph));
    subgraph.debugMetadataIndex(t.i32(5, -1));
    for (Table op : t.tables(3, "operators")) {
      readOperator(op, subgraph);
    }
  }

  private void readTensor(Table t, Subgraph subgraph) {
    known(t, TENSOR_FIELDS);
    ElementType type = type(t, 1, "type", ElementType.FLOAT32);
    long external = t.u32(10);
    Weights data = buffer(t, t.u32(2));
    if (external != 0) {
      data = externalData.get(external);
      if (data == null) {
        throw t.broken("external buffer " + external + " is not in the model");
      }
    }
    Shape shape = shape(t, data != null);
    // An empty vector of data is a constant only where the shape has no elements.
    if (data != null && data.byteSize() == 0 && shape.standInElementCount() != 0) {
      data = null;
    }
    Value value = subgraph.addValueNamed(text(t, 3, "name"), type, shape);
    value.data(data).variable(t.bool(5, false));
    Table sparsity = t.table(6, "sparsity");
    if (sparsity != null) {
      value.sparsity(readSparsity(sparsity));
    }
    List<Value.VariantType> variants = new ArrayList<>();
    for (Table v : t.tables(9, "variant_tensors")) {
      int[] dims = v.ints(0, "shape");
      boolean ranked = v.bool(2, false) || dims.length > 0;
      variants.add(
          new Value.VariantType(
              type(v, 1, "type", ElementType.FLOAT32),
              ranked ? staticShape(v, dims) : Shape.unknown()));
    }
    value.variantTypes(variants);
  }

  private static Shape shape(Table t, boolean hasData) {
    int[] dims = t.ints(0, "shape");
    int[] signature = t.ints(7, "shape_signature");
    // A constant without dimensions is a scalar; files older than has_rank do not say so.
    if (dims.length == 0 && signature.length == 0) {
      return t.bool(8, false) || hasData ? Shape.scalar() : Shape.unknown();
    }
    if (signature.length == 0) {
      return staticShape(t, dims);
    }
    try {
      return Shape.dynamic(dims, signature);
    } catch (IllegalArgumentException e) {
      throw t.broken(String.valueOf(e.getMessage()));
    }
  }

  private static Shape staticShape(Table t, int[] dims) {
    for (int d : dims) {
      if (d < 0) {
        // Some writers put -1 in the shape itself.
        if (d != -1) {
          throw t.broken("dimension " + d + " in the shape");
        }
      }
    }
    return Shape.of(dims);
  }

  private @Nullable Quantization readQuantization(Table t, Subgraph subgraph) {
    known(t, QUANTIZATION_FIELDS);
    int kind = t.u8(4);
    Table details = t.table(5, "details");
    if (kind != 0 && details == null) {
      throw t.broken("quantization details of kind " + kind + " are missing");
    }
    if (details != null) {
      switch (kind) {
        case 0 -> {}
        case 1 -> {
          return new Quantization.Custom(details.bytes(0, "custom"));
        }
        case 2 -> {
          return new Quantization.Blockwise(
              value(details, details.i32(0, 0), subgraph, "scales"),
              optional(details, details.i32(1, 0), subgraph, "zero_points"),
              details.i32(2, 0));
        }
        case 3 -> {
          return new Quantization.MultiAxis(
              value(details, details.i32(0, 0), subgraph, "scales"),
              optional(details, details.i32(1, 0), subgraph, "zero_points"),
              details.i32(2, 0),
              details.ints(3, "quantized_dimensions"));
        }
        default -> throw t.broken("quantization details of unknown kind " + kind);
      }
    }
    float[] scales = t.floats(2, "scale");
    long[] zeroPoints = t.longs(3, "zero_point");
    float[] min = t.floats(0, "min");
    float[] max = t.floats(1, "max");
    return scales.length + zeroPoints.length + min.length + max.length == 0
        ? null
        : new Quantization.Affine(scales, zeroPoints, t.i32(6, 0), min, max);
  }

  private static Sparsity readSparsity(Table t) {
    List<Sparsity.Dimension> dimensions = new ArrayList<>();
    for (Table d : t.tables(2, "dim_metadata")) {
      int format = d.i8(0, 0);
      if (format != 0 && format != 1) {
        throw d.broken("dimension format " + format + " is neither dense (0) nor sparse (1)");
      }
      dimensions.add(
          new Sparsity.Dimension(
              format == 0,
              d.i32(1, 0),
              indices(d, 2, 3, "array_segments"),
              indices(d, 4, 5, "array_indices")));
    }
    return new Sparsity(t.ints(0, "traversal_order"), t.ints(1, "block_map"), dimensions);
  }

  private static Sparsity.@Nullable Indices indices(
      Table d, int typeId, int valueId, String label) {
    int kind = d.u8(typeId);
    Table values = d.table(valueId, label);
    if (kind == 0 || values == null) {
      return null;
    }
    return switch (kind) {
      case 1 -> new Sparsity.Indices(4, values.ints(0, "values"));
      case 2 -> new Sparsity.Indices(2, values.unsignedShorts(0, "values"));
      case 3 -> {
        byte[] bytes = values.bytes(0, "values");
        int[] out = new int[bytes.length];
        for (int i = 0; i < out.length; i++) {
          out[i] = bytes[i] & 0xff;
        }
        yield new Sparsity.Indices(1, out);
      }
      default -> throw d.broken("index vector of unknown kind " + kind);
    };
  }

  // ---- operators

  private void readOperator(Table t, Subgraph subgraph) {
    known(t, OPERATOR_FIELDS);
    Code code = codes.get(index(t, t.u32(0), codes.size(), "operator code"));
    Op op = code.kind() == OpKind.CUSTOM ? Op.custom(code.customName()) : Op.of(code.kind());
    readOptions(t, op);
    Weights custom = customOptions(t);
    if (custom != null) {
      op.customOptions(custom);
    }
    int format = t.i8(6, 0);
    if (format != 0) {
      throw t.broken("custom options of unknown format " + format);
    }
    op.inputs(optionalValues(t, 1, "inputs", subgraph));
    op.outputs(values(t, 2, "outputs", subgraph));
    op.intermediates(optionalValues(t, 8, "intermediates", subgraph));
    byte[] mutating = t.bytes(7, "mutating_variable_inputs");
    List<Boolean> flags = new ArrayList<>();
    for (byte b : mutating) {
      flags.add(b != 0);
    }
    op.mutatingInputs(flags).debugMetadataIndex(t.i32(13, -1));
    try {
      subgraph.append(op);
    } catch (IllegalStateException e) {
      throw t.broken(String.valueOf(e.getMessage()));
    }
    op.keepVersion(code.version(), OpVersions.version(op));
  }

  private void readOptions(Table t, Op op) {
    int union = t.u8(3) != 0 ? 1 : 2;
    int tag = union == 1 ? t.u8(3) : t.u8(11);
    Table options =
        tag == 0
            ? null
            : union == 1 ? t.table(4, "builtin_options") : t.table(12, "builtin_options_2");
    if (options == null) {
      op.options(null);
      return;
    }
    OptionsTable table = OptionsTable.of(union, tag).orElse(null);
    if (table == null) {
      op.options(null);
      graph.losses().add("options of unknown kind " + union + ":" + tag + " at " + t.path());
      return;
    }
    if (op.options().orElse(null) != table) {
      op.options(table);
    }
    known(options, table.fields().size());
    for (OptionsTable.Field f : table.fields()) {
      if (options.has(f.id())) {
        readAttribute(options, f, op);
      }
    }
  }

  private static void readAttribute(Table t, OptionsTable.Field f, Op op) {
    int id = f.id();
    Object value =
        switch (f.type()) {
          case BOOL -> t.bool(id, false);
          case CODE -> t.i8(id, 0);
          case ENUM -> enumConstant(t, f);
          case INT, UINT, WIDE_CODE -> t.i32(id, 0);
          case LONG -> t.i64(id, 0);
          case FLOAT -> t.f32(id, 0);
          case STRING -> text(t, id, f.name());
          case INTS -> t.ints(id, f.name());
          case LONGS -> t.longs(id, f.name());
          case FLOATS -> t.floats(id, f.name());
          case BOOLS -> {
            byte[] bytes = t.bytes(id, f.name());
            boolean[] flags = new boolean[bytes.length];
            for (int i = 0; i < flags.length; i++) {
              flags[i] = bytes[i] != 0;
            }
            yield flags;
          }
          case BYTES -> t.bytes(id, f.name());
        };
    try {
      op.set(f.name(), value);
    } catch (IllegalArgumentException e) {
      throw t.broken(String.valueOf(e.getMessage()));
    }
  }

  private static Enum<?> enumConstant(Table t, OptionsTable.Field f) {
    int code = t.i8(f.id(), 0);
    Class<? extends Enum<?>> type = f.enumType();
    if (type == null || f.type() != FieldType.ENUM || code < 0 || code > f.maximum()) {
      throw t.broken(f.name() + " has the code " + code + ", the highest is " + f.maximum());
    }
    return type.getEnumConstants()[code];
  }

  private @Nullable Weights customOptions(Table t) {
    long offset = t.i64(9, 0);
    if (offset > 1 || offset < 0) {
      return outside(t, offset, t.i64(10, 0));
    }
    Vector v = t.vector(5, 1, "custom_options");
    return v == null ? null : Weights.of(flat.slice(v.start(), v.length()));
  }

  // ---- shared pieces

  private @Nullable Weights buffer(Table from, long number) {
    if (number == 0 && buffers.isEmpty()) {
      return null;
    }
    int i = index(from, number, buffers.size(), "buffer");
    Weights known = bufferData.get(i);
    if (known != null) {
      return known;
    }
    Table t = buffers.get(i);
    known(t, BUFFER_FIELDS);
    Vector v = t.vector(0, 1, "data");
    long offset = t.i64(1, 0);
    Weights data = null;
    if (offset > 1 || offset < 0) {
      data = outside(t, offset, t.i64(2, 0));
    } else if (v != null) {
      data = Weights.of(flat.slice(v.start(), v.length()));
    }
    if (data != null) {
      bufferData.put(i, data);
    }
    return data;
  }

  private Weights outside(Table t, long offset, long size) {
    if (offset < 0 || size < 0 || offset > source.sizeBytes() - size) {
      throw t.broken(
          "data at byte "
              + offset
              + ", "
              + size
              + " bytes long, lie outside the file of "
              + source.sizeBytes()
              + " bytes");
    }
    if (size > Integer.MAX_VALUE) {
      throw t.broken("one buffer of " + size + " bytes; JetFire reads up to 2 GiB each");
    }
    return Weights.of(source.slice(offset, (int) size));
  }

  private static Weights empty() {
    return Weights.of(ByteBuffer.allocate(0));
  }

  private void known(Table t, int fields) {
    for (int id : t.fieldsFrom(fields)) {
      graph.losses().add("field " + id + " of a newer schema at " + t.path());
    }
  }

  private static int index(Table t, long index, int count, String what) {
    if (index < 0 || index >= count) {
      throw t.broken(what + " " + index + " does not exist; there are " + count);
    }
    return (int) index;
  }

  private static Value value(Table t, long index, Subgraph subgraph, String what) {
    return subgraph.values().get(index(t, index, subgraph.values().size(), what + ": tensor"));
  }

  private static @Nullable Value optional(Table t, long index, Subgraph subgraph, String what) {
    return index == -1 ? null : value(t, index, subgraph, what);
  }

  private static List<Value> values(Table t, int id, String label, Subgraph subgraph) {
    List<Value> out = new ArrayList<>();
    for (int i : t.ints(id, label)) {
      out.add(value(t, i, subgraph, label));
    }
    return out;
  }

  private static List<@Nullable Value> optionalValues(
      Table t, int id, String label, Subgraph subgraph) {
    List<@Nullable Value> out = new ArrayList<>();
    for (int i : t.ints(id, label)) {
      out.add(optional(t, i, subgraph, label));
    }
    return out;
  }

  private static String text(Table t, int id, String label) {
    String text = t.string(id, label);
    return text == null ? "" : text;
  }

  private static ElementType type(Table t, int id, String label, ElementType defaultType) {
    int code = t.i8(id, defaultType.code());
    ElementType[] all = ElementType.values();
    if (code < 0 || code >= all.length) {
      throw t.broken(label + " has the code " + code + ", the highest is " + (all.length - 1));
    }
    return all[code];
  }
}
