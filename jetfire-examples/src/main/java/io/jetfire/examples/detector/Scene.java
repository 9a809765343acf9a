package io.jetfire.examples.detector;

import io.jetfire.Box;
import io.jetfire.LabeledBox;
import io.jetfire.Sample;
import io.jetfire.Target;
import io.jetfire.Tensor;
import java.awt.BasicStroke;
import java.awt.Color;
import java.awt.GradientPaint;
import java.awt.Graphics2D;
import java.awt.RenderingHints;
import java.awt.geom.AffineTransform;
import java.awt.geom.Area;
import java.awt.geom.CubicCurve2D;
import java.awt.geom.Ellipse2D;
import java.awt.geom.Rectangle2D;
import java.awt.image.BufferedImage;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/**
 * A short scene: some items move over a cluttered background. The same seed draws the same frames.
 */
final class Scene {
  /** Width and height of a frame in pixels. */
  static final int SIZE = 128;

  /** An item counts only if at least this part of it is in the frame and not covered. */
  private static final double LEAST_VISIBLE = 0.5;

  private final String name;
  private final long seed;
  private final BufferedImage background;
  private final List<Moving> items = new ArrayList<>();

  /** An item with its way through the scene. */
  private record Moving(
      Item item,
      Texture texture,
      double size,
      double x,
      double y,
      double dx,
      double dy,
      double angle,
      double spin) {

    Area at(int frame) {
      AffineTransform place = new AffineTransform();
      place.translate(bounce(x + dx * frame), bounce(y + dy * frame));
      place.rotate(angle + spin * Math.sin(frame * 0.4));
      place.scale(size / 2, size / 2);
      return item.outline().createTransformedArea(place);
    }

    /** Turns back at the edges, a little outside of them. */
    private static double bounce(double position) {
      double low = 4;
      double range = SIZE - 2 * low;
      double p = (position - low) % (2 * range);
      p = p < 0 ? p + 2 * range : p;
      return low + (p > range ? 2 * range - p : p);
    }
  }

  Scene(String name, long seed) {
    this.name = name;
    this.seed = seed;
    SplittableRandom random = new SplittableRandom(seed);
    background = background(random);
    int count = random.nextInt(1, 4);
    for (int i = 0; i < count; i++) {
      items.add(
          new Moving(
              Item.values()[random.nextInt(Item.values().length)],
              Texture.random(random),
              random.nextDouble(30, 60),
              random.nextDouble(SIZE),
              random.nextDouble(SIZE),
              random.nextDouble(-5, 5),
              random.nextDouble(-5, 5),
              random.nextDouble(-0.35, 0.35),
              random.nextDouble(-0.3, 0.3)));
    }
  }

  private static BufferedImage background(SplittableRandom random) {
    BufferedImage image = new BufferedImage(SIZE, SIZE, BufferedImage.TYPE_INT_RGB);
    Graphics2D g = graphics(image);
    Color from = color(random);
    Color to = color(random);
    g.setPaint(
        new GradientPaint(
            (float) random.nextDouble(SIZE), 0, from, (float) random.nextDouble(SIZE), SIZE, to));
    g.fillRect(0, 0, SIZE, SIZE);
    int clutter = random.nextInt(3, 9);
    for (int i = 0; i < clutter; i++) {
      g.setColor(color(random));
      double x = random.nextDouble(SIZE);
      double y = random.nextDouble(SIZE);
      double w = random.nextDouble(4, 40);
      double h = random.nextDouble(2, 14);
      switch (random.nextInt(3)) {
        case 0 -> g.fill(new Rectangle2D.Double(x, y, w, h));
        case 1 -> g.fill(new Ellipse2D.Double(x, y, h, h * 0.7));
        default -> {
          g.setStroke(new BasicStroke((float) random.nextDouble(0.5, 3)));
          g.draw(
              new CubicCurve2D.Double(
                  x,
                  y,
                  random.nextDouble(SIZE),
                  random.nextDouble(SIZE),
                  random.nextDouble(SIZE),
                  random.nextDouble(SIZE),
                  random.nextDouble(SIZE),
                  random.nextDouble(SIZE)));
        }
      }
    }
    g.dispose();
    return image;
  }

  private static Color color(SplittableRandom random) {
    return Color.getHSBColor(
        (float) random.nextDouble(),
        (float) random.nextDouble(0.05, 0.35),
        (float) random.nextDouble(0.25, 0.9));
  }

  private static Graphics2D graphics(BufferedImage image) {
    Graphics2D g = image.createGraphics();
    g.setRenderingHint(RenderingHints.KEY_ANTIALIASING, RenderingHints.VALUE_ANTIALIAS_ON);
    g.setRenderingHint(RenderingHints.KEY_STROKE_CONTROL, RenderingHints.VALUE_STROKE_PURE);
    return g;
  }

  /** Draws a frame. */
  BufferedImage image(int frame) {
    BufferedImage image = new BufferedImage(SIZE, SIZE, BufferedImage.TYPE_INT_RGB);
    Graphics2D g = graphics(image);
    g.drawImage(background, 0, 0, null);
    for (Moving item : items) {
      item.texture().fill(g, item.at(frame));
    }
    g.dispose();
    addNoise(image, new SplittableRandom(seed * 31 + frame));
    return image;
  }

  /** What a cheap sensor adds: a brightness per frame and noise per pixel. */
  private static void addNoise(BufferedImage image, SplittableRandom random) {
    double gain = random.nextDouble(0.85, 1.15);
    for (int y = 0; y < SIZE; y++) {
      for (int x = 0; x < SIZE; x++) {
        int rgb = image.getRGB(x, y);
        int noise = random.nextInt(-8, 9);
        int r = level(((rgb >> 16) & 0xff) * gain + noise);
        int g = level(((rgb >> 8) & 0xff) * gain + noise);
        int b = level((rgb & 0xff) * gain + noise);
        image.setRGB(x, y, r << 16 | g << 8 | b);
      }
    }
  }

  private static int level(double value) {
    return (int) Math.max(0, Math.min(255, value));
  }

  /** Draws a frame with its ground truth. */
  Sample sample(int frame) {
    BufferedImage image = image(frame);
    byte[] pixels = new byte[SIZE * SIZE * 3];
    for (int y = 0, i = 0; y < SIZE; y++) {
      for (int x = 0; x < SIZE; x++) {
        int rgb = image.getRGB(x, y);
        pixels[i++] = (byte) (rgb >> 16);
        pixels[i++] = (byte) (rgb >> 8);
        pixels[i++] = (byte) rgb;
      }
    }
    return Sample.of(
            name + "/" + frame,
            Tensor.ofUnsignedBytes(pixels, SIZE, SIZE, 3),
            Target.boxes(truth(frame)))
        .inGroup(name);
  }

  private List<LabeledBox> truth(int frame) {
    List<LabeledBox> boxes = new ArrayList<>();
    Area frameArea = new Area(new Rectangle2D.Double(0, 0, SIZE, SIZE));
    for (int i = 0; i < items.size(); i++) {
      Area whole = items.get(i).at(frame);
      Area visible = new Area(whole);
      visible.intersect(frameArea);
      Rectangle2D bounds = visible.getBounds2D();
      for (int above = i + 1; above < items.size(); above++) {
        visible.subtract(items.get(above).at(frame));
      }
      if (size(visible) >= LEAST_VISIBLE * size(whole)) {
        boxes.add(
            new LabeledBox(
                items.get(i).item().ordinal(),
                new Box(
                    (float) bounds.getMinX() / SIZE,
                    (float) bounds.getMinY() / SIZE,
                    (float) bounds.getMaxX() / SIZE,
                    (float) bounds.getMaxY() / SIZE)));
      }
    }
    return boxes;
  }

  /** The area in points of a two-pixel grid: exact enough to tell half covered from not. */
  private static int size(Area area) {
    Rectangle2D b = area.getBounds2D();
    int points = 0;
    for (double y = b.getMinY(); y < b.getMaxY(); y += 2) {
      for (double x = b.getMinX(); x < b.getMaxX(); x += 2) {
        points += area.contains(x, y) ? 1 : 0;
      }
    }
    return points;
  }
}
