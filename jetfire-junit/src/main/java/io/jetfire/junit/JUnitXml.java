package io.jetfire.junit;

import io.jetfire.DeviceRunResult;
import io.jetfire.GateResult;
import io.jetfire.GateResult.Verdict;
import io.jetfire.Report;
import io.jetfire.StorageException;
import io.jetfire.VariantResult;
import java.io.IOException;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import javax.xml.stream.XMLOutputFactory;
import javax.xml.stream.XMLStreamException;
import javax.xml.stream.XMLStreamWriter;

/**
 * Writes reports as JUnit XML, which CI servers show as tests: one per conversion, per cell and per
 * gate.
 *
 * <p>Failures are {@code <failure>}; what could not be found out is {@code <error>}; skipped cells
 * are {@code <skipped>}. What passed in a later attempt is marked with {@code <flakyFailure>}
 * inside a passed test, as Maven Surefire 3 writes re-runs.
 */
public final class JUnitXml {
  private JUnitXml() {}

  private record Case(
      String group, String name, String element, String message, List<String> flaky) {}

  /**
   * Writes a report as one test suite.
   *
   * @param report what came out of a run
   * @return the XML
   */
  public static String of(Report report) {
    return of(List.of(report));
  }

  /**
   * Writes the attempts at one run as one test suite: the last one counts, and what failed in an
   * earlier one and passed in the last is flaky.
   *
   * @param attempts in order, at least one
   * @return the XML
   */
  public static String of(List<Report> attempts) {
    if (attempts.isEmpty()) {
      throw new IllegalArgumentException("There is no attempt to write; pass at least one report");
    }
    Report last = attempts.get(attempts.size() - 1);
    List<Case> cases = new ArrayList<>();
    for (Case c : cases(last)) {
      List<String> flaky = new ArrayList<>();
      if (c.element().isEmpty()) {
        for (Report earlier : attempts.subList(0, attempts.size() - 1)) {
          cases(earlier).stream()
              .filter(e -> e.group().equals(c.group()) && e.name().equals(c.name()))
              .filter(e -> e.element().equals("failure") || e.element().equals("error"))
              .forEach(e -> flaky.add(e.message()));
        }
      }
      cases.add(new Case(c.group(), c.name(), c.element(), c.message(), flaky));
    }
    return write(last, cases);
  }

  /**
   * Writes a report to a file.
   *
   * @param report what came out of a run
   * @param file such as {@code target/surefire-reports/TEST-jetfire.xml}; its folder is made
   * @throws StorageException if it cannot be written
   */
  public static void write(Report report, Path file) {
    try {
      Path folder = file.toAbsolutePath().getParent();
      if (folder != null) {
        Files.createDirectories(folder);
      }
      Files.writeString(file, of(report), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new StorageException(
          "JUnit XML cannot be written to " + file + " (" + e + "); check the folder", e);
    }
  }

  private static List<Case> cases(Report report) {
    List<Case> cases = new ArrayList<>();
    String experiment = report.experiment();
    for (VariantResult v : report.variants()) {
      Optional<String> failure = v.failure();
      cases.add(
          new Case(
              experiment + ".variants",
              v.variant(),
              failure.isPresent() ? "failure" : "",
              failure.orElse(""),
              List.of()));
    }
    for (DeviceRunResult r : report.deviceRuns()) {
      String element =
          switch (r.outcome()) {
            case PASSED -> "";
            case FAILED -> "failure";
            case SKIPPED -> "skipped";
            case INCONCLUSIVE, CANCELLED, TIMED_OUT -> "error";
          };
      String name =
          r.variant()
              + " on "
              + r.device().name()
              + " with "
              + r.delegate()
              + ", "
              + r.threads()
              + (r.threads() == 1 ? " thread" : " threads");
      String message = r.outcome() + r.reason().map(x -> ": " + x).orElse("");
      cases.add(new Case(experiment + ".devices." + r.farm(), name, element, message, List.of()));
    }
    for (GateResult g : report.gates()) {
      String element =
          g.verdict() == Verdict.PASS ? "" : g.verdict() == Verdict.FAIL ? "failure" : "error";
      String name = g.gate() + g.cell().or(g::variant).map(c -> " [" + c + "]").orElse("");
      cases.add(
          new Case(
              experiment + ".gates", name, element, g.verdict() + ": " + g.evidence(), List.of()));
    }
    return cases;
  }

  private static String write(Report report, List<Case> cases) {
    StringWriter text = new StringWriter();
    try {
      XMLStreamWriter xml = XMLOutputFactory.newDefaultFactory().createXMLStreamWriter(text);
      xml.writeStartDocument("UTF-8", "1.0");
      xml.writeCharacters("\n");
      xml.writeStartElement("testsuite");
      xml.writeAttribute("name", clean(report.experiment()));
      xml.writeAttribute("tests", "" + cases.size());
      xml.writeAttribute("failures", "" + count(cases, "failure"));
      xml.writeAttribute("errors", "" + count(cases, "error"));
      xml.writeAttribute("skipped", "" + count(cases, "skipped"));
      xml.writeAttribute("flakes", "" + cases.stream().filter(c -> !c.flaky().isEmpty()).count());
      xml.writeAttribute("timestamp", report.started().toString());
      xml.writeAttribute(
          "time", String.format(Locale.ROOT, "%.3f", report.duration().toMillis() / 1000.0));
      for (Case c : cases) {
        xml.writeCharacters("\n  ");
        xml.writeStartElement("testcase");
        xml.writeAttribute("classname", clean(c.group()));
        xml.writeAttribute("name", clean(c.name()));
        for (String flaky : c.flaky()) {
          message(xml, "flakyFailure", flaky);
        }
        if (!c.element().isEmpty()) {
          message(xml, c.element(), c.message());
        }
        xml.writeEndElement();
      }
      xml.writeCharacters("\n");
      xml.writeEndElement();
      xml.writeEndDocument();
      xml.close();
    } catch (XMLStreamException e) {
      throw new IllegalStateException("Writing XML to memory cannot fail", e);
    }
    return text + "\n";
  }

  private static void message(XMLStreamWriter xml, String element, String message)
      throws XMLStreamException {
    xml.writeCharacters("\n    ");
    xml.writeStartElement(element);
    xml.writeAttribute("message", clean(message));
    if (!element.equals("skipped")) {
      xml.writeAttribute("type", "io.jetfire." + element);
    }
    xml.writeEndElement();
    xml.writeCharacters("\n  ");
  }

  private static long count(List<Case> cases, String element) {
    return cases.stream().filter(c -> c.element().equals(element)).count();
  }

  /** XML 1.0 has no word for most control characters, which logs do contain. */
  private static String clean(String text) {
    StringBuilder clean = new StringBuilder();
    text.codePoints()
        .forEach(
            c -> {
              boolean allowed =
                  c == '\t'
                      || c == '\n'
                      || c == '\r'
                      || (c >= 0x20 && c <= 0xD7FF)
                      || (c >= 0xE000 && c <= 0xFFFD)
                      || c >= 0x10000;
              clean.appendCodePoint(allowed ? c : 0xFFFD);
            });
    return clean.toString();
  }
}
