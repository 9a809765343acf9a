package io.jetfire.tflite.format;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.jetfire.ConfigurationException;
import io.jetfire.UnsupportedModelException;
import io.jetfire.tflite.GraphText;
import io.jetfire.tflite.graph.Activation;
import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Graph;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.OptionsTable;
import io.jetfire.tflite.graph.Quantization;
import io.jetfire.tflite.graph.Shape;
import io.jetfire.tflite.graph.Sparsity;
import io.jetfire.tflite.graph.Subgraph;
import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.graph.Weights;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FormatTest {
  private static final WriteOptions ANY = WriteOptions.target(TargetRuntime.any());
  private final Graph graph = Graph.create().description("made by hand");
  private final Subgraph main = graph.addSubgraph("main");
  private final Value x = main.addInput("x", ElementType.FLOAT32, Shape.of(-1, 4));

  private final Path folder;

  FormatTest(@TempDir Path folder) {
    this.folder = folder;
  }

  private static Graph again(Graph graph) {
    return TfliteReader.read(ByteBuffer.wrap(TfliteWriter.toBytes(graph, ANY)));
  }

  private static void assertSurvives(Graph graph) {
    // What is read keeps its versions; what was made has none yet.
    Graph once = again(graph);
    Graph twice = again(once);
    assertThat(GraphText.of(twice)).isEqualTo(GraphText.of(once));
    for (Subgraph s : graph.subgraphs()) {
      for (int i = 0; i < s.ops().size(); i++) {
        s.ops().get(i).version(once.subgraphs().get(s.index()).ops().get(i).version().orElse(0));
      }
    }
    graph.metadata().putAll(Map.copyOf(once.metadata()));
    assertThat(GraphText.of(once)).isEqualTo(GraphText.of(graph));
  }

  private Op relu(Value in, String out) {
    Value v = main.addValue(out, in.type(), in.shape());
    main.outputs(v);
    return main.append(Op.of(OpKind.RELU).inputs(in).outputs(v));
  }

  // ---- every table

  @Test
  void everyOperatorKeepsItsAttributes() {
    Random random = new Random(3);
    for (OpKind kind : OpKind.values()) {
      Op op = kind == OpKind.CUSTOM ? Op.custom("Mine") : Op.of(kind);
      op.options().ifPresent(t -> t.fields().forEach(f -> op.set(f.name(), arbitrary(f, random))));
      Value out = main.addValue("out", ElementType.FLOAT32, Shape.of(2));
      main.append(op.inputs(x, null).outputs(out));
    }
    assertSurvives(graph);
  }

  private static Object arbitrary(OptionsTable.Field f, Random random) {
    return switch (f.type()) {
      case BOOL -> random.nextBoolean();
      case CODE, WIDE_CODE -> random.nextInt(f.maximum() + 1);
      case ENUM -> {
        Enum<?>[] all = Objects.requireNonNull(f.enumType()).getEnumConstants();
        yield all[random.nextInt(all.length)];
      }
      case INT -> random.nextInt();
      case UINT -> random.nextInt(1 << 30);
      case LONG -> random.nextLong();
      case FLOAT -> random.nextFloat();
      case STRING -> "text é " + random.nextInt(9);
      case INTS -> random.ints(random.nextInt(4)).toArray();
      case LONGS -> random.longs(random.nextInt(4)).toArray();
      case FLOATS -> new float[] {random.nextFloat(), -1};
      case BOOLS -> new boolean[] {true, random.nextBoolean()};
      case BYTES -> new byte[] {1, 2, (byte) random.nextInt()};
    };
  }

  @Test
  void everyElementTypeAndShapeSurvives() {
    for (ElementType type : ElementType.values()) {
      main.addValue(type.name(), type, Shape.of(1, -1, 3));
    }
    main.addValue("scalar", ElementType.INT8, Shape.scalar());
    main.addValue("unknown", ElementType.INT8, Shape.unknown());
    main.addValue(
        "standing in", ElementType.INT8, Shape.dynamic(new int[] {7, 2}, new int[] {-1, 2}));
    main.addValueNamed("scalar", ElementType.INT8, Shape.of(3));
    main.addValueNamed("", ElementType.BOOL, Shape.of(0));
    main.addValue("any", ElementType.VARIANT, Shape.of(1))
        .variantTypes(
            List.of(
                new Value.VariantType(ElementType.FLOAT32, Shape.of(2, 3)),
                new Value.VariantType(ElementType.INT32, Shape.unknown())));
    assertSurvives(graph);
  }

  @Test
  void everyQuantizationSurvives() {
    Value w = main.addConstant("w", ElementType.INT4, Shape.of(2, 64), Weights.of(new byte[64]));
    Value scales =
        main.addConstant("s", ElementType.FLOAT16, Shape.of(2, 2), Weights.of(new short[4]));
    Value zero = main.addConstant("z", Shape.of(2, 2), 0, 0, 0, 0);
    w.quantization(new Quantization.Blockwise(scales, null, 32));
    main.addConstant("w2", ElementType.INT4, Shape.of(2, 64), Weights.of(new byte[64]))
        .quantization(new Quantization.MultiAxis(scales, zero, 32, new int[] {0, 1}));
    main.addConstant("w3", ElementType.INT8, Shape.of(2), Weights.of(new byte[2]))
        .quantization(new Quantization.Custom(new byte[] {1, 2, 3}));
    main.addConstant("w4", ElementType.INT8, Shape.of(2, 3), Weights.of(new byte[6]))
        .quantization(
            new Quantization.Affine(
                new float[] {1, 2, 3},
                new long[] {0, -1, 5},
                1,
                new float[] {-1},
                new float[] {1, 2}));
    main.addValue("q", ElementType.UINT8, Shape.of(1))
        .quantization(Quantization.perTensor(0.5f, 128));
    assertSurvives(graph);
    Quantization read = again(graph).main().value("w").orElseThrow().quantization().orElseThrow();
    assertThat(((Quantization.Blockwise) read).scales().name()).isEqualTo("s");
  }

  @Test
  void sparseVariableAndMutatingSurvive() {
    main.addConstant("w", Shape.of(4, 4), new float[16])
        .data(Weights.of(new float[] {1, 2, 3}))
        .sparsity(
            new Sparsity(
                new int[] {0, 1},
                new int[0],
                List.of(
                    new Sparsity.Dimension(true, 4, null, null),
                    new Sparsity.Dimension(
                        false,
                        0,
                        new Sparsity.Indices(2, new int[] {0, 1, 1, 2, 3}),
                        new Sparsity.Indices(1, new int[] {0, 200, 3})))));
    Value state = main.addValue("state", ElementType.FLOAT32, Shape.of(1, 4)).variable(true);
    Op op = relu(x, "y");
    op.inputs(x, state).mutatingInputs(List.of(false, true)).debugMetadataIndex(3);
    op.intermediates(Arrays.asList(null, state));
    main.debugMetadataIndex(2);
    graph.metadata().put("note", Weights.of("hello".getBytes(StandardCharsets.UTF_8)));
    graph.legacyMetadata().add(Weights.of(new byte[] {9}));
    graph.addSignature("one", main, Map.of("in", x), Map.of("out", op.output(0)));
    graph.addSignature("two", main, Map.of("a", x), Map.of("b", op.output(0)));
    assertSurvives(graph);
  }

  @Test
  void customOptionsSurvive() {
    Value out = main.addValue("y", ElementType.FLOAT32, Shape.of(-1, 4));
    main.append(
        Op.custom("Mine").customOptions(Weights.of(new byte[] {1, 2, 3})).inputs(x).outputs(out));
    main.outputs(out);
    assertSurvives(graph);
    ByteBuffer options = again(graph).main().ops().get(0).customOptions().orElseThrow();
    assertThat(options).isEqualTo(ByteBuffer.wrap(new byte[] {1, 2, 3}));
  }

  @Test
  void oldOperatorCodeFieldAlone() {
    relu(x, "y");
    byte[] bytes = TfliteWriter.toBytes(graph, ANY);
    ByteBuffer b = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    // Take the wide field out of the operator code's vtable.
    int model = b.getInt(0);
    int slot = model + b.getShort(model - b.getInt(model) + 4 + 2);
    int codes = slot + b.getInt(slot);
    int code = codes + 4 + b.getInt(codes + 4);
    b.putShort(code - b.getInt(code) + 4 + 2 * 3, (short) 0);
    assertThat(TfliteReader.read(ByteBuffer.wrap(bytes)).main().ops().get(0).kind())
        .isEqualTo(OpKind.RELU);
  }

  // ---- data

  @Test
  void sharedDataStayShared() {
    Weights shared = Weights.of(new float[256]);
    main.addConstant("a", ElementType.FLOAT32, Shape.of(256), shared);
    main.addConstant("b", ElementType.FLOAT32, Shape.of(16, 16), shared);
    Subgraph other = graph.addSubgraph("other");
    other.addConstant("c", ElementType.FLOAT32, Shape.of(256), shared);
    assertThat(TfliteWriter.toBytes(graph, ANY)).hasSizeLessThan(2 * 1024);
    Graph read = again(graph);
    assertThat(read.main().values().get(1).data().orElseThrow())
        .isSameAs(read.main().values().get(2).data().orElseThrow())
        .isSameAs(read.subgraphs().get(1).values().get(0).data().orElseThrow());
  }

  @Test
  void dataOutsideTheFlatBuffer() throws IOException {
    Weights shared = Weights.of(new float[] {1, 2, 3, 4, 5});
    main.addConstant("a", ElementType.FLOAT32, Shape.of(5), shared);
    main.addConstant("b", ElementType.FLOAT32, Shape.of(1, 5), shared);
    main.addConstant("c", Shape.of(2), 7, 8);
    relu(x, "y");
    Graph inside = again(graph);
    WriteOptions small =
        WriteOptions.builder().flatBufferBytes(20).target(TargetRuntime.any()).build();
    Path path = folder.resolve("big.tflite");
    TfliteWriter.write(graph, path, small);
    ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(path)).order(ByteOrder.LITTLE_ENDIAN);
    FlatBuffer.Table model = new FlatBuffer(bytes).root();
    List<FlatBuffer.Table> buffers = model.tables(4, "buffers");
    assertThat(buffers.get(0).has(1)).isFalse();
    for (FlatBuffer.Table t : buffers.subList(1, 3)) {
      assertThat(t.has(0)).isFalse();
      assertThat(t.i64(1, 0)).isGreaterThan(100).matches(offset -> offset % 16 == 0);
    }
    assertThat(buffers.get(1).i64(2, 0)).isEqualTo(20);
    // The runtime reads this entry without knowing of data outside.
    assertThat(buffers.get(3).has(0)).isTrue();
    Graph read = TfliteReader.read(path);
    assertThat(GraphText.of(read)).isEqualTo(GraphText.of(inside));
    // And back into a FlatBuffer, over the file that is mapped.
    TfliteWriter.write(read, path, ANY);
    assertThat(Files.readAllBytes(path)).isEqualTo(TfliteWriter.toBytes(inside, ANY));
  }

  @Test
  void hostileOutsideData() {
    main.addConstant("a", Shape.of(5), 1f, 2f, 3f, 4f, 5f);
    byte[] bytes =
        TfliteWriter.toBytes(
            graph, WriteOptions.builder().flatBufferBytes(0).target(TargetRuntime.any()).build());
    ByteBuffer b = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    for (int i = 0; i + 16 <= bytes.length; i += 4) {
      if (b.getLong(i) == 20 && b.getLong(i + 8) != 20) {
        b.putLong(i, Long.MAX_VALUE);
      }
    }
    // Either the size or another field was hit: never anything but the declared error.
    assertThatThrownBy(() -> TfliteReader.read(ByteBuffer.wrap(bytes)))
        .isInstanceOf(ModelFormatException.class);
  }

  @Test
  @Tag("proof")
  void aModelAboveTwoGigabytes() throws IOException {
    // One sparse gigabyte, mapped three times.
    Path zeros = folder.resolve("zeros");
    try (FileChannel c =
        FileChannel.open(zeros, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
      c.write(ByteBuffer.wrap(new byte[] {1}), (1L << 30) - 1);
    }
    int[] shape = {1 << 14, 1 << 14};
    try (FileChannel c = FileChannel.open(zeros, StandardOpenOption.READ)) {
      for (int i = 0; i < 3; i++) {
        Weights data = Weights.of(c.map(FileChannel.MapMode.READ_ONLY, 0, 1L << 30));
        main.addConstant("w" + i, ElementType.FLOAT32, Shape.of(shape), data);
      }
    }
    relu(x, "y");
    Path path = folder.resolve("big.tflite");
    TfliteWriter.write(graph, path, ANY);
    assertThat(Files.size(path)).isGreaterThan(3L << 30);
    System.gc();
    long before = Runtime.getRuntime().totalMemory() - Runtime.getRuntime().freeMemory();
    Graph read = TfliteReader.read(path);
    CheckReport report = ModelCheck.check(read, ModelCheck.DEFAULT_ACTIVATION_BYTES);
    long after = Runtime.getRuntime().totalMemory() - Runtime.getRuntime().freeMemory();
    assertThat(report.problems()).isEmpty();
    assertThat(after - before).isLessThan(64L << 20);
    ByteBuffer last = read.main().value("w2").orElseThrow().data().orElseThrow().bytes();
    assertThat(last.get(last.limit() - 1)).isEqualTo((byte) 1);
  }

  @Test
  void externalFilesAreReferredTo() {
    main.addValue("w", ElementType.FLOAT32, Shape.of(1000))
        .data(Weights.external(new Weights.External("weights.bin", 64, 4000, "raw")));
    main.addValue("v", ElementType.FLOAT32, Shape.of(10))
        .data(Weights.external(new Weights.External("weights.bin", 4096, 40, "")));
    assertSurvives(graph);
    assertThatThrownBy(() -> again(graph).main().value("w").orElseThrow().floats())
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("weights.bin");
  }

  @Test
  void appendedFilesStayReadable() throws IOException {
    relu(x, "y");
    graph.appendedFiles(Weights.of(zip()));
    Path path = folder.resolve("labels.tflite");
    TfliteWriter.write(graph, path, ANY);
    assertLabels(path);
    Graph read = TfliteReader.read(path);
    assertThat(read.appendedFiles().orElseThrow().bytes()).isEqualTo(ByteBuffer.wrap(zip()));
    read.description("a longer description moves the archive by some bytes");
    TfliteWriter.write(read, path, ANY);
    assertLabels(path);
    assertThat(TfliteReader.read(path).appendedFiles().orElseThrow().bytes())
        .isEqualTo(ByteBuffer.wrap(zip()));
  }

  private static byte[] zip() throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (ZipOutputStream zip = new ZipOutputStream(out)) {
      for (String name : List.of("labels.txt", "vocabulary.txt")) {
        ZipEntry entry = new ZipEntry(name);
        entry.setTime(1_700_000_000_000L);
        zip.putNextEntry(entry);
        zip.write((name + ": cat\ndog\n").getBytes(StandardCharsets.UTF_8));
      }
    }
    return out.toByteArray();
  }

  private static void assertLabels(Path path) throws IOException {
    try (ZipFile file = new ZipFile(path.toFile())) {
      ZipEntry entry = file.getEntry("labels.txt");
      assertThat(new String(file.getInputStream(entry).readAllBytes(), StandardCharsets.UTF_8))
          .isEqualTo("labels.txt: cat\ndog\n");
    }
  }

  // ---- versions

  @Test
  void changedOperatorsGetTheirVersionOthersKeepIt() {
    Value q = main.addValue("q", ElementType.INT8, Shape.of(-1, 4));
    q.quantization(Quantization.perTensor(1, 0));
    main.append(Op.of(OpKind.QUANTIZE).inputs(x).outputs(q));
    Op relu = relu(q, "y");
    relu.output(0).quantization(Quantization.perTensor(1, 0));
    Graph read = again(graph);
    assertThat(read.main().ops().get(1).version()).hasValue(2);
    assertThat(minimum(read)).isEqualTo("2.1.0");
    // A file may carry another version than the rules give; it is kept while the types are.
    read.main().ops().get(1).keepVersion(1, 2);
    Graph kept = again(read);
    assertThat(kept.main().ops().get(1).version()).hasValue(1);
    assertThat(minimum(kept)).isEqualTo("2.1.0");
    kept.main().ops().get(1).inputs().get(0).type(ElementType.INT16);
    kept.main().ops().get(1).output(0).type(ElementType.INT16);
    Graph changed = again(kept);
    assertThat(changed.main().ops().get(1).version()).hasValue(3);
    assertThat(changed.main().ops().get(0).version()).hasValue(2);
    assertThat(minimum(changed)).isEqualTo("2.5.0");
  }

  private static String minimum(Graph graph) {
    ByteBuffer b =
        Objects.requireNonNull(graph.metadata().get(OpVersions.MIN_RUNTIME_VERSION)).bytes();
    assertThat(b.remaining()).isEqualTo(16);
    return StandardCharsets.US_ASCII.decode(b).toString().replace("\0", "");
  }

  @Test
  void operatorsThatTheTargetDoesNotKnowAreListedBeforeWriting() {
    Value h = main.addValue("h", ElementType.FLOAT16, Shape.of(4));
    Value half = main.addValue("half", ElementType.FLOAT16, Shape.of(4));
    main.append(Op.of(OpKind.CAST).inputs(x).outputs(h));
    main.append(Op.of(OpKind.ADD).inputs(h, h).outputs(half));
    Value g = main.addValue("g", ElementType.FLOAT16, Shape.of(4));
    main.append(Op.of(OpKind.STABLEHLO_COSINE).inputs(half).outputs(g));
    main.outputs(g);
    Path path = folder.resolve("new.tflite");
    assertThatThrownBy(() -> TfliteWriter.write(graph, path, WriteOptions.defaults()))
        .isInstanceOf(UnsupportedModelException.class)
        .hasMessageContaining("TensorFlow Lite 2.16.1 does not know 2 operator(s)")
        .hasMessageContaining("ADD version 6 needs TensorFlow Lite 2.23.0")
        .hasMessageContaining("STABLEHLO_COSINE has no kernel in any runtime");
    assertThat(path).doesNotExist();
    assertThat(folder).isEmptyDirectory();
  }

  @Test
  void versionsByUse() {
    Value w = main.addConstant("w", ElementType.INT8, Shape.of(2, 4), Weights.of(new byte[8]));
    w.quantization(Quantization.symmetricPerChannel(new float[] {1, 1}, 0));
    Value y = main.addValue("y", ElementType.FLOAT32, Shape.of(-1, 2));
    Op dense = Op.of(OpKind.FULLY_CONNECTED).inputs(x, w, null).outputs(y);
    assertThat(OpVersions.version(dense)).isEqualTo(12);
    w.quantization(Quantization.perTensor(1, 0));
    assertThat(OpVersions.version(dense)).isEqualTo(3);
    dense.set("asymmetric_quantize_inputs", true);
    assertThat(OpVersions.version(dense)).isEqualTo(9);
    dense.inputs(x, w);
    assertThat(OpVersions.version(dense)).isEqualTo(6);
    w.type(ElementType.INT4);
    x.type(ElementType.INT16);
    assertThat(OpVersions.version(dense)).isEqualTo(13);
    Op conv =
        Op.of(OpKind.TRANSPOSE_CONV)
            .set("fused_activation_function", Activation.RELU)
            .inputs(w, w, x)
            .outputs(y);
    assertThat(OpVersions.version(conv)).isEqualTo(4);
    assertThat(OpVersions.version(Op.of(OpKind.BROADCAST_TO).inputs(y, w).outputs(y))).isEqualTo(2);
    assertThat(OpVersions.highestVersion(OpKind.FULLY_CONNECTED, TargetRuntime.of("2.16.1")))
        .isEqualTo(11);
    assertThat(OpVersions.highestVersion(OpKind.DILATE, TargetRuntime.of("2.14"))).isZero();
    assertThatThrownBy(() -> TargetRuntime.of("two")).isInstanceOf(ConfigurationException.class);
  }

  // ---- what cannot be kept

  @Test
  void fieldsOfNewerSchemasAreNotDroppedInSilence() {
    // An operator table with a field that the schema does not have yet.
    relu(x, "y");
    byte[] bytes = TfliteWriter.toBytes(graph, ANY);
    ByteBuffer b = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    int model = b.getInt(0);
    int vtable = model - b.getInt(model);
    int size = b.getShort(vtable);
    // A copy of the model's vtable, longer by one field, at the end of the file.
    byte[] longer = Arrays.copyOf(bytes, bytes.length + 64);
    ByteBuffer c = ByteBuffer.wrap(longer).order(ByteOrder.LITTLE_ENDIAN);
    int at = bytes.length;
    System.arraycopy(bytes, vtable, longer, at, size);
    c.putShort(at, (short) 26);
    c.putShort(at + 24, c.getShort(at + 4));
    c.putInt(model, model - at);
    Graph read = TfliteReader.read(ByteBuffer.wrap(longer));
    assertThat(read.losses()).containsExactly("field 10 of a newer schema at model");
    assertThatThrownBy(() -> TfliteWriter.toBytes(read, ANY))
        .isInstanceOf(UnsupportedModelException.class)
        .hasMessageContaining("field 10");
    WriteOptions allowed =
        WriteOptions.builder().allowLosses(true).target(TargetRuntime.any()).build();
    assertThat(TfliteWriter.toBytes(read, allowed)).isNotEmpty();
  }

  @Test
  void brokenGraphsAreNotWritten() {
    Op relu = relu(x, "y");
    relu.input(0, main.addValue("nothing", ElementType.FLOAT32, Shape.of(4)));
    assertThatThrownBy(() -> TfliteWriter.toBytes(graph, ANY))
        .isInstanceOf(UnsupportedModelException.class)
        .hasMessageContaining("takes nothing, which nothing produces");
  }
}
