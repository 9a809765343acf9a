package io.jetfire.examples.detector;

import java.awt.BasicStroke;
import java.awt.Color;
import java.awt.Graphics2D;
import java.awt.Shape;
import java.awt.geom.Line2D;
import java.awt.geom.Rectangle2D;
import java.util.SplittableRandom;

/**
 * How an item's surface looks; says nothing about its class.
 *
 * @param base the main color
 * @param mark the color of stripes or dots
 * @param pattern 0 plain, 1 stripes, 2 dots, 3 checks
 * @param pitch the distance of marks as a part of the item's size
 */
record Texture(Color base, Color mark, int pattern, double pitch) {

  static Texture random(SplittableRandom random) {
    float hue = (float) random.nextDouble();
    float saturation = (float) random.nextDouble(0.35, 0.95);
    float brightness = (float) random.nextDouble(0.35, 0.95);
    Color base = Color.getHSBColor(hue, saturation, brightness);
    Color mark =
        Color.getHSBColor(
            hue, saturation, brightness > 0.65f ? brightness - 0.2f : brightness + 0.2f);
    return new Texture(base, mark, random.nextInt(4), random.nextDouble(0.25, 0.5));
  }

  void fill(Graphics2D g, Shape outline) {
    g.setColor(base);
    g.fill(outline);
    Rectangle2D bounds = outline.getBounds2D();
    double step = Math.max(2, pitch * Math.max(bounds.getWidth(), bounds.getHeight()));
    Shape clip = g.getClip();
    g.clip(outline);
    g.setColor(mark);
    g.setStroke(new BasicStroke((float) (step * 0.35)));
    for (double x = bounds.getMinX(); pattern > 0 && x < bounds.getMaxX() + step; x += step) {
      if (pattern == 1) {
        g.draw(new Line2D.Double(x, bounds.getMinY(), x - step, bounds.getMaxY()));
        continue;
      }
      int column = (int) Math.round((x - bounds.getMinX()) / step);
      for (double y = bounds.getMinY(); y < bounds.getMaxY() + step; y += step) {
        int row = (int) Math.round((y - bounds.getMinY()) / step);
        if (pattern == 2 || (row + column) % 2 == 0) {
          double size = pattern == 2 ? step * 0.45 : step;
          g.fill(new Rectangle2D.Double(x, y, size, size));
        }
      }
    }
    g.setClip(clip);
    g.setColor(base.darker().darker());
    g.setStroke(new BasicStroke(1f));
    g.draw(outline);
  }
}
