package io.jetfire.importer.onnx;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.jetfire.Converter;
import io.jetfire.Model;
import io.jetfire.Recipe;
import io.jetfire.Tensor;
import io.jetfire.UnsupportedModelException;
import io.jetfire.spi.Cancellation;
import io.jetfire.spi.ConverterBackend;
import io.jetfire.testkit.TestProviderContext;
import io.jetfire.tflite.TfliteConverterProvider;
import io.jetfire.tflite.format.TfliteReader;
import io.jetfire.tflite.graph.Graph;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Shape;
import io.jetfire.tflite.importer.ImportOptions;
import io.jetfire.tflite.importer.ModelImporters;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@SuppressWarnings("NullAway.Init") // JUnit fills the folder.
class OnnxImporterTest {
  @TempDir Path folder;

  private Path file(byte[] model) throws IOException {
    Path file = folder.resolve("model.onnx");
    Files.write(file, model);
    return file;
  }

  private Graph read(byte[] model) throws IOException {
    return OnnxImporter.create().read(file(model), ImportOptions.defaults());
  }

  @Test
  void isFoundByLookingAtTheFile() throws IOException {
    byte[] model =
        OnnxBytes.model(
            OnnxBytes.message()
                .add(1, OnnxBytes.node("Relu", "y", "x"))
                .add(11, OnnxBytes.value("x", 1, 2, 3))
                .add(12, OnnxBytes.value("y", 1, 2, 3)));
    Path other = folder.resolve("model.bin");
    Files.write(other, model);
    assertThat(ModelImporters.load().find(file(model)).orElseThrow().id()).isEqualTo("onnx");
    assertThat(ModelImporters.load().find(other).orElseThrow().id()).isEqualTo("onnx");
    Graph graph = read(model);
    assertThat(graph.main().ops()).extracting(Op::kind).containsExactly(OpKind.RELU);
    assertThat(graph.signature("serving_default").orElseThrow().inputs()).containsOnlyKeys("x");
    assertThat(graph.main().outputs().get(0).name()).isEqualTo("y");
  }

  @Test
  void everyUnconvertibleNodeIsNamedAtOnce() throws IOException {
    byte[] model =
        OnnxBytes.model(
            OnnxBytes.message()
                .add(1, OnnxBytes.node("TfIdfVectorizer", "a", "x"))
                .add(1, OnnxBytes.node("Relu", "b", "a"))
                .add(1, OnnxBytes.node("Reshape", "c", "x", "s"))
                .add(1, OnnxBytes.node("Slice", "d", "x", "s", "s", "t"))
                .add(11, OnnxBytes.value("x", 1, 2, 3))
                .add(11, OnnxBytes.value("s", 7, 2))
                .add(11, OnnxBytes.value("t", 7, 2))
                .add(12, OnnxBytes.value("b", 1, 2, 3)));
    assertThatThrownBy(() -> read(model))
        .isInstanceOf(UnsupportedModelException.class)
        .hasMessageContaining("2 operations")
        .hasMessageContaining("TfIdfVectorizer at node_a on float32[2, 3]")
        .hasMessageContaining("Slice at node_d on float32[2, 3], int64[2], int64[2], int64[2]")
        .hasMessageContaining("bind the input 't'");
  }

  @Test
  void dimensionsAreKeptOrBound() throws IOException {
    byte[] model =
        OnnxBytes.model(
            OnnxBytes.message()
                .add(1, OnnxBytes.node("Relu", "y", "x"))
                .add(11, OnnxBytes.value("x", 1, "batch", "length", 3))
                .add(12, OnnxBytes.value("y", 1, "batch", "length", 3)));
    assertThat(read(model).main().inputs().get(0).shape()).isEqualTo(Shape.of(1, -1, 3));
    Graph bound =
        OnnxImporter.create()
            .openBatch()
            .dimension("length", 7)
            .read(file(model), ImportOptions.defaults());
    assertThat(bound.main().outputs().get(0).shape()).isEqualTo(Shape.of(-1, 7, 3));
  }

  @Test
  void inputsCanBecomeConstants() throws IOException {
    byte[] model =
        OnnxBytes.model(
            OnnxBytes.message()
                .add(1, OnnxBytes.node("Tile", "y", "x", "times"))
                .add(11, OnnxBytes.value("x", 1, 2, 3))
                .add(11, OnnxBytes.value("times", 7, 2))
                .add(12, OnnxBytes.value("y", 1, 4, 3)));
    Graph graph =
        OnnxImporter.create()
            .constant("times", Tensor.ofLongs(new long[] {2, 1}, 2))
            .read(file(model), ImportOptions.defaults());
    assertThat(graph.main().inputs()).hasSize(1);
    assertThat(graph.main().outputs().get(0).shape()).isEqualTo(Shape.of(4, 3));
  }

  @Test
  void functionsAreInlinedAndRecursionEnds() throws IOException {
    OnnxBytes body =
        OnnxBytes.message()
            .text(1, "Twice")
            .text(4, "p")
            .text(5, "q")
            .add(7, OnnxBytes.node("Add", "q", "p", "p"))
            .text(10, "own");
    OnnxBytes endless =
        OnnxBytes.message()
            .text(1, "Endless")
            .text(4, "p")
            .text(5, "q")
            .add(7, OnnxBytes.node("Endless", "q", "p").text(7, "own"))
            .text(10, "own");
    OnnxBytes graph =
        OnnxBytes.message()
            .add(1, OnnxBytes.node("Twice", "y", "x").text(7, "own"))
            .add(11, OnnxBytes.value("x", 1, 4))
            .add(12, OnnxBytes.value("y", 1, 4));
    assertThat(read(OnnxBytes.model(graph, body)).main().ops())
        .extracting(Op::kind)
        .containsExactly(OpKind.ADD);
    OnnxBytes loop =
        OnnxBytes.message()
            .add(1, OnnxBytes.node("Endless", "y", "x").text(7, "own"))
            .add(11, OnnxBytes.value("x", 1, 4))
            .add(12, OnnxBytes.value("y", 1, 4));
    assertThatThrownBy(() -> read(OnnxBytes.model(loop, endless)))
        .isInstanceOf(UnsupportedModelException.class)
        .hasMessageContaining("more than 32 deep");
  }

  private byte[] withExternal(String location) {
    return OnnxBytes.model(
        OnnxBytes.message()
            .add(1, OnnxBytes.node("Add", "y", "x", "w"))
            .add(5, OnnxBytes.external("w", location, 8, 2))
            .add(11, OnnxBytes.value("x", 1, 2))
            .add(12, OnnxBytes.value("y", 1, 2)));
  }

  @Test
  void externalDataStayInTheModelsFolder() throws IOException {
    ByteBuffer two = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putFloat(1).putFloat(2);
    Files.write(folder.resolve("weights.bin"), two.array());
    Path outside = Files.createTempDirectory("outside").resolve("secret.bin");
    Files.write(outside, two.array());
    Files.createSymbolicLink(folder.resolve("link.bin"), outside);
    Graph graph = read(withExternal("weights.bin"));
    assertThat(graph.main().ops().get(0).input(1).floats()).containsExactly(1, 2);
    for (String bad :
        new String[] {
          outside.toString(),
          "../" + folder.getFileName() + "/weights.bin",
          "link.bin",
          "missing.bin",
          "",
          "C:\\weights.bin"
        }) {
      assertThatThrownBy(() -> read(withExternal(bad)))
          .as(bad)
          .isInstanceOf(UnsupportedModelException.class)
          .hasMessageContaining("'w'");
    }
  }

  @Test
  void operatorsStayAsCustomOnesOnRequestOnly() throws IOException {
    OnnxBytes filter =
        OnnxBytes.node("Filter", "f", "r", "", "k").text(7, "com.example").attribute("radius", 3);
    byte[] model =
        OnnxBytes.model(
            OnnxBytes.message()
                .add(1, OnnxBytes.node("Neg", "k", "x"))
                .add(1, OnnxBytes.node("Relu", "r", "x"))
                .add(1, filter)
                .add(1, OnnxBytes.node("Add", "y", "f", "f"))
                .add(11, OnnxBytes.value("x", 1, "N", 3))
                .add(12, OnnxBytes.value("y", 1, "N", 3))
                .add(13, OnnxBytes.value("f", 1, "N", 3)));
    assertThatThrownBy(() -> read(model))
        .isInstanceOf(UnsupportedModelException.class)
        .hasMessageContaining("ImportOptions.customOperators(\"com.example.Filter\")");
    for (String asked : List.of("com.example.Filter", "Filter", ImportOptions.ANY_OPERATOR)) {
      Graph read =
          OnnxImporter.create()
              .read(file(model), ImportOptions.defaults().batch(2).customOperators(asked));
      Op op =
          read.main().ops().stream()
              .filter(o -> o.kind() == OpKind.CUSTOM)
              .findFirst()
              .orElseThrow();
      assertThat(op.customName()).isEqualTo("com.example.Filter");
      assertThat(op.inputs()).hasSize(3);
      assertThat(op.inputs().get(1)).isNull();
      assertThat(op.outputs().get(0).shape()).isEqualTo(Shape.of(2, 3));
      assertThat(op.customOptions()).isPresent();
      assertThat(read.main().ops()).hasSize(4);
    }
    // What can be expressed stays only if it is named.
    Graph relu =
        OnnxImporter.create()
            .read(
                file(model),
                ImportOptions.defaults().customOperators("Add", ImportOptions.ANY_OPERATOR));
    assertThat(relu.main().ops())
        .filteredOn(o -> o.kind() == OpKind.CUSTOM)
        .extracting(Op::customName)
        .containsExactly("com.example.Filter", "Add");
    byte[] shapeless =
        OnnxBytes.model(
            OnnxBytes.message()
                .add(1, OnnxBytes.node("Filter", "f", "x").text(7, "com.example"))
                .add(1, OnnxBytes.node("Relu", "y", "f"))
                .add(11, OnnxBytes.value("x", 1, "N", 3))
                .add(12, OnnxBytes.value("y", 1, "N", 3)));
    assertThatThrownBy(
            () ->
                OnnxImporter.create()
                    .read(file(shapeless), ImportOptions.defaults().customOperators("Filter")))
        .isInstanceOf(UnsupportedModelException.class)
        .hasMessageContainingAll("Filter at", "'f'", "value_info");
  }

  @Test
  void aConverterSaysHowTheSourceIsRead() throws IOException {
    byte[] model =
        OnnxBytes.model(
            OnnxBytes.message()
                .add(1, OnnxBytes.node("Filter", "f", "x").text(7, "com.example"))
                .add(1, OnnxBytes.node("Relu", "y", "f"))
                .add(11, OnnxBytes.value("x", 1, "N", "length"))
                .add(12, OnnxBytes.value("y", 1, "N", "length"))
                .add(13, OnnxBytes.value("f", 1, "N", "length")));
    Path target = folder.resolve("converted.tflite");
    ConverterBackend backend = new TfliteConverterProvider().create(TestProviderContext.in(folder));

    backend.convert(
        new ConverterBackend.Request(
            Model.of(file(model), "onnx"),
            Recipe.float32(),
            Optional.empty(),
            Converter.DEFAULT_TARGET_RUNTIME,
            new ConverterBackend.Reading(
                Optional.empty(), Map.of("length", 7), List.of(ImportOptions.ANY_OPERATOR)),
            target,
            Cancellation.NEVER));

    Graph converted = TfliteReader.read(target);
    assertThat(converted.main().inputs().get(0).shape()).isEqualTo(Shape.of(1, 7));
    assertThat(converted.main().ops())
        .extracting(Op::kind)
        .containsExactly(OpKind.CUSTOM, OpKind.RELU);
  }
}
