package io.jetfire.importer.tensorflow;

import io.jhdf.HdfFile;
import io.jhdf.WritableHdfFile;
import io.jhdf.api.WritableGroup;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

/** Writes Keras files of both formats. */
final class KerasBytes {
  private KerasBytes() {}

  /** Arrays by path, as groups of an HDF5 file. */
  static byte[] hdf5(Path folder, Map<String, Object> arrays, Map<String, String> attributes)
      throws IOException {
    Path file = Files.createTempFile(folder, "weights", ".h5");
    Files.delete(file);
    try (WritableHdfFile out = HdfFile.write(file)) {
      attributes.forEach(out::putAttribute);
      Map<String, WritableGroup> groups = new LinkedHashMap<>();
      arrays.forEach(
          (path, data) -> {
            WritableGroup at = out;
            String done = "";
            String[] words = path.split("/");
            for (int i = 0; i < words.length - 1; i++) {
              done += "/" + words[i];
              WritableGroup parent = at;
              String name = words[i];
              at = groups.computeIfAbsent(done, k -> parent.putGroup(name));
            }
            at.putDataset(words[words.length - 1], data);
          });
    }
    byte[] bytes = Files.readAllBytes(file);
    Files.delete(file);
    return bytes;
  }

  static byte[] zip(String... namesAndTexts) throws IOException {
    Map<String, byte[]> entries = new LinkedHashMap<>();
    for (int i = 0; i < namesAndTexts.length; i += 2) {
      entries.put(namesAndTexts[i], namesAndTexts[i + 1].getBytes(StandardCharsets.UTF_8));
    }
    return zip(entries);
  }

  static byte[] zip(Map<String, byte[]> entries) throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (ZipOutputStream zip = new ZipOutputStream(out)) {
      for (Map.Entry<String, byte[]> e : entries.entrySet()) {
        zip.putNextEntry(new ZipEntry(e.getKey()));
        zip.write(e.getValue());
        zip.closeEntry();
      }
    }
    return out.toByteArray();
  }

  static byte[] keras(String config, byte[] weights) throws IOException {
    Map<String, byte[]> entries = new LinkedHashMap<>();
    entries.put(
        "metadata.json", "{\"keras_version\": \"3.15.1\"}".getBytes(StandardCharsets.UTF_8));
    entries.put("config.json", config.getBytes(StandardCharsets.UTF_8));
    entries.put("model.weights.h5", weights);
    return zip(entries);
  }

  // ---- configurations

  static String input(String name, String shape) {
    return layer("InputLayer", name, "\"batch_shape\": " + shape);
  }

  static String layer(String className, String name, String config) {
    return "{\"module\": \"keras.layers\", \"class_name\": \""
        + className
        + "\", \"name\": \""
        + name
        + "\", \"config\": {\"name\": \""
        + name
        + "\", \"trainable\": true"
        + (config.isEmpty() ? "" : ", " + config)
        + "}}";
  }

  static String sequential(String... layers) {
    return "{\"module\": \"keras\", \"class_name\": \"Sequential\", \"config\": {\"name\": \"net\","
        + " \"layers\": ["
        + String.join(", ", layers)
        + "]}}";
  }

  /** A layer of a Functional model with its inputs by layer name. */
  static String node(String layer, String... inputs) {
    StringBuilder arguments = new StringBuilder();
    for (String in : inputs) {
      arguments.append(arguments.isEmpty() ? "" : ", ");
      arguments
          .append("{\"class_name\": \"__keras_tensor__\", \"config\": {\"keras_history\": [\"")
          .append(in)
          .append("\", 0, 0]}}");
    }
    String all = inputs.length == 1 ? arguments.toString() : "[" + arguments + "]";
    String nodes = inputs.length == 0 ? "[]" : "[{\"args\": [" + all + "], \"kwargs\": {}}]";
    return layer.substring(0, layer.length() - 1) + ", \"inbound_nodes\": " + nodes + "}";
  }

  static String functional(String inputs, String outputs, String... layers) {
    return "{\"module\": \"keras.src.models.functional\", \"class_name\": \"Functional\","
        + " \"config\": {\"name\": \"net\", \"layers\": ["
        + String.join(", ", layers)
        + "], \"input_layers\": "
        + inputs
        + ", \"output_layers\": "
        + outputs
        + "}}";
  }
}
