package io.jetfire;

import java.util.Optional;

/**
 * Which cells a gate judges: those that fulfil every condition that is present.
 *
 * @param device a device query
 * @param tier a tier that the user named
 * @param os the OS, such as {@code android}, or OS and version, such as {@code android 33}
 * @param delegate a delegate
 * @param variant a variant's name
 */
public record GateSelector(
    Optional<DeviceQuery> device,
    Optional<String> tier,
    Optional<String> os,
    Optional<Delegate> delegate,
    Optional<String> variant) {

  /**
   * Returns the selector that selects every cell.
   *
   * @return no conditions
   */
  public static GateSelector all() {
    return new GateSelector(
        Optional.empty(), Optional.empty(), Optional.empty(), Optional.empty(), Optional.empty());
  }

  @Override
  public String toString() {
    StringBuilder text = new StringBuilder();
    device.ifPresent(d -> text.append(" on devices ").append(d));
    tier.ifPresent(t -> text.append(" on tier ").append(t));
    os.ifPresent(o -> text.append(" on ").append(o));
    delegate.ifPresent(d -> text.append(" with ").append(d));
    variant.ifPresent(v -> text.append(" for ").append(v));
    return text.toString().trim();
  }
}
