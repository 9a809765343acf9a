package io.jetfire;

import java.util.Arrays;

/**
 * The raw times of one phase in one session, in the order in which they were measured. Immutable.
 */
public final class Samples {
  private final Phase phase;
  private final int session;
  private final double[] micros;

  private Samples(Phase phase, int session, double[] micros) {
    this.phase = phase;
    this.session = session;
    this.micros = micros;
  }

  /**
   * Returns samples.
   *
   * @param phase what was timed
   * @param session which session, from 0
   * @param micros the times in microseconds, in order, copied
   * @return the samples
   * @throws IllegalArgumentException if a time is negative or no number
   */
  public static Samples of(Phase phase, int session, double... micros) {
    for (double m : micros) {
      if (!(m >= 0) || m == Double.POSITIVE_INFINITY) {
        throw new IllegalArgumentException("A time must be a number of at least 0, was " + m);
      }
    }
    return new Samples(phase, session, micros.clone());
  }

  /**
   * Returns what was timed.
   *
   * @return the phase
   */
  public Phase phase() {
    return phase;
  }

  /**
   * Returns which session these are of.
   *
   * @return from 0
   */
  public int session() {
    return session;
  }

  /**
   * Returns how many there are.
   *
   * @return the number of samples
   */
  public int size() {
    return micros.length;
  }

  /**
   * Returns one sample.
   *
   * @param index from 0
   * @return the time in microseconds
   */
  public double micros(int index) {
    return micros[index];
  }

  /**
   * Returns all samples.
   *
   * @return a copy, in microseconds
   */
  public double[] micros() {
    return micros.clone();
  }

  @Override
  public boolean equals(Object o) {
    return o instanceof Samples s
        && phase == s.phase
        && session == s.session
        && Arrays.equals(micros, s.micros);
  }

  @Override
  public int hashCode() {
    return 31 * (31 * phase.hashCode() + session) + Arrays.hashCode(micros);
  }

  @Override
  public String toString() {
    return micros.length + " samples of " + phase + " in session " + session;
  }
}
