package io.jetfire;

/**
 * A rectangle in an image, in fractions of its width and height (0 is left or top, 1 right or
 * bottom).
 *
 * @param left x of the left edge
 * @param top y of the top edge
 * @param right x of the right edge, at least {@code left}
 * @param bottom y of the bottom edge, at least {@code top}
 */
public record Box(float left, float top, float right, float bottom) {

  /** Checks that edges are finite and in order. */
  public Box {
    if (!(left <= right) || !(top <= bottom) || !Float.isFinite(right - left + bottom - top)) {
      throw new IllegalArgumentException(
          "Box edges must be finite and in order: left "
              + left
              + ", top "
              + top
              + ", right "
              + right
              + ", bottom "
              + bottom);
    }
  }

  /**
   * Returns the area.
   *
   * @return a fraction of the image's area
   */
  public float area() {
    return (right - left) * (bottom - top);
  }

  /**
   * Returns the intersection over union with another box.
   *
   * @param other the other box
   * @return from 0 (disjoint, or both empty) to 1 (equal)
   */
  public float iou(Box other) {
    // In double: products of floats neither overflow nor vanish there.
    double w = (double) Math.min(right, other.right) - Math.max(left, other.left);
    double h = (double) Math.min(bottom, other.bottom) - Math.max(top, other.top);
    if (w <= 0 || h <= 0) {
      return 0;
    }
    double intersection = w * h;
    return (float) (intersection / (exactArea() + other.exactArea() - intersection));
  }

  private double exactArea() {
    return ((double) right - left) * ((double) bottom - top);
  }
}
