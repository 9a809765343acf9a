package io.jetfire;

import java.util.List;
import java.util.Locale;

/**
 * Where a quantized model loses accuracy. {@link #toString()} is a printable table.
 *
 * @param layers every operator with real numbers in its output, in the order of execution
 * @param suspects the operators that hurt, worst first
 * @param leftFloat notes on operators left float, and why
 * @param samples how many samples were looked at
 */
public record Explanation(
    List<LayerError> layers, List<Suspect> suspects, List<String> leftFloat, int samples) {

  /** Copies the lists. */
  public Explanation {
    layers = List.copyOf(layers);
    suspects = List.copyOf(suspects);
    leftFloat = List.copyOf(leftFloat);
  }

  @Override
  public String toString() {
    StringBuilder b = new StringBuilder();
    b.append(
        String.format(
            Locale.ROOT,
            "%-20s %-7s %8s %8s %8s %9s %6s  %s%n",
            "operator",
            "type",
            "alone dB",
            "total dB",
            "cosine",
            "max error",
            "clip %",
            "output"));
    layers.forEach(l -> b.append(l).append(System.lineSeparator()));
    for (int i = 0; i < suspects.size(); i++) {
      Suspect s = suspects.get(i);
      b.append(
          String.format(
              Locale.ROOT,
              "%d. %s %s: %s. %s.%n",
              i + 1,
              s.layer().operator(),
              s.layer().name(),
              s.cause(),
              s.remedy()));
    }
    leftFloat.forEach(n -> b.append(n).append(System.lineSeparator()));
    return b.toString();
  }
}
