package io.jetfire.tflite.importer;

import io.jetfire.ConfigurationException;
import io.jetfire.StorageException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.ServiceLoader;
import java.util.stream.Collectors;

/**
 * The importers at hand.
 *
 * <pre>{@code
 * Optional<ModelImporter> importer = ModelImporters.load().find(Path.of("detector.djl-trace"));
 * }</pre>
 *
 * <p>Immutable and thread-safe.
 */
public final class ModelImporters {
  private static final int HEADER_BYTES = 64;

  private final Map<String, ModelImporter> byId;

  private ModelImporters(Map<String, ModelImporter> byId) {
    this.byId = byId;
  }

  /**
   * Looks for registered importers, anew with each call: through the loader of this class, then
   * through the thread's.
   *
   * @return those that were found
   * @throws ConfigurationException if two have the same id
   */
  public static ModelImporters load() {
    List<ModelImporter> found = new ArrayList<>();
    ServiceLoader.load(ModelImporter.class, ModelImporter.class.getClassLoader())
        .forEach(found::add);
    for (ModelImporter importer : ServiceLoader.load(ModelImporter.class)) {
      if (found.stream().noneMatch(f -> f.getClass() == importer.getClass())) {
        found.add(importer);
      }
    }
    return of(found);
  }

  /**
   * Takes given importers.
   *
   * @param importers with different ids
   * @return the same, to be asked
   * @throws ConfigurationException if two have the same id
   */
  public static ModelImporters of(List<? extends ModelImporter> importers) {
    Map<String, ModelImporter> byId = new LinkedHashMap<>();
    for (ModelImporter importer : importers) {
      ModelImporter other = byId.putIfAbsent(importer.id(), importer);
      if (other != null) {
        throw new ConfigurationException(
            "Two importers have the id "
                + importer.id()
                + ": "
                + origin(other)
                + " and "
                + origin(importer)
                + ". Remove one of them from the class path.");
      }
    }
    return new ModelImporters(byId);
  }

  private static String origin(ModelImporter importer) {
    var source = importer.getClass().getProtectionDomain().getCodeSource();
    return importer.getClass().getName() + (source == null ? "" : " in " + source.getLocation());
  }

  /**
   * Finds the importer that takes a file.
   *
   * @param file the file or folder
   * @return the first that accepts it, or empty
   * @throws StorageException if the file cannot be read
   */
  public Optional<ModelImporter> find(Path file) {
    byte[] header = header(file);
    return byId.values().stream().filter(i -> i.accepts(file, header)).findFirst();
  }

  /**
   * Returns the importer of an id.
   *
   * @param id such as {@code onnx}
   * @return the importer, or empty
   */
  public Optional<ModelImporter> byId(String id) {
    return Optional.ofNullable(byId.get(id));
  }

  /**
   * Returns all importers.
   *
   * @return in the order of finding
   */
  public List<ModelImporter> all() {
    return List.copyOf(byId.values());
  }

  private static byte[] header(Path file) {
    if (Files.isDirectory(file)) {
      return new byte[0];
    }
    try (InputStream in = Files.newInputStream(file)) {
      return in.readNBytes(HEADER_BYTES);
    } catch (IOException e) {
      throw new StorageException(
          "The model file " + file + " cannot be read (" + e + "); check the path and its rights",
          e);
    }
  }

  @Override
  public String toString() {
    return byId.keySet().stream().collect(Collectors.joining(", ", "ModelImporters[", "]"));
  }
}
