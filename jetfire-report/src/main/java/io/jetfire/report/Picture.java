package io.jetfire.report;

import io.jetfire.DeviceRunResult;
import io.jetfire.Interval;
import io.jetfire.Phase;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.TreeMap;

/**
 * The picture of size, accuracy and latency: one mark per cell, the median latency to the right,
 * the accuracy upwards, the file's size as the area of the mark; colour for the variant, shape for
 * the delegate. Where accuracy was not measured, the file's size goes upwards.
 */
final class Picture {
  private static final double WIDTH = 760;
  private static final double HEIGHT = 380;
  private static final double DIGIT = 7.4;
  private static final double RIGHT = 18;
  private static final double TOP = 14;
  private static final double BOTTOM = 48;
  private static final int COLOURS = 8;
  private static final double SMALLEST_RADIUS = 4.5;
  private static final double LARGEST_RADIUS = 11;

  private final List<Mark> marks = new ArrayList<>();
  private final List<String> variants = new ArrayList<>();
  private final List<String> delegates = new ArrayList<>();
  private final String upwards;
  private double left;

  private record Mark(
      DeviceRunResult cell,
      double x,
      double y,
      OptionalDouble bytes,
      Optional<Interval> interval) {}

  Picture(Cells cells) {
    boolean accuracy =
        cells.report().deviceRuns().stream()
            .anyMatch(cell -> Cells.primary(cells.evaluation(cell)).isPresent());
    upwards = accuracy ? cells.primaryMetric().orElse("accuracy") : "file size (kB)";
    for (DeviceRunResult cell : cells.report().deviceRuns()) {
      OptionalDouble latency = Cells.percentile(cell, Phase.INFERENCE, 50);
      OptionalDouble bytes = cells.sizeBytes(cell.variant());
      OptionalDouble y =
          accuracy
              ? Cells.primary(cells.evaluation(cell))
              : bytes.isPresent()
                  ? OptionalDouble.of(bytes.getAsDouble() / 1000)
                  : OptionalDouble.empty();
      if (latency.isPresent() && latency.getAsDouble() > 0 && y.isPresent()) {
        marks.add(
            new Mark(cell, latency.getAsDouble(), y.getAsDouble(), bytes, Cells.interval(cell)));
        addOnce(variants, cell.variant());
        addOnce(delegates, cell.delegate().name());
      }
    }
  }

  private static void addOnce(List<String> names, String name) {
    if (!names.contains(name)) {
      names.add(name);
    }
  }

  /** Whether there is something to compare. */
  boolean isWorthwhile() {
    return marks.size() > 1;
  }

  void write(Html html) {
    List<Double> xs = new ArrayList<>();
    for (Mark mark : marks) {
      xs.add(mark.x());
      mark.interval().ifPresent(i -> xs.add(i.high()));
      mark.interval().filter(i -> i.low() > 0).ifPresent(i -> xs.add(i.low()));
    }
    Axis up = Axis.over(marks.stream().map(Mark::y).toList(), HEIGHT - BOTTOM, TOP);
    int digits = up.ticks().stream().mapToInt(tick -> up.label(tick).length()).max().orElse(1);
    left = 36 + digits * DIGIT;
    Axis across = Axis.over(xs, left, WIDTH - RIGHT);
    html.open("figure", "class", "picture");
    html.open("div", "class", "scroll");
    html.open(
        "svg",
        "viewBox",
        "0 0 " + number(WIDTH) + " " + number(HEIGHT),
        "role",
        "img",
        "aria-label",
        "Median latency against " + upwards + "; the numbers are in the table below");
    grid(html, across, up);
    for (Mark mark : marks) {
      mark(html, mark, across, up);
    }
    html.close().close();
    legend(html);
    html.close().newline();
  }

  private void grid(Html html, Axis across, Axis up) {
    for (double tick : up.ticks()) {
      double y = up.at(tick);
      line(html, "grid", left, y, WIDTH - RIGHT, y);
      label(html, up.label(tick), left - 8, y + 4, "end");
    }
    for (double tick : across.ticks()) {
      double x = across.at(tick);
      line(html, "grid", x, TOP, x, HEIGHT - BOTTOM);
      label(html, across.label(tick), x, HEIGHT - BOTTOM + 18, "middle");
    }
    line(html, "axis", left, HEIGHT - BOTTOM, WIDTH - RIGHT, HEIGHT - BOTTOM);
    label(
        html,
        "latency p50 (ms" + (across.logarithmic() ? ", logarithmic)" : ")"),
        (left + WIDTH - RIGHT) / 2,
        HEIGHT - 8,
        "middle");
    html.element(
        "text",
        upwards,
        "class",
        "label",
        "text-anchor",
        "middle",
        "transform",
        "translate(16 " + number((TOP + HEIGHT - BOTTOM) / 2) + ") rotate(-90)");
  }

  private void mark(Html html, Mark mark, Axis across, Axis up) {
    double x = across.at(mark.x());
    double y = up.at(mark.y());
    int colour = variants.indexOf(mark.cell().variant()) % COLOURS;
    List<String> attributes = new ArrayList<>(List.of("class", "mark colour" + colour));
    Map<String, String> data = new TreeMap<>(Cells.data(mark.cell()));
    data.forEach((key, value) -> attributes.addAll(List.of("data-" + key, value)));
    html.newline().open("g", attributes.toArray(String[]::new));
    html.element("title", describe(mark));
    mark.interval()
        .filter(i -> i.low() > 0)
        .ifPresent(i -> line(html, "interval", across.at(i.low()), y, across.at(i.high()), y));
    shape(html, delegates.indexOf(mark.cell().delegate().name()), x, y, radius(mark));
    html.close();
  }

  private String describe(Mark mark) {
    DeviceRunResult cell = mark.cell();
    return cell.variant()
        + " on "
        + cell.device().name()
        + ", "
        + cell.delegate().name()
        + ", "
        + threads(cell.threads())
        + ": p50 "
        + Numbers.fixed(mark.x(), Numbers.decimals(mark.x()))
        + " ms, "
        + upwards
        + " "
        + Numbers.metric(upwards, mark.y())
        + (mark.bytes().isPresent() ? ", " + Numbers.size(mark.bytes().getAsDouble()) : "");
  }

  static String threads(int threads) {
    return threads == 1 ? "1 thread" : threads + " threads";
  }

  private double radius(Mark mark) {
    double largest = marks.stream().mapToDouble(m -> m.bytes().orElse(0)).max().orElse(0);
    if (mark.bytes().isEmpty() || largest <= 0) {
      return SMALLEST_RADIUS;
    }
    double part = Math.sqrt(mark.bytes().getAsDouble() / largest);
    return Math.max(SMALLEST_RADIUS, LARGEST_RADIUS * part);
  }

  /** Shapes of equal area. */
  private static void shape(Html html, int index, double x, double y, double radius) {
    double half = radius * 0.886;
    switch (index % 5) {
      case 0 -> html.empty("circle", "cx", number(x), "cy", number(y), "r", number(radius));
      case 1 ->
          html.empty(
              "rect",
              "x",
              number(x - half),
              "y",
              number(y - half),
              "width",
              number(2 * half),
              "height",
              number(2 * half));
      case 2 -> polygon(html, x, y, radius * 1.555, 3);
      case 3 -> polygon(html, x, y, radius * 1.2533, 4);
      default -> polygon(html, x, y, radius * 1.1, 6);
    }
  }

  private static void polygon(Html html, double x, double y, double radius, int corners) {
    StringBuilder points = new StringBuilder();
    for (int i = 0; i < corners; i++) {
      double angle = 2 * Math.PI * i / corners - Math.PI / 2;
      points
          .append(number(x + radius * Math.cos(angle)))
          .append(',')
          .append(number(y + radius * Math.sin(angle)))
          .append(' ');
    }
    html.empty("polygon", "points", points.toString().trim());
  }

  private void legend(Html html) {
    html.open("figcaption").open("ul", "class", "legend");
    for (int i = 0; i < variants.size(); i++) {
      entry(html, variants.get(i), "mark colour" + i % COLOURS, 0);
    }
    html.close();
    if (delegates.size() > 1) {
      html.open("ul", "class", "legend");
      for (int i = 0; i < delegates.size(); i++) {
        entry(html, delegates.get(i), "mark plain", i);
      }
      html.close();
    }
    boolean intervals = marks.stream().anyMatch(mark -> mark.interval().isPresent());
    html.element(
        "p",
        "A larger mark is a larger file."
            + (intervals ? " The bar through a mark is the 95 % interval of its median." : ""),
        "class",
        "note");
    html.close();
  }

  private static void entry(Html html, String name, String css, int shape) {
    html.open("li").open("svg", "viewBox", "0 0 16 16", "class", "key", "aria-hidden", "true");
    html.open("g", "class", css);
    shape(html, shape, 8, 8, 5);
    html.close().close().element("span", name).close();
  }

  private static void line(Html html, String css, double x1, double y1, double x2, double y2) {
    html.empty(
        "line",
        "class",
        css,
        "x1",
        number(x1),
        "y1",
        number(y1),
        "x2",
        number(x2),
        "y2",
        number(y2));
  }

  private static void label(Html html, String text, double x, double y, String anchor) {
    html.element(
        "text", text, "class", "label", "x", number(x), "y", number(y), "text-anchor", anchor);
  }

  private static String number(double value) {
    String text = Numbers.fixed(value, 1);
    return text.endsWith(".0") ? text.substring(0, text.length() - 2) : text;
  }
}
