package io.jetfire.adapter.djl.internal.training;

import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.NDScope;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.nn.Parameter;
import ai.djl.training.GradientCollector;
import ai.djl.training.ParameterStore;
import ai.djl.training.optimizer.Optimizer;
import ai.djl.training.tracker.Tracker;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.jetfire.ConfigurationException;
import io.jetfire.DataException;
import io.jetfire.Dataset;
import io.jetfire.JetFireException;
import io.jetfire.Model;
import io.jetfire.Sample;
import io.jetfire.StorageException;
import io.jetfire.Target;
import io.jetfire.TensorSpec;
import io.jetfire.TrainedModel;
import io.jetfire.adapter.djl.DjlMetric;
import io.jetfire.adapter.djl.DjlTraining;
import io.jetfire.adapter.djl.internal.artifact.DjlTraceFile;
import io.jetfire.adapter.djl.internal.engine.DjlEngine;
import io.jetfire.adapter.djl.internal.trace.Trace;
import io.jetfire.adapter.djl.internal.trace.Tracer;
import io.jetfire.spi.TrainingBackend;
import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** One training, from the description to the model file. Used once, by one thread. */
public final class TrainingRun {
  private static final Logger LOG = LoggerFactory.getLogger(TrainingRun.class);

  /** Tracing compares batches of two and three samples. */
  private static final int TRACED_SAMPLES = 3;

  private final DjlEngine engine;
  private final Clock clock;
  private final DjlTraining training;
  private final TrainingBackend.Request request;
  private final List<TrainedModel.Epoch> epochs = new ArrayList<>();
  private final Set<Integer> labels = new HashSet<>();
  private long batchesPerEpoch;
  private double rate;

  private TrainingRun(
      DjlEngine engine, Clock clock, DjlTraining training, TrainingBackend.Request request) {
    this.engine = engine;
    this.clock = clock;
    this.training = training;
    this.request = request;
  }

  /**
   * Trains and writes the model file. PyTorch's random numbers and its recording of gradients are
   * shared by the whole process, so the caller sees to it that there is one training at a time.
   */
  public static TrainedModel execute(
      DjlEngine engine, Clock clock, DjlTraining training, TrainingBackend.Request request) {
    return new TrainingRun(engine, clock, training, request).execute();
  }

  private TrainedModel execute() {
    Instant start = clock.instant();
    List<Sample> first = firstSamples();
    List<TensorSpec> specs = InputSpecs.of(training, first.get(0));
    engine.engine().setRandomSeed(training.seed());
    // The scope frees the optimizer's state, which DJL leaves to nobody.
    try (NDManager manager = engine.engine().newBaseManager();
        StepScope scope = StepScope.open()) {
      scope.suppressNotUsedWarning();
      Block block = initialised(manager, specs);
      learn(block, manager, specs);
      request.cancellation().check();
      Trace trace = trace(block, manager, first, specs);
      DjlTraceFile file = new DjlTraceFile(trace, record(block, specs), parameters(block));
      Model model = write(file);
      Duration duration = Duration.between(start, clock.instant());
      LOG.info("Trained {} in {} s: {}", training.name(), duration.toMillis() / 1000.0, model);
      return new TrainedModel(model, epochs, properties(block, trace, duration));
    }
  }

  private List<Sample> firstSamples() {
    List<Sample> first;
    try (Stream<Sample> samples = training.dataset().samples()) {
      first = samples.limit(TRACED_SAMPLES).toList();
    }
    if (first.isEmpty()) {
      throw new DataException(
          "Dataset "
              + training.dataset().name()
              + " of the training "
              + training.name()
              + " has no samples. Give it some, or check where they are read from.");
    }
    List<Sample> enough = new ArrayList<>(first);
    while (enough.size() < TRACED_SAMPLES) {
      enough.add(first.get(enough.size() % first.size()));
    }
    return enough;
  }

  private Block initialised(NDManager manager, List<TensorSpec> specs) {
    Block block = training.newBlock();
    Shape[] shapes = new Shape[specs.size()];
    for (int i = 0; i < shapes.length; i++) {
      shapes[i] = new Shape(Arrays.stream(specs.get(i).shape()).asLongStream().toArray());
    }
    try {
      block.initialize(manager, DataType.FLOAT32, shapes);
    } catch (JetFireException e) {
      throw e;
    } catch (RuntimeException e) {
      throw blockFailed("cannot be initialised for the inputs " + specs, e);
    }
    return block;
  }

  private ConfigurationException blockFailed(String how, RuntimeException e) {
    return new ConfigurationException(
        "The block of the training "
            + training.name()
            + " "
            + how
            + ": "
            + e
            + ". Make its layers fit the shapes, or set preprocessing, layout or inputShape of the"
            + " training.",
        e);
  }

  // ---- learning ----------------------------------------------------------------------------

  private void learn(Block block, NDManager manager, List<TensorSpec> specs) {
    ParameterStore store = new ParameterStore(manager, false);
    Optimizer optimizer = training.newOptimizer(tracker());
    batchesPerEpoch = training.dataset().size().orElse(0) / Math.max(1, training.batchSize());
    for (int epoch = 1; epoch <= training.epochs(); epoch++) {
      Map<String, Double> metrics = new LinkedHashMap<>();
      double loss;
      try (Batches batches = new Batches(training, training.dataset(), specs, true, epoch)) {
        loss = learnEpoch(block, manager, store, optimizer, batches, epoch, metrics);
      }
      if (epoch == 1) {
        requireClasses();
      }
      if (training.validation().isPresent()) {
        validate(block, manager, store, specs, training.validation().get(), metrics);
      }
      TrainedModel.Epoch done = new TrainedModel.Epoch(epoch, loss, metrics);
      epochs.add(done);
      LOG.info("{}: {}", training.name(), done);
      request.onEpoch().accept(done);
    }
  }

  private Tracker tracker() {
    return update -> (float) rate;
  }

  private double learnEpoch(
      Block block,
      NDManager manager,
      ParameterStore store,
      Optimizer optimizer,
      Batches batches,
      int epoch,
      Map<String, Double> metrics) {
    Means means = new Means();
    long number = 0;
    while (batches.hasNext()) {
      request.cancellation().check();
      Batch batch = batches.next();
      double part = batchesPerEpoch == 0 ? 0 : Math.min(1, (double) number / batchesPerEpoch);
      rate = training.learningRate().at(epoch - 1 + part, training.epochs());
      number++;
      if (training.isClassifier()) {
        noteLabels(batch);
      }
      boolean firstStep = epoch == 1 && number == 1;
      try (NDManager step = manager.newSubManager()) {
        if (firstStep) {
          // Outside a scope of its own: the optimizer makes its state now and keeps it.
          step(block, store, optimizer, batch, step, epoch, number, means);
        } else {
          try (StepScope scope = StepScope.open()) {
            scope.suppressNotUsedWarning();
            step(block, store, optimizer, batch, step, epoch, number, means);
          }
        }
      }
    }
    if (number == 0) {
      throw new DataException(
          "Dataset " + training.dataset().name() + " gave no samples in epoch " + epoch + ".");
    }
    batchesPerEpoch = number;
    means.into(metrics, "");
    return means.mean("loss");
  }

  private void step(
      Block block,
      ParameterStore store,
      Optimizer optimizer,
      Batch batch,
      NDManager step,
      int epoch,
      long number,
      Means means) {
    NDList targets = training.targets().of(batch.samples(), step);
    NDList predictions;
    double loss;
    try (GradientCollector gradients = engine.engine().newGradientCollector()) {
      predictions = forward(block, store, batch, step, true);
      requireLabelsFit(predictions, batch);
      NDArray value = loss(predictions, targets, step);
      loss = value.toType(DataType.FLOAT64, false).getDouble();
      if (!Double.isFinite(loss)) {
        throw new ConfigurationException(
            "The loss of the training "
                + training.name()
                + " became "
                + loss
                + " in epoch "
                + epoch
                + ", batch "
                + number
                + " (samples "
                + batch.samples().get(0).id()
                + " and on), at a learning rate of "
                + rate
                + ". Lower the learning rate, clip gradients in the optimizer, or check the loss"
                + " for divisions by zero and logarithms of zero.");
      }
      gradients.backward(value);
    }
    for (Parameter parameter : block.getParameters().values()) {
      if (parameter.requiresGradient()) {
        NDArray array = parameter.getArray();
        optimizer.update(parameter.getId(), array, array.getGradient());
      }
    }
    means.add("loss", loss, 1);
    measure(predictions, batch, means);
  }

  private NDList forward(
      Block block, ParameterStore store, Batch batch, NDManager step, boolean learning) {
    try {
      return block.forward(store, batch.arrays(step), learning);
    } catch (JetFireException e) {
      throw e;
    } catch (RuntimeException e) {
      throw blockFailed("cannot compute a batch of " + batch.samples().size() + " samples", e);
    }
  }

  private NDArray loss(NDList predictions, NDList targets, NDManager step) {
    try {
      NDArray loss = training.loss().of(predictions, targets, step);
      if (loss.size() != 1) {
        throw new IllegalArgumentException("it gave an array of shape " + loss.getShape());
      }
      return loss;
    } catch (JetFireException e) {
      throw e;
    } catch (RuntimeException e) {
      throw new ConfigurationException(
          "The loss of the training "
              + training.name()
              + " failed for predictions of the shapes "
              + Arrays.toString(predictions.getShapes())
              + " and targets of the shapes "
              + Arrays.toString(targets.getShapes())
              + ": "
              + e
              + ". It must give one number, the mean over the batch.",
          e);
    }
  }

  private void measure(NDList predictions, Batch batch, Means means) {
    for (Map.Entry<String, DjlMetric> metric : training.metrics().entrySet()) {
      double value = metric.getValue().of(predictions, batch.samples());
      means.add(metric.getKey(), value, batch.samples().size());
    }
  }

  private void validate(
      Block block,
      NDManager manager,
      ParameterStore store,
      List<TensorSpec> specs,
      Dataset validation,
      Map<String, Double> metrics) {
    Means means = new Means();
    try (Batches batches = new Batches(training, validation, specs, false, 0)) {
      while (batches.hasNext()) {
        request.cancellation().check();
        Batch batch = batches.next();
        try (NDManager step = manager.newSubManager();
            NDScope scope = new NDScope()) {
          scope.suppressNotUsedWarning();
          NDList targets = training.targets().of(batch.samples(), step);
          NDList predictions = forward(block, store, batch, step, false);
          NDArray loss = loss(predictions, targets, step);
          means.add(
              "loss", loss.toType(DataType.FLOAT64, false).getDouble(), batch.samples().size());
          measure(predictions, batch, means);
        }
      }
    }
    if (means.isEmpty()) {
      throw new DataException(
          "The validation dataset "
              + validation.name()
              + " has no samples. Give it some, or train without validation.");
    }
    metrics.put("validation loss", means.mean("loss"));
    means.into(metrics, "validation ");
  }

  private void noteLabels(Batch batch) {
    for (Sample sample : batch.samples()) {
      if (sample.target() instanceof Target.Label label) {
        labels.add(label.index());
      }
    }
  }

  private void requireLabelsFit(NDList predictions, Batch batch) {
    if (!training.isClassifier()) {
      return;
    }
    Shape shape = predictions.head().getShape();
    long classes = shape.dimension() == 2 ? shape.get(1) : 0;
    for (Sample sample : batch.samples()) {
      if (sample.target() instanceof Target.Label label && label.index() >= classes) {
        throw new DataException(
            "Sample "
                + sample.id()
                + " has the label "
                + label.index()
                + ", but the block of the training "
                + training.name()
                + " gives scores of shape "
                + shape
                + ". A classifier gives [batch, classes] with a class for every label.");
      }
    }
  }

  private void requireClasses() {
    if (training.isClassifier() && labels.size() < 2) {
      throw new DataException(
          "Every sample of the dataset "
              + training.dataset().name()
              + " has the label "
              + labels
              + ", so the classifier "
              + training.name()
              + " cannot learn to tell classes apart. Give it samples of at least two.");
    }
  }

  // ---- the outcome -------------------------------------------------------------------------

  private Trace trace(Block block, NDManager manager, List<Sample> first, List<TensorSpec> specs) {
    try (NDManager scratch = manager.newSubManager();
        NDScope scope = new NDScope()) {
      scope.suppressNotUsedWarning();
      Batch batch = Batches.prepare(training, first, specs);
      List<String> names = specs.stream().map(TensorSpec::name).toList();
      return Tracer.trace(block, names, batch.arrays(scratch));
    }
  }

  private ObjectNode record(Block block, List<TensorSpec> specs) {
    ObjectNode record = DjlTraceFile.newRecord();
    record.put("backend", training.backend()).put("name", training.name());
    record
        .putObject("dataset")
        .put("name", training.dataset().name())
        .put("fingerprint", training.dataset().fingerprint());
    training.dataset().labels().forEach(record.putArray("labels")::add);
    ObjectNode settings = record.putObject("settings");
    training.settings().forEach(settings::put);
    record.put("parameters", parameterCount(block));
    versions().forEach(record.putObject("versions")::put);
    ArrayNode inputs = record.putArray("inputs");
    for (TensorSpec spec : specs) {
      ObjectNode input = inputs.addObject();
      input.put("name", spec.name()).put("type", spec.type().name());
      Arrays.stream(spec.shape()).forEach(input.putArray("shape")::add);
    }
    ArrayNode list = record.putArray("epochs");
    for (TrainedModel.Epoch epoch : epochs) {
      ObjectNode node = list.addObject().put("number", epoch.number()).put("loss", epoch.loss());
      ObjectNode metrics = node.putObject("metrics");
      epoch.metrics().forEach(metrics::put);
    }
    return record;
  }

  private Map<String, String> versions() {
    Map<String, String> versions = new LinkedHashMap<>();
    versions.put("djl", String.valueOf(Engine.getDjlVersion()));
    versions.put("pytorch", engine.engine().getVersion());
    return versions;
  }

  private static long parameterCount(Block block) {
    return block.getParameters().values().stream()
        .filter(Parameter::isInitialized)
        .mapToLong(p -> p.getArray().size())
        .sum();
  }

  private static byte[] parameters(Block block) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (DataOutputStream out = new DataOutputStream(bytes)) {
      block.saveParameters(out);
    } catch (IOException e) {
      throw new StorageException("The block's parameters cannot be saved: " + e, e);
    }
    return bytes.toByteArray();
  }

  /** Writes under a temporary name and then under one that tells the content. */
  private Model write(DjlTraceFile file) {
    String name = training.name().replaceAll("[^A-Za-z0-9._-]", "_");
    Path partial = request.directory().resolve(name + ".partial");
    try {
      file.write(partial);
      String sha256 = Model.of(partial, DjlTraceFile.FORMAT).sha256();
      Path target =
          request
              .directory()
              .resolve(name + "-" + sha256.substring(0, 12) + "." + DjlTraceFile.FORMAT);
      Files.move(partial, target, StandardCopyOption.REPLACE_EXISTING);
      return Model.of(target, DjlTraceFile.FORMAT);
    } catch (IOException e) {
      throw new StorageException(
          "The trained model cannot be put into "
              + request.directory()
              + ": "
              + e
              + ". Check that the folder is writable.",
          e);
    }
  }

  private Map<String, String> properties(Block block, Trace trace, Duration duration) {
    Map<String, String> properties = new LinkedHashMap<>();
    properties.putAll(training.settings());
    properties.putAll(versions());
    properties.put("parameters", Long.toString(parameterCount(block)));
    properties.put("operations", Integer.toString(trace.ops().size()));
    properties.put("threads", Integer.toString(engine.threads()));
    properties.put("durationMillis", Long.toString(duration.toMillis()));
    return properties;
  }
}
