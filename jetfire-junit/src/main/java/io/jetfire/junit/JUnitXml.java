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
import java.util.Arrays;
import java.util.Comparator;
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
 * are {@code <skipped>}. Attempts are written as Maven Surefire writes re-runs, in the order of its
 * schema {@code surefire-test-report.xsd}: what passed in a later attempt is a passed test with
 * {@code <flakyFailure>} or {@code <flakyError>} inside; what never passed has its first failure,
 * and the later ones as {@code <rerunFailure>} or {@code <rerunError>}. The time of a cell is what
 * its runs took together; conversions and gates have none.
 */
public final class JUnitXml {
  private JUnitXml() {}

  /** A test in one attempt: how it ended, as the name of an element; empty if it passed. */
  private record Case(String group, String name, String element, String message, double seconds) {
    boolean bad() {
      return element.equals("failure") || element.equals("error");
    }
  }

  /** What is written of a test: the elements in it, in order. */
  private record Written(Case last, List<Element> elements) {
    long count(String element) {
      return elements.stream().filter(e -> e.name().equals(element)).count();
    }
  }

  private record Element(String name, String message) {}

  /** The order that the schema asks for. */
  private static final List<String> ORDER =
      List.of(
          "failure",
          "rerunFailure",
          "flakyFailure",
          "skipped",
          "error",
          "rerunError",
          "flakyError");

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
    List<Written> tests = new ArrayList<>();
    for (Case c : cases(last)) {
      List<Case> bad = new ArrayList<>();
      for (Report attempt : attempts) {
        cases(attempt).stream()
            .filter(e -> e.group().equals(c.group()) && e.name().equals(c.name()))
            .filter(Case::bad)
            .forEach(bad::add);
      }
      tests.add(new Written(c, elements(c, bad)));
    }
    return write(last, tests);
  }

  private static List<Element> elements(Case last, List<Case> bad) {
    List<Element> elements = new ArrayList<>();
    if (last.element().equals("skipped")) {
      elements.add(new Element("skipped", last.message()));
      return elements;
    }
    String again = last.bad() ? "rerun" : "flaky";
    for (Case c : bad) {
      String name = c.element().equals("failure") ? "Failure" : "Error";
      boolean main = last.bad() && elements.isEmpty();
      elements.add(new Element(main ? c.element() : again + name, c.message()));
    }
    elements.sort(Comparator.comparingInt(e -> ORDER.indexOf(e.name())));
    return elements;
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
              0));
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
      cases.add(new Case(experiment + ".devices." + r.farm(), name, element, message, seconds(r)));
    }
    for (GateResult g : report.gates()) {
      String element =
          g.verdict() == Verdict.PASS ? "" : g.verdict() == Verdict.FAIL ? "failure" : "error";
      String name = g.gate() + g.cell().or(g::variant).map(c -> " [" + c + "]").orElse("");
      cases.add(
          new Case(experiment + ".gates", name, element, g.verdict() + ": " + g.evidence(), 0));
    }
    return cases;
  }

  private static double seconds(DeviceRunResult r) {
    return r.metrics().stream()
        .flatMap(m -> m.samples().stream())
        .mapToDouble(s -> Arrays.stream(s.micros()).sum() / 1e6)
        .sum();
  }

  private static String write(Report report, List<Written> tests) {
    StringWriter text = new StringWriter();
    try {
      XMLStreamWriter xml = XMLOutputFactory.newDefaultFactory().createXMLStreamWriter(text);
      xml.writeStartDocument("UTF-8", "1.0");
      xml.writeCharacters("\n");
      xml.writeStartElement("testsuite");
      xml.writeAttribute("name", clean(report.experiment()));
      xml.writeAttribute("tests", "" + tests.size());
      xml.writeAttribute("failures", "" + count(tests, "failure"));
      xml.writeAttribute("errors", "" + count(tests, "error"));
      xml.writeAttribute("skipped", "" + count(tests, "skipped"));
      long flakes =
          tests.stream().filter(t -> t.count("flakyFailure") + t.count("flakyError") > 0).count();
      xml.writeAttribute("flakes", "" + flakes);
      xml.writeAttribute("timestamp", report.started().toString());
      xml.writeAttribute(
          "time", String.format(Locale.ROOT, "%.3f", report.duration().toMillis() / 1000.0));
      for (Written t : tests) {
        Case c = t.last();
        xml.writeCharacters("\n  ");
        xml.writeStartElement("testcase");
        xml.writeAttribute("classname", clean(c.group()));
        xml.writeAttribute("name", clean(c.name()));
        xml.writeAttribute("time", String.format(Locale.ROOT, "%.3f", c.seconds()));
        for (Element e : t.elements()) {
          element(xml, e);
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

  private static void element(XMLStreamWriter xml, Element e) throws XMLStreamException {
    xml.writeCharacters("\n    ");
    xml.writeStartElement(e.name());
    xml.writeAttribute("message", clean(e.message()));
    if (!e.name().equals("skipped")) {
      boolean failure = e.name().toLowerCase(Locale.ROOT).endsWith("failure");
      xml.writeAttribute("type", "io.jetfire." + (failure ? "failure" : "error"));
    }
    if (e.name().startsWith("rerun") || e.name().startsWith("flaky")) {
      xml.writeStartElement("stackTrace");
      xml.writeCharacters(clean(e.message()));
      xml.writeEndElement();
    }
    xml.writeEndElement();
    xml.writeCharacters("\n  ");
  }

  private static long count(List<Written> tests, String element) {
    return tests.stream().filter(t -> t.count(element) > 0).count();
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
