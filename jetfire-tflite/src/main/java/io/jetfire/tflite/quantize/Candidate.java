package io.jetfire.tflite.quantize;

import java.util.Locale;

/**
 * A combination of accuracy methods.
 *
 * @param equalize whether channels are scaled between layers
 * @param ridge how strongly regression holds on to the float weights; 0 for no regression
 * @param rangeSearch whether ranges are searched
 */
record Candidate(boolean equalize, double ridge, boolean rangeSearch) {
  /**
   * The same combination without what changes nothing.
   *
   * @param equalized whether any channel was scaled
   * @param narrow whether there are 8-bit activations, the only ones whose ranges are searched
   */
  Candidate effective(boolean equalized, boolean narrow) {
    return new Candidate(equalize && equalized, ridge, rangeSearch && narrow);
  }

  @Override
  public String toString() {
    return "equalization "
        + (equalize ? "on" : "off")
        + ", regression "
        + (ridge == 0 ? "off" : String.format(Locale.ROOT, "%.2f", ridge))
        + ", range search "
        + (rangeSearch ? "on" : "off");
  }
}
