package io.jetfire.report;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import org.jspecify.annotations.Nullable;

/** A table that the page's script can sort; columns without any content are left out. */
final class Table {
  /** Names of more characters may not fit their column. */
  private static final int LONG = 24;

  private final String id;
  private final String caption;
  private final List<Column> columns = new ArrayList<>();
  private final List<Row> rows = new ArrayList<>();

  Table(String id, String caption) {
    this.id = id;
    this.caption = caption;
  }

  /** How urgent something is. */
  enum Tone {
    NONE(""),
    GOOD("good"),
    WARN("warn"),
    BAD("bad"),
    QUIET("quiet"),
    ABSENT("absent");

    private final String css;

    Tone(String css) {
      this.css = css;
    }

    String css() {
      return css;
    }
  }

  /**
   * A column.
   *
   * @param header the header
   * @param help what it means, for a reader who points at it
   * @param css n for numbers, which are aligned at the right; t for names on one line; p for prose
   * @param optional whether the column is left out if it holds nothing
   */
  private record Column(String header, String help, String css, boolean optional) {}

  /**
   * A cell.
   *
   * @param text what is read
   * @param sort what it is sorted by; null to sort by the text
   * @param title a longer text, or empty
   * @param tone how urgent it is
   * @param code whether the text is a hash, a path or the like
   * @param raw a number whose decimals the column chooses; null for a text
   */
  record Cell(
      String text,
      @Nullable Double sort,
      String title,
      Tone tone,
      boolean code,
      @Nullable Double raw) {
    static Cell text(String text) {
      return new Cell(text, null, "", Tone.NONE, false, null);
    }

    static Cell code(String text) {
      return new Cell(text, null, "", Tone.NONE, true, null);
    }

    static Cell badge(String text, Tone tone, int order) {
      return new Cell(text, (double) order, "", tone, false, null);
    }

    static Cell number(OptionalDouble value) {
      return value.isPresent()
          ? new Cell("", value.getAsDouble(), "", Tone.NONE, false, value.getAsDouble())
          : absent();
    }

    static Cell number(String text, double sort) {
      return new Cell(text, sort, "", Tone.NONE, false, null);
    }

    static Cell absent() {
      return new Cell(Numbers.ABSENT, Double.NaN, "not measured", Tone.ABSENT, false, null);
    }

    Cell title(String longer) {
      return new Cell(text, sort, longer, tone, code, raw);
    }

    private boolean isAbsent() {
      return text.equals(Numbers.ABSENT) || text.isEmpty() && raw == null;
    }
  }

  private record Row(List<Cell> cells, Map<String, String> data) {}

  Table text(String header, String help) {
    columns.add(new Column(header, help, "t", false));
    return this;
  }

  Table number(String header, String help) {
    columns.add(new Column(header, help, "n", true));
    return this;
  }

  Table optional(String header, String help) {
    columns.add(new Column(header, help, "t", true));
    return this;
  }

  Table prose(String header, String help) {
    columns.add(new Column(header, help, "p", true));
    return this;
  }

  /** Adds a row; the data become attributes that filters and the picture refer to. */
  void row(Map<String, String> data, List<Cell> cells) {
    if (cells.size() != columns.size()) {
      throw new IllegalArgumentException(cells.size() + " cells for " + columns.size());
    }
    rows.add(new Row(List.copyOf(cells), data));
  }

  boolean isEmpty() {
    return rows.isEmpty();
  }

  void write(Html html) {
    List<Integer> shown = new ArrayList<>();
    for (int i = 0; i < columns.size(); i++) {
      int column = i;
      if (!columns.get(i).optional()
          || rows.stream().anyMatch(row -> !row.cells().get(column).isAbsent())) {
        shown.add(i);
      }
    }
    html.open("div", "class", "scroll", "role", "region", "tabindex", "0", "aria-label", caption);
    // On a narrow screen, rows with prose stand as blocks below each other.
    boolean prose = columns.stream().anyMatch(column -> column.css().equals("p"));
    html.open("table", "id", id, "class", prose ? "sortable stack" : "sortable");
    html.element("caption", caption, "class", "hidden");
    html.open("thead").open("tr");
    for (int i : shown) {
      Column column = columns.get(i);
      html.open("th", "scope", "col", "class", column.css());
      html.open("button", "type", "button", "title", column.help());
      html.text(column.header()).close().close();
    }
    html.close().close().newline().open("tbody");
    for (Row row : rows) {
      writeRow(html, row, shown);
    }
    html.close().close().close().newline();
  }

  private void writeRow(Html html, Row row, List<Integer> shown) {
    List<String> attributes = new ArrayList<>();
    row.data()
        .forEach(
            (key, value) -> {
              attributes.add("data-" + key);
              attributes.add(value);
            });
    html.newline().open("tr", attributes.toArray(String[]::new));
    for (int i : shown) {
      writeCell(html, row.cells().get(i), i, i == shown.get(0));
    }
    html.close();
  }

  private void writeCell(Html html, Cell cell, int column, boolean first) {
    List<String> attributes = new ArrayList<>();
    if (first) {
      attributes.addAll(List.of("scope", "row"));
    }
    String css = columns.get(column).css();
    attributes.addAll(List.of("class", cell.code() ? css + " code" : css));
    if (cell.sort() != null && !cell.sort().isNaN()) {
      attributes.addAll(List.of("data-sort", String.valueOf(cell.sort())));
    } else if (cell.isAbsent()) {
      attributes.addAll(List.of("data-sort", ""));
    }
    // What is too long for its column is cut on the screen, and whole when pointed at.
    boolean cut = css.equals("t") && cell.text().length() > LONG;
    if (!cell.title().isEmpty() || cut) {
      attributes.addAll(List.of("title", cell.title().isEmpty() ? cell.text() : cell.title()));
    }
    html.open(first ? "th" : "td", attributes.toArray(String[]::new));
    String text = cell.raw() == null ? cell.text() : Numbers.fixed(cell.raw(), decimals(column));
    switch (cell.tone()) {
      case NONE -> html.text(text);
      case ABSENT -> html.element("span", text, "class", "absent");
      default -> html.element("span", text, "class", "tone " + cell.tone().css());
    }
    html.close();
  }

  /** The same decimals in the whole column, so that its points are aligned. */
  private int decimals(int column) {
    return rows.stream()
        .map(row -> row.cells().get(column).raw())
        .filter(raw -> raw != null && raw != 0)
        .mapToInt(Numbers::decimals)
        .max()
        .orElse(0);
  }
}
