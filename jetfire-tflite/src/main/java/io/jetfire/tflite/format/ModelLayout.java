package io.jetfire.tflite.format;

import io.jetfire.UnsupportedModelException;
import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Graph;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.OptionsTable;
import io.jetfire.tflite.graph.Quantization;
import io.jetfire.tflite.graph.Shape;
import io.jetfire.tflite.graph.Signature;
import io.jetfire.tflite.graph.Sparsity;
import io.jetfire.tflite.graph.Subgraph;
import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.graph.Weights;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.WritableByteChannel;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** A file in the making: its structure in memory, and where the data that follow are to lie. */
final class ModelLayout {
  private static final int ALIGNMENT = 16;

  // Buffers that only the runtime's metadata readers look at stay inside the FlatBuffer.
  private static final int SMALL_METADATA = 1 << 20;

  private record Code(OpKind kind, String customName, int version) {}

  private record Placed(Weights data, long position, boolean inside) {}

  private final Graph graph;
  private final OpVersions.Assigned versions;
  private final boolean outside;
  private final FlatWriter w = new FlatWriter();
  private final Map<Weights, Integer> buffers = new IdentityHashMap<>();
  private final List<Weights> bufferList = new ArrayList<>();
  private final Map<Weights, Boolean> tensorData = new IdentityHashMap<>();
  private final Map<Weights.External, Integer> externals = new LinkedHashMap<>();
  private final Map<Code, Integer> codes = new LinkedHashMap<>();
  private final Map<String, Weights> metadata = new LinkedHashMap<>();
  // Slots of the structure that point to data: a relative offset, or file position and size.
  private final Map<Integer, Weights> insideSlots = new LinkedHashMap<>();
  private final Map<int[], Weights> outsideSlots = new LinkedHashMap<>();
  private final List<Placed> placed = new ArrayList<>();
  private long sizeBytes;

  private ModelLayout(Graph graph, OpVersions.Assigned versions, boolean outside) {
    this.graph = graph;
    this.versions = versions;
    this.outside = outside;
  }

  static ModelLayout of(Graph graph, WriteOptions options) {
    if (!graph.losses().isEmpty() && !options.allowLosses()) {
      throw new UnsupportedModelException(
          "the file held what this version of JetFire cannot keep; allow losses to write without:"
              + "\n  "
              + String.join("\n  ", graph.losses()));
    }
    verify(graph);
    OpVersions.Assigned versions = OpVersions.assign(graph);
    List<String> unknown = versions.unknownTo(options.target());
    if (!unknown.isEmpty()) {
      throw new UnsupportedModelException(
          "TensorFlow Lite "
              + options.target()
              + " does not know "
              + unknown.size()
              + " operator(s) of the model; choose a newer target or another conversion:\n  "
              + String.join("\n  ", unknown));
    }
    ModelLayout layout = new ModelLayout(graph, versions, false);
    if (layout.build(options.flatBufferBytes())) {
      return layout;
    }
    layout = new ModelLayout(graph, versions, true);
    layout.build(Integer.MAX_VALUE);
    return layout;
  }

  private static void verify(Graph graph) {
    List<String> problems = new ArrayList<>(graph.problems());
    problems.removeAll(graph.tolerated());
    if (!problems.isEmpty()) {
      throw new UnsupportedModelException(
          "the graph has "
              + problems.size()
              + " problem(s) and was not written:\n  "
              + String.join("\n  ", problems));
    }
  }

  long sizeBytes() {
    return sizeBytes;
  }

  void writeTo(WritableByteChannel channel) throws IOException {
    ByteBuffer structure = w.bytes();
    TfliteWriter.writeFully(channel, structure);
    long at = structure.limit();
    for (Placed p : placed) {
      ByteBuffer bytes = p.data().bytes();
      int prefix = p.inside() ? 4 : 0;
      ByteBuffer gap =
          ByteBuffer.allocate((int) (p.position() - at) + prefix).order(ByteOrder.LITTLE_ENDIAN);
      if (p.inside()) {
        gap.putInt(gap.limit() - 4, bytes.remaining());
      }
      TfliteWriter.writeFully(channel, gap);
      at = p.position() + prefix + bytes.remaining();
      TfliteWriter.writeFully(channel, bytes);
    }
    ByteBuffer zip = graph.appendedFiles().map(Weights::bytes).orElse(null);
    if (zip != null) {
      TfliteWriter.writeFully(channel, AppendedZip.at(zip, at));
    }
  }

  // Returns false if the FlatBuffer would be above the limit.
  private boolean build(long limit) {
    collectBuffers();
    if (!outside && bufferList.stream().mapToLong(Weights::byteSize).sum() > limit) {
      return false;
    }
    w.header("TFL3");
    w.patch(0, model());
    w.align(ALIGNMENT);
    return place(limit);
  }

  private boolean place(long limit) {
    Map<Weights, Long> positions = new IdentityHashMap<>();
    long at = w.position();
    for (Weights data : insideSlots.values()) {
      if (!positions.containsKey(data)) {
        at = roundUp(at + 4) - 4;
        positions.put(data, at);
        placed.add(new Placed(data, at, true));
        at += 4 + data.byteSize();
      }
    }
    if (at > limit) {
      if (outside) {
        throw new UnsupportedModelException(
            "the structure of the model alone takes " + at + " bytes; a FlatBuffer ends at 2 GiB");
      }
      return false;
    }
    for (Weights data : outsideSlots.values()) {
      if (!positions.containsKey(data)) {
        at = roundUp(at);
        positions.put(data, at);
        placed.add(new Placed(data, at, false));
        at += data.byteSize();
      }
    }
    insideSlots.forEach((slot, data) -> w.patch(slot, (int) position(positions, data)));
    outsideSlots.forEach(
        (slots, data) -> {
          w.patchLong(slots[0], position(positions, data));
          w.patchLong(slots[1], data.byteSize());
        });
    sizeBytes = at + graph.appendedFiles().map(Weights::byteSize).orElse(0L);
    return true;
  }

  private static long position(Map<Weights, Long> positions, Weights data) {
    Long p = positions.get(data);
    if (p == null) {
      throw new IllegalStateException("data without a position");
    }
    return p;
  }

  private static long roundUp(long position) {
    return (position + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  }

  // ---- tables

  private void collectBuffers() {
    for (Subgraph s : graph.subgraphs()) {
      for (Value v : s.values()) {
        Weights data = v.data().orElse(null);
        if (data != null && data.external().isPresent()) {
          externals.putIfAbsent(data.external().get(), externals.size() + 1);
        } else if (data != null) {
          tensorData.put(data, true);
          buffer(data);
        }
      }
    }
    metadata.putAll(graph.metadata());
    versions.minimumRuntime().ifPresent(text -> metadata.put(OpVersions.MIN_RUNTIME_VERSION, text));
    metadata.values().forEach(this::buffer);
    graph.legacyMetadata().forEach(this::buffer);
  }

  private int buffer(Weights data) {
    Integer known = buffers.get(data);
    if (known == null) {
      bufferList.add(data);
      known = bufferList.size();
      buffers.put(data, known);
    }
    return known;
  }

  private int model() {
    for (Subgraph s : graph.subgraphs()) {
      s.ops().forEach(this::code);
    }
    FlatWriter.Table t =
        w.table()
            .i32(0, 3, 0)
            .reference(1)
            .reference(2)
            .reference(3, !graph.description().isEmpty())
            .reference(4)
            .reference(5, !graph.legacyMetadata().isEmpty())
            .reference(6, !metadata.isEmpty())
            .reference(7, !graph.signatures().isEmpty())
            .reference(8, !externals.isEmpty())
            .reference(9, !externals.isEmpty());
    int at = t.write();
    if (!graph.description().isEmpty()) {
      w.patch(t.slot(3), w.string(graph.description()));
    }
    tables(t.slot(1), List.copyOf(codes.keySet()), this::operatorCode);
    tables(t.slot(2), graph.subgraphs(), this::subgraph);
    if (!graph.legacyMetadata().isEmpty()) {
      int[] indices = graph.legacyMetadata().stream().mapToInt(this::buffer).toArray();
      w.patch(t.slot(5), w.vector(indices));
    }
    if (!metadata.isEmpty()) {
      tables(t.slot(6), List.copyOf(metadata.entrySet()), this::metadataEntry);
    }
    if (!graph.signatures().isEmpty()) {
      tables(t.slot(7), graph.signatures(), this::signature);
    }
    if (!externals.isEmpty()) {
      List<String> groups =
          externals.keySet().stream().map(Weights.External::group).distinct().toList();
      tables(t.slot(8), groups, this::externalGroup);
      tables(
          t.slot(9),
          List.copyOf(externals.entrySet()),
          e -> externalBuffer(e.getKey(), e.getValue(), groups));
    }
    List<@Nullable Weights> all = new ArrayList<>();
    all.add(null);
    all.addAll(bufferList);
    tables(t.slot(4), all, this::bufferTable);
    return at;
  }

  private interface TableWriter<T> {
    int write(T item);
  }

  // Writes a vector of tables; each must be written when its turn comes.
  private <T extends @Nullable Object> void tables(int slot, List<T> items, TableWriter<T> writer) {
    int vector = w.offsets(items.size());
    w.patch(slot, vector - 4);
    for (int i = 0; i < items.size(); i++) {
      w.patch(vector + 4 * i, writer.write(items.get(i)));
    }
  }

  private int code(Op op) {
    Code code = new Code(op.kind(), op.customName(), versions.of(op));
    return codes.computeIfAbsent(code, c -> codes.size());
  }

  private int operatorCode(Code code) {
    boolean custom = code.kind() == OpKind.CUSTOM;
    FlatWriter.Table t =
        w.table()
            .i8(0, Math.min(code.kind().code(), 127))
            .reference(1, custom)
            .i32(2, code.version(), 1)
            .i32(3, code.kind().code(), 0);
    int at = t.write();
    if (custom) {
      w.patch(t.slot(1), w.string(code.customName()));
    }
    return at;
  }

  private int externalGroup(String name) {
    FlatWriter.Table t = w.table().reference(0);
    int at = t.write();
    w.patch(t.slot(0), w.string(name));
    return at;
  }

  private int externalBuffer(Weights.External external, int id, List<String> groups) {
    FlatWriter.Table t =
        w.table()
            .i32(0, id, 0)
            .i32(1, groups.indexOf(external.group()), 0)
            .scalar(2, 8, external.offset(), 0)
            .scalar(3, 8, external.length(), 0)
            .reference(4, !external.packing().isEmpty());
    int at = t.write();
    if (!external.packing().isEmpty()) {
      w.patch(t.slot(4), w.string(external.packing()));
    }
    return at;
  }

  private int bufferTable(@Nullable Weights data) {
    if (data == null) {
      return w.table().write();
    }
    if (outside
        && (tensorData.containsKey(data) || data.byteSize() > SMALL_METADATA)
        && data.byteSize() > 0) {
      // The fields must be there to be patched, so not have their default value.
      FlatWriter.Table t = w.table().scalar(1, 8, 1, 0).scalar(2, 8, 1, 0);
      int at = t.write();
      outsideSlots.put(new int[] {t.slot(1), t.slot(2)}, data);
      return at;
    }
    FlatWriter.Table t = w.table().reference(0);
    int at = t.write();
    insideSlots.put(t.slot(0), data);
    return at;
  }

  private int metadataEntry(Map.Entry<String, Weights> entry) {
    FlatWriter.Table t = w.table().reference(0).i32(1, buffer(entry.getValue()), 0);
    int at = t.write();
    w.patch(t.slot(0), w.string(entry.getKey()));
    return at;
  }

  private int signature(Signature signature) {
    FlatWriter.Table t =
        w.table().reference(0).reference(1).reference(2).i32(4, signature.subgraph().index(), 0);
    int at = t.write();
    Map<Value, Integer> indices = indices(signature.subgraph());
    TableWriter<Map.Entry<String, Value>> entry = e -> tensorMap(e, indices);
    tables(t.slot(0), List.copyOf(signature.inputs().entrySet()), entry);
    tables(t.slot(1), List.copyOf(signature.outputs().entrySet()), entry);
    w.patch(t.slot(2), w.string(signature.key()));
    return at;
  }

  private int tensorMap(Map.Entry<String, Value> entry, Map<Value, Integer> indices) {
    FlatWriter.Table t = w.table().reference(0).i32(1, index(indices, entry.getValue()), 0);
    int at = t.write();
    w.patch(t.slot(0), w.string(entry.getKey()));
    return at;
  }

  private static Map<Value, Integer> indices(Subgraph subgraph) {
    Map<Value, Integer> indices = new IdentityHashMap<>();
    for (Value v : subgraph.values()) {
      indices.put(v, indices.size());
    }
    return indices;
  }

  private static int index(Map<Value, Integer> indices, @Nullable Value value) {
    if (value == null) {
      return -1;
    }
    Integer i = indices.get(value);
    if (i == null) {
      throw new UnsupportedModelException(
          "tensor " + value.name() + " is not a tensor of its subgraph; it was removed");
    }
    return i;
  }

  private static int[] indices(
      Map<Value, Integer> indices, List<? extends @Nullable Value> values) {
    int[] out = new int[values.size()];
    for (int i = 0; i < out.length; i++) {
      out[i] = index(indices, values.get(i));
    }
    return out;
  }

  private int subgraph(Subgraph s) {
    Map<Value, Integer> indices = indices(s);
    FlatWriter.Table t =
        w.table()
            .reference(0)
            .reference(1)
            .reference(2)
            .reference(3)
            .reference(4, !s.name().isEmpty())
            .i32(5, s.debugMetadataIndex(), -1);
    int at = t.write();
    if (!s.name().isEmpty()) {
      w.patch(t.slot(4), w.string(s.name()));
    }
    w.patch(t.slot(1), w.vector(indices(indices, s.inputs())));
    w.patch(t.slot(2), w.vector(indices(indices, s.outputs())));
    tables(t.slot(0), s.values(), v -> tensor(v, indices));
    tables(t.slot(3), s.ops(), op -> operator(op, indices));
    return at;
  }

  private int tensor(Value v, Map<Value, Integer> indices) {
    Weights data = v.data().orElse(null);
    Weights.External external = data == null ? null : data.external().orElse(null);
    Integer externalId = external == null ? null : externals.get(external);
    Shape shape = v.shape();
    boolean dynamic = shape.hasRank() && !shape.isStatic();
    Quantization q = v.quantization().orElse(null);
    Sparsity sparsity = v.sparsity().orElse(null);
    FlatWriter.Table t =
        w.table()
            .reference(0)
            .i8(1, v.type().code())
            .i32(2, data == null || external != null ? 0 : buffer(data), 0)
            .reference(3, !v.name().isEmpty())
            .reference(4, q != null)
            .bool(5, v.isVariable(), false)
            .reference(6, sparsity != null)
            .reference(7, dynamic)
            .bool(8, shape.hasRank(), false)
            .reference(9, !v.variantTypes().isEmpty())
            .i32(10, externalId == null ? 0 : externalId, 0);
    int at = t.write();
    w.patch(t.slot(0), w.vector(shape.standIn()));
    if (!v.name().isEmpty()) {
      w.patch(t.slot(3), w.string(v.name()));
    }
    if (dynamic) {
      w.patch(t.slot(7), w.vector(shape.dims()));
    }
    if (q != null) {
      w.patch(t.slot(4), quantization(q, indices));
    }
    if (sparsity != null) {
      w.patch(t.slot(6), sparsity(sparsity));
    }
    if (!v.variantTypes().isEmpty()) {
      tables(t.slot(9), v.variantTypes(), this::variantType);
    }
    return at;
  }

  private int variantType(Value.VariantType type) {
    boolean ranked = type.shape().hasRank();
    FlatWriter.Table t =
        w.table().reference(0, ranked).i8(1, type.type().code()).bool(2, ranked, false);
    int at = t.write();
    if (ranked) {
      w.patch(t.slot(0), w.vector(type.shape().dims()));
    }
    return at;
  }

  private int quantization(Quantization quantization, Map<Value, Integer> indices) {
    if (quantization instanceof Quantization.Affine q) {
      return affine(q);
    }
    int kind =
        quantization instanceof Quantization.Custom
            ? 1
            : quantization instanceof Quantization.Blockwise ? 2 : 3;
    FlatWriter.Table t = w.table().i8(4, kind).reference(5);
    int at = t.write();
    FlatWriter.Table d = w.table();
    if (quantization instanceof Quantization.Custom c) {
      d.reference(0);
      w.patch(t.slot(5), d.write());
      w.patch(d.slot(0), w.vector(ByteBuffer.wrap(c.bytes()), ALIGNMENT));
    } else if (quantization instanceof Quantization.Blockwise b) {
      d.i32(0, index(indices, b.scales()), 0)
          .i32(1, index(indices, b.zeroPoints()), 0)
          .i32(2, b.blockSize(), 0);
      w.patch(t.slot(5), d.write());
    } else if (quantization instanceof Quantization.MultiAxis m) {
      d.i32(0, index(indices, m.scales()), 0)
          .i32(1, index(indices, m.zeroPoints()), 0)
          .i32(2, m.blockSize(), 0)
          .reference(3);
      w.patch(t.slot(5), d.write());
      w.patch(d.slot(3), w.vector(m.axes()));
    }
    return at;
  }

  private int affine(Quantization.Affine q) {
    float[] min = q.min();
    float[] max = q.max();
    float[] scales = q.scales();
    long[] zeroPoints = q.zeroPoints();
    FlatWriter.Table t =
        w.table()
            .reference(0, min.length > 0)
            .reference(1, max.length > 0)
            .reference(2, scales.length > 0)
            .reference(3, zeroPoints.length > 0)
            .i32(6, q.axis(), 0);
    int at = t.write();
    if (min.length > 0) {
      w.patch(t.slot(0), w.vector(min));
    }
    if (max.length > 0) {
      w.patch(t.slot(1), w.vector(max));
    }
    if (scales.length > 0) {
      w.patch(t.slot(2), w.vector(scales));
    }
    if (zeroPoints.length > 0) {
      w.patch(t.slot(3), w.vector(zeroPoints));
    }
    return at;
  }

  private int sparsity(Sparsity sparsity) {
    FlatWriter.Table t = w.table().reference(0).reference(1).reference(2);
    int at = t.write();
    w.patch(t.slot(0), w.vector(sparsity.traversalOrder()));
    w.patch(t.slot(1), w.vector(sparsity.blockMap()));
    tables(t.slot(2), sparsity.dimensions(), this::dimension);
    return at;
  }

  private int dimension(Sparsity.Dimension d) {
    Sparsity.Indices segments = d.segments();
    Sparsity.Indices indices = d.indices();
    FlatWriter.Table t =
        w.table()
            .i8(0, d.dense() ? 0 : 1)
            .i32(1, d.denseSize(), 0)
            .i8(2, kind(segments))
            .reference(3, segments != null)
            .i8(4, kind(indices))
            .reference(5, indices != null);
    int at = t.write();
    if (segments != null) {
      w.patch(t.slot(3), indexVector(segments));
    }
    if (indices != null) {
      w.patch(t.slot(5), indexVector(indices));
    }
    return at;
  }

  private static int kind(Sparsity.@Nullable Indices indices) {
    return indices == null ? 0 : indices.bytes() == 4 ? 1 : indices.bytes() == 2 ? 2 : 3;
  }

  private int indexVector(Sparsity.Indices indices) {
    FlatWriter.Table t = w.table().reference(0);
    int at = t.write();
    int[] values = indices.values();
    if (indices.bytes() == 4) {
      w.patch(t.slot(0), w.vector(values));
    } else if (indices.bytes() == 2) {
      w.patch(t.slot(0), w.shorts(values));
    } else {
      byte[] bytes = new byte[values.length];
      for (int i = 0; i < bytes.length; i++) {
        bytes[i] = (byte) values[i];
      }
      w.patch(t.slot(0), w.vector(bytes));
    }
    return at;
  }

  private int operator(Op op, Map<Value, Integer> indices) {
    OptionsTable options = op.options().orElse(null);
    ByteBuffer custom = op.customOptions().orElse(null);
    int union = options == null ? 0 : options.union();
    int tag = options == null ? 0 : options.tag();
    FlatWriter.Table t =
        w.table()
            .i32(0, code(op), 0)
            .reference(1)
            .reference(2)
            .i8(3, union == 1 ? tag : 0)
            .reference(4, union == 1)
            .reference(5, custom != null)
            .reference(7, !op.mutatingInputs().isEmpty())
            .reference(8, !op.intermediates().isEmpty())
            .i8(11, union == 2 ? tag : 0)
            .reference(12, union == 2)
            .i32(13, op.debugMetadataIndex(), -1);
    int at = t.write();
    w.patch(t.slot(1), w.vector(indices(indices, op.inputs())));
    w.patch(t.slot(2), w.vector(indices(indices, op.outputs())));
    if (options != null) {
      w.patch(t.slot(union == 1 ? 4 : 12), options(op, options));
    }
    if (custom != null) {
      w.patch(t.slot(5), w.vector(custom, 4));
    }
    if (!op.mutatingInputs().isEmpty()) {
      byte[] flags = new byte[op.mutatingInputs().size()];
      for (int i = 0; i < flags.length; i++) {
        flags[i] = (byte) (op.mutatingInputs().get(i) ? 1 : 0);
      }
      w.patch(t.slot(7), w.vector(flags));
    }
    if (!op.intermediates().isEmpty()) {
      w.patch(t.slot(8), w.vector(indices(indices, op.intermediates())));
    }
    return at;
  }

  private int options(Op op, OptionsTable table) {
    FlatWriter.Table t = w.table();
    for (OptionsTable.Field f : table.fields()) {
      if (op.isSet(f.name())) {
        if (f.type().isReference()) {
          t.reference(f.id());
        } else {
          t.scalar(f.id(), f.type().bytes(), bits(op.attribute(f.name())), bits(f.defaultValue()));
        }
      }
    }
    int at = t.write();
    for (OptionsTable.Field f : table.fields()) {
      if (op.isSet(f.name()) && f.type().isReference()) {
        w.patch(t.slot(f.id()), reference(op.attribute(f.name())));
      }
    }
    return at;
  }

  private static long bits(Object scalar) {
    if (scalar instanceof Boolean b) {
      return b ? 1 : 0;
    }
    if (scalar instanceof Float f) {
      return Float.floatToRawIntBits(f);
    }
    if (scalar instanceof ElementType e) {
      return e.code();
    }
    return scalar instanceof Enum<?> e ? e.ordinal() : ((Number) scalar).longValue();
  }

  private int reference(Object value) {
    if (value instanceof String s) {
      return w.string(s);
    }
    if (value instanceof int[] a) {
      return w.vector(a);
    }
    if (value instanceof long[] a) {
      return w.vector(a);
    }
    if (value instanceof float[] a) {
      return w.vector(a);
    }
    if (value instanceof byte[] a) {
      return w.vector(a);
    }
    boolean[] flags = (boolean[]) value;
    byte[] bytes = new byte[flags.length];
    for (int i = 0; i < bytes.length; i++) {
      bytes[i] = (byte) (flags[i] ? 1 : 0);
    }
    return w.vector(bytes);
  }
}
