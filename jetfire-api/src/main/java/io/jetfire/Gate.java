package io.jetfire;

import io.jetfire.internal.Engine;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * A budget: a bound on a metric, for some cells.
 *
 * <pre>{@code
 * Gate.latency(90).atMost(Duration.ofMillis(30)).onTier("mid");
 * Gate.latency(50).regressionAtMost(0.05).withDelegate(Delegate.GPU);
 * Gate.accuracyDrop().atMost(0.01);
 * Gate.evaluation("mAP@0.5").atLeast(0.6).forVariant("int8");
 * Gate.fullyDelegated().onDevices(DeviceQuery.parse("model=oriole"));
 * }</pre>
 *
 * <p>A gate passes, fails, or is undecided where the measurement does not allow a judgement (see
 * {@link GateResult}). Immutable.
 */
public final class Gate {
  private final Subject subject;
  private final OptionalInt percentile;
  private final Optional<String> evaluationMetric;
  private final Bound bound;
  private final double limit;
  private final Optional<String> baselineVariant;
  private final GateSelector selector;

  private Gate(
      Subject subject,
      OptionalInt percentile,
      Optional<String> evaluationMetric,
      Bound bound,
      double limit,
      Optional<String> baselineVariant,
      GateSelector selector) {
    this.subject = subject;
    this.percentile = percentile;
    this.evaluationMetric = evaluationMetric;
    this.bound = bound;
    this.limit = limit;
    this.baselineVariant = baselineVariant;
    this.selector = selector;
  }

  /** What a gate bounds. */
  public enum Subject {
    /** A percentile of the inference latency; microseconds. */
    LATENCY(true),
    /** A percentile of the preprocessing latency; microseconds. */
    PREPROCESSING(true),
    /** A percentile of the postprocessing latency; microseconds. */
    POSTPROCESSING(true),
    /** The time to load the model; microseconds. */
    INIT(true),
    /** The time of the first run; microseconds. */
    FIRST_INFERENCE(true),
    /** The most memory of the process; bytes. */
    PEAK_MEMORY(false),
    /** The size of the variant's file; bytes. */
    MODEL_SIZE(false),
    /** The share of the operators that the delegate executes; 0 to 1. */
    DELEGATED_SHARE(false),
    /** A metric of the evaluation; its own unit. */
    EVALUATION(false),
    /** By how much a metric of the evaluation is less than the source model's; its own unit. */
    EVALUATION_DROP(false);

    private final boolean time;

    Subject(boolean time) {
      this.time = time;
    }

    /**
     * Says whether this is a time.
     *
     * @return true if limits are in microseconds
     */
    public boolean isTime() {
      return time;
    }
  }

  /** How a limit bounds a value. */
  public enum Bound {
    /** The value must not exceed the limit. */
    AT_MOST,
    /** The value must reach the limit. */
    AT_LEAST,
    /** The value must not exceed the baseline's by more than this part of it. */
    REGRESSION_AT_MOST
  }

  /**
   * Returns a gate of all its parts, such as when it is read from JSON.
   *
   * @param subject what is bounded
   * @param percentile 5, 50, 90, 95 or 99, for latencies of phases; else empty
   * @param evaluationMetric the metric's name, for evaluations; empty for the primary one
   * @param bound how the limit bounds
   * @param limit in the subject's unit; for {@link Bound#REGRESSION_AT_MOST} a part of the baseline
   * @param baselineVariant the variant to compare with on the same device, delegate and threads;
   *     empty for the baseline run
   * @param selector which cells
   * @return the gate
   * @throws ConfigurationException if the parts do not go together; all problems are named
   */
  public static Gate of(
      Subject subject,
      OptionalInt percentile,
      Optional<String> evaluationMetric,
      Bound bound,
      double limit,
      Optional<String> baselineVariant,
      GateSelector selector) {
    Problems problems = new Problems("Gate");
    boolean phase =
        subject == Subject.LATENCY
            || subject == Subject.PREPROCESSING
            || subject == Subject.POSTPROCESSING;
    boolean evaluation = subject == Subject.EVALUATION || subject == Subject.EVALUATION_DROP;
    problems.check(phase == percentile.isPresent(), "a percentile belongs to latencies of phases");
    percentile.ifPresent(
        p ->
            problems.check(
                p == 5 || p == 50 || p == 90 || p == 95 || p == 99,
                "the percentile must be 5, 50, 90, 95 or 99, was " + p));
    problems.check(
        evaluation || evaluationMetric.isEmpty(), "a metric's name belongs to evaluations");
    problems.check(Double.isFinite(limit), "the limit must be a number, was " + limit);
    problems.check(evaluation || limit >= 0, "the limit must be at least 0, was " + limit);
    problems.check(
        subject != Subject.DELEGATED_SHARE || limit <= 1 || bound == Bound.REGRESSION_AT_MOST,
        "a share is at most 1, was " + limit);
    problems.check(
        bound == Bound.REGRESSION_AT_MOST || baselineVariant.isEmpty(),
        "a baseline variant belongs to a bound on regression");
    problems.check(
        bound != Bound.REGRESSION_AT_MOST || subject != Subject.EVALUATION_DROP,
        "an accuracy drop is relative already; bound it with atMost");
    problems.raise();
    return new Gate(subject, percentile, evaluationMetric, bound, limit, baselineVariant, selector);
  }

  /**
   * Bounds a percentile of the inference latency, warm-up excluded.
   *
   * @param percentile 5, 50, 90, 95 or 99
   * @return what to bound it with
   */
  public static TimeBudget latency(int percentile) {
    return new TimeBudget(Subject.LATENCY, OptionalInt.of(percentile));
  }

  /**
   * Bounds a percentile of the preprocessing latency.
   *
   * @param percentile 5, 50, 90, 95 or 99
   * @return what to bound it with
   */
  public static TimeBudget preprocessing(int percentile) {
    return new TimeBudget(Subject.PREPROCESSING, OptionalInt.of(percentile));
  }

  /**
   * Bounds a percentile of the postprocessing latency.
   *
   * @param percentile 5, 50, 90, 95 or 99
   * @return what to bound it with
   */
  public static TimeBudget postprocessing(int percentile) {
    return new TimeBudget(Subject.POSTPROCESSING, OptionalInt.of(percentile));
  }

  /**
   * Bounds the time to load the model and prepare the interpreter.
   *
   * @return what to bound it with
   */
  public static TimeBudget init() {
    return new TimeBudget(Subject.INIT, OptionalInt.empty());
  }

  /**
   * Bounds the time of the very first run.
   *
   * @return what to bound it with
   */
  public static TimeBudget firstInference() {
    return new TimeBudget(Subject.FIRST_INFERENCE, OptionalInt.empty());
  }

  /**
   * Bounds the most memory of the process, in bytes.
   *
   * @return what to bound it with
   */
  public static NumberBudget peakMemory() {
    return new NumberBudget(Subject.PEAK_MEMORY, Optional.empty());
  }

  /**
   * Bounds the size of the variant's file, in bytes.
   *
   * @return what to bound it with
   */
  public static NumberBudget modelSize() {
    return new NumberBudget(Subject.MODEL_SIZE, Optional.empty());
  }

  /**
   * Bounds the share of the operators that the delegate executes, from 0 to 1.
   *
   * @return what to bound it with
   */
  public static NumberBudget delegatedShare() {
    return new NumberBudget(Subject.DELEGATED_SHARE, Optional.empty());
  }

  /**
   * Wants the delegate to execute every operator.
   *
   * @return the gate
   */
  public static Gate fullyDelegated() {
    return delegatedShare().atLeast(1);
  }

  /**
   * Bounds by how much the primary metric of the evaluation is less than the source model's.
   *
   * @return what to bound it with
   */
  public static NumberBudget accuracyDrop() {
    return new NumberBudget(Subject.EVALUATION_DROP, Optional.empty());
  }

  /**
   * Bounds by how much a metric of the evaluation is less than the source model's.
   *
   * @param metric its name, such as {@code mAP@0.5}
   * @return what to bound it with
   */
  public static NumberBudget evaluationDrop(String metric) {
    return new NumberBudget(Subject.EVALUATION_DROP, Optional.of(metric));
  }

  /**
   * Bounds the primary metric of the evaluation.
   *
   * @return what to bound it with
   */
  public static NumberBudget accuracy() {
    return new NumberBudget(Subject.EVALUATION, Optional.empty());
  }

  /**
   * Bounds a metric of the evaluation.
   *
   * @param metric its name, such as {@code mAP@0.5}
   * @return what to bound it with
   */
  public static NumberBudget evaluation(String metric) {
    return new NumberBudget(Subject.EVALUATION, Optional.of(metric));
  }

  /** A time that waits for its bound. */
  public static final class TimeBudget {
    private final Subject subject;
    private final OptionalInt percentile;

    private TimeBudget(Subject subject, OptionalInt percentile) {
      this.subject = subject;
      this.percentile = percentile;
    }

    /**
     * Bounds the time.
     *
     * @param limit the longest time that passes
     * @return the gate, for every cell
     */
    public Gate atMost(Duration limit) {
      double micros = limit.getSeconds() * 1e6 + limit.getNano() / 1e3;
      return gate(Bound.AT_MOST, micros);
    }

    /**
     * Bounds the time by that of the baseline.
     *
     * @param part how much longer it may be, as a part of the baseline's: 0.05 for 5 %
     * @return the gate, for every cell
     */
    public Gate regressionAtMost(double part) {
      return gate(Bound.REGRESSION_AT_MOST, part);
    }

    private Gate gate(Bound bound, double limit) {
      return of(
          subject,
          percentile,
          Optional.empty(),
          bound,
          limit,
          Optional.empty(),
          GateSelector.all());
    }
  }

  /** A number that waits for its bound. */
  public static final class NumberBudget {
    private final Subject subject;
    private final Optional<String> metric;

    private NumberBudget(Subject subject, Optional<String> metric) {
      this.subject = subject;
      this.metric = metric;
    }

    /**
     * Bounds the number from above.
     *
     * @param limit the largest number that passes
     * @return the gate, for every cell
     */
    public Gate atMost(double limit) {
      return gate(Bound.AT_MOST, limit);
    }

    /**
     * Bounds the number from below.
     *
     * @param limit the smallest number that passes
     * @return the gate, for every cell
     */
    public Gate atLeast(double limit) {
      return gate(Bound.AT_LEAST, limit);
    }

    /**
     * Bounds the number by that of the baseline: sizes and memory may be larger, shares and metrics
     * of the evaluation smaller by this part of it.
     *
     * @param part such as 0.05 for 5 %
     * @return the gate, for every cell
     */
    public Gate regressionAtMost(double part) {
      return gate(Bound.REGRESSION_AT_MOST, part);
    }

    private Gate gate(Bound bound, double limit) {
      return of(
          subject, OptionalInt.empty(), metric, bound, limit, Optional.empty(), GateSelector.all());
    }
  }

  /**
   * Returns this gate with another variant as the baseline.
   *
   * @param variant its name; it is compared on the same device, delegate and threads
   * @return the gate
   */
  public Gate against(String variant) {
    return of(subject, percentile, evaluationMetric, bound, limit, Optional.of(variant), selector);
  }

  /**
   * Returns this gate for some devices only.
   *
   * @param query which
   * @return the gate
   */
  public Gate onDevices(DeviceQuery query) {
    return select(
        new GateSelector(
            Optional.of(query),
            selector.tier(),
            selector.os(),
            selector.delegate(),
            selector.variant()));
  }

  /**
   * Returns this gate for a tier of devices only.
   *
   * @param tier the name that the experiment gives it
   * @return the gate
   */
  public Gate onTier(String tier) {
    return select(
        new GateSelector(
            selector.device(),
            Optional.of(tier),
            selector.os(),
            selector.delegate(),
            selector.variant()));
  }

  /**
   * Returns this gate for an OS only.
   *
   * @param os such as {@code android}, or with its version {@code android 33}
   * @return the gate
   */
  public Gate onOs(String os) {
    return select(
        new GateSelector(
            selector.device(),
            selector.tier(),
            Optional.of(os),
            selector.delegate(),
            selector.variant()));
  }

  /**
   * Returns this gate for a delegate only.
   *
   * @param delegate which
   * @return the gate
   */
  public Gate withDelegate(Delegate delegate) {
    return select(
        new GateSelector(
            selector.device(),
            selector.tier(),
            selector.os(),
            Optional.of(delegate),
            selector.variant()));
  }

  /**
   * Returns this gate for a variant only.
   *
   * @param variant its name
   * @return the gate
   */
  public Gate forVariant(String variant) {
    return select(
        new GateSelector(
            selector.device(),
            selector.tier(),
            selector.os(),
            selector.delegate(),
            Optional.of(variant)));
  }

  private Gate select(GateSelector other) {
    return new Gate(subject, percentile, evaluationMetric, bound, limit, baselineVariant, other);
  }

  /**
   * Judges this gate on a report.
   *
   * @param report what came out of a run
   * @return one result per cell or variant that the gate selects; one undecided result if it
   *     selects none
   * @throws MissingProviderException if {@code io.jetfire:jetfire-core} is not on the class path
   */
  public List<GateResult> judge(Report report) {
    return Engine.find().judge(List.of(this), report, Optional.empty());
  }

  /**
   * Judges this gate on a report, bounds on regression against a baseline.
   *
   * @param report what came out of a run
   * @param baseline what came out of an earlier run; cells are matched by variant, farm, device,
   *     delegate and threads
   * @return one result per cell or variant that the gate selects; one undecided result if it
   *     selects none
   * @throws MissingProviderException if {@code io.jetfire:jetfire-core} is not on the class path
   */
  public List<GateResult> judge(Report report, Report baseline) {
    return Engine.find().judge(List.of(this), report, Optional.of(baseline));
  }

  /**
   * Returns what is bounded.
   *
   * @return the subject
   */
  public Subject subject() {
    return subject;
  }

  /**
   * Returns which percentile is bounded.
   *
   * @return empty unless the subject is the latency of a phase
   */
  public OptionalInt percentile() {
    return percentile;
  }

  /**
   * Returns which metric of the evaluation is bounded.
   *
   * @return empty for the primary one
   */
  public Optional<String> evaluationMetric() {
    return evaluationMetric;
  }

  /**
   * Returns how the limit bounds.
   *
   * @return the bound
   */
  public Bound bound() {
    return bound;
  }

  /**
   * Returns the limit.
   *
   * @return in the subject's unit; for {@link Bound#REGRESSION_AT_MOST} a part of the baseline
   */
  public double limit() {
    return limit;
  }

  /**
   * Returns the variant to compare with.
   *
   * @return empty for the baseline run
   */
  public Optional<String> baselineVariant() {
    return baselineVariant;
  }

  /**
   * Returns which cells are judged.
   *
   * @return the selector
   */
  public GateSelector selector() {
    return selector;
  }

  @Override
  public boolean equals(Object o) {
    return o instanceof Gate g
        && subject == g.subject
        && percentile.equals(g.percentile)
        && evaluationMetric.equals(g.evaluationMetric)
        && bound == g.bound
        && Double.compare(limit, g.limit) == 0
        && baselineVariant.equals(g.baselineVariant)
        && selector.toString().equals(g.selector.toString());
  }

  @Override
  public int hashCode() {
    return Objects.hash(
        subject, percentile, evaluationMetric, bound, limit, baselineVariant, selector.toString());
  }

  @Override
  public String toString() {
    StringBuilder text = new StringBuilder();
    text.append(
        switch (subject) {
          case LATENCY -> "latency";
          case PREPROCESSING -> "preprocessing";
          case POSTPROCESSING -> "postprocessing";
          case INIT -> "init";
          case FIRST_INFERENCE -> "first inference";
          case PEAK_MEMORY -> "peak memory";
          case MODEL_SIZE -> "model size";
          case DELEGATED_SHARE -> "delegated share";
          case EVALUATION -> evaluationMetric.orElse("accuracy");
          case EVALUATION_DROP -> evaluationMetric.orElse("accuracy") + " drop";
        });
    percentile.ifPresent(p -> text.append(" p").append(p));
    if (bound == Bound.REGRESSION_AT_MOST) {
      text.append(" at most ").append(number(limit * 100)).append(" % worse than ");
      text.append(baselineVariant.orElse("the baseline"));
    } else {
      text.append(bound == Bound.AT_MOST ? " <= " : " >= ");
      boolean bytes = subject == Subject.PEAK_MEMORY || subject == Subject.MODEL_SIZE;
      text.append(subject.isTime() ? number(limit / 1000) + " ms" : number(limit));
      text.append(bytes ? " bytes" : "");
    }
    String where = selector.toString();
    return (where.isEmpty() ? text : text.append(' ').append(where)).toString();
  }

  private static String number(double value) {
    String text = String.format(Locale.ROOT, "%.6f", value);
    return text.contains(".") ? text.replaceAll("0+$", "").replaceAll("\\.$", "") : text;
  }
}
