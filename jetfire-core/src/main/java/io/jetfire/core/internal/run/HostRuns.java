package io.jetfire.core.internal.run;

import io.jetfire.Advice;
import io.jetfire.ConvertedModel;
import io.jetfire.Converter;
import io.jetfire.DataException;
import io.jetfire.Dataset;
import io.jetfire.Delegate;
import io.jetfire.Evaluation;
import io.jetfire.EvaluationResult;
import io.jetfire.Explanation;
import io.jetfire.MissingProviderException;
import io.jetfire.Model;
import io.jetfire.OutputDecoder;
import io.jetfire.Preprocessing;
import io.jetfire.RecipeSearch;
import io.jetfire.StorageException;
import io.jetfire.TrainedModel;
import io.jetfire.Training;
import io.jetfire.UnsupportedModelException;
import io.jetfire.core.internal.evaluate.Evaluator;
import io.jetfire.core.internal.provider.ProviderKind;
import io.jetfire.core.internal.provider.Providers;
import io.jetfire.spi.Cancellation;
import io.jetfire.spi.ConverterBackend;
import io.jetfire.spi.ModelRuntime;
import io.jetfire.spi.TrainingBackend;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.function.Consumer;

/** Single steps on the host, for experiments and for callers who use one piece alone. */
final class HostRuns {
  private final Providers providers;
  private final ExecutorService executor;

  HostRuns(Providers providers, ExecutorService executor) {
    this.providers = providers;
    this.executor = executor;
  }

  TrainedModel train(
      Training training,
      Path folder,
      Consumer<TrainedModel.Epoch> onEpoch,
      Cancellation cancellation) {
    TrainingBackend backend = providers.get(ProviderKind.TRAINING_BACKEND, training.backend());
    return backend.train(new TrainingBackend.Request(training, folder, onEpoch, cancellation));
  }

  ConvertedModel convert(
      Model source,
      Converter converter,
      Preprocessing preprocessing,
      Path folder,
      Cancellation cancellation) {
    ConverterBackend backend = backend(converter.backend(), source);
    String name = converter.recipe().name();
    Path target = folder.resolve(name + "." + backend.targetFormat());
    ConverterBackend.Conversion conversion =
        backend.convert(request(source, converter, preprocessing, target, cancellation));
    return new ConvertedModel(
        name,
        converter.recipe(),
        conversion.model(),
        source.sha256(),
        conversion.notes(),
        conversion.properties());
  }

  private ConverterBackend backend(String id, Model source) {
    ConverterBackend backend = providers.get(ProviderKind.CONVERTER_BACKEND, id);
    if (!backend.accepts(source)) {
      throw new UnsupportedModelException(
          "The converter backend '"
              + id
              + "' does not read "
              + source
              + "; add the artifact that imports this format, or convert the model to one that is"
              + " read");
    }
    return backend;
  }

  private static ConverterBackend.Request request(
      Model source,
      Converter converter,
      Preprocessing preprocessing,
      Path target,
      Cancellation cancellation) {
    return new ConverterBackend.Request(
        source,
        converter.recipe(),
        converter
            .calibration()
            .map(
                d ->
                    new ConverterBackend.Calibration(
                        d,
                        converter.preprocessing().orElse(preprocessing),
                        converter.calibrationSamples())),
        converter.targetRuntime(),
        reading(converter),
        target,
        cancellation);
  }

  private static ConverterBackend.Reading reading(Converter converter) {
    return new ConverterBackend.Reading(
        converter.edgeLayout(), converter.dimensions(), converter.customOperators());
  }

  Explanation explain(Model source, Converter converter, Path folder) {
    ConverterBackend backend = backend(converter.backend(), source);
    Path target = folder.resolve(converter.recipe().name() + "." + backend.targetFormat());
    return backend.explain(
        request(source, converter, Preprocessing.none(), target, Cancellation.NEVER));
  }

  Advice advise(Model source, RecipeSearch search) {
    Converter converter = search.converter();
    return backend(converter.backend(), source)
        .advise(
            new ConverterBackend.Search(
                source,
                samples(converter, converter.calibration().orElseThrow()),
                converter.targetRuntime(),
                reading(converter),
                search
                    .signalToNoise()
                    .<ConverterBackend.Measure>map(
                        d -> new ConverterBackend.Measure.SignalToNoise(samples(converter, d)))
                    .orElseGet(() -> metric(search)),
                search.budget(),
                search.timeLimit(),
                search.onTrial(),
                search.cancellation()));
  }

  private static ConverterBackend.Calibration samples(Converter converter, Dataset dataset) {
    return new ConverterBackend.Calibration(
        dataset,
        converter.preprocessing().orElse(Preprocessing.none()),
        converter.calibrationSamples());
  }

  private ConverterBackend.Measure metric(RecipeSearch search) {
    Evaluation evaluation = search.evaluation().orElseThrow();
    OutputDecoder decoding = search.decoding().orElseThrow();
    Delegate delegate = evaluation.delegates().get(0);
    return new ConverterBackend.Measure.Metric(
        evaluation.primaryMetric(),
        variant -> {
          return evaluate(
                  requiredRuntime(variant),
                  new EvaluationStep(
                      variant,
                      delegate,
                      true,
                      search.converter().preprocessing().orElse(Preprocessing.none()),
                      decoding,
                      evaluation,
                      Optional.empty(),
                      Optional.empty()),
                  search.cancellation())
              .primary()
              .orElseThrow(
                  () ->
                      new DataException(
                          "The evaluation dataset '"
                              + evaluation.dataset().name()
                              + "' does not give "
                              + evaluation.primaryMetric()
                              + "; add samples with targets"));
        });
  }

  /** What to evaluate and what to do with the outputs. */
  record EvaluationStep(
      Model model,
      Delegate delegate,
      boolean trusted,
      Preprocessing preprocessing,
      OutputDecoder decoding,
      Evaluation evaluation,
      Optional<Path> writeReference,
      Optional<Path> reference) {}

  Optional<ModelRuntime> runtime(Model model) {
    return providers.runtimeFor(model.format());
  }

  /** As {@link #runtime}, where there is nothing to be done without one. */
  ModelRuntime requiredRuntime(Model model) {
    return runtime(model)
        .orElseThrow(
            () ->
                new MissingProviderException(
                    "No model runtime executes the format '"
                        + model.format()
                        + "' of "
                        + model.path()
                        + "; add the artifact that has one (tflite:"
                        + " io.jetfire:jetfire-runtime)"));
  }

  EvaluationResult evaluate(ModelRuntime runtime, EvaluationStep step, Cancellation cancellation) {
    ModelRuntime.Options options =
        ModelRuntime.Options.defaults()
            .delegate(step.delegate())
            .isolation(
                step.trusted() ? ModelRuntime.Isolation.IN_PROCESS : ModelRuntime.Isolation.WORKER);
    int sessions = Math.max(1, Math.min(4, Runtime.getRuntime().availableProcessors()));
    return new Evaluator(executor, sessions)
        .evaluate(
            new Evaluator.Subject(
                step.model(), runtime, options, step.preprocessing(), step.decoding()),
            step.evaluation(),
            step.writeReference(),
            step.reference(),
            cancellation);
  }

  static Path folder(Path folder) {
    try {
      return Files.createDirectories(folder);
    } catch (IOException e) {
      throw new StorageException(
          "The folder " + folder + " cannot be made (" + e + "); check its rights and free space",
          e);
    }
  }
}
