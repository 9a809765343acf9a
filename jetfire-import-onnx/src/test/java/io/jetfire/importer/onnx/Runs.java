package io.jetfire.importer.onnx;

import io.jetfire.Delegate;
import io.jetfire.Model;
import io.jetfire.Tensor;
import io.jetfire.spi.ModelRuntime;
import io.jetfire.tflite.format.TfliteWriter;
import io.jetfire.tflite.format.WriteOptions;
import io.jetfire.tflite.graph.Graph;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Runs imported graphs on the TFLite runtime. */
final class Runs {
  private Runs() {}

  /** The outputs by name; each run gets its own list, to show what stays from one to the next. */
  static List<Map<String, Tensor>> run(
      ModelRuntime runtime,
      Path folder,
      Graph graph,
      Delegate delegate,
      List<Map<String, Tensor>> runs)
      throws IOException {
    Path file = Files.createTempFile(folder, "model", ".tflite");
    Files.write(file, TfliteWriter.toBytes(graph, WriteOptions.defaults()));
    ModelRuntime.Options options =
        ModelRuntime.Options.defaults()
            .delegate(delegate)
            .isolation(ModelRuntime.Isolation.IN_PROCESS);
    List<Map<String, Tensor>> all = new java.util.ArrayList<>();
    try (ModelRuntime.Session session = runtime.open(Model.of(file), options)) {
      for (Map<String, Tensor> inputs : runs) {
        for (int i = 0; i < session.inputs().size(); i++) {
          Tensor given = inputs.get(session.inputs().get(i).name());
          if (given == null) {
            throw new AssertionError("no input " + session.inputs().get(i).name());
          }
          session.input(i, given);
        }
        session.invoke();
        Map<String, Tensor> outputs = new LinkedHashMap<>();
        for (int o = 0; o < session.outputs().size(); o++) {
          Tensor t = session.output(o);
          outputs.put(session.outputs().get(o).name(), Tensor.of(t.type(), t.data(), t.shape()));
        }
        all.add(outputs);
      }
    }
    return all;
  }

  /** The largest difference between two tensors; infinite if shapes differ or one has no number. */
  static double difference(Tensor found, Tensor expected) {
    if (!java.util.Arrays.equals(found.shape(), expected.shape())) {
      return Double.POSITIVE_INFINITY;
    }
    float[] f = found.toFloatArray();
    float[] e = expected.toFloatArray();
    double worst = 0;
    for (int i = 0; i < f.length; i++) {
      double d = f[i] == e[i] ? 0 : Math.abs((double) f[i] - e[i]);
      worst = Math.max(worst, Double.isNaN(d) ? Double.POSITIVE_INFINITY : d);
    }
    return worst;
  }
}
