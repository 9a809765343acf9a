package io.jetfire.adapter.djl.internal.trace;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.index.NDIndex;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Builds an array index as DJL's text form in one piece: the only public way to leave a bound open,
 * and adding pieces after an ellipsis miscounts the dimensions.
 */
final class IndexText {
  private final List<String> items = new ArrayList<>();
  private final List<NDArray> arrays = new ArrayList<>();

  void all() {
    items.add(":");
  }

  void ellipsis() {
    items.add("...");
  }

  void newAxis() {
    items.add("null");
  }

  void at(long position) {
    items.add(Long.toString(position));
  }

  void range(@Nullable Long from, @Nullable Long to, @Nullable Long step) {
    String range = text(from) + ":" + text(to);
    items.add(step == null ? range : range + ":" + step);
  }

  void take(NDArray positions) {
    items.add("{}");
    arrays.add(positions);
  }

  NDIndex index() {
    return items.isEmpty() ? new NDIndex() : new NDIndex(String.join(",", items), arrays.toArray());
  }

  private static String text(@Nullable Long bound) {
    return bound == null ? "" : bound.toString();
  }
}
