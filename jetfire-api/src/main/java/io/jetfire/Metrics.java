package io.jetfire;

import java.util.ArrayList;
import java.util.Collections;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * What one benchmark run gave, or all sessions of a cell together ({@link Statistics#combine}).
 *
 * <p>Every value has its unit, and says whether a log reports it, in which line, or JetFire
 * computed it. What the log does not say is absent. Immutable.
 */
public final class Metrics {
  private final Identity identity;
  private final Ending ending;
  private final Map<Metric, Measurement> values;
  private final Map<Phase, Latency> latencies;
  private final List<Samples> samples;
  private final List<DelegatePlacement> placements;
  private final boolean silentCpuFallback;
  private final List<OperatorProfile> profiles;
  private final List<FrameDetections> detections;
  private final List<LogGap> gaps;
  private final @Nullable RunFailure failure;
  private final DeviceFacts device;
  private final Map<String, String> parameters;
  private final List<String> warnings;

  private Metrics(Builder b) {
    identity = b.identity;
    ending = b.ending;
    values = Collections.unmodifiableMap(new EnumMap<>(b.values));
    latencies = Collections.unmodifiableMap(new EnumMap<>(b.latencies));
    samples = List.copyOf(b.samples);
    placements = List.copyOf(b.placements);
    silentCpuFallback = b.silentCpuFallback;
    profiles = List.copyOf(b.profiles);
    detections = List.copyOf(b.detections);
    gaps = List.copyOf(b.gaps);
    failure = b.failure;
    device = b.device;
    parameters = Collections.unmodifiableMap(new TreeMap<>(b.parameters));
    warnings = List.copyOf(b.warnings);
  }

  /**
   * Which run a log speaks of.
   *
   * @param label what the tool calls it: a benchmark name, a scenario, a signature; may be empty
   * @param model the model's file as printed, or its variant; may be empty
   * @param cell the id of JetFire's cell, in JetFire's own logs
   * @param session the number of the session from 0, in JetFire's own logs
   * @param pid the process
   * @param arguments the command line, where the log has it; may be empty
   * @param firstLine the first line that belongs to the run; 0 if there are no lines
   */
  public record Identity(
      String label,
      String model,
      Optional<String> cell,
      OptionalInt session,
      OptionalLong pid,
      String arguments,
      long firstLine) {

    /**
     * Returns an identity of which nothing is known.
     *
     * @return empty texts
     */
    public static Identity unknown() {
      return new Identity(
          "", "", Optional.empty(), OptionalInt.empty(), OptionalLong.empty(), "", 0);
    }
  }

  /** How far a log follows a run. */
  public enum Ending {
    /** The measured runs were made, and their result is there. */
    COMPLETE,
    /** The run failed; {@link Metrics#failure()} tells why. */
    FAILED,
    /** The log ends, or another run begins, before a result is there. */
    TRUNCATED
  }

  /**
   * Starts metrics; parsers do.
   *
   * @return a builder of metrics without any value
   */
  public static Builder builder() {
    return new Builder();
  }

  /**
   * Starts metrics from these.
   *
   * @return a builder with the same values
   */
  public Builder toBuilder() {
    Builder b = new Builder();
    b.identity = identity;
    b.ending = ending;
    b.values.putAll(values);
    b.latencies.putAll(latencies);
    b.samples.addAll(samples);
    b.placements.addAll(placements);
    b.silentCpuFallback = silentCpuFallback;
    b.profiles.addAll(profiles);
    b.detections.addAll(detections);
    b.gaps.addAll(gaps);
    b.failure = failure;
    b.device = device;
    b.parameters.putAll(parameters);
    b.warnings.addAll(warnings);
    return b;
  }

  /**
   * Returns which run this is.
   *
   * @return the identity
   */
  public Identity identity() {
    return identity;
  }

  /**
   * Returns how far the log follows the run.
   *
   * @return the ending
   */
  public Ending ending() {
    return ending;
  }

  /**
   * Returns all single values.
   *
   * @return those that are known
   */
  public Map<Metric, Measurement> values() {
    return values;
  }

  /**
   * Returns a single value.
   *
   * @param metric which
   * @return empty if it is not known
   */
  public Optional<Measurement> value(Metric metric) {
    return Optional.ofNullable(values.get(metric));
  }

  /**
   * Returns the time to load the model and prepare the interpreter.
   *
   * @return empty if it is not known
   */
  public Optional<Measurement> init() {
    return value(Metric.INIT);
  }

  /**
   * Returns the time of the very first run.
   *
   * @return empty if it is not known
   */
  public Optional<Measurement> firstInference() {
    return value(Metric.FIRST_INFERENCE);
  }

  /**
   * Returns the most memory of the process.
   *
   * @return empty if it is not known; growth ({@link Metric#OVERALL_MEMORY}) is not a peak
   */
  public Optional<Measurement> peakMemory() {
    return value(Metric.PEAK_MEMORY);
  }

  /**
   * Returns what is known of all phases.
   *
   * @return by phase
   */
  public Map<Phase, Latency> latencies() {
    return latencies;
  }

  /**
   * Returns what is known of the times of a phase.
   *
   * @param phase which
   * @return without any statistic if nothing is known
   */
  public Latency latency(Phase phase) {
    return latencies.getOrDefault(phase, new Latency(Map.of()));
  }

  /**
   * Returns the inference latency: the model alone, warm-up excluded.
   *
   * @return without any statistic if nothing is known
   */
  public Latency latency() {
    return latency(Phase.INFERENCE);
  }

  /**
   * Returns the raw samples of all phases and sessions.
   *
   * @return empty unless the log has them
   */
  public List<Samples> samples() {
    return samples;
  }

  /**
   * Returns the raw samples of a phase.
   *
   * @param phase which
   * @return one per session
   */
  public List<Samples> samples(Phase phase) {
    return samples.stream().filter(s -> s.phase() == phase).toList();
  }

  /**
   * Returns what the delegates took.
   *
   * @return one per delegate and subgraph; empty if the log does not tell
   */
  public List<DelegatePlacement> placements() {
    return placements;
  }

  /**
   * Returns the largest share of the operators that a delegate executes.
   *
   * @return from 0 to 1; empty if the log does not tell
   */
  public OptionalDouble delegatedShare() {
    return placements.stream()
        .map(DelegatePlacement::share)
        .filter(OptionalDouble::isPresent)
        .mapToDouble(OptionalDouble::getAsDouble)
        .max();
  }

  /**
   * Says whether a delegate was asked for, took nothing, and the run went on on the CPU.
   *
   * @return true if the log shows it; false if it does not, which is no proof
   */
  public boolean silentCpuFallback() {
    return silentCpuFallback;
  }

  /**
   * Returns the times of the operators.
   *
   * @return empty unless the tool profiled
   */
  public List<OperatorProfile> profiles() {
    return profiles;
  }

  /**
   * Returns what the model saw in each frame.
   *
   * @return in the order of the log; empty unless it is JetFire's own
   */
  public List<FrameDetections> detections() {
    return detections;
  }

  /**
   * Returns which lines are missing or damaged.
   *
   * @return empty if none is, or if the dialect does not tell
   */
  public List<LogGap> gaps() {
    return gaps;
  }

  /**
   * Returns why the run failed.
   *
   * @return empty if it did not
   */
  public Optional<RunFailure> failure() {
    return Optional.ofNullable(failure);
  }

  /**
   * Returns what the log says of the device during the run.
   *
   * @return readings and properties
   */
  public DeviceFacts device() {
    return device;
  }

  /**
   * Returns the parameters that the tool printed.
   *
   * @return by name as printed, such as {@code Num threads}
   */
  public Map<String, String> parameters() {
    return parameters;
  }

  /**
   * Returns what is odd in this run.
   *
   * @return texts that name the line
   */
  public List<String> warnings() {
    return warnings;
  }

  @Override
  public String toString() {
    return "Metrics["
        + (identity.cell().orElse(identity.model()))
        + ", "
        + ending
        + ", init "
        + init().map(Measurement::toString).orElse("-")
        + ", inference "
        + latency().statistics()
        + "]";
  }

  /** Collects the parts of {@link Metrics}. */
  public static final class Builder {
    private Identity identity = Identity.unknown();
    private Ending ending = Ending.TRUNCATED;
    private final Map<Metric, Measurement> values = new EnumMap<>(Metric.class);
    private final Map<Phase, Latency> latencies = new EnumMap<>(Phase.class);
    private final List<Samples> samples = new ArrayList<>();
    private final List<DelegatePlacement> placements = new ArrayList<>();
    private boolean silentCpuFallback;
    private final List<OperatorProfile> profiles = new ArrayList<>();
    private final List<FrameDetections> detections = new ArrayList<>();
    private final List<LogGap> gaps = new ArrayList<>();
    private @Nullable RunFailure failure;
    private DeviceFacts device = DeviceFacts.none();
    private final Map<String, String> parameters = new TreeMap<>();
    private final List<String> warnings = new ArrayList<>();

    private Builder() {}

    /**
     * Sets which run this is.
     *
     * @param value the identity
     * @return this builder
     */
    public Builder identity(Identity value) {
      identity = value;
      return this;
    }

    /**
     * Sets how far the log follows the run.
     *
     * @param value the ending; TRUNCATED unless set
     * @return this builder
     */
    public Builder ending(Ending value) {
      ending = value;
      return this;
    }

    /**
     * Sets a single value.
     *
     * @param metric which
     * @param value its value
     * @return this builder
     */
    public Builder value(Metric metric, Measurement value) {
      values.put(metric, value);
      return this;
    }

    /**
     * Sets what is known of a phase's times.
     *
     * @param phase which
     * @param value the statistics
     * @return this builder
     */
    public Builder latency(Phase phase, Latency value) {
      latencies.put(phase, value);
      return this;
    }

    /**
     * Adds raw samples.
     *
     * @param value of one phase and session
     * @return this builder
     */
    public Builder samples(Samples value) {
      samples.add(value);
      return this;
    }

    /**
     * Adds what a delegate took.
     *
     * @param value of one delegate and subgraph
     * @return this builder
     */
    public Builder placement(DelegatePlacement value) {
      placements.add(value);
      return this;
    }

    /**
     * Sets whether the run went on on the CPU although a delegate was asked for.
     *
     * @param value true if it did
     * @return this builder
     */
    public Builder silentCpuFallback(boolean value) {
      silentCpuFallback = value;
      return this;
    }

    /**
     * Adds the times of operators.
     *
     * @param value of one stage and subgraph
     * @return this builder
     */
    public Builder profile(OperatorProfile value) {
      profiles.add(value);
      return this;
    }

    /**
     * Adds what the model saw in a frame.
     *
     * @param value of one frame
     * @return this builder
     */
    public Builder detections(FrameDetections value) {
      detections.add(value);
      return this;
    }

    /**
     * Adds a gap.
     *
     * @param value the gap
     * @return this builder
     */
    public Builder gap(LogGap value) {
      gaps.add(value);
      return this;
    }

    /**
     * Sets why the run failed.
     *
     * @param value the failure, or null if it did not fail
     * @return this builder
     */
    public Builder failure(@Nullable RunFailure value) {
      failure = value;
      return this;
    }

    /**
     * Sets what is known of the device.
     *
     * @param value the facts
     * @return this builder
     */
    public Builder device(DeviceFacts value) {
      device = value;
      return this;
    }

    /**
     * Sets a parameter.
     *
     * @param name as printed
     * @param value as printed
     * @return this builder
     */
    public Builder parameter(String name, String value) {
      parameters.put(name, value);
      return this;
    }

    /**
     * Adds a warning.
     *
     * @param value names the line
     * @return this builder
     */
    public Builder warning(String value) {
      warnings.add(value);
      return this;
    }

    /**
     * Makes the metrics.
     *
     * @return the metrics
     */
    public Metrics build() {
      return new Metrics(this);
    }
  }
}
