package io.jetfire.spi;

import io.jetfire.Delegate;
import io.jetfire.Device;
import io.jetfire.Model;
import io.jetfire.OutputDecoder;
import io.jetfire.Preprocessing;
import io.jetfire.Sample;
import java.math.BigDecimal;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * Runs benchmarks on devices. Thread-safe.
 *
 * <p>A farm translates and transports. Polling, back-off, time limits, retries and resumption are
 * the engine's: every method here is one exchange with the farm, and a failure that may pass is
 * thrown as {@link io.jetfire.TransientException} or {@link io.jetfire.QuotaException} for the
 * engine to retry.
 */
public interface DeviceFarm extends AutoCloseable {

  /**
   * Returns what this farm can do. No call to the farm.
   *
   * @return the capabilities
   */
  Capabilities capabilities();

  /**
   * Asks for the catalogue of devices.
   *
   * @return every device
   */
  List<Device> devices();

  /**
   * Starts a run. The farm works on its own from then on.
   *
   * @param request what to run
   * @return the run; its id is journalled before anything else happens
   */
  FarmRun submit(FarmRequest request);

  /**
   * Finds a run again, in another JVM perhaps.
   *
   * @param id what {@link FarmRun#id()} returned
   * @return the run
   * @throws io.jetfire.ConfigurationException if the farm knows no such run
   */
  FarmRun attach(String id);

  @Override
  default void close() {}

  /**
   * What a farm can do; the engine asks for nothing beyond.
   *
   * @param delegates what models can be run with; empty if any delegate's name is passed on
   * @param cancel whether a run can be cancelled
   * @param attach whether runs are found again after this JVM ended
   * @param concurrentRuns how many runs may be under way at once, at least 1
   * @param longestRun the farm's own limit for one run, if it has one
   * @param pollInterval how long to wait between two looks at a run
   * @param pricePerMinute what a device minute costs in US dollars, where it is known
   */
  record Capabilities(
      Set<Delegate> delegates,
      boolean cancel,
      boolean attach,
      int concurrentRuns,
      Optional<Duration> longestRun,
      Duration pollInterval,
      Optional<BigDecimal> pricePerMinute) {
    /** Copies the set. */
    public Capabilities {
      delegates = Set.copyOf(delegates);
    }
  }

  /**
   * One run on one device: all cells, so that they share the device's state and can be interleaved.
   *
   * @param key unique to this request: a farm that is asked twice with one key runs once
   * @param device the device, of {@link #devices()}
   * @param cells what to measure
   * @param workload what the models are fed with
   * @param sessions how often each cell is measured with a fresh interpreter, at least 1
   * @param interleaved true to measure all cells once before any is measured again (A B A B), false
   *     for one cell after the other (A A B B)
   * @param timeLimit when the farm must stop
   */
  record FarmRequest(
      String key,
      Device device,
      List<Cell> cells,
      Workload workload,
      int sessions,
      boolean interleaved,
      Duration timeLimit) {
    /** Copies the list. */
    public FarmRequest {
      cells = List.copyOf(cells);
    }

    /**
     * Returns this request under another key.
     *
     * @param unique the key
     * @return the request
     */
    public FarmRequest key(String unique) {
      return new FarmRequest(unique, device, cells, workload, sessions, interleaved, timeLimit);
    }
  }

  /**
   * One thing to measure.
   *
   * @param id unique in the run; logs name it
   * @param variant the name of the variant
   * @param model the file
   * @param delegate what executes the operators
   * @param threads how many threads, at least 1
   * @param warmupRuns how many runs not to count, at least 0
   * @param runs how many runs to count, at least 1
   */
  record Cell(
      String id,
      String variant,
      Model model,
      Delegate delegate,
      int threads,
      int warmupRuns,
      int runs) {}

  /**
   * What models are fed with.
   *
   * @param frames the samples, repeated in order until enough runs were made; empty for inputs made
   *     up by the farm
   * @param preprocessing from a sample to the model's inputs, timed apart
   * @param decoder from the outputs to detections, timed apart, if there is one
   */
  record Workload(
      List<Sample> frames, Preprocessing preprocessing, Optional<OutputDecoder> decoder) {
    /** Copies the list. */
    public Workload {
      frames = List.copyOf(frames);
    }
  }

  /** A run on a farm. Thread-safe. */
  interface FarmRun {

    /**
     * Returns what the farm calls this run.
     *
     * @return survives this JVM where {@link Capabilities#attach()} says so
     */
    String id();

    /**
     * Looks at the run once. Cheap; never waits.
     *
     * @return a snapshot
     */
    Status status();

    /** Asks the farm to stop; does nothing if the run has ended. */
    void cancel();

    /**
     * Lists what the run left, as soon as something is there; also after a failure.
     *
     * @return the artifacts
     */
    List<Artifact> artifacts();

    /**
     * Fetches an artifact.
     *
     * @param artifact of {@link #artifacts()}
     * @param target the file to write, replaced as a whole or not at all
     */
    void download(Artifact artifact, Path target);
  }

  /** How far a run is. */
  enum State {
    /** Waiting for a device. */
    QUEUED,
    /** The device is being prepared. */
    PREPARING,
    /** Measuring. */
    RUNNING,
    /** Ended by itself; the logs say how. */
    FINISHED,
    /** Ended because somebody cancelled it. */
    CANCELLED,
    /** Ended because of a time limit. */
    TIMED_OUT,
    /** Ended because of the farm or the device, not of the models. */
    FARM_FAILED;

    /**
     * Says whether the run has ended.
     *
     * @return true for the last four
     */
    public boolean ended() {
      return ordinal() >= FINISHED.ordinal();
    }
  }

  /**
   * What a look at a run showed.
   *
   * @param state how far it is
   * @param detail what the farm says, for people; may be empty
   */
  record Status(State state, String detail) {}

  /**
   * A file that a run left.
   *
   * @param name unique in the run, such as {@code benchmark.log}
   * @param kind what it is
   */
  record Artifact(String name, Kind kind) {
    /** Kinds of artifacts. */
    public enum Kind {
      /** A log with benchmark output, to be parsed. */
      LOG,
      /** A video of the screen. */
      VIDEO,
      /** Anything else. */
      OTHER
    }
  }
}
