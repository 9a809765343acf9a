package io.jetfire.adapter.djl;

import ai.djl.nn.Block;
import ai.djl.training.optimizer.Optimizer;
import ai.djl.training.tracker.Tracker;
import io.jetfire.ConfigurationException;
import io.jetfire.Dataset;
import io.jetfire.Layout;
import io.jetfire.Preprocessing;
import io.jetfire.Training;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * What to train with DJL, and how: the description that the training backend {@code djl} executes.
 *
 * <pre>{@code
 * Supplier<Block> network = () -> new SequentialBlock()
 *     .add(Blocks.batchFlattenBlock())
 *     .add(Linear.builder().setUnits(10).build());
 * DjlTraining training = DjlTraining.of("digits-v1", network)
 *     .dataset(digits)
 *     .preprocessing(Preprocessing.resize(28, 28).normalize(0, 255))
 *     .epochs(8)
 *     .batchSize(32)
 *     .learningRate(LearningRate.cosine(0.003, 1))
 *     .seed(7)
 *     .build();
 * }</pre>
 *
 * <p>Without more it trains a classifier: samples with labels, a block that gives one score per
 * class, softmax cross-entropy, Adam. {@link Builder#targets}, {@link Builder#loss} and {@link
 * Builder#metric} make it anything else. User code is known by a name and a version in the name;
 * change it when the code changes.
 *
 * <p>The block must be traceable: what it computes in inference may depend on shapes and settings,
 * but not on the numbers of its inputs. Samples are prepared by one thread while another trains.
 * Immutable; the same description and seed give the same model on the same machine.
 */
public final class DjlTraining implements Training {
  private final Builder values;
  private final Dataset dataset;

  private DjlTraining(Builder values, Dataset dataset) {
    this.values = values;
    this.dataset = dataset;
  }

  /**
   * Starts a description.
   *
   * @param name name and version of the block and of the code around it, such as {@code ssd-v1}
   * @param block makes the block anew, with parameters not initialised; called once per training
   * @return a builder
   */
  public static Builder of(String name, Supplier<? extends Block> block) {
    return new Builder(name, block);
  }

  /**
   * Returns the id of the backend.
   *
   * @return {@code djl}
   */
  @Override
  public String backend() {
    return "djl";
  }

  @Override
  public String name() {
    return values.name;
  }

  @Override
  public Dataset dataset() {
    return dataset;
  }

  @Override
  public Map<String, String> settings() {
    return Collections.unmodifiableMap(values.settings());
  }

  /**
   * Makes the block.
   *
   * @return a new one
   */
  public Block newBlock() {
    return values.block.get();
  }

  /**
   * Returns the dataset that is only measured, after each epoch.
   *
   * @return empty if there is none
   */
  public Optional<Dataset> validation() {
    return Optional.ofNullable(values.validation);
  }

  /**
   * Returns how samples become inputs.
   *
   * @return none by default
   */
  public Preprocessing preprocessing() {
    return values.preprocessing;
  }

  /**
   * Returns the layout of image inputs.
   *
   * @return channels first by default, as DJL's PyTorch engine wants it
   */
  public Layout layout() {
    return values.layout;
  }

  /**
   * Returns the shape of the block's first input for one sample.
   *
   * @return without the batch; empty if it follows from the first sample
   */
  public Optional<List<Integer>> inputShape() {
    return Optional.ofNullable(values.inputShape);
  }

  /**
   * Returns how often the dataset is gone through.
   *
   * @return at least 1
   */
  public int epochs() {
    return values.epochs;
  }

  /**
   * Returns how many samples make a step.
   *
   * @return at least 1
   */
  public int batchSize() {
    return values.batchSize;
  }

  /**
   * Returns among how many samples the next one is drawn.
   *
   * @return 0 if samples keep their order
   */
  public int shuffleBuffer() {
    return values.shuffleBuffer;
  }

  /**
   * Returns what all chance derives from.
   *
   * @return the seed
   */
  public int seed() {
    return values.seed;
  }

  /**
   * Returns the learning rate.
   *
   * @return the schedule
   */
  public LearningRate learningRate() {
    return values.learningRate;
  }

  /**
   * Makes the optimizer.
   *
   * @param rate gives the learning rate of the moment
   * @return a new optimizer
   */
  public Optimizer newOptimizer(Tracker rate) {
    return values.optimizer.apply(rate);
  }

  /**
   * Returns the loss.
   *
   * @return softmax cross-entropy by default
   */
  public DjlLoss loss() {
    return values.loss;
  }

  /**
   * Returns the encoding of targets.
   *
   * @return class labels by default
   */
  public DjlTargets targets() {
    return values.targets;
  }

  /**
   * Returns the metrics that are reported with each epoch.
   *
   * @return by name; accuracy by default if the loss is the default one
   */
  public Map<String, DjlMetric> metrics() {
    return Collections.unmodifiableMap(values.metrics);
  }

  /**
   * Returns how training samples are changed at random.
   *
   * @return empty if they are not
   */
  public Optional<DjlAugmentation> augmentation() {
    return Optional.ofNullable(values.augmentation);
  }

  /**
   * Says whether this trains a plain classifier, whose labels can be checked.
   *
   * @return true unless a loss of the user's own is set
   */
  public boolean isClassifier() {
    return values.lossName.equals(Builder.CROSS_ENTROPY)
        && values.targetsName.equals(Builder.LABELS);
  }

  @Override
  public String toString() {
    return "DjlTraining[" + values.name + ", " + dataset.name() + ", seed " + seed() + "]";
  }

  /** Builds a {@link DjlTraining}; not thread-safe. */
  public static final class Builder {
    private static final String CROSS_ENTROPY = "softmax-cross-entropy";
    private static final String LABELS = "labels";

    private final String name;
    private final Supplier<? extends Block> block;
    private @Nullable Dataset dataset;
    private @Nullable Dataset validation;
    private Preprocessing preprocessing = Preprocessing.none();
    private Layout layout = Layout.CHANNELS_FIRST;
    private @Nullable List<Integer> inputShape;
    private int epochs = 10;
    private int batchSize = 32;
    private int shuffleBuffer = 1024;
    private int seed;
    private LearningRate learningRate = LearningRate.constant(0.001);
    private String optimizerName = "adam";
    private Function<Tracker, Optimizer> optimizer =
        rate -> Optimizer.adam().optLearningRateTracker(rate).build();
    private String lossName = CROSS_ENTROPY;
    private DjlLoss loss = DjlLoss.softmaxCrossEntropy();
    private String targetsName = LABELS;
    private DjlTargets targets = DjlTargets.labels();
    private String augmentationName = "none";
    private @Nullable DjlAugmentation augmentation;
    private Map<String, DjlMetric> metrics = new LinkedHashMap<>();

    private Builder(String name, Supplier<? extends Block> block) {
      this.name = name;
      this.block = block;
    }

    private Builder(Builder other) {
      this(other.name, other.block);
      validation = other.validation;
      preprocessing = other.preprocessing;
      layout = other.layout;
      inputShape = other.inputShape;
      epochs = other.epochs;
      batchSize = other.batchSize;
      shuffleBuffer = other.shuffleBuffer;
      seed = other.seed;
      learningRate = other.learningRate;
      optimizerName = other.optimizerName;
      optimizer = other.optimizer;
      lossName = other.lossName;
      loss = other.loss;
      targetsName = other.targetsName;
      targets = other.targets;
      augmentationName = other.augmentationName;
      augmentation = other.augmentation;
      metrics = new LinkedHashMap<>(other.metrics);
      if (metrics.isEmpty() && lossName.equals(CROSS_ENTROPY) && targetsName.equals(LABELS)) {
        metrics.put("accuracy", DjlMetric.accuracy());
      }
    }

    /**
     * Sets the samples to learn from; required.
     *
     * @param samples the dataset
     * @return this
     */
    public Builder dataset(Dataset samples) {
      dataset = samples;
      return this;
    }

    /**
     * Sets samples that are not learnt from: loss and metrics on them are reported with each epoch.
     *
     * @param samples the dataset
     * @return this
     */
    public Builder validation(Dataset samples) {
      validation = samples;
      return this;
    }

    /**
     * Sets how samples become inputs; evaluation must use the same.
     *
     * @param steps the preprocessing
     * @return this
     */
    public Builder preprocessing(Preprocessing steps) {
      preprocessing = steps;
      return this;
    }

    /**
     * Sets the layout of image inputs; channels first unless set.
     *
     * @param order the order that the block wants
     * @return this
     */
    public Builder layout(Layout order) {
      layout = order;
      return this;
    }

    /**
     * Sets the shape of the block's first input for one sample, without the batch. Unless set it
     * follows from the first sample and the preprocessing.
     *
     * @param dimensions such as 3, 96, 96
     * @return this
     */
    public Builder inputShape(int... dimensions) {
      inputShape = Arrays.stream(dimensions).boxed().toList();
      return this;
    }

    /**
     * Sets how often the dataset is gone through; 10 unless set.
     *
     * @param count at least 1
     * @return this
     */
    public Builder epochs(int count) {
      epochs = count;
      return this;
    }

    /**
     * Sets how many samples make a step; 32 unless set. A last batch of a single sample is left
     * out, since batch normalization cannot learn from it.
     *
     * @param samples at least 1
     * @return this
     */
    public Builder batchSize(int samples) {
      batchSize = samples;
      return this;
    }

    /**
     * Sets among how many samples, kept in memory, the next one is drawn; 1024 unless set.
     *
     * @param samples 0 keeps the dataset's order
     * @return this
     */
    public Builder shuffleBuffer(int samples) {
      shuffleBuffer = samples;
      return this;
    }

    /**
     * Sets what all chance derives from: initial parameters, order, augmentation, dropout; 0 unless
     * set.
     *
     * @param value any number
     * @return this
     */
    public Builder seed(int value) {
      seed = value;
      return this;
    }

    /**
     * Sets a constant learning rate; 0.001 unless set.
     *
     * @param rate positive
     * @return this
     */
    public Builder learningRate(double rate) {
      return learningRate(LearningRate.constant(rate));
    }

    /**
     * Sets how the learning rate changes during the training.
     *
     * @param schedule such as {@link LearningRate#cosine}
     * @return this
     */
    public Builder learningRate(LearningRate schedule) {
      learningRate = schedule;
      return this;
    }

    /**
     * Chooses stochastic gradient descent.
     *
     * @param momentum such as 0.9; 0 for none
     * @return this
     */
    public Builder sgd(double momentum) {
      return optimizer(
          "sgd(momentum=" + momentum + ")",
          rate ->
              Optimizer.sgd().setLearningRateTracker(rate).optMomentum((float) momentum).build());
    }

    /**
     * Chooses Adam with decoupled weight decay.
     *
     * @param weightDecay such as 0.0001
     * @return this
     */
    public Builder adamW(double weightDecay) {
      return optimizer(
          "adamw(weightDecay=" + weightDecay + ")",
          rate ->
              Optimizer.adamW()
                  .optLearningRateTracker(rate)
                  .optWeightDecays((float) weightDecay)
                  .build());
    }

    /**
     * Chooses an optimizer of DJL's or of the user's own; Adam unless set.
     *
     * @param description its name with all its numbers
     * @param factory makes it, given the learning rate
     * @return this
     */
    public Builder optimizer(String description, Function<Tracker, Optimizer> factory) {
      optimizerName = description;
      optimizer = factory;
      return this;
    }

    /**
     * Sets the loss; softmax cross-entropy unless set.
     *
     * @param description name and version, such as {@code multibox-v1}
     * @param function the loss
     * @return this
     */
    public Builder loss(String description, DjlLoss function) {
      lossName = description;
      loss = function;
      return this;
    }

    /**
     * Sets how targets become arrays for the loss; class labels unless set.
     *
     * @param description name and version, such as {@code anchors-v1}
     * @param function the encoding
     * @return this
     */
    public Builder targets(String description, DjlTargets function) {
      targetsName = description;
      targets = function;
      return this;
    }

    /**
     * Adds a metric that is reported with each epoch, over the training samples as they were learnt
     * from, and over the validation samples if there are any.
     *
     * @param description what it is called
     * @param function the metric
     * @return this
     */
    public Builder metric(String description, DjlMetric function) {
      metrics.put(description, function);
      return this;
    }

    /**
     * Sets how training samples are changed at random.
     *
     * @param description name and version, such as {@code flip-v1}
     * @param function the change
     * @return this
     */
    public Builder augmentation(String description, DjlAugmentation function) {
      augmentationName = description;
      augmentation = function;
      return this;
    }

    /**
     * Builds the description.
     *
     * @return the training
     * @throws ConfigurationException that names everything that is missing or out of range
     */
    public DjlTraining build() {
      List<String> problems = new ArrayList<>();
      require(problems, !name.isBlank(), "the name is blank");
      require(problems, epochs >= 1, "epochs must be at least 1, but is " + epochs);
      require(problems, batchSize >= 1, "batchSize must be at least 1, but is " + batchSize);
      require(problems, shuffleBuffer >= 0, "shuffleBuffer must not be negative: " + shuffleBuffer);
      require(
          problems,
          inputShape == null || inputShape.stream().allMatch(d -> d >= 1),
          "every dimension of inputShape must be at least 1: " + inputShape);
      double first = learningRate.at(0, Math.max(1, epochs));
      require(
          problems,
          first > 0 && Double.isFinite(first),
          "the learning rate is not positive: " + first);
      Dataset samples = dataset;
      if (samples == null) {
        problems.add("it has no dataset; set dataset(...)");
      } else if (problems.isEmpty()) {
        return new DjlTraining(new Builder(this), samples);
      }
      throw new ConfigurationException(
          "The training " + name + " cannot be built: " + String.join("; ", problems));
    }

    private static void require(List<String> problems, boolean holds, String otherwise) {
      if (!holds) {
        problems.add(otherwise);
      }
    }

    private Map<String, String> settings() {
      Map<String, String> map = new LinkedHashMap<>();
      map.put("epochs", Integer.toString(epochs));
      map.put("batchSize", Integer.toString(batchSize));
      map.put("seed", Integer.toString(seed));
      map.put("shuffleBuffer", Integer.toString(shuffleBuffer));
      map.put("optimizer", optimizerName);
      map.put("learningRate", learningRate.toString());
      map.put("loss", lossName);
      map.put("targets", targetsName);
      map.put("augmentation", augmentationName);
      map.put("preprocessing", preprocessing.toString());
      map.put("layout", layout.name());
      List<Integer> shape = inputShape;
      if (shape != null) {
        map.put("inputShape", shape.stream().map(String::valueOf).collect(Collectors.joining("x")));
      }
      Dataset samples = validation;
      if (samples != null) {
        map.put("validation", samples.name() + " " + samples.fingerprint());
      }
      return map;
    }
  }
}
