package io.jetfire.tflite;

import io.jetfire.Layout;
import io.jetfire.Model;
import io.jetfire.Recipe;
import io.jetfire.StorageException;
import io.jetfire.UnsupportedModelException;
import io.jetfire.spi.ConverterBackend;
import io.jetfire.spi.ProviderContext;
import io.jetfire.tflite.format.TargetRuntime;
import io.jetfire.tflite.format.TfliteReader;
import io.jetfire.tflite.format.TfliteWriter;
import io.jetfire.tflite.format.WriteOptions;
import io.jetfire.tflite.graph.Graph;
import io.jetfire.tflite.importer.ImportOptions;
import io.jetfire.tflite.importer.ModelImporter;
import io.jetfire.tflite.importer.ModelImporters;
import io.jetfire.tflite.quantize.QuantizeOptions;
import io.jetfire.tflite.quantize.QuantizedGraph;
import io.jetfire.tflite.quantize.Quantizer;
import io.jetfire.tflite.transform.LayoutOptions;
import io.jetfire.tflite.transform.Optimizer;
import io.jetfire.tflite.transform.SharedMemoryGuard;
import java.io.IOException;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * Converts whatever an importer reads, and {@code .tflite} itself, to {@code .tflite}.
 *
 * <p>A conversion reads the source into the graph, optimizes it, applies the recipe, and writes the
 * file. Thread-safe.
 */
final class TfliteConverter implements ConverterBackend {
  private final ProviderContext context;
  private final ModelImporters importers;

  TfliteConverter(ProviderContext context) {
    this.context = context;
    this.importers = ModelImporters.load();
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
    Graph graph = read(request);
    request.cancellation().check();
    QuantizeOptions.Builder options =
        QuantizeOptions.builder()
            .targetRuntime(request.targetRuntime())
            .workDirectory(workDirectory())
            .cancellation(request.cancellation());
    if (request.calibration().isPresent()) {
      options.runtime(context.modelRuntime("tflite"));
    }
    QuantizedGraph quantized =
        Quantizer.quantize(graph, request.recipe(), request.calibration(), options.build());
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

  private java.nio.file.Path workDirectory() {
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

  private Graph read(Request request) {
    Model source = request.source();
    if (source.format().equals("tflite")) {
      Graph graph = TfliteReader.read(source.path());
      LayoutOptions layout =
          request.edgeLayout().filter(l -> l == Layout.CHANNELS_LAST).isPresent()
              ? LayoutOptions.channelsLast()
              : LayoutOptions.keep();
      // A file that is to keep its precision is kept as it is: folding would unpack its weights.
      boolean keep =
          request.recipe().precision() == Recipe.Precision.FLOAT32
              && request.recipe().rules().isEmpty();
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
    ImportOptions options = ImportOptions.defaults();
    Optional<Layout> layout = request.edgeLayout();
    return importer
        .get()
        .read(source.path(), layout.isPresent() ? options.edgeLayout(layout.get()) : options);
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
