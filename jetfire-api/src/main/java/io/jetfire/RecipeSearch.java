package io.jetfire;

import io.jetfire.spi.Cancellation;
import java.time.Duration;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * What the smallest acceptable variant of a model is searched by: a converter whose recipe is open,
 * a budget, a time limit.
 *
 * <pre>{@code
 * Converter converter = Converter.toTflite().calibration(representative).build();
 * Advice advice = jetfire.advise(
 *     model,
 *     RecipeSearch.with(converter)
 *         .signalToNoiseAtLeast(30, digits)
 *         .timeLimit(Duration.ofMinutes(5))
 *         .onTrial(System.out::println)
 *         .build());
 * }</pre>
 *
 * <p>Immutable.
 */
public final class RecipeSearch {
  private final Converter converter;
  private final double budget;
  private final @Nullable Dataset signalToNoise;
  private final @Nullable Evaluation evaluation;
  private final @Nullable OutputDecoder decoding;
  private final Duration timeLimit;
  private final Consumer<Advice.Trial> onTrial;
  private final Cancellation cancellation;

  private RecipeSearch(Builder b) {
    this.converter = b.converter;
    this.budget = b.budget;
    this.signalToNoise = b.signalToNoise;
    this.evaluation = b.evaluation;
    this.decoding = b.decoding;
    this.timeLimit = b.timeLimit;
    this.onTrial = b.onTrial;
    this.cancellation = b.cancellation;
  }

  /**
   * Starts a search.
   *
   * @param converter how the model is read, which backend makes variants, what they are calibrated
   *     with, and at most how many samples are calibrated with and compared for signal to noise;
   *     its recipe is not looked at
   * @return a builder with a time limit of 10 minutes
   */
  public static Builder with(Converter converter) {
    return new Builder(converter);
  }

  /**
   * Returns the converter whose recipe is searched for.
   *
   * @return it has calibration samples
   */
  public Converter converter() {
    return converter;
  }

  /**
   * Returns the least accuracy that is acceptable.
   *
   * @return in the unit of what is measured
   */
  public double budget() {
    return budget;
  }

  /**
   * Returns the samples over which signal to noise is measured.
   *
   * @return empty if a metric is measured instead
   */
  public Optional<Dataset> signalToNoise() {
    return Optional.ofNullable(signalToNoise);
  }

  /**
   * Returns the evaluation whose primary metric is measured.
   *
   * @return empty if signal to noise is measured instead
   */
  public Optional<Evaluation> evaluation() {
    return Optional.ofNullable(evaluation);
  }

  /**
   * Returns what outputs mean to the evaluation.
   *
   * @return empty if signal to noise is measured
   */
  public Optional<OutputDecoder> decoding() {
    return Optional.ofNullable(decoding);
  }

  /**
   * Returns when the search ends with what it has.
   *
   * @return since its start
   */
  public Duration timeLimit() {
    return timeLimit;
  }

  /**
   * Returns who is told of every trial.
   *
   * @return called on the thread that searches, in order
   */
  public Consumer<Advice.Trial> onTrial() {
    return onTrial;
  }

  /**
   * Returns whether the search is still wanted.
   *
   * @return asked between samples
   */
  public Cancellation cancellation() {
    return cancellation;
  }

  @Override
  public String toString() {
    return "RecipeSearch[at least "
        + budget
        + (evaluation == null ? " dB of signal to noise" : " by " + evaluation)
        + ", with "
        + converter
        + ", within "
        + timeLimit
        + "]";
  }

  /** Collects the parts of a {@link RecipeSearch}. */
  public static final class Builder {
    private final Converter converter;
    private double budget = Double.NaN;
    private @Nullable Dataset signalToNoise;
    private @Nullable Evaluation evaluation;
    private @Nullable OutputDecoder decoding;
    private Duration timeLimit = Duration.ofMinutes(10);
    private Consumer<Advice.Trial> onTrial = trial -> {};
    private Cancellation cancellation = Cancellation.NEVER;

    private Builder(Converter converter) {
      this.converter = converter;
    }

    /**
     * Asks for the primary metric of an evaluation, such as accuracy, measured with the first of
     * its delegates. Replaces what was asked for before.
     *
     * @param least the smallest acceptable value, such as 0.9
     * @param on what to measure; not the calibration samples
     * @param decoder from the model's outputs to what they mean
     * @return this builder
     */
    public Builder metricAtLeast(double least, Evaluation on, OutputDecoder decoder) {
      this.budget = least;
      this.evaluation = on;
      this.decoding = decoder;
      this.signalToNoise = null;
      return this;
    }

    /**
     * Asks for signal to noise, which needs no labels: what a variant gives against what the source
     * gives; where an output is a softmax or a logistic, of what goes into it; averaged over
     * samples. Replaces what was asked for before.
     *
     * @param decibels the smallest acceptable ratio, such as 30
     * @param on samples, other than those of calibration
     * @return this builder
     */
    public Builder signalToNoiseAtLeast(double decibels, Dataset on) {
      this.budget = decibels;
      this.signalToNoise = on;
      this.evaluation = null;
      this.decoding = null;
      return this;
    }

    /**
     * Sets when the search ends with what it has; after 10 minutes by default.
     *
     * @param value positive
     * @return this builder
     */
    public Builder timeLimit(Duration value) {
      this.timeLimit = value;
      return this;
    }

    /**
     * Sets who is told of every trial.
     *
     * @param value called on the thread that searches, in order
     * @return this builder
     */
    public Builder onTrial(Consumer<Advice.Trial> value) {
      this.onTrial = value;
      return this;
    }

    /**
     * Sets what ends the search early, with what it has.
     *
     * @param value asked between samples, from any thread; once true, true for ever
     * @return this builder
     */
    public Builder cancelWhen(BooleanSupplier value) {
      this.cancellation = value::getAsBoolean;
      return this;
    }

    /**
     * Makes the search.
     *
     * @return the search
     * @throws ConfigurationException if parts are missing or do not fit together; all problems are
     *     named
     */
    public RecipeSearch build() {
      Problems problems = new Problems("The search for a recipe");
      problems.check(
          converter.calibration().isPresent(),
          "its converter needs calibration(dataset), 100 to 500 samples like those that the model"
              + " will see");
      problems.check(
          signalToNoise != null || evaluation != null,
          "it needs a budget: metricAtLeast(0.9, evaluation, decoder), or signalToNoiseAtLeast(30,"
              + " dataset), which needs no labels");
      problems.check(
          Double.isFinite(budget) || (signalToNoise == null && evaluation == null),
          "the budget is a finite number, not " + budget);
      problems.check(
          !timeLimit.isNegative() && !timeLimit.isZero(),
          "timeLimit is positive, not " + timeLimit);
      problems.raise();
      return new RecipeSearch(this);
    }
  }
}
