package io.jetfire.core.internal.stats;

import static org.assertj.core.api.Assertions.assertThat;

import io.jetfire.Phase;
import io.jetfire.Samples;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** How often the interval of a percentile holds the percentile of the source. */
class PercentileIntervalTest {
  private static final Logger LOG = LoggerFactory.getLogger(PercentileIntervalTest.class);

  /** A source: log-normal around 20 ms, with autocorrelation, and sessions that differ. */
  private record Source(String name, double rho, double sessions) {}

  private static final List<Source> SOURCES =
      List.of(
          new Source("i.i.d.", 0, 0),
          new Source("AR(1) 0.6", 0.6, 0),
          new Source("sessions of 4 %", 0, 0.04));

  private static final double SIGMA = 0.075;

  private static List<Samples> draw(Source source, int sessions, Traces traces) {
    List<Samples> list = new ArrayList<>();
    for (int s = 0; s < sessions; s++) {
      double[] curve = new double[50];
      Arrays.fill(curve, 2e4 * Math.exp(source.sessions * traces.random().nextGaussian()));
      double cv = Math.sqrt(Math.expm1(SIGMA * SIGMA));
      list.add(Samples.of(Phase.INFERENCE, s, traces.around(curve, cv, source.rho)));
    }
    return list;
  }

  private static void prove(int times) {
    for (Source source : SOURCES) {
      for (int sessions : new int[] {3, 8}) {
        for (int percent : new int[] {50, 90}) {
          double z = percent == 50 ? 0 : 1.2815516;
          double spread = Math.sqrt(SIGMA * SIGMA + source.sessions * source.sessions);
          double truth = 2e4 * Math.exp(z * spread);
          Traces traces = new Traces(17 + sessions + percent);
          int held = 0;
          double width = 0;
          for (int i = 0; i < times; i++) {
            double[] ends = PercentileInterval.of(draw(source, sessions, traces), percent);
            held += ends[0] <= truth && truth <= ends[1] ? 1 : 0;
            width += (ends[1] - ends[0]) / truth / times;
          }
          LOG.info(
              String.format(
                  Locale.ROOT,
                  "%-16s %d x 50, p%d: holds the truth in %.1f %%, %.1f %% wide",
                  source.name,
                  sessions,
                  percent,
                  100.0 * held / times,
                  100 * width));
          // Of 95 % promised, what chance may take away from so many trials.
          double least = 0.95 - 3 * Math.sqrt(0.95 * 0.05 / times);
          assertThat((double) held / times)
              .as("%s, %d sessions, p%d", source, sessions, percent)
              .isGreaterThanOrEqualTo(least);
        }
      }
    }
  }

  @Test
  void intervalsHoldWhatTheyPromise() {
    prove(300);
  }

  @Test
  @Tag("proof")
  void intervalsHoldWhatTheyPromiseInFull() {
    prove(4000);
  }

  @Test
  void aTimeIsNeverNegative() {
    List<Samples> apart = new ArrayList<>();
    for (int s = 0; s < 3; s++) {
      double[] x = new double[20];
      Arrays.fill(x, new double[] {100, 300, 600}[s]);
      apart.add(Samples.of(Phase.INFERENCE, s, x));
    }
    double[] ends = PercentileInterval.of(apart, 90);
    assertThat(ends[0]).isPositive().isLessThan(100);
    assertThat(ends[1]).isGreaterThan(600);
  }
}
