package io.jetfire.importer.tensorflow;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.jetfire.UnsupportedModelException;
import io.jetfire.tflite.importer.ModelFiles;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.zip.ZipEntry;
import java.util.zip.ZipInputStream;
import org.jspecify.annotations.Nullable;

/**
 * A Keras file of either format, read into memory: the model's description and its weights.
 *
 * <p>{@code .keras} is a ZIP of {@code config.json} and {@code model.weights.h5}; {@code .h5} has
 * the description as the attribute {@code model_config} and the weights in {@code model_weights}.
 */
record KerasFile(JsonNode config, KerasWeights weights, boolean old) {
  private static final long MAX_CONFIG_BYTES = 64L << 20;

  /** How many times the archive's size an entry may take; weights hardly compress. */
  private static final long MAX_RATIO = 64;

  private static final int MAX_ENTRIES = 10_000;

  static KerasFile read(Path file) {
    return read(ModelFiles.read(file, "use a larger heap, or save parts of it").array());
  }

  static KerasFile read(byte[] bytes) {
    if (Hdf5.isHdf5(bytes)) {
      Hdf5 root = Hdf5.open(bytes);
      String config =
          root.text("model_config")
              .orElseThrow(
                  () ->
                      new UnsupportedModelException(
                          "The HDF5 file has no attribute model_config, so it holds weights only;"
                              + " save the whole model with model.save"));
      Hdf5 weights = root.group("model_weights").orElse(root);
      return new KerasFile(
          json(config.getBytes(StandardCharsets.UTF_8)),
          KerasWeights.Flat.model(weights),
          root.text("keras_version")
              .or(() -> weights.text("keras_version"))
              .orElse("")
              .startsWith("2"));
    }
    byte[] config = null;
    String version = "";
    byte[] weights = null;
    boolean npz = false;
    try (ZipInputStream zip = new ZipInputStream(new ByteArrayInputStream(bytes))) {
      int entries = 0;
      for (ZipEntry e = zip.getNextEntry(); e != null; e = zip.getNextEntry()) {
        if (++entries > MAX_ENTRIES) {
          throw broken("more than " + MAX_ENTRIES + " entries", null);
        }
        long most = Math.min(Integer.MAX_VALUE - 16L, MAX_RATIO * bytes.length + (1 << 20));
        switch (e.getName()) {
          case "config.json" -> config = entry(zip, e, Math.min(most, MAX_CONFIG_BYTES));
          case "model.weights.h5" -> weights = entry(zip, e, most);
          case "metadata.json" ->
              version =
                  json(entry(zip, e, Math.min(most, MAX_CONFIG_BYTES)))
                      .path("keras_version")
                      .asText("");
          case "model.weights.npz" -> npz = true;
          default -> skip(zip, e, most);
        }
      }
    } catch (IOException | IllegalArgumentException e) {
      throw broken(String.valueOf(e.getMessage()), e);
    }
    if (config == null || weights == null) {
      throw broken(
          npz
              ? "weights in NumPy's format; save them as HDF5, which is the default"
              : "no config.json and model.weights.h5",
          null);
    }
    if (!Hdf5.isHdf5(weights)) {
      throw broken("a model.weights.h5 that is not HDF5", null);
    }
    return new KerasFile(
        json(config), new KerasWeights.Tree(Hdf5.open(weights)), version.startsWith("2"));
  }

  private static byte[] entry(ZipInputStream zip, ZipEntry e, long most) throws IOException {
    byte[] data = zip.readNBytes((int) Math.min(Integer.MAX_VALUE - 16, most + 1));
    if (data.length > most) {
      throw broken("an entry " + e.getName() + " of more than " + most + " bytes", null);
    }
    return data;
  }

  /** Reads an entry that is not needed in pieces, so that a bomb in it fills no memory. */
  private static void skip(ZipInputStream zip, ZipEntry e, long most) throws IOException {
    byte[] piece = new byte[1 << 16];
    long total = 0;
    for (int n = zip.read(piece); n >= 0; n = zip.read(piece)) {
      total += n;
      if (total > most) {
        throw broken("an entry " + e.getName() + " of more than " + most + " bytes", null);
      }
    }
  }

  private static JsonNode json(byte[] text) {
    try {
      JsonNode node = new ObjectMapper().readTree(text);
      if (node == null || !node.isObject()) {
        throw broken(
            "a description that is "
                + (node == null
                    ? "empty"
                    : node.getNodeType().toString().toLowerCase(java.util.Locale.ROOT)),
            null);
      }
      return node;
    } catch (JsonProcessingException e) {
      throw broken("a description that is not JSON (" + e.getOriginalMessage() + ")", e);
    } catch (IOException e) {
      throw broken(String.valueOf(e.getMessage()), e);
    }
  }

  private static UnsupportedModelException broken(String found, @Nullable Throwable cause) {
    String message =
        "The Keras file is broken: found " + found + "; get the file again or save the model anew";
    return cause == null
        ? new UnsupportedModelException(message)
        : new UnsupportedModelException(message, cause);
  }

  /** Whether the first bytes are a ZIP's. */
  static boolean isZip(byte[] header) {
    return header.length >= 4
        && Arrays.equals(Arrays.copyOf(header, 4), new byte[] {'P', 'K', 3, 4});
  }
}
