package io.jetfire.importer.pytorch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.jetfire.UnsupportedModelException;
import io.jetfire.tflite.graph.Graph;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Shape;
import io.jetfire.tflite.importer.ImportOptions;
import io.jetfire.tflite.importer.ModelImporter;
import io.jetfire.tflite.importer.ModelImporters;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@SuppressWarnings("NullAway.Init") // JUnit fills the folder.
class PytorchImporterTest {
  @TempDir Path folder;

  private static Graph read(ByteBuffer file, ImportOptions options) {
    return new PytorchImporter().read(file, "net.pt2", options);
  }

  private static ProgramFile linear(String sizes) {
    return new ProgramFile()
        .input("x", Types.FLOAT, sizes)
        .call(
            "torch.ops.aten.linear.default",
            "linear",
            Types.FLOAT,
            ProgramFile.symbol("s0") + "," + ProgramFile.ints(2),
            ProgramFile.tensor("input", "x"),
            ProgramFile.tensor("weight", "p_v"))
        .output("linear");
  }

  private static float[] weights(Graph graph) {
    Op layer = graph.main().ops().get(0);
    assertThat(layer.kind()).isEqualTo(OpKind.FULLY_CONNECTED);
    assertThat(layer.input(1).shape().dims()).containsExactly(2, 3);
    return layer.input(1).floats();
  }

  @Test
  void isFoundByLookingAtTheFile() throws IOException {
    Path file = folder.resolve("anything.bin");
    Files.write(file, linear(ProgramFile.ints(1, 3)).oldArchive(new byte[0]).array());
    assertThat(ModelImporters.load().find(file)).isEmpty(); // its first entry says nothing
    Path named = folder.resolve("net.PT2");
    Files.copy(file, named);
    assertThat(ModelImporters.load().find(named).map(ModelImporter::id)).contains("pytorch");
    Path other = folder.resolve("other.bin");
    ProgramFile program =
        linear(ProgramFile.ints(1, 3))
            .parameter("v", "weight_0", new int[] {2, 3}, new int[] {3, 1}, 0, 1, 2, 3, 4, 5, 6);
    Files.write(other, program.archive(false).array());
    assertThat(ModelImporters.load().find(other).map(ModelImporter::id)).contains("pytorch");
  }

  @Test
  void weightsMayBeViewsOfASharedStorage() {
    // Columns of a matrix of three rows and four columns, from its second element on.
    int[] sizes = {2, 3};
    int[] strides = {1, 4};
    float[] storage = new float[12];
    for (int i = 0; i < 12; i++) {
      storage[i] = i;
    }
    ProgramFile file =
        linear(ProgramFile.ints(1, 3)).parameter("v", "weight_0", sizes, strides, 1, storage);
    for (boolean deflated : new boolean[] {false, true}) {
      Graph graph = read(file.archive(deflated), ImportOptions.defaults());
      assertThat(weights(graph)).containsExactly(1, 5, 9, 2, 6, 10);
    }
  }

  @Test
  void theOlderLayoutIsReadWithoutExecutingItsPickle() {
    ProgramFile file =
        linear(ProgramFile.ints(1, 3))
            .parameter("v", "none", new int[] {2, 3}, new int[] {3, 1}, 0);
    ByteBuffer old = file.oldArchive(ProgramFile.savedState("v", 1, 2, 3, 4, 5, 6));
    assertThat(weights(read(old, ImportOptions.defaults()))).containsExactly(1, 2, 3, 4, 5, 6);
  }

  @Test
  void openDimensionsAreBoundOrKept() {
    ProgramFile file =
        linear(ProgramFile.symbol("s0") + "," + ProgramFile.ints(3))
            .parameter("v", "weight_0", new int[] {2, 3}, new int[] {3, 1}, 0, 1, 2, 3, 4, 5, 6);
    ImportOptions options = ImportOptions.defaults();
    assertThat(shape(read(file.archive(false), options))).containsExactly(1, 3);
    assertThat(shape(read(file.archive(false), options.batch(4)))).containsExactly(4, 3);
    assertThat(shape(read(file.archive(false), options.dimension("s0", 7)))).containsExactly(7, 3);
    assertThat(shape(read(file.archive(false), options.dimension("x.0", 8)))).containsExactly(8, 3);
    Graph open = read(file.archive(false), options.openBatch(true));
    assertThat(shape(open)).containsExactly(-1, 3);
    assertThat(open.main().outputs().get(0).shape().dims()).containsExactly(-1, 2);
  }

  private static int[] shape(Graph graph) {
    return graph.main().inputs().get(0).shape().dims();
  }

  @Test
  void everyOperatorThatCannotBeConvertedIsNamed() {
    String sizes = ProgramFile.ints(1, 3);
    ByteBuffer file =
        new ProgramFile()
            .input("x", Types.FLOAT, sizes)
            .call("torch.ops.aten.svd.default", "svd", 7, sizes, ProgramFile.tensor("self", "x"))
            .call(
                "torch.ops.aten.relu.default", "relu", 7, sizes, ProgramFile.tensor("self", "svd"))
            .call(
                "torch.ops.aten.dropout.default",
                "drop",
                7,
                sizes,
                ProgramFile.tensor("input", "x"),
                ProgramFile.argument("p", "\"as_float\":0.5"),
                ProgramFile.argument("train", "\"as_bool\":true"))
            .output("relu")
            .output("drop")
            .archive(false);
    assertThatThrownBy(() -> read(file, ImportOptions.defaults()))
        .isInstanceOf(UnsupportedModelException.class)
        .hasMessageContaining("2 operations")
        .hasMessageContaining(
            "aten.svd.default at svd (module body, \"net.py\", line 10, in forward)")
        .hasMessageContaining("float32[1, 3]")
        .hasMessageContaining("run_decompositions")
        .hasMessageContaining("aten.dropout.default at drop")
        .hasMessageContaining("model.eval()");
  }

  @Test
  void aWriteThatAnotherViewWouldSeeIsRefused() {
    String sizes = ProgramFile.ints(2, 3);
    String turned = ProgramFile.ints(3, 2);
    ByteBuffer file =
        new ProgramFile()
            .input("x", Types.FLOAT, sizes)
            .call("torch.ops.aten.neg.default", "neg", 7, sizes, ProgramFile.tensor("self", "x"))
            .call("torch.ops.aten.t.default", "t", 7, turned, ProgramFile.tensor("self", "neg"))
            .call("torch.ops.aten.relu_.default", "r", 7, sizes, ProgramFile.tensor("self", "neg"))
            .output("t")
            .archive(false);
    assertThatThrownBy(() -> read(file, ImportOptions.defaults()))
        .isInstanceOf(UnsupportedModelException.class)
        .hasMessageContaining("it writes into 'neg', whose memory 't' shares");
  }

  @Test
  void aWriteThatNobodySharesIsTheTensorsNewValue() {
    String sizes = ProgramFile.ints(2, 3);
    ByteBuffer file =
        new ProgramFile()
            .input("x", Types.FLOAT, sizes)
            .call("torch.ops.aten.neg.default", "neg", 7, sizes, ProgramFile.tensor("self", "x"))
            .call(
                "torch.ops.aten.relu_.default",
                "relu_",
                7,
                sizes,
                ProgramFile.tensor("self", "neg"))
            .output("neg")
            .archive(false);
    Graph graph = read(file, ImportOptions.defaults());
    assertThat(graph.main().ops().stream().map(Op::kind).toList())
        .isEqualTo(List.of(OpKind.NEG, OpKind.RELU));
  }

  @Test
  void aResultOfAnotherShapeThanTheProgramSaysIsRefused() {
    ByteBuffer file =
        new ProgramFile()
            .input("x", Types.FLOAT, ProgramFile.ints(2, 3))
            .call(
                "torch.ops.aten.t.default",
                "t",
                7,
                ProgramFile.ints(2, 3),
                ProgramFile.tensor("self", "x"))
            .output("t")
            .archive(false);
    assertThatThrownBy(() -> read(file, ImportOptions.defaults()))
        .isInstanceOf(UnsupportedModelException.class)
        .hasMessageContaining("the program says [2, 3]");
  }

  @Test
  void operatorsStayAsCustomOnesOnRequestOnly() {
    ProgramFile file =
        new ProgramFile()
            .input("x", Types.FLOAT, ProgramFile.ints(2, 3))
            .call(
                "torch.ops.mine.filter.default",
                "f",
                Types.FLOAT,
                ProgramFile.ints(2, 4),
                ProgramFile.tensor("x", "x"),
                ProgramFile.argument("radius", "\"as_int\":3"),
                ProgramFile.argument("mode", "\"as_string\":\"wrap\""),
                ProgramFile.argument("taps", "\"as_ints\":[1,2]"))
            .call(
                "torch.ops.aten.relu.default",
                "y",
                Types.FLOAT,
                ProgramFile.ints(2, 4),
                ProgramFile.tensor("self", "f"))
            .output("y");
    assertThatThrownBy(
            () ->
                new PytorchImporter()
                    .read(file.archive(false), "net.pt2", ImportOptions.defaults()))
        .isInstanceOf(UnsupportedModelException.class)
        .hasMessageContaining("customOperators(\"mine.filter.default\")");
    for (String asked :
        List.of("mine.filter.default", "mine.filter", "mine::filter", ImportOptions.ANY_OPERATOR)) {
      Graph graph =
          new PytorchImporter()
              .read(
                  file.archive(false), "net.pt2", ImportOptions.defaults().customOperators(asked));
      assertThat(graph.main().ops()).extracting(Op::kind).contains(OpKind.CUSTOM, OpKind.RELU);
      Op op = graph.main().ops().get(0);
      assertThat(op.customName()).isEqualTo("mine.filter");
      assertThat(op.outputs().get(0).shape()).isEqualTo(Shape.of(2, 4));
      assertThat(op.customOptions()).isPresent();
    }
  }
}
