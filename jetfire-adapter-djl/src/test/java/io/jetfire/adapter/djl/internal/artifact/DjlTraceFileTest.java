package io.jetfire.adapter.djl.internal.artifact;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.jetfire.JetFireException;
import io.jetfire.StorageException;
import io.jetfire.UnsupportedModelException;
import io.jetfire.adapter.djl.internal.trace.Dim;
import io.jetfire.adapter.djl.internal.trace.Trace;
import io.jetfire.adapter.djl.internal.trace.TraceArg;
import io.jetfire.adapter.djl.internal.trace.TraceArg.Item;
import io.jetfire.adapter.djl.internal.trace.TraceOp;
import io.jetfire.adapter.djl.internal.trace.TraceValue;
import io.jetfire.adapter.djl.internal.trace.TraceValue.Kind;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.Consumer;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DjlTraceFileTest {
  private final Path directory;

  DjlTraceFileTest(@TempDir Path directory) {
    this.directory = directory;
  }

  /** One of everything that the format can say. */
  private static DjlTraceFile example() {
    List<Dim> row = List.of(Dim.ofBatch(1), Dim.of(3));
    List<TraceValue> values =
        List.of(
            new TraceValue(0, Kind.INPUT, "x", "float32", row),
            new TraceValue(1, Kind.PARAMETER, "01Linear/weight", "float32", dims(2, 3)),
            new TraceValue(2, Kind.CONSTANT, "", "int64", dims(2)),
            new TraceValue(3, Kind.RESULT, "", "float32", List.of(Dim.ofBatch(2), Dim.of(1))),
            new TraceValue(4, Kind.RESULT, "", "float32", row));
    List<TraceOp> ops =
        List.of(
            new TraceOp(
                "NDArrayEx.linear(NDArray,NDArray,NDArray)",
                0,
                List.of(new TraceArg.Ref(0), new TraceArg.Ref(1), new TraceArg.None()),
                List.of(3),
                "01Linear",
                ""),
            new TraceOp(
                "NDArray.all(NDIndex,Shape,int,Number,float,boolean,DataType,NDList)",
                3,
                List.of(
                    new TraceArg.Index(
                        List.of(
                            new Item.All(),
                            new Item.Ellipsis(),
                            new Item.NewAxis(),
                            new Item.At(Dim.of(-1)),
                            new Item.Range(dims(1), List.of(Dim.ofBatch(3)), List.of()),
                            new Item.Take(2))),
                    new TraceArg.Dims(List.of(Dim.ofBatch(1), Dim.of(-1))),
                    new TraceArg.Whole(Dim.ofBatch(4)),
                    new TraceArg.Real(0.1, "Double"),
                    new TraceArg.Real(Double.NEGATIVE_INFINITY, "Float"),
                    new TraceArg.Flag(true),
                    new TraceArg.Name("FLOAT32"),
                    new TraceArg.Refs(List.of(0, 1))),
                List.of(4),
                "02Lambda",
                "Net.java:12"));
    Map<Integer, byte[]> data = Map.of(1, new byte[24], 2, new byte[16]);
    ObjectNode training = DjlTraceFile.newRecord().put("name", "net-ü");
    return new DjlTraceFile(
        new Trace(values, List.of(0), List.of(4), ops, 0, data), training, new byte[] {1, 2, 3});
  }

  private static List<Dim> dims(long... numbers) {
    return Arrays.stream(numbers).mapToObj(Dim::of).toList();
  }

  private Path written() {
    Path file = directory.resolve("model.djl-trace");
    example().write(file);
    return file;
  }

  @Test
  void comesBackAsItWas() {
    DjlTraceFile read = DjlTraceFile.read(written());
    DjlTraceFile original = example();

    assertThat(read.trace().values()).isEqualTo(original.trace().values());
    assertThat(read.trace().ops()).isEqualTo(original.trace().ops());
    assertThat(read.trace().outputs()).isEqualTo(original.trace().outputs());
    assertThat(read.trace().data().get(1)).isEqualTo(original.trace().data().get(1));
    assertThat(read.training()).isEqualTo(original.training());
    assertThat(read.parameters()).containsExactly(1, 2, 3);
  }

  @Test
  void equalContentsGiveEqualBytesInStoredEntries() throws IOException {
    Path first = written();
    Path second = directory.resolve("other.djl-trace");
    example().write(second);

    assertThat(Files.readAllBytes(first)).isEqualTo(Files.readAllBytes(second));
    try (ZipFile zip = new ZipFile(first.toFile())) {
      assertThat(zip.stream().map(ZipEntry::getName))
          .containsExactly("trace.json", "weights.bin", "training.json", "block.params");
      assertThat(zip.stream().map(ZipEntry::getMethod)).containsOnly(ZipEntry.STORED);
    }
  }

  @Test
  void isKnownByItsFirstBytes() throws IOException {
    byte[] bytes = Files.readAllBytes(written());

    assertThat(DjlTraceFile.accepts(Arrays.copyOf(bytes, 64))).isTrue();
    assertThat(DjlTraceFile.accepts(new byte[64])).isFalse();
    assertThat(DjlTraceFile.accepts(new byte[3])).isFalse();
  }

  @Test
  void aMissingFileIsAStorageProblem() {
    assertThatThrownBy(() -> DjlTraceFile.read(directory.resolve("none")))
        .isInstanceOf(StorageException.class);
  }

  @Test
  void brokenRulesAreNamed() throws IOException {
    assertBroken(root -> root.put("version", 2), "version");
    assertBroken(root -> root.putArray("inputs").add(9), "does not exist");
    assertBroken(root -> root.putArray("inputs").add(1), "value 1 is no input");
    assertBroken(root -> root.putArray("outputs").add(-1), "does not exist");
    assertBroken(root -> value(root, 1).put("offset", 1L << 40), "outside the weights");
    assertBroken(root -> value(root, 1).put("offset", -1), "outside the weights");
    assertBroken(root -> value(root, 1).put("length", 25), "25 bytes instead of 24");
    assertBroken(
        root -> value(root, 1).putArray("shape").add(Long.MAX_VALUE).add(Long.MAX_VALUE),
        "too large");
    assertBroken(root -> value(root, 0).put("type", "string"), "unknown type");
    assertBroken(root -> value(root, 0).put("kind", "magic"), "unknown kind");
    assertBroken(root -> op(root, 0).put("call", "Runtime.exec(String)"), "is called");
    assertBroken(root -> op(root, 0).put("on", 4), "before it is computed");
    assertBroken(root -> op(root, 1).putArray("results").add(3), "which something else gives");
    assertBroken(root -> op(root, 0).putArray("args").add("text"), "no known kind");
    assertBroken(root -> root.putArray("ops"), "an output is not computed");
  }

  private static ObjectNode value(ObjectNode root, int index) {
    return (ObjectNode) root.path("values").get(index);
  }

  private static ObjectNode op(ObjectNode root, int index) {
    return (ObjectNode) root.path("ops").get(index);
  }

  private void assertBroken(Consumer<ObjectNode> change, String problem) throws IOException {
    Path good = written();
    Path bad = directory.resolve("bad.djl-trace");
    ObjectMapper json = new ObjectMapper();
    try (ZipFile zip = new ZipFile(good.toFile());
        OutputStream out = Files.newOutputStream(bad);
        ZipOutputStream to = new ZipOutputStream(out)) {
      to.setMethod(ZipOutputStream.STORED);
      for (ZipEntry entry : zip.stream().toList()) {
        byte[] content = zip.getInputStream(entry).readAllBytes();
        if (entry.getName().equals("trace.json")) {
          ObjectNode root = (ObjectNode) json.readTree(content);
          change.accept(root);
          content = json.writeValueAsBytes(root);
        }
        put(to, entry.getName(), content);
      }
    }
    assertThatThrownBy(() -> DjlTraceFile.read(bad))
        .isInstanceOf(UnsupportedModelException.class)
        .hasMessageContaining("bad.djl-trace")
        .hasMessageContaining(problem);
  }

  private static void put(ZipOutputStream zip, String name, byte[] content) throws IOException {
    CRC32 crc = new CRC32();
    crc.update(content);
    ZipEntry entry = new ZipEntry(name);
    entry.setSize(content.length);
    entry.setCrc(crc.getValue());
    zip.putNextEntry(entry);
    zip.write(content);
  }

  @Test
  void otherEntriesAndCompressionAreRefused() throws IOException {
    Path extra = directory.resolve("extra.djl-trace");
    try (ZipOutputStream zip = new ZipOutputStream(Files.newOutputStream(extra))) {
      zip.putNextEntry(new ZipEntry("../evil"));
    }
    assertThatThrownBy(() -> DjlTraceFile.read(extra))
        .isInstanceOf(UnsupportedModelException.class)
        .hasMessageContaining("../evil");

    Path deflated = directory.resolve("deflated.djl-trace");
    try (ZipOutputStream zip = new ZipOutputStream(Files.newOutputStream(deflated))) {
      zip.putNextEntry(new ZipEntry("trace.json"));
      zip.write(new byte[1000]);
    }
    assertThatThrownBy(() -> DjlTraceFile.read(deflated))
        .isInstanceOf(UnsupportedModelException.class)
        .hasMessageContaining("not stored plainly");
  }

  @Test
  void damagedBytesGiveAnErrorOrTheSameContentButNothingElse() throws IOException {
    byte[] good = Files.readAllBytes(written());
    Path file = directory.resolve("damaged.djl-trace");
    Random random = new Random(1);
    int refused = 0;
    for (int i = 0; i < 400; i++) {
      byte[] bad = good.clone();
      int length = i % 4 == 0 ? random.nextInt(good.length) : good.length;
      bad[random.nextInt(bad.length)] ^= (byte) (1 << random.nextInt(8));
      Files.write(file, Arrays.copyOf(bad, length));
      try {
        DjlTraceFile.read(file);
      } catch (JetFireException e) {
        refused++;
        assertThat(e).hasMessageContaining("damaged.djl-trace");
      }
    }
    assertThat(refused).isGreaterThan(200);
  }
}
