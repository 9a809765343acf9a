package io.jetfire;

import java.math.BigDecimal;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * What to measure on which devices of one farm.
 *
 * <pre>{@code
 * DeviceRun here = DeviceRun.on("local").delegates(Delegate.CPU, Delegate.XNNPACK)
 *     .threads(1, 2).runs(50).build();
 * DeviceRun phones = DeviceRun.on("firebase").devices("model=oriole,version=33")
 *     .delegates(Delegate.GPU).timeLimit(Duration.ofMinutes(10)).build();
 * }</pre>
 *
 * <p>Each variant is measured on each device with each delegate and number of threads: a cell. All
 * cells of a device share one run of the farm. Immutable.
 *
 * <p>The default plan of 8 sessions of 50 runs is meant to decide comparisons: where runs vary by
 * 10 % and depend on each other (autocorrelation 0.6), it finds a slowdown of 10 % in 97 of 100
 * simulated cases, and calls at most one of 100 equal models different. 6 sessions find it in 79
 * cases, 4 in 21, 3 in one. Fewer sessions save time and leave more comparisons undecided; {@link
 * Comparison#moreSessions()} says how many are missing.
 */
public final class DeviceRun implements Description {
  private final String farm;
  private final List<DeviceQuery> devices;
  private final List<String> variants;
  private final List<Delegate> delegates;
  private final List<Integer> threads;
  private final int warmupRuns;
  private final int runs;
  private final int sessions;
  private final boolean interleaved;
  private final @Nullable Dataset frames;
  private final int frameCount;
  private final Duration timeLimit;
  private final Duration queueLimit;
  private final int attempts;
  private final @Nullable BigDecimal maxCost;
  private final boolean confirmRegressions;

  private DeviceRun(Builder b) {
    farm = b.farm;
    devices = List.copyOf(b.devices);
    variants = List.copyOf(b.variants);
    delegates = List.copyOf(b.delegates);
    threads = List.copyOf(b.threads);
    warmupRuns = b.warmupRuns;
    runs = b.runs;
    sessions = b.sessions;
    interleaved = b.interleaved;
    frames = b.frames;
    frameCount = b.frameCount;
    timeLimit = b.timeLimit;
    queueLimit = b.queueLimit;
    attempts = b.attempts;
    maxCost = b.maxCost;
    confirmRegressions = b.confirmRegressions;
  }

  /**
   * Starts a device run.
   *
   * @param farm the device farm's id, such as {@code local}
   * @return a builder: any device, XNNPACK, one thread, 5 warm-up runs, 50 runs, 8 sessions,
   *     interleaved, 15 minutes of time, 2 hours in the queue, 2 attempts
   */
  public static Builder on(String farm) {
    return new Builder(farm);
  }

  /**
   * Returns the device farm's id.
   *
   * @return such as {@code local}
   */
  public String farm() {
    return farm;
  }

  /**
   * Returns which devices are wanted: every device that fulfils one of the queries.
   *
   * @return never empty
   */
  public List<DeviceQuery> devices() {
    return devices;
  }

  /**
   * Returns which variants are measured.
   *
   * @return their names; empty for all
   */
  public List<String> variants() {
    return variants;
  }

  /**
   * Returns what executes the operators.
   *
   * @return never empty
   */
  public List<Delegate> delegates() {
    return delegates;
  }

  /**
   * Returns with how many threads each variant is measured.
   *
   * @return never empty
   */
  public List<Integer> threads() {
    return threads;
  }

  /**
   * Returns how many runs are made and not counted at the start of each session.
   *
   * @return at least 0
   */
  public int warmupRuns() {
    return warmupRuns;
  }

  /**
   * Returns how many runs are counted in each session.
   *
   * @return at least 1
   */
  public int runs() {
    return runs;
  }

  /**
   * Returns how often each cell is measured with a fresh interpreter.
   *
   * @return at least 1
   */
  public int sessions() {
    return sessions;
  }

  /**
   * Says whether sessions of different cells alternate (A B A B) instead of following each other (A
   * A B B), so that drift of the device hits all cells alike.
   *
   * @return true unless switched off
   */
  public boolean interleaved() {
    return interleaved;
  }

  /**
   * Returns the samples that models are fed with.
   *
   * @return empty for the evaluation's samples, or made-up inputs where there is none
   */
  public Optional<Dataset> frames() {
    return Optional.ofNullable(frames);
  }

  /**
   * Returns how many samples are taken at most.
   *
   * @return at least 1
   */
  public int frameCount() {
    return frameCount;
  }

  /**
   * Returns when the run on one device must stop.
   *
   * @return a positive duration
   */
  public Duration timeLimit() {
    return timeLimit;
  }

  /**
   * Returns how long the run on one device may wait for it, until it measures.
   *
   * @return a positive duration
   */
  public Duration queueLimit() {
    return queueLimit;
  }

  /**
   * Returns how often a run is started at most when the farm itself fails.
   *
   * @return at least 1
   */
  public int attempts() {
    return attempts;
  }

  /**
   * Returns what all devices of this run may cost together in US dollars, by the farm's price.
   *
   * @return empty for no limit
   */
  public Optional<BigDecimal> maxCost() {
    return Optional.ofNullable(maxCost);
  }

  /**
   * Says whether cells that look slower than they may are measured again on the same device before
   * that is called a regression.
   *
   * @return false unless switched on
   */
  public boolean confirmRegressions() {
    return confirmRegressions;
  }

  @Override
  public boolean equals(Object o) {
    return o instanceof DeviceRun r
        && farm.equals(r.farm)
        && devices.equals(r.devices)
        && variants.equals(r.variants)
        && delegates.equals(r.delegates)
        && threads.equals(r.threads)
        && warmupRuns == r.warmupRuns
        && runs == r.runs
        && sessions == r.sessions
        && interleaved == r.interleaved
        && Objects.equals(id(frames), id(r.frames))
        && frameCount == r.frameCount
        && timeLimit.equals(r.timeLimit)
        && queueLimit.equals(r.queueLimit)
        && attempts == r.attempts
        && confirmRegressions == r.confirmRegressions
        && (maxCost == null
            ? r.maxCost == null
            : r.maxCost != null && maxCost.compareTo(r.maxCost) == 0);
  }

  private static @Nullable String id(@Nullable Dataset dataset) {
    return dataset == null ? null : dataset.name() + "/" + dataset.fingerprint();
  }

  @Override
  public int hashCode() {
    return Objects.hash(farm, devices, variants, delegates, threads, runs, sessions);
  }

  @Override
  public String toString() {
    return "DeviceRun[on "
        + farm
        + ": "
        + devices
        + " x "
        + delegates
        + " x "
        + threads
        + " threads, "
        + sessions
        + " sessions of "
        + warmupRuns
        + " + "
        + runs
        + " runs]";
  }

  /** Collects the parts of a {@link DeviceRun}. */
  public static final class Builder {
    private final String farm;
    private final List<DeviceQuery> devices = new ArrayList<>();
    private final List<String> variants = new ArrayList<>();
    private List<Delegate> delegates = List.of(Delegate.XNNPACK);
    private List<Integer> threads = List.of(1);
    private int warmupRuns = 5;
    private int runs = 50;
    private int sessions = 8;
    private boolean interleaved = true;
    private @Nullable Dataset frames;
    private int frameCount = 50;
    private Duration timeLimit = Duration.ofMinutes(15);
    private Duration queueLimit = Duration.ofHours(2);
    private int attempts = 2;
    private @Nullable BigDecimal maxCost;
    private boolean confirmRegressions;

    private Builder(String farm) {
      this.farm = farm;
    }

    /**
     * Adds devices.
     *
     * @param queries texts of {@link DeviceQuery#parse}, such as {@code model=oriole,version=33}
     * @return this builder
     */
    public Builder devices(String... queries) {
      for (String q : queries) {
        devices.add(DeviceQuery.parse(q));
      }
      return this;
    }

    /**
     * Adds devices.
     *
     * @param queries which devices
     * @return this builder
     */
    public Builder devices(DeviceQuery... queries) {
      devices.addAll(List.of(queries));
      return this;
    }

    /**
     * Measures only some variants.
     *
     * @param names names of recipes
     * @return this builder
     */
    public Builder variants(String... names) {
      variants.addAll(List.of(names));
      return this;
    }

    /**
     * Sets what executes the operators.
     *
     * @param values at least one
     * @return this builder
     */
    public Builder delegates(Delegate... values) {
      this.delegates = List.of(values);
      return this;
    }

    /**
     * Sets with how many threads each variant is measured.
     *
     * @param values at least one, each at least 1
     * @return this builder
     */
    public Builder threads(int... values) {
      List<Integer> list = new ArrayList<>();
      for (int v : values) {
        list.add(v);
      }
      this.threads = list;
      return this;
    }

    /**
     * Sets how many runs are made and not counted at the start of each session.
     *
     * @param value at least 0
     * @return this builder
     */
    public Builder warmupRuns(int value) {
      this.warmupRuns = value;
      return this;
    }

    /**
     * Sets how many runs are counted in each session.
     *
     * @param value at least 1
     * @return this builder
     */
    public Builder runs(int value) {
      this.runs = value;
      return this;
    }

    /**
     * Sets how often each cell is measured with a fresh interpreter.
     *
     * @param value at least 1; below 2 nothing is known of the variation between sessions, below 8
     *     comparisons find large differences only
     * @return this builder
     */
    public Builder sessions(int value) {
      this.sessions = value;
      return this;
    }

    /**
     * Sets whether sessions of different cells alternate.
     *
     * @param value false for one cell after the other
     * @return this builder
     */
    public Builder interleaved(boolean value) {
      this.interleaved = value;
      return this;
    }

    /**
     * Sets the samples that models are fed with.
     *
     * @param dataset the samples
     * @param count how many to take at most
     * @return this builder
     */
    public Builder frames(Dataset dataset, int count) {
      this.frames = dataset;
      this.frameCount = count;
      return this;
    }

    /**
     * Sets how many of the evaluation's samples models are fed with at most.
     *
     * @param count at least 1
     * @return this builder
     */
    public Builder frameCount(int count) {
      this.frameCount = count;
      return this;
    }

    /**
     * Sets when the run on one device must stop.
     *
     * @param value a positive duration
     * @return this builder
     */
    public Builder timeLimit(Duration value) {
      this.timeLimit = value;
      return this;
    }

    /**
     * Sets how long the run on one device may wait for it, until it measures. A run that waits
     * longer is cancelled where the farm can do that, and its cells time out; resuming the
     * experiment asks the farm again.
     *
     * @param value a positive duration
     * @return this builder
     */
    public Builder queueLimit(Duration value) {
      this.queueLimit = value;
      return this;
    }

    /**
     * Sets how often a run is started at most when the farm itself fails.
     *
     * @param value at least 1
     * @return this builder
     */
    public Builder attempts(int value) {
      this.attempts = value;
      return this;
    }

    /**
     * Sets what all devices of this run may cost together by the farm's price; runs that could go
     * beyond are not started.
     *
     * @param dollars US dollars, not negative
     * @return this builder
     */
    public Builder maxCost(BigDecimal dollars) {
      this.maxCost = dollars;
      return this;
    }

    /**
     * Sets whether regressions are confirmed. A cell that is slower than the experiment's baseline,
     * or that fails a gate on regression of latency, is then measured once more on the same device
     * (and so is the variant that it is held against), in one further run with the same sessions
     * and time limit; it is a regression only if both measurements say so. If the further run could
     * exceed {@link #maxCost}, it is not made, and the cell stays undecided.
     *
     * @param value true to confirm
     * @return this builder
     */
    public Builder confirmRegressions(boolean value) {
      this.confirmRegressions = value;
      return this;
    }

    /**
     * Makes the device run.
     *
     * @return the device run
     * @throws ConfigurationException if parts do not fit together; all problems are named
     */
    public DeviceRun build() {
      Problems problems = new Problems("The device run on '" + farm + "'");
      problems.check(!farm.isBlank(), "it needs the id of a device farm");
      problems.check(!delegates.isEmpty(), "it needs at least one delegate");
      problems.check(!threads.isEmpty(), "it needs at least one number of threads");
      problems.check(threads.stream().allMatch(t -> t >= 1), "threads are at least 1");
      problems.check(warmupRuns >= 0, "warmupRuns is at least 0");
      problems.check(runs >= 1, "runs is at least 1");
      problems.check(sessions >= 1, "sessions is at least 1");
      problems.check(frameCount >= 1, "frameCount is at least 1");
      problems.check(attempts >= 1, "attempts is at least 1");
      problems.check(
          !timeLimit.isNegative() && !timeLimit.isZero(), "the time limit must be positive");
      problems.check(
          !queueLimit.isNegative() && !queueLimit.isZero(), "the queue limit must be positive");
      problems.check(
          maxCost == null
              || (maxCost.signum() >= 0
                  && maxCost.scale() <= 6
                  && (long) maxCost.precision() - maxCost.scale() <= 9),
          "the cost limit is from 0 to 999999999 dollars, with at most 6 decimals");
      problems.raise();
      if (devices.isEmpty()) {
        devices.add(DeviceQuery.any());
      }
      return new DeviceRun(this);
    }
  }
}
