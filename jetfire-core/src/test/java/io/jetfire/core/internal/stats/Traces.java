package io.jetfire.core.internal.stats;

import io.jetfire.Phase;
import io.jetfire.Samples;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/** Synthetic latency traces with known truth; knows nothing of the code that judges them. */
final class Traces {
  /** Kinds of traces that real devices show. */
  enum Kind {
    IID,
    AR1,
    DRIFT,
    TWO_MODES,
    SESSIONS,
    SPIKES,
    THERMAL
  }

  private final Random random;

  Traces(long seed) {
    random = new Random(seed);
  }

  double uniform(double low, double high) {
    return low + (high - low) * random.nextDouble();
  }

  /** An arm: sessions of one kind around a level, with a coefficient of variation of 5 to 10 %. */
  List<Samples> arm(Kind kind, double level, double cv, int sessions, int runs) {
    List<Samples> arm = new ArrayList<>();
    for (int s = 0; s < sessions; s++) {
      arm.add(Samples.of(Phase.INFERENCE, s, session(kind, level, cv, runs)));
    }
    return arm;
  }

  private double[] session(Kind kind, double level, double cv, int runs) {
    double rho = kind == Kind.AR1 ? 0.6 : 0;
    double sigma = Math.sqrt(Math.log1p(cv * cv));
    double state = random.nextGaussian();
    double effect = kind == Kind.SESSIONS ? uniform(0.03, 0.05) * random.nextGaussian() : 0;
    // Drift of up to 8 % over a session, up or down.
    double drift = kind == Kind.DRIFT ? uniform(-0.08, 0.08) : 0;
    double ramp = kind == Kind.THERMAL ? uniform(0.2, 0.5) : 0;
    double start = uniform(0.3, 0.6);
    boolean slow = random.nextDouble() < 0.4;
    double[] x = new double[runs];
    for (int i = 0; i < runs; i++) {
      state = rho * state + Math.sqrt(1 - rho * rho) * random.nextGaussian();
      double at = i / (double) runs;
      double log = Math.log(level) + sigma * state + effect + drift * at;
      if (ramp > 0) {
        log += Math.log1p(ramp * Math.min(1, Math.max(0, at - start) / 0.15));
      }
      if (kind == Kind.TWO_MODES) {
        slow = random.nextDouble() < 0.1 ? random.nextDouble() < 0.4 : slow;
        log += slow ? Math.log(1.5) : 0;
      }
      if (kind == Kind.SPIKES && random.nextDouble() < 0.03) {
        log += Math.log(uniform(2, 5));
      }
      x[i] = Math.exp(log);
    }
    return x;
  }

  /** A trace around a curve that is given without noise. */
  double[] around(double[] curve, double cv, double rho) {
    double sigma = Math.sqrt(Math.log1p(cv * cv));
    double state = random.nextGaussian();
    double[] x = new double[curve.length];
    for (int i = 0; i < x.length; i++) {
      state = rho * state + Math.sqrt(1 - rho * rho) * random.nextGaussian();
      x[i] = curve[i] * Math.exp(sigma * state);
    }
    return x;
  }

  Random random() {
    return random;
  }
}
