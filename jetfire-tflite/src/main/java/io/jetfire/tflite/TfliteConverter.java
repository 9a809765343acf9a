package io.jetfire.tflite;

import io.jetfire.Advice;
import io.jetfire.ConfigurationException;
import io.jetfire.Explanation;
import io.jetfire.Layout;
import io.jetfire.Model;
import io.jetfire.Recipe;
import io.jetfire.StorageException;
import io.jetfire.UnsupportedModelException;
import io.jetfire.spi.Cancellation;
import io.jetfire.spi.ConverterBackend;
import io.jetfire.spi.ModelRuntime;
import io.jetfire.spi.ProviderContext;
import io.jetfire.tflite.format.TargetRuntime;
import io.jetfire.tflite.format.TfliteReader;
import io.jetfire.tflite.format.TfliteWriter;
import io.jetfire.tflite.format.WriteOptions;
import io.jetfire.tflite.graph.Graph;
import io.jetfire.tflite.importer.ImportOptions;
import io.jetfire.tflite.importer.ModelImporter;
import io.jetfire.tflite.importer.ModelImporters;
import io.jetfire.tflite.quantize.Advisor;
import io.jetfire.tflite.quantize.Explainer;
import io.jetfire.tflite.quantize.QuantizeOptions;
import io.jetfire.tflite.quantize.QuantizedGraph;
import io.jetfire.tflite.quantize.Quantizer;
import io.jetfire.tflite.transform.LayoutOptions;
import io.jetfire.tflite.transform.Optimizer;
import io.jetfire.tflite.transform.SharedMemoryGuard;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.ToDoubleFunction;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Converts whatever an importer reads, and {@code .tflite} itself, to {@code .tflite}.
 *
 * <p>A conversion reads the source into the graph, optimizes it, applies the recipe, and writes the
 * file. Thread-safe.
 */
final class TfliteConverter implements ConverterBackend {
  private final ProviderContext context;
  private final ModelImporters importers;
  private final ModelRuntime.Isolation isolation;

  TfliteConverter(ProviderContext context) {
    this.context = context;
    this.importers = ModelImporters.load();
    this.isolation = isolation(context.configuration("isolation").orElse("worker"));
  }

  private static ModelRuntime.Isolation isolation(String value) {
    return switch (value) {
      case "worker" -> ModelRuntime.Isolation.WORKER;
      case "in-process" -> ModelRuntime.Isolation.IN_PROCESS;
      default ->
          throw new ConfigurationException(
              "The setting 'isolation' of the converter backend 'tflite' is worker or in-process,"
                  + " but was '"
                  + value
                  + "'");
    };
  }

  @Override
  public String targetFormat() {
    return "tflite";
  }

  @Override
  public boolean accepts(Model source) {
    return source.format().equals("tflite") || importers.find(source.path()).isPresent();
  }

  @Override
  public Conversion convert(Request request) {
    request.cancellation().check();
    long start = System.nanoTime();
    Graph graph = read(request.source(), request.recipe(), request.reading());
    request.cancellation().check();
    QuantizedGraph quantized =
        Quantizer.quantize(graph, request.recipe(), request.calibration(), options(request));
    request.cancellation().check();
    SharedMemoryGuard.create().run(quantized.graph());
    TfliteWriter.write(
        quantized.graph(),
        request.target(),
        WriteOptions.target(TargetRuntime.of(request.targetRuntime())));
    return new Conversion(
        Model.of(request.target(), "tflite"),
        notes(graph, quantized),
        properties(request, quantized, System.nanoTime() - start));
  }

  @Override
  public Explanation explain(Request request) {
    Calibration calibration =
        request
            .calibration()
            .orElseThrow(
                () ->
                    new ConfigurationException(
                        "Explaining runs the model, but there are no samples; give the converter"
                            + " some with calibration(...), even if its recipe needs none"));
    Graph graph = read(request.source(), request.recipe(), request.reading());
    request.cancellation().check();
    QuantizeOptions options = options(request);
    QuantizedGraph quantized =
        Quantizer.quantize(graph, request.recipe(), request.calibration(), options);
    return Explainer.explain(quantized, request.recipe(), calibration, options);
  }

  @Override
  public Advice advise(Search search) {
    // Every recipe of the search changes precision, so the file is read as for any of them.
    Graph graph = read(search.source(), Recipe.fullInteger(), search.reading());
    QuantizeOptions options =
        options(search.targetRuntime(), search.cancellation())
            .runtime(context.modelRuntime("tflite"))
            .build();
    ToDoubleFunction<Graph> accuracy;
    String name;
    if (search.measure() instanceof Measure.Metric metric) {
      accuracy = quantized -> measure(quantized, search.targetRuntime(), metric);
      name = metric.name();
    } else {
      Measure.SignalToNoise noise = (Measure.SignalToNoise) search.measure();
      accuracy = Advisor.signalToNoise(graph, noise.samples(), options);
      name = "SQNR dB";
    }
    return Advisor.advise(
        graph,
        search.calibration(),
        options,
        accuracy,
        search.budget(),
        name,
        search.timeLimit(),
        search.onTrial());
  }

  private double measure(Graph quantized, String targetRuntime, Measure.Metric metric) {
    Path file = null;
    try {
      file = Files.createTempFile(workDirectory(), "trial", ".tflite");
      SharedMemoryGuard.create().run(quantized);
      TfliteWriter.write(quantized, file, WriteOptions.target(TargetRuntime.of(targetRuntime)));
      return metric.of().applyAsDouble(Model.of(file, "tflite"));
    } catch (IOException e) {
      throw new StorageException(
          "No file can be made in " + workDirectory() + " (" + e + "); name another one", e);
    } finally {
      delete(file);
    }
  }

  private static void delete(@Nullable Path file) {
    try {
      if (file != null) {
        Files.deleteIfExists(file);
      }
    } catch (IOException e) {
      throw new StorageException("The temporary file " + file + " cannot be removed: " + e, e);
    }
  }

  private QuantizeOptions options(Request request) {
    QuantizeOptions.Builder options = options(request.targetRuntime(), request.cancellation());
    if (request.calibration().isPresent()) {
      options.runtime(context.modelRuntime("tflite"));
    }
    return options.build();
  }

  private QuantizeOptions.Builder options(String targetRuntime, Cancellation cancellation) {
    return QuantizeOptions.builder()
        .targetRuntime(targetRuntime)
        .workDirectory(workDirectory())
        .isolation(isolation)
        .cancellation(cancellation);
  }

  private Path workDirectory() {
    try {
      return Files.createDirectories(context.workDirectory());
    } catch (IOException e) {
      throw new StorageException(
          "The work directory "
              + context.workDirectory()
              + " cannot be made ("
              + e
              + "); name another one",
          e);
    }
  }

  private Graph read(Model source, Recipe recipe, Reading reading) {
    if (source.format().equals("tflite")) {
      Graph graph = TfliteReader.read(source.path());
      LayoutOptions layout =
          reading.edgeLayout().filter(l -> l == Layout.CHANNELS_LAST).isPresent()
              ? LayoutOptions.channelsLast()
              : LayoutOptions.keep();
      // A file that is to keep its precision is kept as it is: folding would unpack its weights.
      boolean keep = recipe.precision() == Recipe.Precision.FLOAT32 && recipe.rules().isEmpty();
      return keep && layout.equals(LayoutOptions.keep())
          ? graph
          : Optimizer.standard(layout).run(graph);
    }
    Optional<ModelImporter> importer = importers.find(source.path());
    if (importer.isEmpty()) {
      throw new UnsupportedModelException(
          "No importer reads "
              + source
              + "; there are "
              + importers.all().stream().map(ModelImporter::id).collect(Collectors.joining(", "))
              + (importers.all().isEmpty() ? "none" : "")
              + ". Add the artifact that imports the format, such as jetfire-adapter-djl");
    }
    return importer.get().read(source.path(), options(reading));
  }

  private static ImportOptions options(Reading reading) {
    ImportOptions options =
        ImportOptions.defaults().customOperators(reading.customOperators().toArray(String[]::new));
    if (reading.edgeLayout().isPresent()) {
      options = options.edgeLayout(reading.edgeLayout().get());
    }
    for (Map.Entry<String, Integer> size : reading.dimensions().entrySet()) {
      options = options.dimension(size.getKey(), size.getValue());
    }
    return options;
  }

  private static List<String> notes(Graph graph, QuantizedGraph quantized) {
    List<String> notes = new ArrayList<>();
    graph.losses().forEach(l -> notes.add("Lost while reading the source: " + l));
    notes.addAll(quantized.notes());
    return notes;
  }

  private static Map<String, String> properties(
      Request request, QuantizedGraph quantized, long nanos) {
    Map<String, String> properties = new LinkedHashMap<>();
    properties.put("recipe", request.recipe().name());
    properties.put("target_runtime", request.targetRuntime());
    request
        .calibration()
        .ifPresent(
            c -> {
              properties.put("calibration_dataset", c.dataset().name());
              properties.put("calibration_samples", Integer.toString(quantized.samples()));
            });
    if (!quantized.methods().isEmpty()) {
      properties.put("accuracy_methods", String.join("; ", quantized.methods()));
    }
    quantized
        .heldBackSqnrDb()
        .ifPresent(
            db -> properties.put("held_back_sqnr_db", String.format(Locale.ROOT, "%.2f", db)));
    properties.put("conversion_seconds", String.format(Locale.ROOT, "%.3f", nanos / 1e9));
    return properties;
  }
}
