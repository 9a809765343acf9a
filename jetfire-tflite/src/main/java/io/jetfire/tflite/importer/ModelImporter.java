package io.jetfire.tflite.importer;

import io.jetfire.tflite.graph.Graph;
import java.nio.file.Path;
import java.util.List;

/**
 * Reads models of one source format into the graph, whose operators are TensorFlow Lite's.
 *
 * <pre>{@code
 * Graph graph = importer.read(Path.of("detector.djl-trace"), ImportOptions.defaults());
 * }</pre>
 *
 * <p>An importer says what the source means, with explicit TRANSPOSE operators where its layout is
 * another one, and then runs {@link io.jetfire.tflite.transform.Optimizer} over the graph, which
 * moves and removes them and gives inputs and outputs the layout that was asked for. It treats the
 * file as hostile input, and needs nothing of the framework that wrote it.
 *
 * <p>Implementations have a public constructor without parameters that does nothing, and are
 * thread-safe.
 */
public interface ModelImporter {

  /**
   * Returns the id, which is also the name of the source format.
   *
   * @return lower-case letters, digits and {@code -}, such as {@code djl-trace} or {@code onnx}
   */
  String id();

  /**
   * Says whether a file is of this importer's format, at a glance.
   *
   * @param file the file or folder; not to be read beyond what is needed
   * @param header the first bytes of the file, at most 64; empty for a folder
   * @return true if {@link #read} should be tried
   */
  boolean accepts(Path file, byte[] header);

  /**
   * Reads a model.
   *
   * @param file the file or folder
   * @param options what the caller wants of the graph
   * @return a new graph that {@link Graph#verify} finds sound
   * @throws io.jetfire.UnsupportedModelException if the file is broken, or uses what the graph
   *     cannot express; every such operation is named at once (see {@link ImportProblems})
   * @throws io.jetfire.StorageException if the file cannot be read
   */
  Graph read(Path file, ImportOptions options);

  /**
   * Finds the inputs and expected outputs that the source carries, such as the data sets beside a
   * model of the ONNX zoo.
   *
   * @param file the file or folder
   * @return in the source's order; empty if it has none
   * @throws io.jetfire.UnsupportedModelException if they are broken
   * @throws io.jetfire.StorageException if they cannot be read
   */
  default List<ImportVerification.Example> examples(Path file) {
    return List.of();
  }
}
