package io.jetfire.tflite.quantize;

import io.jetfire.spi.Cancellation;
import io.jetfire.spi.ModelRuntime;
import java.nio.file.Path;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * What quantization needs besides graph, recipe and samples. Immutable.
 *
 * <pre>{@code
 * QuantizeOptions options = QuantizeOptions.builder()
 *     .targetRuntime("2.16.1")
 *     .runtime(runtime)
 *     .workDirectory(folder)
 *     .build();
 * }</pre>
 */
public final class QuantizeOptions {
  private final String targetRuntime;
  private final @Nullable ModelRuntime runtime;
  private final @Nullable Path workDirectory;
  private final Cancellation cancellation;
  private final boolean search;
  private final ModelRuntime.Isolation isolation;

  private QuantizeOptions(Builder b) {
    this.targetRuntime = b.targetRuntime;
    this.runtime = b.runtime;
    this.workDirectory = b.workDirectory;
    this.cancellation = b.cancellation;
    this.search = b.search;
    this.isolation = b.isolation;
  }

  /**
   * Starts options.
   *
   * @return a builder for the target runtime 2.16.1, without a host runtime
   */
  public static Builder builder() {
    return new Builder();
  }

  /**
   * Returns the oldest runtime that must execute the result.
   *
   * @return such as {@code 2.16.1}
   */
  public String targetRuntime() {
    return targetRuntime;
  }

  /**
   * Returns the host's runtime, which executes graphs during calibration.
   *
   * @return empty if there is none; then recipes that need calibration fail
   */
  public Optional<ModelRuntime> runtime() {
    return Optional.ofNullable(runtime);
  }

  /**
   * Returns the folder for temporary files.
   *
   * @return empty for the platform's folder of temporary files
   */
  public Optional<Path> workDirectory() {
    return Optional.ofNullable(workDirectory);
  }

  /**
   * Returns whether the work is still wanted.
   *
   * @return asked between samples
   */
  public Cancellation cancellation() {
    return cancellation;
  }

  /**
   * Says whether combinations of methods are compared on held-back calibration samples.
   *
   * @return false to apply one fixed combination, which is several times faster
   */
  public boolean search() {
    return search;
  }

  /**
   * Returns where graphs are executed.
   *
   * @return in this process unless set
   */
  public ModelRuntime.Isolation isolation() {
    return isolation;
  }

  /** These options with another answer to whether the work is still wanted. */
  QuantizeOptions cancellation(Cancellation other) {
    Builder b =
        builder()
            .targetRuntime(targetRuntime)
            .cancellation(other)
            .search(search)
            .isolation(isolation);
    b.runtime = runtime;
    b.workDirectory = workDirectory;
    return new QuantizeOptions(b);
  }

  /** Collects the parts of {@link QuantizeOptions}. */
  public static final class Builder {
    private String targetRuntime = "2.16.1";
    private @Nullable ModelRuntime runtime;
    private @Nullable Path workDirectory;
    private Cancellation cancellation = Cancellation.NEVER;
    private boolean search = true;
    private ModelRuntime.Isolation isolation = ModelRuntime.Isolation.IN_PROCESS;

    private Builder() {}

    /**
     * Sets the oldest runtime that must execute the result.
     *
     * @param version such as {@code 2.16.1}
     * @return this builder
     */
    public Builder targetRuntime(String version) {
      this.targetRuntime = version;
      return this;
    }

    /**
     * Sets the host's runtime.
     *
     * @param value executes {@code tflite} files
     * @return this builder
     */
    public Builder runtime(ModelRuntime value) {
      this.runtime = value;
      return this;
    }

    /**
     * Sets where graphs are executed; in this process by default.
     *
     * @param value WORKER for graphs that came from outside: nothing that they do takes the JVM
     *     down
     * @return this builder
     */
    public Builder isolation(ModelRuntime.Isolation value) {
      this.isolation = value;
      return this;
    }

    /**
     * Sets the folder for temporary files.
     *
     * @param value an existing folder
     * @return this builder
     */
    public Builder workDirectory(Path value) {
      this.workDirectory = value;
      return this;
    }

    /**
     * Sets what tells whether the work is still wanted.
     *
     * @param value asked between samples
     * @return this builder
     */
    public Builder cancellation(Cancellation value) {
      this.cancellation = value;
      return this;
    }

    /**
     * Sets whether combinations of methods are compared.
     *
     * @param value false to apply one fixed combination
     * @return this builder
     */
    public Builder search(boolean value) {
      this.search = value;
      return this;
    }

    /**
     * Makes the options.
     *
     * @return the options
     * @throws io.jetfire.ConfigurationException if the target runtime is not a version
     */
    public QuantizeOptions build() {
      new Target(targetRuntime);
      return new QuantizeOptions(this);
    }
  }
}
