package io.jetfire.importer.onnx;

import io.jetfire.Delegate;
import io.jetfire.Model;
import io.jetfire.Tensor;
import io.jetfire.TensorSpec;
import io.jetfire.TensorType;
import io.jetfire.UnsupportedModelException;
import io.jetfire.spi.ModelRuntime;
import io.jetfire.tflite.format.TfliteWriter;
import io.jetfire.tflite.format.WriteOptions;
import io.jetfire.tflite.graph.Graph;
import io.jetfire.tflite.importer.ImportOptions;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** Runs the cases of ONNX's conformance suite on the TFLite runtime. */
final class Conformance {
  /** How a case ended. */
  enum Outcome {
    PASSED,
    /** Passed after inputs that decide about shapes were made constants, as the refusal asked. */
    PASSED_BOUND,
    REFUSED,
    FAILED
  }

  record Case(String name, Outcome outcome, String detail) {}

  private static final Pattern BINDABLE =
      Pattern.compile("\\(([^()]+)\\) (?:is|are) computed while the model runs");
  private static final double RELATIVE = 1e-3;
  private static final double ABSOLUTE = 1e-7;

  private final ModelRuntime runtime;
  private final Path folder;

  Conformance(ModelRuntime runtime, Path folder) {
    this.runtime = runtime;
    this.folder = folder;
  }

  List<Case> run(Path suite) throws IOException {
    List<Case> cases = new ArrayList<>();
    try (Stream<Path> folders = Files.list(suite)) {
      for (Path p : folders.sorted().toList()) {
        if (Files.isRegularFile(p.resolve("model.onnx"))) {
          cases.add(run(p.getFileName().toString(), p));
        }
      }
    }
    return cases;
  }

  private Case run(String name, Path test) {
    try {
      OnnxModel model =
          OnnxModel.read(ByteBuffer.wrap(Files.readAllBytes(test.resolve("model.onnx"))));
      return runModel(name, test, model);
    } catch (RuntimeException | IOException e) {
      StackTraceElement[] trace = e.getStackTrace();
      String at = "";
      for (StackTraceElement t : trace) {
        if (t.getClassName().startsWith("io.jetfire") && at.length() < 300) {
          at += " " + t.getFileName() + ":" + t.getLineNumber();
        }
      }
      return new Case(name, Outcome.FAILED, e + at);
    }
  }

  private Case runModel(String name, Path test, OnnxModel model) throws IOException {
    List<OnnxModel.ValueInfo> inputs =
        model.graph().inputs().stream()
            .filter(i -> !model.graph().initializers().containsKey(i.name()))
            .toList();
    Path data = test.resolve("test_data_set_0");
    OnnxImporter importer = OnnxImporter.create().openBatch();
    Set<String> bound = new HashSet<>();
    Graph done;
    while (true) {
      try {
        Graph graph = importer.read(test.resolve("model.onnx"), ImportOptions.defaults());
        done = graph;
        break;
      } catch (UnsupportedModelException e) {
        boolean more = false;
        Matcher m = BINDABLE.matcher(String.valueOf(e.getMessage()));
        while (m.find()) {
          for (int i = 0; i < inputs.size(); i++) {
            if (inputs.get(i).name().equals(m.group(1)) && bound.add(m.group(1))) {
              importer =
                  importer.constant(
                      m.group(1),
                      ExampleData.tensor(
                          data.resolve("input_" + i + ".pb"), inputs.get(i).elementType()));
              more = true;
            }
          }
        }
        if (!more) {
          return new Case(name, Outcome.REFUSED, String.valueOf(e.getMessage()));
        }
      }
    }
    return compare(name, data, done, inputs, model.graph().outputs(), bound);
  }

  private Case compare(
      String name,
      Path data,
      Graph graph,
      List<OnnxModel.ValueInfo> inputs,
      List<OnnxModel.ValueInfo> outputs,
      Set<String> bound)
      throws IOException {
    Path file = folder.resolve("case.tflite");
    Files.write(file, TfliteWriter.toBytes(graph, WriteOptions.defaults()));
    ModelRuntime.Options options =
        ModelRuntime.Options.defaults()
            .delegate(Delegate.CPU)
            .isolation(ModelRuntime.Isolation.IN_PROCESS);
    java.util.Map<String, List<Integer>> shapes = new java.util.HashMap<>();
    for (int i = 0; i < inputs.size(); i++) {
      String n = inputs.get(i).name();
      var value = graph.main().value(n);
      if (value.isPresent() && value.get().isInput()) {
        List<Integer> dims = new ArrayList<>();
        for (int d :
            ExampleData.tensor(data.resolve("input_" + i + ".pb"), inputs.get(i).elementType())
                .shape()) {
          dims.add(d);
        }
        // Some cases give other shapes than their model declares.
        if (!Arrays.equals(dims.stream().mapToInt(d -> d).toArray(), value.get().shape().dims())) {
          shapes.put(n, dims);
        }
      }
    }
    try (ModelRuntime.Session session = runtime.open(Model.of(file), options.inputShapes(shapes))) {
      List<TensorSpec> specs = session.inputs();
      for (int s = 0; s < specs.size(); s++) {
        for (int i = 0; i < inputs.size(); i++) {
          if (inputs.get(i).name().equals(specs.get(s).name())) {
            session.input(
                s,
                ExampleData.tensor(
                    data.resolve("input_" + i + ".pb"), inputs.get(i).elementType()));
          }
        }
      }
      session.invoke();
      for (int o = 0; o < outputs.size(); o++) {
        Tensor expected =
            ExampleData.tensor(data.resolve("output_" + o + ".pb"), outputs.get(o).elementType());
        int at = -1;
        for (int k = 0; k < session.outputs().size(); k++) {
          at = session.outputs().get(k).name().equals(outputs.get(o).name()) ? k : at;
        }
        if (at < 0) {
          return new Case(name, Outcome.FAILED, "no output " + outputs.get(o).name());
        }
        String difference = difference(expected, session.output(at));
        if (!difference.isEmpty()) {
          return new Case(
              name, Outcome.FAILED, "output " + outputs.get(o).name() + ": " + difference);
        }
      }
    }
    return new Case(
        name, bound.isEmpty() ? Outcome.PASSED : Outcome.PASSED_BOUND, bound.toString());
  }

  private static String difference(Tensor expected, Tensor found) {
    if (!java.util.Arrays.equals(expected.shape(), found.shape())) {
      return "shape " + found + " instead of " + expected;
    }
    double[] e = values(expected);
    double[] f = values(found);
    for (int i = 0; i < e.length; i++) {
      boolean same = Double.isNaN(e[i]) ? Double.isNaN(f[i]) : e[i] == f[i];
      if (!same && !(Math.abs(e[i] - f[i]) <= ABSOLUTE + RELATIVE * Math.abs(e[i]))) {
        return "element " + i + " is " + f[i] + " instead of " + e[i];
      }
    }
    return "";
  }

  private static double[] values(Tensor t) {
    double[] out = new double[t.elementCount()];
    ByteBuffer b = t.data();
    for (int i = 0; i < out.length; i++) {
      out[i] = t.type() == TensorType.INT64 ? b.getLong(i * 8) : 0;
    }
    if (t.type() != TensorType.INT64) {
      float[] f = t.toFloatArray();
      for (int i = 0; i < out.length; i++) {
        out[i] = f[i];
      }
    }
    return out;
  }
}
