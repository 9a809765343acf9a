package io.jetfire.core.internal.stats;

import static org.assertj.core.api.Assertions.assertThat;

import io.jetfire.Phase;
import io.jetfire.Samples;
import io.jetfire.Validity;
import io.jetfire.ValidityReport;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Function;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * How often validity is right. Labels follow from the generator's parameters by the stated
 * definitions; traces that lie at a border are not generated.
 */
class ValidityProofTest {
  private static final Logger LOG = LoggerFactory.getLogger(ValidityProofTest.class);

  private record Labelled(Validity label, List<Samples> samples) {}

  private static List<Samples> sessions(int k, Function<Integer, double[]> session) {
    List<Samples> list = new ArrayList<>();
    for (int s = 0; s < k; s++) {
      list.add(Samples.of(Phase.INFERENCE, s, session.apply(s)));
    }
    return list;
  }

  private static double[] flat(int n, double level) {
    double[] curve = new double[n];
    Arrays.fill(curve, level);
    return curve;
  }

  private static final Map<String, Function<Traces, Labelled>> CLASSES = new TreeMap<>();

  static {
    CLASSES.put(
        "i.i.d., 8 x 50, CV 5-10 %",
        t -> {
          double cv = t.uniform(0.05, 0.10);
          return new Labelled(Validity.VALID, sessions(8, s -> t.around(flat(50, 2e4), cv, 0)));
        });
    CLASSES.put(
        "AR(1) 0.6, 8 x 50, CV 5-10 %",
        t -> {
          double cv = t.uniform(0.05, 0.10);
          return new Labelled(Validity.VALID, sessions(8, s -> t.around(flat(50, 2e4), cv, 0.6)));
        });
    CLASSES.put(
        "drift within a session up to 5 %",
        t -> {
          double cv = t.uniform(0.05, 0.10);
          return new Labelled(
              Validity.VALID,
              sessions(
                  8,
                  s -> {
                    double[] curve = flat(50, 2e4);
                    double drift = t.uniform(-0.05, 0.05);
                    for (int i = 0; i < 50; i++) {
                      curve[i] *= 1 + drift * i / 50;
                    }
                    return t.around(curve, cv, 0);
                  }));
        });
    CLASSES.put(
        "session effects of 2 %",
        t ->
            new Labelled(
                Validity.VALID,
                sessions(
                    8,
                    s ->
                        t.around(
                            flat(50, 2e4 * Math.exp(0.02 * t.random().nextGaussian())), 0.05, 0))));
    CLASSES.put(
        "session effects of 12 %",
        t -> {
          // Their spread is drawn anew until the drawn effects themselves are beyond the border.
          double[] effects = new double[8];
          double spread;
          do {
            for (int i = 0; i < 8; i++) {
              effects[i] = 0.12 * t.random().nextGaussian();
            }
            double mean = Arrays.stream(effects).average().orElse(0);
            spread = Math.sqrt(Arrays.stream(effects).map(e -> (e - mean) * (e - mean)).sum() / 7);
          } while (spread < 0.09);
          return new Labelled(
              Validity.NOISY,
              sessions(8, s -> t.around(flat(50, 2e4 * Math.exp(effects[s])), 0.05, 0)));
        });
    CLASSES.put(
        "spikes of 3 %",
        t -> {
          double cv = t.uniform(0.05, 0.10);
          return new Labelled(
              Validity.VALID,
              sessions(
                  8,
                  s -> {
                    double[] curve = flat(50, 2e4);
                    for (int i = 0; i < 50; i++) {
                      curve[i] *= t.random().nextDouble() < 0.03 ? t.uniform(2, 5) : 1;
                    }
                    return t.around(curve, cv, 0);
                  }));
        });
    CLASSES.put(
        "slow first runs, then steady",
        t -> {
          double cv = t.uniform(0.03, 0.06);
          return new Labelled(
              Validity.VALID,
              sessions(
                  8,
                  s -> {
                    double[] curve = flat(50, 2e4);
                    for (int i = 0; i < 5; i++) {
                      curve[i] *= t.uniform(1.5, 3);
                    }
                    return t.around(curve, cv, 0);
                  }));
        });
    CLASSES.put(
        "throttled by 20-50 % in each session",
        t -> {
          double cv = t.uniform(0.05, 0.10);
          return new Labelled(
              Validity.THROTTLED,
              sessions(
                  8,
                  s -> {
                    double[] curve = flat(50, 2e4);
                    double ramp = t.uniform(0.2, 0.5);
                    double start = t.uniform(0.35, 0.55);
                    for (int i = 0; i < 50; i++) {
                      double at = Math.max(0, i / 50.0 - start) / 0.1;
                      curve[i] *= 1 + ramp * Math.min(1, at);
                    }
                    return t.around(curve, cv, 0);
                  }));
        });
    CLASSES.put(
        "throttled by 30-60 % in one session of 300 runs",
        t -> {
          double cv = t.uniform(0.05, 0.10);
          double[] curve = flat(300, 2e4);
          double ramp = t.uniform(0.3, 0.6);
          for (int i = 0; i < 300; i++) {
            curve[i] *= 1 + ramp * Math.min(1, Math.max(0, i - 120) / 60.0);
          }
          return new Labelled(Validity.THROTTLED, sessions(1, s -> t.around(curve, cv, 0)));
        });
    CLASSES.put(
        "two modes 40-80 % apart",
        t -> {
          double apart = t.uniform(1.4, 1.8);
          double share = t.uniform(0.25, 0.75);
          return new Labelled(
              Validity.TWO_MODES,
              sessions(
                  8,
                  s -> {
                    double[] curve = flat(50, 2e4);
                    for (int i = 0; i < 50; i++) {
                      curve[i] *= t.random().nextDouble() < share ? apart : 1;
                    }
                    return t.around(curve, 0.05, 0);
                  }));
        });
    CLASSES.put(
        "two modes in one session of 300 runs",
        t -> {
          double[] curve = flat(300, 2e4);
          boolean slow = false;
          for (int i = 0; i < 300; i++) {
            slow = t.random().nextDouble() < 0.2 ? t.random().nextBoolean() : slow;
            curve[i] *= slow ? 1.5 : 1;
          }
          return new Labelled(Validity.TWO_MODES, sessions(1, s -> t.around(curve, 0.05, 0)));
        });
    CLASSES.put(
        "noisy: CV 45-60 %, one session of 50",
        t -> {
          double cv = t.uniform(0.45, 0.60);
          return new Labelled(Validity.NOISY, sessions(1, s -> t.around(flat(50, 2e4), cv, 0)));
        });
    CLASSES.put(
        "too short: 5 to 15 runs",
        t -> {
          int n = (int) t.uniform(5, 15.99);
          return new Labelled(
              Validity.TOO_SHORT, sessions(1, s -> t.around(flat(n, 2e4), 0.05, 0)));
        });
    CLASSES.put(
        "i.i.d., one session of 200 runs, CV 5-10 %",
        t -> {
          double cv = t.uniform(0.05, 0.10);
          return new Labelled(Validity.VALID, sessions(1, s -> t.around(flat(200, 2e4), cv, 0)));
        });
  }

  private static void prove(int times) {
    int right = 0;
    int all = 0;
    List<String> bad = new ArrayList<>();
    for (Map.Entry<String, Function<Traces, Labelled>> c : CLASSES.entrySet()) {
      Traces traces = new Traces(c.getKey().hashCode());
      Map<Validity, Integer> found = new TreeMap<>();
      int good = 0;
      for (int i = 0; i < times; i++) {
        Labelled labelled = c.getValue().apply(traces);
        ValidityReport report = ValidityRules.judge(labelled.samples());
        found.merge(report.validity(), 1, Integer::sum);
        good += report.validity() == labelled.label() ? 1 : 0;
      }
      LOG.info(
          String.format(Locale.ROOT, "%-48s right %5d of %d %s", c.getKey(), good, times, found));
      right += good;
      all += times;
      if (good < times * 0.99) {
        bad.add(c.getKey() + " " + found);
      }
    }
    LOG.info(String.format(Locale.ROOT, "right in all: %.2f %%", 100.0 * right / all));
    assertThat(bad).isEmpty();
  }

  @Test
  void labelledTracesAreJudgedRightly() {
    prove(60);
  }

  @Test
  @Tag("proof")
  void labelledTracesAreJudgedRightlyInFull() {
    prove(2000);
  }
}
