package io.jetfire.importer.tensorflow;

import static io.jetfire.importer.tensorflow.TfBytes.constant;
import static io.jetfire.importer.tensorflow.TfBytes.functionDef;
import static io.jetfire.importer.tensorflow.TfBytes.graph;
import static io.jetfire.importer.tensorflow.TfBytes.node;
import static io.jetfire.importer.tensorflow.TfBytes.placeholder;
import static io.jetfire.importer.tensorflow.TfBytes.scalar;
import static io.jetfire.importer.tensorflow.TfBytes.signature;
import static io.jetfire.importer.tensorflow.TfBytes.strings;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.jetfire.StorageException;
import io.jetfire.UnsupportedModelException;
import io.jetfire.tflite.graph.Graph;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Signature;
import io.jetfire.tflite.importer.ImportOptions;
import io.jetfire.tflite.importer.ModelImporters;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@SuppressWarnings("NullAway.Init") // JUnit fills the folder, create() the runner.
class SavedModelImporterTest {
  @TempDir Path folder;
  private Runner runner;

  @BeforeEach
  void create() {
    runner = new Runner(folder);
  }

  @AfterEach
  void close() {
    runner.close();
  }

  private static TfBytes handle(String name, String shared) {
    return node(name, "VarHandleOp").type("dtype", Types.FLOAT).string("shared_name", shared);
  }

  /** The dense layer of the tests, in TensorFlow 2's form: a function on handles of variables. */
  static TfBytes dense() {
    return functionDef(
        "dense",
        new Object[] {"x", Types.FLOAT, "w", Types.RESOURCE, "b", Types.RESOURCE},
        new Object[] {"relu:activations:0", Types.FLOAT},
        node("read_w", "ReadVariableOp", "w"),
        node("read_b", "ReadVariableOp", "b"),
        node("product", "MatMul", "x", "read_w:value:0"),
        node("sum", "BiasAdd", "product:product:0", "read_b:value:0"),
        node("relu", "Relu", "sum:output:0"),
        // What training needs stands beside, and nothing asks for it.
        node("gradient", "ReluGrad", "relu:activations:0", "sum:output:0"));
  }

  /** Restores two variables whose names in the graph say nothing about the checkpoint's keys. */
  static TfBytes restore() {
    return functionDef(
        "restore",
        new Object[] {"file", Types.STRING, "first", Types.RESOURCE, "second", Types.RESOURCE},
        new Object[] {"file", Types.STRING},
        strings("keys", "layer/kernel", "layer/bias"),
        strings("parts", "", ""),
        node("values", "RestoreV2", "file", "keys:output:0", "parts:output:0"),
        node("same", "Identity", "values:tensors:1"),
        node("set1", "AssignVariableOp", "first", "values:tensors:0"),
        node("set2", "AssignVariableOp", "second", "same:output:0"));
  }

  static byte[] denseModel() {
    TfBytes graph =
        graph(
                placeholder("serving_x", Types.FLOAT, -1, 2),
                placeholder("file", Types.STRING),
                handle("Variable", "v"),
                handle("Variable_1", "v"),
                node("call", "StatefulPartitionedCall", "serving_x", "Variable", "Variable_1")
                    .function("f", "dense"),
                node("restore", "StatefulPartitionedCall", "file", "Variable", "Variable_1")
                    .function("f", "restore"))
            .library(dense(), restore());
    return TfBytes.savedModel(
        graph,
        "restore",
        "serving_default",
        signature(new String[] {"x=serving_x:0"}, new String[] {"y=call:0"}, -1, 2));
  }

  static CheckpointBytes denseVariables(boolean snappy) {
    return new CheckpointBytes(2, snappy)
        .variable("layer/kernel", 0, new float[] {1, 2, 3, 4, 5, 6}, 2, 3)
        .variable("layer/bias", 1, new float[] {-10, 0.5f, 1}, 3)
        .variable("optimizer/momentum", 1, new float[] {9, 9}, 2);
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void functionsAreInlinedAndVariablesFoundThroughTheRestoringFunction(boolean snappy)
      throws IOException {
    Path model = denseVariables(snappy).write(folder.resolve("net"), denseModel());
    assertThat(ModelImporters.load().find(model).orElseThrow().id()).isEqualTo("saved-model");
    Graph graph = SavedModelImporter.create().read(model, ImportOptions.defaults().batch(2));
    assertThat(graph.main().ops()).hasSize(1);
    assertThat(graph.main().ops().get(0).kind()).isEqualTo(OpKind.FULLY_CONNECTED);
    Signature s = graph.signature("serving_default").orElseThrow();
    assertThat(s.inputs()).containsOnlyKeys("x");
    assertThat(s.outputs()).containsOnlyKeys("y");
    float[] y = runner.run(graph, new float[] {1, 1, 2, 0}).get(0);
    // [1 1] and [2 0] times [[1 2 3] [4 5 6]] plus [-10 0.5 1], and no negative numbers.
    assertThat(y).containsExactly(0, 7.5f, 10, 0, 4.5f, 7);
  }

  @Test
  void partitionedVariablesAreJoined() throws IOException {
    TfBytes graph =
        graph(
            placeholder("x", Types.FLOAT, 1, 3),
            node("w", "VariableV2").type("dtype", Types.FLOAT),
            node("read", "Identity", "w"),
            node("y", "MatMul", "x", "read"));
    byte[] model =
        TfBytes.savedModel(
            graph, "", "f", signature(new String[] {"x=x:0"}, new String[] {"y=y:0"}, 1, 3));
    Path saved =
        new CheckpointBytes(1, true)
            .partitioned("w", new float[] {1, 2, 3, 4}, new float[] {5, 6}, 2)
            .write(folder.resolve("net"), model);
    Graph read = SavedModelImporter.create().read(saved, ImportOptions.defaults());
    // Rows 1 2, 3 4 and 5 6 weighted by 1, 10 and 100.
    assertThat(runner.run(read, new float[] {1, 10, 100}).get(0)).containsExactly(531, 642);
  }

  @Test
  void aPartOfAVariableIsWhatTheRestoringOperatorNames() throws IOException {
    TfBytes graph =
        graph(
            placeholder("x", Types.FLOAT, 1, 2),
            node("part_1", "VariableV2").type("dtype", Types.FLOAT),
            strings("keys", "w"),
            strings("parts", "3 2 1,2:-"),
            node("value", "RestoreV2", "file", "keys", "parts"),
            node("set", "Assign", "part_1", "value"),
            node("restore_all", "NoOp", "^set"),
            node("y", "MatMul", "x", "part_1"));
    byte[] model =
        TfBytes.savedModel(
            graph,
            "restore_all",
            "f",
            signature(new String[] {"x=x:0"}, new String[] {"y=y:0"}, 1, 2));
    Path saved =
        new CheckpointBytes(1, false)
            .variable("w", 0, new float[] {1, 2, 3, 4, 5, 6}, 3, 2)
            .write(folder.resolve("net"), model);
    Graph read = SavedModelImporter.create().read(saved, ImportOptions.defaults());
    assertThat(runner.run(read, new float[] {1, 10}).get(0)).containsExactly(53, 64);
  }

  @Test
  void everythingThatCannotBeConvertedIsNamedAtOnce() throws IOException {
    TfBytes graph =
        graph(
            placeholder("x", Types.FLOAT, 1, 2),
            node("a", "MyOp", "x"),
            node("b", "Relu", "a"),
            node("c", "OtherOp", "b", "x"),
            node("unused", "ThirdOp", "x"));
    byte[] model =
        TfBytes.savedModel(
            graph, "", "f", signature(new String[] {"x=x:0"}, new String[] {"y=c:0"}, 1, 2));
    assertThatThrownBy(() -> read(model))
        .isInstanceOf(UnsupportedModelException.class)
        .hasMessageContainingAll("2 operations", "MyOp at a on float32[1, 2]", "OtherOp at c on")
        .hasMessageNotContaining("ThirdOp");
  }

  private static Graph read(byte[] model) {
    return SavedModelImporter.create()
        .read(
            GraphFile.savedModel(ByteBuffer.wrap(model)),
            Checkpoint.none(),
            "test",
            ImportOptions.defaults());
  }

  @Test
  void signaturesOfOneFunctionShareASubgraphAndOthersHaveTheirOwn() throws IOException {
    TfBytes graph =
        graph(
            placeholder("p", Types.FLOAT, 1, 2),
            placeholder("q", Types.FLOAT, 1, 2),
            node("a", "Exp", "p"),
            node("b", "Exp", "q"),
            node("c", "Neg", "q"));
    Graph read =
        read(
            TfBytes.savedModel(
                graph,
                "",
                "again",
                signature(new String[] {"in=q:0"}, new String[] {"out=b:0"}, 1, 2),
                "other",
                signature(new String[] {"in=q:0"}, new String[] {"out=c:0"}, 1, 2),
                "serving_default",
                signature(new String[] {"x=p:0"}, new String[] {"y=a:0"}, 1, 2)));
    assertThat(read.subgraphs()).hasSize(2);
    assertThat(read.signatures().stream().map(Signature::key))
        .containsExactly("serving_default", "again", "other");
    assertThat(read.signature("again").orElseThrow().subgraph()).isSameAs(read.main());
    assertThat(read.signature("again").orElseThrow().inputs()).containsOnlyKeys("in");
    assertThat(read.signature("other").orElseThrow().subgraph().ops().get(0).kind())
        .isEqualTo(OpKind.NEG);
    assertThat(runner.run(read, new float[] {0, 0}).get(0)).containsExactly(1, 1);
  }

  private static TfBytes loop(TfBytes start, TfBytes condition) {
    return graph(
            placeholder("x", Types.FLOAT, 1, 2),
            start,
            node("loop", "StatelessWhile", "i", "x").function("cond", "cond").function("body", "b"))
        .library(
            condition,
            functionDef(
                "b",
                new Object[] {"i", Types.INT32, "y", Types.FLOAT},
                new Object[] {"next:z:0", Types.INT32, "twice:z:0", Types.FLOAT},
                scalar("one", 1),
                node("next", "AddV2", "i", "one:output:0"),
                node("twice", "AddV2", "y", "y")));
  }

  @Test
  void loopsOfAKnownNumberOfStepsAreUnrolled() throws IOException {
    TfBytes condition =
        functionDef(
            "cond",
            new Object[] {"i", Types.INT32, "y", Types.FLOAT},
            new Object[] {"less:z:0", Types.BOOL},
            scalar("three", 3),
            node("less", "Less", "i", "three:output:0"));
    Graph read =
        read(
            TfBytes.savedModel(
                loop(scalar("i", 0), condition),
                "",
                "f",
                signature(new String[] {"x=x:0"}, new String[] {"y=loop:1"}, 1, 2)));
    assertThat(read.main().ops().stream().map(Op::kind))
        .containsExactly(OpKind.ADD, OpKind.ADD, OpKind.ADD);
    assertThat(runner.run(read, new float[] {1, -3}).get(0)).containsExactly(8, -24);
  }

  @Test
  void otherLoopsBecomeWhile() throws IOException {
    TfBytes condition =
        functionDef(
            "cond",
            new Object[] {"i", Types.INT32, "y", Types.FLOAT},
            new Object[] {"less:z:0", Types.BOOL},
            constant("limit", new float[] {100}),
            constant("axes", 0, 1),
            node("sum", "Sum", "y", "axes:output:0"),
            node("less", "Less", "sum:output:0", "limit:output:0"));
    Graph read =
        read(
            TfBytes.savedModel(
                loop(scalar("i", 0), condition),
                "",
                "f",
                signature(new String[] {"x=x:0"}, new String[] {"n=loop:0", "y=loop:1"}, 1, 2)));
    assertThat(read.main().ops().stream().map(Op::kind)).contains(OpKind.WHILE);
    List<float[]> out = runner.run(read, new float[] {1, 2});
    assertThat(out.get(0)).containsExactly(6);
    assertThat(out.get(1)).containsExactly(64, 128);
  }

  private static TfBytes branch() {
    return graph(
            placeholder("x", Types.FLOAT, 1, 2),
            constant("axes", 0, 1),
            constant("zero", new float[] {0}),
            node("sum", "Sum", "x", "axes"),
            node("positive", "Greater", "sum", "zero"),
            node("if", "If", "positive", "x")
                .function("then_branch", "then")
                .function("else_branch", "else"))
        .library(
            functionDef("then", new Object[] {"v", Types.FLOAT}, new Object[] {"v", Types.FLOAT}),
            functionDef(
                "else",
                new Object[] {"v", Types.FLOAT},
                new Object[] {"n:y:0", Types.FLOAT},
                node("n", "Neg", "v")));
  }

  @Test
  void conditionsBecomeIf() throws IOException {
    Graph read =
        read(
            TfBytes.savedModel(
                branch(),
                "",
                "f",
                signature(new String[] {"x=x:0"}, new String[] {"y=if:0"}, 1, 2)));
    assertThat(read.main().ops().stream().map(Op::kind)).contains(OpKind.IF);
    assertThat(runner.run(read, new float[] {1, 2}).get(0)).containsExactly(1, 2);
    assertThat(runner.run(read, new float[] {1, -2}).get(0)).containsExactly(-1, 2);
  }

  @Test
  void switchesOfAConstantAreFoldedAndOthersRefused() throws IOException {
    TfBytes off = node("training", "PlaceholderWithDefault", "no").type("dtype", Types.BOOL);
    TfBytes no =
        node("no", "Const")
            .type("dtype", Types.BOOL)
            .attr(
                "value",
                TfBytes.message()
                    .add(
                        8,
                        TfBytes.message()
                            .number(1, Types.BOOL)
                            .add(2, TfBytes.shape())
                            .number(11, 0)));
    TfBytes[] rest = {
      placeholder("x", Types.FLOAT, 1, 2),
      node("switch", "Switch", "x", "training"),
      node("on", "Exp", "switch:1"),
      node("off", "Neg", "switch"),
      node("y", "Merge", "off", "on")
    };
    TfBytes folded = graph(rest).add(1, no).add(1, off);
    TfBytes s = signature(new String[] {"x=x:0"}, new String[] {"y=y:0"}, 1, 2);
    Graph read = read(TfBytes.savedModel(folded, "", "f", s));
    assertThat(read.main().ops().stream().map(Op::kind)).containsExactly(OpKind.NEG);
    TfBytes open =
        graph(rest)
            .add(1, constant("zero", new float[] {0}))
            .add(1, constant("axes", 0, 1))
            .add(1, node("sum", "Sum", "x", "axes"))
            .add(1, node("training", "Greater", "sum", "zero"));
    assertThatThrownBy(() -> read(TfBytes.savedModel(open, "", "f", s)))
        .isInstanceOf(UnsupportedModelException.class)
        .hasMessageContainingAll("Switch at switch", "control flow version 2");
  }

  @Test
  void aVariableThatTheModelChangesIsRefused() {
    TfBytes graph =
        graph(
                placeholder("x", Types.FLOAT, 1, 2),
                handle("state", "state"),
                node("call", "StatefulPartitionedCall", "x", "state").function("f", "step"))
            .library(
                functionDef(
                    "step",
                    new Object[] {"x", Types.FLOAT, "s", Types.RESOURCE},
                    new Object[] {"out:output:0", Types.FLOAT},
                    node("set", "AssignAddVariableOp", "s", "x"),
                    node("out", "Identity", "x", "^set")));
    byte[] model =
        TfBytes.savedModel(
            graph, "", "f", signature(new String[] {"x=x:0"}, new String[] {"y=call:0"}, 1, 2));
    assertThatThrownBy(() -> read(model))
        .isInstanceOf(UnsupportedModelException.class)
        .hasMessageContainingAll("changes a variable", "input and an output");
  }

  @Test
  void whatIsMissingIsNamed() throws IOException {
    assertThatThrownBy(() -> read(new byte[0]))
        .isInstanceOf(UnsupportedModelException.class)
        .hasMessageContaining("no graph");
    assertThatThrownBy(() -> read(TfBytes.savedModel(graph(), "")))
        .isInstanceOf(UnsupportedModelException.class)
        .hasMessageContaining("no signatures");
    Path model = denseVariables(false).write(folder.resolve("net"), denseModel());
    assertThatThrownBy(
            () ->
                SavedModelImporter.create()
                    .signature("predict")
                    .read(model, ImportOptions.defaults()))
        .isInstanceOf(UnsupportedModelException.class)
        .hasMessageContainingAll("predict", "serving_default");
    Files.delete(model.resolve("variables/variables.data-00001-of-00002"));
    assertThatThrownBy(() -> SavedModelImporter.create().read(model, ImportOptions.defaults()))
        .isInstanceOf(StorageException.class)
        .hasMessageContaining("data-00001-of-00002");
    Path link = model.resolve("variables/variables.data-00001-of-00002");
    Files.write(folder.resolve("elsewhere"), new byte[64]);
    Files.createSymbolicLink(link, folder.resolve("elsewhere"));
    assertThatThrownBy(() -> SavedModelImporter.create().read(model, ImportOptions.defaults()))
        .isInstanceOf(StorageException.class);
  }

  @Test
  void functionsThatCallThemselvesAreRefused() {
    TfBytes graph =
        graph(
                placeholder("x", Types.FLOAT, 1, 2),
                node("call", "PartitionedCall", "x").function("f", "again"))
            .library(
                functionDef(
                    "again",
                    new Object[] {"x", Types.FLOAT},
                    new Object[] {"call:output:0", Types.FLOAT},
                    node("call", "PartitionedCall", "x").function("f", "again")));
    byte[] model =
        TfBytes.savedModel(
            graph, "", "f", signature(new String[] {"x=x:0"}, new String[] {"y=call:0"}, 1, 2));
    assertThatThrownBy(() -> read(model)).isInstanceOf(UnsupportedModelException.class);
  }

  @Test
  void variablesOfWhichCopiesWereSavedTakeThose() throws IOException {
    // tf.saved_model.save of a Keras 3 model: functions read the variables that the copies start as
    TfBytes graph =
        graph(
                placeholder("serving_x", Types.FLOAT, 1, 2),
                placeholder("file", Types.STRING),
                handle("net/kernel", "v"),
                handle("net/bias", "v"),
                node("first", "ReadVariableOp", "net/kernel"),
                node("second", "ReadVariableOp", "net/bias"),
                handle("Variable", "v"),
                handle("Variable_1", "v"),
                node("start", "AssignVariableOp", "Variable", "first"),
                node("start_1", "AssignVariableOp", "Variable_1", "second"),
                node("call", "StatefulPartitionedCall", "serving_x", "net/kernel", "net/bias")
                    .function("f", "dense"),
                node("restore", "StatefulPartitionedCall", "file", "Variable", "Variable_1")
                    .function("f", "restore"))
            .library(dense(), restore());
    byte[] model =
        TfBytes.savedModel(
            graph,
            "restore",
            "serving_default",
            signature(new String[] {"x=serving_x:0"}, new String[] {"y=call:0"}, 1, 2));
    Path saved = denseVariables(true).write(folder.resolve("net"), model);
    Graph read = SavedModelImporter.create().read(saved, ImportOptions.defaults());
    assertThat(runner.run(read, new float[] {1, 1}).get(0)).containsExactly(0, 7.5f, 10);
  }
}
