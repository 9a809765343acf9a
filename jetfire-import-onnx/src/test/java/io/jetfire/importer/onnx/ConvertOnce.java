package io.jetfire.importer.onnx;

import io.jetfire.tflite.format.TfliteWriter;
import io.jetfire.tflite.format.WriteOptions;
import io.jetfire.tflite.graph.Graph;
import io.jetfire.tflite.importer.ImportOptions;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;

/** Converts one ONNX file and ends: what a JVM of its own, with a limited heap, is started for. */
final class ConvertOnce {
  private ConvertOnce() {}

  /**
   * Arguments: the ONNX file, the file to write, where to write the milliseconds that its one
   * thread computed since the JVM started, which other work on the machine does not change.
   */
  public static void main(String[] args) throws IOException {
    Graph graph = OnnxImporter.create().read(Path.of(args[0]), ImportOptions.defaults());
    TfliteWriter.write(graph, Path.of(args[1]), WriteOptions.defaults());
    long milliseconds = ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime() / 1_000_000;
    Files.writeString(Path.of(args[2]), Long.toString(milliseconds));
  }
}
