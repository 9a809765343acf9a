package io.jetfire.spi;

import io.jetfire.Dataset;
import io.jetfire.Layout;
import io.jetfire.Model;
import io.jetfire.Preprocessing;
import io.jetfire.Recipe;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Converts models of some formats into one format. Thread-safe. */
public interface ConverterBackend {

  /**
   * Returns the format that comes out.
   *
   * @return such as {@code tflite}
   */
  String targetFormat();

  /**
   * Says whether a model can be read, by looking at the file.
   *
   * @param source the model
   * @return false if no importer takes it
   */
  boolean accepts(Model source);

  /**
   * Converts a model.
   *
   * @param request what to do
   * @return the file that was written
   * @throws io.jetfire.UnsupportedModelException if the model has operations that cannot be
   *     converted; all of them are named at once
   * @throws io.jetfire.DataException if a calibration sample cannot be used; it is named
   * @throws io.jetfire.ConfigurationException if the recipe needs calibration and there is none
   */
  Conversion convert(Request request);

  /**
   * One conversion.
   *
   * @param source the model to read
   * @param recipe what to do to its precision
   * @param calibration the representative dataset, if there is one
   * @param targetRuntime the version of the oldest runtime that must execute the file, such as
   *     {@code 2.16.1}
   * @param edgeLayout the layout that image inputs and outputs get; empty to keep the source's
   * @param target the file to write, replaced as a whole or not at all
   * @param cancellation is asked now and then
   */
  record Request(
      Model source,
      Recipe recipe,
      Optional<Calibration> calibration,
      String targetRuntime,
      Optional<Layout> edgeLayout,
      Path target,
      Cancellation cancellation) {}

  /**
   * What to calibrate with.
   *
   * @param dataset the representative dataset
   * @param preprocessing from its samples to the model's inputs
   * @param samples how many samples to use at most
   */
  record Calibration(Dataset dataset, Preprocessing preprocessing, int samples) {}

  /**
   * What a conversion gave.
   *
   * @param model the file
   * @param notes what the user should know, such as operators left float and why
   * @param properties whatever should be recorded, such as calibration samples and versions
   */
  record Conversion(Model model, List<String> notes, Map<String, String> properties) {
    /** Copies the collections. */
    public Conversion {
      notes = List.copyOf(notes);
      properties = Collections.unmodifiableMap(new LinkedHashMap<>(properties));
    }
  }
}
