package io.jetfire;

/** A single value of a benchmark run; times of repeated runs are in {@link Latency}. */
public enum Metric {
  /** The size of the model's file. */
  MODEL_SIZE,
  /** The time to load the model and prepare the interpreter with its delegates. */
  INIT,
  /** The time of the very first run, which is the first warm-up run if there is one. */
  FIRST_INFERENCE,
  /**
   * How much resident memory grew until the interpreter was ready. Printed by benchmark_model as
   * {@code init=}; builds before TensorFlow 2.5 call this growth a peak.
   */
  INIT_MEMORY,
  /** How much resident memory grew until the end; {@code overall=} of benchmark_model. */
  OVERALL_MEMORY,
  /** The most memory of the process, seen by periodic monitoring or kept by the kernel. */
  PEAK_MEMORY,
  /** Resident memory at the end. */
  RESIDENT_MEMORY,
  /** The part of resident memory that is not a file. */
  RESIDENT_ANONYMOUS_MEMORY,
  /** The part of resident memory that is a file or shared. */
  RESIDENT_FILE_MEMORY,
  /** Memory given out by the allocator, in the whole. */
  HEAP_ALLOCATED,
  /** Memory given out by the allocator and in use. */
  HEAP_IN_USE,
  /** Memory that no other process shares. */
  PRIVATE_MEMORY,
  /** Proportional set size of the process, as {@code dumpsys meminfo} tells. */
  PROPORTIONAL_MEMORY,
  /** Input bytes per second. */
  THROUGHPUT
}
