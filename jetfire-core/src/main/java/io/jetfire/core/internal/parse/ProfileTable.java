package io.jetfire.core.internal.parse;

import io.jetfire.Measurement;
import io.jetfire.OperatorProfile;
import io.jetfire.OperatorProfile.OperatorTiming;
import io.jetfire.OperatorProfile.Stage;
import io.jetfire.OperatorProfile.TypeTiming;
import io.jetfire.Unit;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Reads the tables of benchmark_model's profiler, with tabs, blanks or commas between the columns,
 * and with whatever columns the header names.
 */
final class ProfileTable {
  private static final int MOST_ROWS = 100_000;
  private static final Pattern TITLE = Pattern.compile("^=+ *([A-Za-z ]{3,40}?) *=+$");
  private static final Pattern COLUMN = Pattern.compile("\\[([^\\]]{1,40})\\]");
  private static final Pattern GRAPH =
      Pattern.compile("^(?:Primary graph|Subgraph) \\((.{0,200})\\) profile:$");
  private static final Pattern OBSERVED = Pattern.compile("^(\\d{1,12}) nodes observed$");

  private enum Section {
    RUN_ORDER,
    SUMMARY,
    OTHER
  }

  private final List<OperatorProfile> profiles = new ArrayList<>();
  private Stage stage = Stage.RUN;
  private String graph = "";
  private @Nullable Section section;
  private List<String> columns = List.of();
  private boolean commas;
  private List<OperatorTiming> operators = new ArrayList<>();
  private List<TypeTiming> types = new ArrayList<>();
  private OptionalLong observed = OptionalLong.empty();
  private int rows;

  /** Says whether lines belong to a table until told otherwise. */
  boolean open() {
    return section != null;
  }

  /** Reads a line; false if it is no part of a profile. */
  boolean read(String message, long line, Consumer<String> warnings) {
    String text = message.trim();
    if (text.startsWith("Profiling Info for Benchmark Initialization")) {
      start(Stage.INIT);
      return true;
    }
    if (text.startsWith("Operator-wise Profiling Info for Regular Benchmark Runs")) {
      start(Stage.RUN);
      return true;
    }
    if (text.equals("Delegate internal:")) {
      start(Stage.DELEGATE);
      return true;
    }
    if (text.endsWith(" profile:")) {
      Matcher m = GRAPH.matcher(text);
      if (m.matches()) {
        finish();
        graph = m.group(1);
        return true;
      }
    }
    if (text.startsWith("===")) {
      Matcher m = TITLE.matcher(text);
      if (m.matches()) {
        String title = m.group(1).toLowerCase(Locale.ROOT);
        if (title.equals("benchmark results")) {
          section = null;
          return false;
        }
        Section next =
            title.equals("run order")
                ? Section.RUN_ORDER
                : title.equals("summary by node type") ? Section.SUMMARY : Section.OTHER;
        if (next == Section.RUN_ORDER && !operators.isEmpty()) {
          finish();
        }
        section = next;
        columns = List.of();
        return true;
      }
    }
    if (section == null) {
      return false;
    }
    if (text.isEmpty()) {
      columns = List.of();
      return true;
    }
    if (text.startsWith("Number of nodes executed:")
        || text.startsWith("Timings (microseconds):")
        || text.startsWith("Memory (bytes):")) {
      return true;
    }
    Matcher m = OBSERVED.matcher(text);
    if (m.matches()) {
      observed = Numbers.natural(m.group(1));
      finish();
      return true;
    }
    if (columns.isEmpty()) {
      columns = header(text);
      if (columns.isEmpty()) {
        // Something else begins; what was read stands.
        section = null;
        return false;
      }
      return true;
    }
    if (section == Section.OTHER) {
      return true;
    }
    List<String> cells = cells(message);
    if (cells.isEmpty() || ++rows > MOST_ROWS) {
      section = null;
      return false;
    }
    row(cells, line, warnings);
    return true;
  }

  private void start(Stage next) {
    finish();
    stage = next;
    graph = "";
    section = Section.OTHER;
    columns = List.of();
  }

  private List<String> header(String text) {
    List<String> names = new ArrayList<>();
    String lower = text.toLowerCase(Locale.ROOT);
    commas = lower.startsWith("node type,");
    if (commas) {
      for (String name : lower.split(",")) {
        names.add(canonical(name));
      }
      return names;
    }
    if (!lower.startsWith("[node type]")) {
      return List.of();
    }
    Matcher m = COLUMN.matcher(lower);
    while (m.find() && names.size() < 20) {
      names.add(canonical(m.group(1)));
    }
    return names;
  }

  private static String canonical(String name) {
    return name.trim().replace('_', ' ').replaceAll("^avg %$", "%").replaceAll("^cdf %$", "cdf%");
  }

  /** Cuts a row; the type and the name may contain blanks and commas, the columns between not. */
  private List<String> cells(String message) {
    int count = columns.size();
    if (message.indexOf('\t') >= 0) {
      String[] parts = message.split("\t");
      List<String> cells = new ArrayList<>();
      for (String p : parts) {
        if (!(cells.isEmpty() && p.isBlank())) {
          cells.add(p.trim());
        }
      }
      return cells.size() >= count - 1 && cells.size() <= count ? cells : List.of();
    }
    boolean named = columns.get(count - 1).equals("name");
    int numbers = count - (named ? 2 : 1);
    String[] words = message.trim().split(commas ? "," : "(?<=%)(?=[0-9])|[ ]+");
    for (int i = 1; i + numbers <= words.length; i++) {
      boolean all = true;
      for (int k = 0; k < numbers && all; k++) {
        all = Numbers.decimal(plain(words[i + k])).isPresent();
      }
      if (all && (named || i + numbers == words.length)) {
        List<String> cells = new ArrayList<>();
        String glue = commas ? "," : " ";
        cells.add(join(words, 0, i, glue));
        for (int k = 0; k < numbers; k++) {
          cells.add(words[i + k].trim());
        }
        if (named) {
          cells.add(join(words, i + numbers, words.length, glue));
        }
        return cells;
      }
    }
    return List.of();
  }

  private static String join(String[] words, int from, int to, String glue) {
    StringBuilder text = new StringBuilder();
    for (int i = from; i < to; i++) {
      text.append(i == from ? "" : glue).append(words[i]);
    }
    return text.toString().trim();
  }

  private static String plain(String cell) {
    String trimmed = cell.trim();
    return trimmed.endsWith("%") ? trimmed.substring(0, trimmed.length() - 1) : trimmed;
  }

  private void row(List<String> cells, long line, Consumer<String> warnings) {
    String type = cells.get(0);
    Optional<Measurement> average = value(cells, "avg ms", Unit.MILLISECONDS, line, warnings);
    Optional<Measurement> percent = value(cells, "%", Unit.COUNT, line, warnings);
    Optional<Measurement> memory = value(cells, "mem kb", Unit.KIBIBYTES, line, warnings);
    OptionalLong called = natural(cells, "times called");
    if (section == Section.SUMMARY) {
      types.add(
          new TypeTiming(
              type, natural(cells, "count").orElse(0), average, percent, memory, called, line));
    } else {
      int name = columns.indexOf("name");
      operators.add(
          new OperatorTiming(
              type,
              name >= 0 && name < cells.size() ? cells.get(name) : "",
              value(cells, "start", Unit.MILLISECONDS, line, warnings),
              value(cells, "first", Unit.MILLISECONDS, line, warnings),
              average,
              percent,
              memory,
              called,
              line));
    }
  }

  private Optional<Measurement> value(
      List<String> cells, String column, Unit unit, long line, Consumer<String> warnings) {
    int i = columns.indexOf(column);
    if (i < 0 || i >= cells.size()) {
      return Optional.empty();
    }
    String text = plain(cells.get(i));
    return Plausible.reported(column, text, unit, line, warnings);
  }

  private OptionalLong natural(List<String> cells, String column) {
    int i = columns.indexOf(column);
    return i < 0 || i >= cells.size() ? OptionalLong.empty() : Numbers.natural(cells.get(i));
  }

  private void finish() {
    if (!operators.isEmpty() || !types.isEmpty()) {
      profiles.add(new OperatorProfile(stage, graph, operators, types, observed));
      operators = new ArrayList<>();
      types = new ArrayList<>();
    }
    observed = OptionalLong.empty();
    section = null;
    columns = List.of();
  }

  /** Ends the tables. */
  List<OperatorProfile> profiles() {
    finish();
    return profiles;
  }
}
