package io.jetfire;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Objects;

/**
 * The anchor (default) boxes of a single-shot detector, and the box coding relative to them.
 *
 * <p>Anchors are ordered by level, row, column, then shape. A box is coded as {@code ty = (cy -
 * acy) / ah / 0.1, tx = (cx - acx) / aw / 0.1, th = ln(h / ah) / 0.2, tw = ln(w / aw) / 0.2}, in
 * the order (y, x, h, w), with the variances of Liu et al., "SSD: Single Shot MultiBox Detector"
 * (2016).
 *
 * <pre>{@code
 * SsdAnchors anchors = SsdAnchors.builder()
 *     .level(12, 12, List.of(0.15, 0.25), List.of(1.0))
 *     .level(6, 6, List.of(0.4), List.of(1.0, 2.0, 0.5))
 *     .build();
 * }</pre>
 *
 * <p>Immutable.
 */
public final class SsdAnchors {
  /** What centers are divided by beyond the anchor's size. */
  private static final float CENTER_VARIANCE = 0.1f;

  /** What logarithms of sizes are divided by. */
  private static final float SIZE_VARIANCE = 0.2f;

  /** More anchors than any detector has; keeps a hostile description from filling the memory. */
  private static final int MOST = 1_000_000;

  private final List<Level> levels;
  private final float[] boxes; // cx, cy, w, h of each anchor

  /**
   * The anchors of one feature map.
   *
   * @param rows the feature map's height
   * @param columns the feature map's width
   * @param scales sizes as fractions of the image
   * @param aspectRatios width over height; each scale comes in each ratio
   */
  public record Level(int rows, int columns, List<Double> scales, List<Double> aspectRatios) {
    /** Copies the lists and checks the numbers. */
    public Level {
      scales = List.copyOf(scales);
      aspectRatios = List.copyOf(aspectRatios);
      if (rows < 1 || columns < 1 || scales.isEmpty() || aspectRatios.isEmpty()) {
        throw new ConfigurationException(
            "A level of anchors needs at least one row, column, scale and aspect ratio");
      }
      for (double v : scales) {
        if (!(v > 0 && v <= 4)) {
          throw new ConfigurationException("An anchor's scale is above 0 and at most 4, not " + v);
        }
      }
      for (double v : aspectRatios) {
        if (!(v > 0 && v <= 100)) {
          throw new ConfigurationException(
              "An anchor's aspect ratio is above 0 and at most 100, not " + v);
        }
      }
    }
  }

  private SsdAnchors(List<Level> levels) {
    double wanted = 0;
    for (Level level : levels) {
      wanted +=
          (double) level.rows()
              * level.columns()
              * level.scales().size()
              * level.aspectRatios().size();
    }
    if (wanted > MOST) {
      throw new ConfigurationException(
          String.format(
              Locale.ROOT, "%.0f anchors are too many; there may be at most %d", wanted, MOST));
    }
    this.levels = List.copyOf(levels);
    List<float[]> all = new ArrayList<>();
    for (Level level : levels) {
      for (int y = 0; y < level.rows(); y++) {
        for (int x = 0; x < level.columns(); x++) {
          for (double scale : level.scales()) {
            for (double ratio : level.aspectRatios()) {
              all.add(
                  new float[] {
                    (x + 0.5f) / level.columns(),
                    (y + 0.5f) / level.rows(),
                    (float) (scale * Math.sqrt(ratio)),
                    (float) (scale / Math.sqrt(ratio))
                  });
            }
          }
        }
      }
    }
    boxes = new float[all.size() * 4];
    for (int i = 0; i < all.size(); i++) {
      System.arraycopy(all.get(i), 0, boxes, i * 4, 4);
    }
  }

  /**
   * Makes anchors of given levels.
   *
   * @param levels at least one
   * @return the anchors
   */
  public static SsdAnchors of(List<Level> levels) {
    if (levels.isEmpty()) {
      throw new ConfigurationException("Anchors need at least one level");
    }
    return new SsdAnchors(levels);
  }

  /**
   * Starts a set of anchors.
   *
   * @return an empty builder
   */
  public static Builder builder() {
    return new Builder();
  }

  /**
   * Returns the levels.
   *
   * @return in order
   */
  public List<Level> levels() {
    return levels;
  }

  /**
   * Returns the number of anchors.
   *
   * @return at least 1
   */
  public int size() {
    return boxes.length / 4;
  }

  /**
   * Decodes a box.
   *
   * @param anchor the anchor's index
   * @param code the four numbers (y, x, h, w)
   * @param offset where they start in {@code code}
   * @return the box, not clipped to the image; sizes are bounded so that any finite code is decoded
   */
  public Box decode(int anchor, float[] code, int offset) {
    int a = anchor * 4;
    float cy = finite(code[offset]) * CENTER_VARIANCE * boxes[a + 3] + boxes[a + 1];
    float cx = finite(code[offset + 1]) * CENTER_VARIANCE * boxes[a + 2] + boxes[a];
    float h =
        (float) Math.exp(Math.min(10, finite(code[offset + 2]) * SIZE_VARIANCE)) * boxes[a + 3];
    float w =
        (float) Math.exp(Math.min(10, finite(code[offset + 3]) * SIZE_VARIANCE)) * boxes[a + 2];
    return new Box(cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2);
  }

  /**
   * Codes a box relative to an anchor.
   *
   * @param anchor the anchor's index
   * @param box the box; sides below 1e-4 count as that
   * @return the four numbers (y, x, h, w)
   */
  public float[] encode(int anchor, Box box) {
    int a = anchor * 4;
    float w = Math.max(1e-4f, box.right() - box.left());
    float h = Math.max(1e-4f, box.bottom() - box.top());
    float cx = (box.left() + box.right()) / 2;
    float cy = (box.top() + box.bottom()) / 2;
    return new float[] {
      (cy - boxes[a + 1]) / boxes[a + 3] / CENTER_VARIANCE,
      (cx - boxes[a]) / boxes[a + 2] / CENTER_VARIANCE,
      (float) Math.log(h / boxes[a + 3]) / SIZE_VARIANCE,
      (float) Math.log(w / boxes[a + 2]) / SIZE_VARIANCE
    };
  }

  /**
   * Assigns ground truth to anchors: each anchor gets the box that it overlaps most, if by at least
   * the threshold; and each box gets the anchor that overlaps it most.
   *
   * @param truth the boxes of one image
   * @param threshold the least intersection over union, above 0
   * @return for each anchor the index of its box, or -1 for background
   */
  public int[] match(List<LabeledBox> truth, double threshold) {
    int[] assigned = new int[size()];
    float[] overlap = new float[size()];
    Arrays.fill(assigned, -1);
    int[] best = new int[truth.size()];
    for (int t = 0; t < truth.size(); t++) {
      Box box = truth.get(t).box();
      float highest = -1;
      for (int i = 0; i < assigned.length; i++) {
        float iou = anchor(i).iou(box);
        if (iou > highest) {
          highest = iou;
          best[t] = i;
        }
        if (iou >= threshold && iou > overlap[i]) {
          overlap[i] = iou;
          assigned[i] = t;
        }
      }
    }
    for (int t = 0; t < best.length; t++) {
      assigned[best[t]] = t;
    }
    return assigned;
  }

  /**
   * Returns one anchor as a box.
   *
   * @param anchor its index
   * @return the box; may reach beyond the image
   */
  public Box anchor(int anchor) {
    int a = anchor * 4;
    float w = boxes[a + 2] / 2;
    float h = boxes[a + 3] / 2;
    return new Box(boxes[a] - w, boxes[a + 1] - h, boxes[a] + w, boxes[a + 1] + h);
  }

  private static float finite(float v) {
    return Float.isFinite(v) ? Math.max(-1e4f, Math.min(1e4f, v)) : 0;
  }

  @Override
  public boolean equals(Object o) {
    return o instanceof SsdAnchors a && levels.equals(a.levels);
  }

  @Override
  public int hashCode() {
    return Objects.hash(levels);
  }

  @Override
  public String toString() {
    return "SsdAnchors[" + size() + " on " + levels.size() + " levels]";
  }

  /** Collects the levels of {@link SsdAnchors}. */
  public static final class Builder {
    private final List<Level> levels = new ArrayList<>();

    private Builder() {}

    /**
     * Adds the anchors of one feature map.
     *
     * @param rows the feature map's height
     * @param columns the feature map's width
     * @param scales sizes as fractions of the image
     * @param aspectRatios width over height
     * @return this builder
     */
    public Builder level(int rows, int columns, List<Double> scales, List<Double> aspectRatios) {
      levels.add(new Level(rows, columns, scales, aspectRatios));
      return this;
    }

    /**
     * Makes the anchors.
     *
     * @return the anchors
     * @throws ConfigurationException if there is no level
     */
    public SsdAnchors build() {
      return of(levels);
    }
  }
}
