package io.jetfire.importer.tensorflow;

import io.jetfire.tflite.graph.Graph;
import io.jetfire.tflite.graph.Subgraph;
import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.importer.ImportOptions;
import io.jetfire.tflite.importer.ImportProblems;
import io.jetfire.tflite.importer.ModelImporter;
import io.jetfire.tflite.importer.lowering.Build;
import io.jetfire.tflite.importer.lowering.Refusal;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;

/**
 * Reads Keras files: {@code .keras} of Keras 3 and late Keras 2, and {@code .h5}, with Sequential,
 * Functional and nested models.
 *
 * <pre>{@code
 * Graph graph = KerasImporter.create().read(Path.of("net.keras"), ImportOptions.defaults());
 * }</pre>
 *
 * <p>Layers that act only while training are dropped. Inputs and outputs are called as the layers
 * that they belong to, in the signature {@code serving_default}. An open first dimension is the
 * batch and takes {@link ImportOptions#batch()}; other open dimensions stay open. Floating-point
 * weights of every width are computed in float32. Layers with code of their own (Lambda,
 * subclasses) are refused: their meaning is not in the file.
 *
 * <p>Formats: {@code keras.saving} of Keras 3.15 and tf.keras 2.4 to 2.15. Immutable and
 * thread-safe.
 */
public final class KerasImporter implements ModelImporter {

  /** Creates the importer as the service loader does; the same as {@link #create()}. */
  public KerasImporter() {}

  /**
   * Returns the importer.
   *
   * @return the importer
   */
  public static KerasImporter create() {
    return new KerasImporter();
  }

  @Override
  public String id() {
    return "keras";
  }

  @Override
  public boolean accepts(Path file, byte[] header) {
    Path name = file.getFileName();
    String text = name == null ? "" : name.toString().toLowerCase(Locale.ROOT);
    return Hdf5.isHdf5(header) || (KerasFile.isZip(header) && text.endsWith(".keras"));
  }

  @Override
  public Graph read(Path file, ImportOptions options) {
    return read(KerasFile.read(file), String.valueOf(file.getFileName()), options);
  }

  Graph read(KerasFile file, String name, ImportOptions options) {
    Graph graph = Graph.create();
    Subgraph main = graph.addSubgraph("main");
    ImportProblems problems = new ImportProblems(name);
    Map<String, Value> inputs = new LinkedHashMap<>();
    try {
      Build b = new Build(main);
      KerasModel model = new KerasModel(b, file.old(), problems, options);
      Map<String, Value> outputs = model.run(file.config(), file.weights(), inputs);
      Edges.finish(graph, main, b, "serving_default", inputs, outputs);
    } catch (Refusal e) {
      problems.add("model", name, "no inputs", String.valueOf(e.getMessage()), e.suggestion());
      problems.raise();
    }
    return Edges.optimized(graph, options);
  }
}
