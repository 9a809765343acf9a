package io.jetfire.tflite.quantize;

import java.util.Locale;

/**
 * A combination of accuracy methods.
 *
 * @param balance of the equalization between weights (0) and activations (1); 0 for none
 * @param ridge how strongly regression holds on to the float weights; 0 for no regression
 * @param rangeSearch whether ranges are searched
 */
record Candidate(double balance, double ridge, boolean rangeSearch) {
  @Override
  public String toString() {
    return "equalization "
        + (balance == 0 ? "off" : String.format(Locale.ROOT, "%.2f", balance))
        + ", regression "
        + (ridge == 0 ? "off" : String.format(Locale.ROOT, "%.2f", ridge))
        + ", range search "
        + (rangeSearch ? "on" : "off");
  }
}
