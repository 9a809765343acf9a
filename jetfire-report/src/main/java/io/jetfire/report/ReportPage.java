package io.jetfire.report;

import io.jetfire.BaselineRun;
import io.jetfire.CellComparison;
import io.jetfire.Comparison;
import io.jetfire.GateResult;
import io.jetfire.Report;
import io.jetfire.RunState;
import io.jetfire.report.Table.Cell;
import io.jetfire.report.Table.Tone;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;

/** The page of one report, from the answer to the details. */
final class ReportPage {
  private final Report report;
  private final Cells cells;
  private final Html html = new Html();

  ReportPage(Report report) {
    this.report = report;
    this.cells = new Cells(report);
  }

  String write() {
    String style = OwnResource.text("report.css");
    String script = OwnResource.text("report.js");
    html.doctype().open("html", "lang", "en").newline();
    html.open("head").empty("meta", "charset", "utf-8");
    html.empty(
        "meta",
        "http-equiv",
        "Content-Security-Policy",
        "content",
        "default-src 'none'; style-src '"
            + OwnResource.hash(style)
            + "'; script-src '"
            + OwnResource.hash(script)
            + "'; base-uri 'none'; form-action 'none'");
    html.empty("meta", "name", "viewport", "content", "width=device-width, initial-scale=1");
    html.empty("meta", "name", "color-scheme", "content", "light dark");
    html.element("title", report.experiment() + " – JetFire report");
    html.own("style", style).close().newline().open("body");
    header();
    html.open("main").newline();
    messages("Problems", report.problems(), "problems");
    gates();
    baseline();
    new Results(cells).write(html);
    new Variants(cells).write(html);
    new Faults(cells).write(html);
    evaluations();
    messages("Warnings", report.warnings(), "warnings");
    new Origin(cells).write(html);
    reading();
    html.close().newline();
    html.own("script", script).close().close().newline();
    return html.toString();
  }

  // --- The answer

  private void header() {
    html.open("header");
    html.element("p", "JetFire report", "class", "kicker");
    html.element("h1", report.experiment());
    html.open("p", "class", "verdict").element("span", verdict(), "class", "tone " + tone().css());
    html.close();
    html.open("p", "class", "facts");
    html.text(counts() + " · started " + report.started().truncatedTo(ChronoUnit.SECONDS));
    html.text(" · " + Numbers.duration(report.duration()) + " · run ");
    html.element("code", report.run().value()).close().close().newline();
  }

  private long count(GateResult.Verdict verdict) {
    return report.gates().stream().filter(gate -> gate.verdict() == verdict).count();
  }

  /** The sentence that answers what most readers came for. */
  private String verdict() {
    if (report.state() == RunState.FAILED) {
      return "The run failed";
    }
    if (report.state() == RunState.CANCELLED) {
      return "The run was cancelled; what was finished is below";
    }
    long gates = report.gates().size();
    long failed = count(GateResult.Verdict.FAIL);
    long undecided = count(GateResult.Verdict.UNDECIDED);
    List<String> parts = new ArrayList<>();
    if (failed > 0) {
      parts.add(
          failed + " of " + Numbers.plural(gates, "gate") + (failed == 1 ? " fails" : " fail"));
    }
    if (undecided > 0) {
      parts.add(
          (failed > 0 ? undecided + "" : undecided + " of " + Numbers.plural(gates, "gate"))
              + (undecided == 1 ? " is undecided" : " are undecided"));
    }
    if (parts.isEmpty() && gates > 0) {
      parts.add(gates == 1 ? "The gate passes" : "All " + gates + " gates pass");
    }
    long bad = report.deviceRuns().stream().filter(c -> !Advice.on(c).isEmpty()).count();
    long broken = report.variants().stream().filter(v -> v.failure().isPresent()).count();
    if (broken > 0) {
      parts.add(broken + (broken == 1 ? " variant failed" : " variants failed"));
    }
    if (bad > 0) {
      parts.add(bad + " of " + report.deviceRuns().size() + " measurements did not pass");
    }
    if (parts.isEmpty()) {
      parts.add(report.problems().isEmpty() ? "Everything was done" : "Not everything was done");
    }
    return String.join(", ", parts);
  }

  private Tone tone() {
    return switch (report.exitCode()) {
      case 0 -> Tone.GOOD;
      case 15, 18, 19 -> Tone.WARN;
      default -> Tone.BAD;
    };
  }

  private String counts() {
    long devices = report.deviceRuns().stream().map(Cells::device).distinct().count();
    return Numbers.plural(report.variants().size(), "variant")
        + " · "
        + Numbers.plural(devices, "device")
        + " · "
        + Numbers.plural(report.deviceRuns().size(), "measurement");
  }

  private void messages(String title, List<String> messages, String css) {
    if (messages.isEmpty()) {
      return;
    }
    html.open("section", "class", "messages " + css).element("h2", title).open("ul");
    messages.forEach(message -> html.element("li", message));
    html.close().close().newline();
  }

  private void gates() {
    if (report.gates().isEmpty()) {
      return;
    }
    html.open("section").element("h2", "Gates");
    Table table = new Table("gates", "Gates");
    table
        .text("verdict", "")
        .prose("gate", "What was demanded")
        .optional("variant", "")
        .prose("where", "Device, delegate and threads")
        .prose("evidence", "The numbers that the verdict rests on");
    for (GateResult gate : report.gates()) {
      Tone tone =
          switch (gate.verdict()) {
            case PASS -> Tone.GOOD;
            case FAIL -> Tone.BAD;
            case UNDECIDED -> Tone.WARN;
          };
      table.row(
          Map.of("verdict", Numbers.words(gate.verdict())),
          List.of(
              Cell.badge(Numbers.words(gate.verdict()), tone, gate.verdict().ordinal()),
              Cell.text(gate.gate().toString()),
              Cell.text(gate.variant().orElse("")),
              Cell.text(gate.cell().map(this::where).orElse("")),
              Cell.text(gate.evidence())));
    }
    table.write(html);
    html.close().newline();
  }

  private void baseline() {
    if (report.baseline().isEmpty()) {
      return;
    }
    BaselineRun before = report.baseline().get();
    html.open("section").element("h2", "Compared with the baseline");
    html.open("p").text("Run ").element("code", before.run().value());
    html.text(
        " of "
            + before.experiment()
            + ", started "
            + before.started().truncatedTo(ChronoUnit.SECONDS)
            + ". Differences of latency within "
            + Numbers.percent(before.margin())
            + " do not count.");
    html.close().newline();
    if (!report.comparisons().isEmpty()) {
      comparisons();
    }
    html.close().newline();
  }

  private void comparisons() {
    Table table = new Table("comparisons", "Compared with the baseline");
    table
        .text("decision", "Confirmed: a second measurement on the same device says so, too")
        .text("variant", "")
        .prose("where", "Device, delegate and threads")
        .number("before (ms)", "The baseline's median")
        .number("now (ms)", "The median of this run")
        .prose("evidence", "The numbers that the decision rests on");
    for (CellComparison c : report.comparisons()) {
      Comparison said = c.comparison();
      Tone tone =
          switch (said.decision()) {
            case WORSE -> Tone.BAD;
            case BETTER, SAME -> Tone.GOOD;
            case CANNOT_TELL -> Tone.WARN;
          };
      boolean confirmed = c.first().isPresent() && said.decision() == Comparison.Decision.WORSE;
      String decision = Numbers.words(said.decision()) + (confirmed ? ", confirmed" : "");
      table.row(
          Map.of(),
          List.of(
              Cell.badge(decision, tone, said.decision().ordinal()),
              Cell.text(c.variant()),
              Cell.text(where(c)),
              Cell.number(millis(said.baselineMicros())),
              Cell.number(millis(said.candidateMicros())),
              Cell.text(said.reason())));
    }
    table.write(html);
  }

  /** One id may name a cell on each of several devices. */
  private String where(CellComparison c) {
    return report.deviceRuns().stream()
        .filter(r -> r.cell().equals(c.cell()) && r.device().id().equals(c.device().id()))
        .findFirst()
        .map(Cells::where)
        .orElse(c.cell());
  }

  private static OptionalDouble millis(OptionalDouble micros) {
    return micros.isPresent() ? OptionalDouble.of(micros.getAsDouble() / 1000) : micros;
  }

  private String where(String id) {
    return report.deviceRuns().stream()
        .filter(cell -> cell.cell().equals(id))
        .findFirst()
        .map(Cells::where)
        .orElse(id);
  }

  private void evaluations() {
    Evaluations evaluations = new Evaluations(cells);
    if (!evaluations.isEmpty()) {
      html.open("section").element("h2", "Classes");
      evaluations.write(html);
      html.close().newline();
    }
  }

  private void reading() {
    html.open("section").open("details").element("summary", "How to read this page").open("dl");
    term("p50, p90, p99", "Nearest-rank percentiles of the measured runs, warm-up left out.");
    term(
        "95 % interval",
        "Where the true median is, given how much the runs scatter and depend on" + " each other.");
    term("valid", "No fault was found, and the median is known to within 5 %.");
    term("noisy", "The interval of the median is wider than 5 % to either side.");
    term("throttled", "The device became at least 10 % slower while it measured.");
    term("too short", "Fewer than 20 runs in steady state.");
    term("two modes", "The runs fall into two groups, so that no single number describes them.");
    term("undecided", "The log does not hold what a judgement needs.");
    term(Numbers.ABSENT, "The data do not give this number. It is never guessed.");
    html.close().close().close();
  }

  private void term(String term, String meaning) {
    html.element("dt", term).element("dd", meaning);
  }
}
