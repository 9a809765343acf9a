package io.jetfire.spi;

import io.jetfire.Advice;
import io.jetfire.ConfigurationException;
import io.jetfire.Dataset;
import io.jetfire.Explanation;
import io.jetfire.Layout;
import io.jetfire.Model;
import io.jetfire.Preprocessing;
import io.jetfire.Recipe;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.ToDoubleFunction;

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
   * Says where a conversion loses accuracy, by running its result beside the source.
   *
   * @param request the conversion, with calibration samples; no file is written to its target
   * @return errors per operator, and suspects
   * @throws io.jetfire.ConfigurationException if this backend cannot tell, or there are no samples
   */
  default Explanation explain(Request request) {
    throw new ConfigurationException(
        "This converter backend cannot explain what it does to '"
            + request.source().path()
            + "'; the backend 'tflite' of the artifact jetfire-tflite can");
  }

  /**
   * Searches recipes for the smallest variant that is accurate enough.
   *
   * @param search what to search for
   * @return what was tried until the budget was met, nothing was left to try, or time was over
   * @throws io.jetfire.ConfigurationException if this backend cannot search
   */
  default Advice advise(Search search) {
    throw new ConfigurationException(
        "This converter backend gives no advice on '"
            + search.source().path()
            + "'; the backend 'tflite' of the artifact jetfire-tflite does");
  }

  /**
   * A search for the smallest variant that is accurate enough.
   *
   * @param source the model to read, which is float
   * @param calibration the representative dataset
   * @param targetRuntime the version of the oldest runtime that must execute the variants
   * @param reading how the source is read
   * @param measure how accuracy is measured
   * @param budget the least accuracy that is acceptable
   * @param timeLimit after which the search ends with what it has
   * @param onTrial told of every trial, in order
   * @param cancellation ends the search with what it has
   */
  record Search(
      Model source,
      Calibration calibration,
      String targetRuntime,
      Reading reading,
      Measure measure,
      double budget,
      Duration timeLimit,
      Consumer<Advice.Trial> onTrial,
      Cancellation cancellation) {}

  /** How the accuracy of a variant is measured. */
  sealed interface Measure {
    /**
     * Signal to noise in dB of what a variant gives, against what the source gives; where an output
     * is a softmax or a logistic, of what goes into it; averaged over samples.
     *
     * @param samples other than those of calibration
     */
    record SignalToNoise(Calibration samples) implements Measure {}

    /**
     * A metric on a dataset.
     *
     * @param name such as {@code accuracy}
     * @param of measures a file of the backend's target format; larger is better
     */
    record Metric(String name, ToDoubleFunction<Model> of) implements Measure {}
  }

  /**
   * One conversion.
   *
   * @param source the model to read
   * @param recipe what to do to its precision
   * @param calibration the representative dataset, if there is one
   * @param targetRuntime the version of the oldest runtime that must execute the file, such as
   *     {@code 2.16.1}
   * @param reading how the source is read
   * @param target the file to write, replaced as a whole or not at all
   * @param cancellation is asked now and then
   */
  record Request(
      Model source,
      Recipe recipe,
      Optional<Calibration> calibration,
      String targetRuntime,
      Reading reading,
      Path target,
      Cancellation cancellation) {}

  /**
   * How a source is read.
   *
   * @param edgeLayout the layout that image inputs and outputs get; empty to keep the source's
   * @param dimensions sizes for dimensions that the source leaves open, by its names of them
   * @param customOperators the source's operators that become custom ones; {@code *} for all that
   *     cannot be expressed
   */
  record Reading(
      Optional<Layout> edgeLayout, Map<String, Integer> dimensions, List<String> customOperators) {
    /** Copies the collections. */
    public Reading {
      dimensions = Collections.unmodifiableMap(new LinkedHashMap<>(dimensions));
      customOperators = List.copyOf(customOperators);
    }

    /**
     * Returns the reading that leaves everything as the source has it.
     *
     * @return no layout, no sizes, no custom operators
     */
    public static Reading asSource() {
      return new Reading(Optional.empty(), Map.of(), List.of());
    }
  }

  /**
   * What to calibrate with. Samples for several signatures of a model may stand in one dataset, in
   * any order: {@link io.jetfire.Sample#signature()}, or else a sample's inputs, say which it is
   * for.
   *
   * @param dataset the representative dataset
   * @param preprocessing from its samples to the model's inputs
   * @param samples how many samples to use at most, for each signature
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
