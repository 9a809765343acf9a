package io.jetfire.examples.detector;

import io.jetfire.Dataset;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Datasets of short scenes with moving items, drawn when they are read: deterministic, and never
 * all in memory.
 */
public final class Scenes {
  /** Changes when the same seed would draw other frames. */
  private static final String DRAWING = "1";

  private Scenes() {}

  /**
   * Returns the names of the item classes.
   *
   * @return in the order of their labels
   */
  public static List<String> labels() {
    return Arrays.stream(Item.values()).map(Item::label).toList();
  }

  /**
   * Makes a dataset.
   *
   * @param name its name; scenes of other names and seeds are other scenes
   * @param seed what the scenes are drawn from
   * @param scenes how many scenes
   * @param frames how many frames each has
   * @return frames as UINT8 [128, 128, 3] with their boxes, grouped by scene
   */
  public static Dataset of(String name, int seed, int scenes, int frames) {
    return Dataset.streaming(
        name,
        "scenes-" + DRAWING + "-seed" + seed + "-" + scenes + "x" + frames,
        labels(),
        () ->
            IntStream.range(0, scenes)
                .boxed()
                .flatMap(
                    s -> {
                      Scene scene = new Scene(name + "-" + s, seed * 1_000_003L + s);
                      return IntStream.range(0, frames).mapToObj(scene::sample);
                    }));
  }
}
