package io.jetfire.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.jetfire.Report;
import io.jetfire.StorageException;
import io.jetfire.spi.ReportWriter;
import java.io.IOException;
import java.io.StringReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.ServiceLoader;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.w3c.dom.Node;
import org.w3c.dom.NodeList;
import org.xml.sax.InputSource;

class HtmlReportWriterTest {
  private static final Pattern OWN = Pattern.compile("<(style|script)>(.*?)</\\1>", Pattern.DOTALL);

  @SuppressWarnings("NullAway.Init") // JUnit sets it.
  @TempDir
  Path folder;

  @Test
  void isRegistered() {
    assertThat(ServiceLoader.load(ReportWriter.class))
        .hasAtLeastOneElementOfType(HtmlReportWriter.class)
        .extracting(ReportWriter::id)
        .contains("html");
  }

  @Test
  void writesOneFileAndReplacesAnOlderOne() throws IOException {
    Files.writeString(folder.resolve("report.html"), "older");

    Path file = new HtmlReportWriter().write(SampleReports.typical(), folder);

    assertThat(file).isEqualTo(folder.resolve("report.html"));
    assertThat(file).hasContent(html(SampleReports.typical()));
    assertThat(folder.toFile().list()).containsExactly("report.html");
  }

  @Test
  void aFolderThatCannotBeWrittenIsAClearError() throws IOException {
    Files.createDirectories(folder.resolve("report.html").resolve("in the way"));

    assertThatExceptionOfType(StorageException.class)
        .isThrownBy(() -> new HtmlReportWriter().write(SampleReports.empty(), folder))
        .withMessageContaining("report.html")
        .withMessageContaining("free space");
    assertThat(folder.toFile().list()).containsExactly("report.html");
    assertThatExceptionOfType(StorageException.class)
        .isThrownBy(
            () -> new HtmlReportWriter().write(SampleReports.empty(), folder.resolve("missing")));
  }

  @Test
  void theAnswerComesFirst() throws Exception {
    Document page = parse(html(SampleReports.typical()));

    assertThat(text(page, "h1")).containsExactly("item-detector");
    assertThat(texts(page, "p", "verdict"))
        .containsExactly(
            "1 of 3 gates fails, 1 is undecided, 1 variant failed,"
                + " 2 of 23 measurements did not pass");
    assertThat(text(page, "h2"))
        .containsExactly(
            "Gates",
            "Variants on devices",
            "Variants on the host",
            "What did not work, and what to do",
            "Classes",
            "Warnings",
            "Where it comes from");
    assertThat(rows(page, "gates").get(1))
        .containsExactly(
            "fail", "model size <= 500000 bytes", "float32", "", "812344 bytes, 500000 allowed");
    assertThat(rows(page, "gates").get(2)).contains("Redmi 9A (Android 11), XNNPACK, 4 threads");
  }

  @Test
  void comparisonsWithTheBaselineAreThere() throws Exception {
    Document page = parse(html(SampleReports.compared("<i>x</i>")));
    assertThat(text(page, "h2")).contains("Compared with the baseline");
    assertThat(rows(page, "comparisons").get(0))
        .startsWith("worse, confirmed", "int8")
        .contains("10.0", "11.5", "<i>x</i>");
    assertThat(text(page, "i")).isEmpty();
  }

  @Test
  void aMeasurementIsOneRow() throws Exception {
    Document page = parse(html(SampleReports.typical()));
    List<List<String>> rows = rows(page, "cells");

    assertThat(header(page, "cells"))
        .startsWith("variant", "device", "OS", "delegate", "threads", "size", "mAP@0.5", "drop");
    assertThat(rows).hasSize(23);
    assertThat(rows.get(2))
        .startsWith(
            "float32",
            "Linux host, 2 cores",
            "linux 6.1",
            "XNNPACK",
            "2",
            "812 kB",
            "0.9125",
            "+0.0010",
            "1.830",
            "1.684 – 1.976",
            "1.989",
            "noisy",
            "passed");
    assertThat(rows.get(20)).contains("fell back to CPU");
    // The cell that failed has an evaluation on the host, and no times.
    assertThat(rows.get(21))
        .startsWith("full-integer", "Redmi 9A (Android 11)")
        .containsSubsequence("0.9004", "+0.0131", "–", "–", "–", "–", "failed", "–");
  }

  @Test
  void everyMarkOfThePictureBelongsToARow() throws Exception {
    Document page = parse(html(SampleReports.typical()));
    Set<String> marks = new TreeSet<>();
    Set<String> rows = new TreeSet<>();
    for (Element mark : all(page, "g")) {
      if (mark.hasAttribute("data-cell")) {
        marks.add(mark.getAttribute("data-cell"));
      }
    }
    for (Element row : all(page, "tr")) {
      rows.add(row.getAttribute("data-cell"));
    }

    assertThat(marks).hasSize(21);
    assertThat(rows).containsAll(marks);
    assertThat(text(page, "title"))
        .contains(
            "float32 on Linux host, 2 cores, CPU, 1 thread: p50 9.40 ms, mAP@0.5 0.9127, 812 kB");
  }

  @Test
  void whatDidNotWorkSaysWhyAndWhatToDo() throws Exception {
    List<List<String>> rows = rows(parse(html(SampleReports.typical())), "faults");

    assertThat(rows.get(0))
        .contains("int16x8", "RESIZE_BILINEAR at neck/up_1 has no 16x8 kernel; use full-integer");
    assertThat(rows.get(1))
        .contains("full-integer on Redmi 9A (Android 11), NNAPI, 1 thread", "failed", "logcat.txt")
        .anySatisfy(
            why ->
                assertThat(why).contains("delegate refused", "line 41", "ANEURALNETWORKS_BAD_DATA"))
        .anySatisfy(what -> assertThat(what).contains("another delegate"));
    assertThat(rows)
        .anySatisfy(
            row -> assertThat(row).contains("noisy", "About 160 more runs would settle it."));
  }

  @Test
  void hashesAndVersionsAreThere() throws Exception {
    Report report = SampleReports.typical();
    String page = parse(html(report)).getDocumentElement().getTextContent();

    assertThat(page).contains(report.fingerprint(), "PyTorch 2.7.1", "17.0.17");
    report
        .variants()
        .forEach(v -> v.converted().ifPresent(c -> assertThat(page).contains(c.model().sha256())));
  }

  @Test
  void aReportOfNothingIsAPage() throws Exception {
    Document page = parse(html(SampleReports.empty()));

    assertThat(texts(page, "p", "verdict")).containsExactly("The run failed");
    assertThat(text(page, "li")).containsExactly("The dataset has no samples; give at least one");
    assertThat(text(page, "h2")).containsExactly("Problems", "Where it comes from");
  }

  @Test
  void nothingIsLoadedFromElsewhere() {
    String page = html(SampleReports.typical());

    assertThat(page)
        .doesNotContain("http:", "https:", "url(", "@import", " src=", " href=", "javascript:");
  }

  @Test
  void thePolicyAllowsThePagesOwnScriptAndStyleAndNothingElse() throws Exception {
    String page = html(SampleReports.typical());
    Matcher own = OWN.matcher(page);
    List<String> hashes = new ArrayList<>();
    while (own.find()) {
      byte[] content = own.group(2).getBytes(StandardCharsets.UTF_8);
      byte[] hash = MessageDigest.getInstance("SHA-256").digest(content);
      hashes.add("'sha256-" + Base64.getEncoder().encodeToString(hash) + "'");
    }

    assertThat(hashes).hasSize(2);
    assertThat(parse(page).getElementsByTagName("meta").item(1).getAttributes())
        .satisfies(
            attributes ->
                assertThat(attributes.getNamedItem("content").getTextContent())
                    .isEqualTo(
                        "default-src 'none'; style-src "
                            + hashes.get(0)
                            + "; script-src "
                            + hashes.get(1)
                            + "; base-uri 'none'; form-action 'none'"));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "<script>alert(1)</script>",
        "</script><script>alert(1)</script>",
        "</style></title><img src=x onerror=alert(1)>",
        "\"><svg onload=alert(1)>",
        "' onmouseover='alert(1)' x='",
        "&lt;b&gt; &amp; &#x3c;",
        "]]><!-- --!> <!DOCTYPE x>",
        "${7*7} {{7*7}} %s %d",
        "\u202eevil\u2066",
      })
  void noTextBecomesMarkup(String text) throws Exception {
    Document page = parse(html(SampleReports.filledWith(text)));

    Set<String> elements = new TreeSet<>();
    Set<String> attributes = new TreeSet<>();
    for (Element element : all(page, "*")) {
      elements.add(element.getTagName());
      for (int i = 0; i < element.getAttributes().getLength(); i++) {
        attributes.add(element.getAttributes().item(i).getNodeName());
      }
    }
    assertThat(elements).isEqualTo(elementsOf(SampleReports.filledWith("plain")));
    assertThat(attributes).noneMatch(name -> name.startsWith("on"));
    assertThat(attributes).doesNotContain("src", "href", "style");
    assertThat(text(page, "h1")).containsExactly(text);
    assertThat(rows(page, "cells").get(0)).startsWith(text);
    assertThat(text(page, "p")).anyMatch(p -> p.startsWith("All on " + text));
    assertThat(text(page, "dd")).contains(text);
  }

  @Test
  void theOnlyDeviceStandsAboveTheTableAndSeveralInIt() throws Exception {
    Document one = parse(html(SampleReports.filledWith("phone")));
    assertThat(header(one, "cells")).doesNotContain("device", "OS");
    assertThat(text(one, "p")).anyMatch(p -> p.startsWith("All on phone"));

    Document several = parse(html(SampleReports.typical()));
    assertThat(header(several, "cells")).contains("device", "OS");
    assertThat(text(several, "p")).noneMatch(p -> p.startsWith("All on"));
  }

  @Test
  void charactersThatHtmlDoesNotHaveAreReplaced() throws Exception {
    String page = html(SampleReports.filledWith("a\0b\u001b[31m\ud800c\uffff\u0085\tz"));

    assertThat(text(parse(page), "h1")).containsExactly("a\ufffdb\ufffd[31m\ufffdc\ufffd\ufffd\tz");
  }

  private static String html(Report report) {
    return new HtmlReportWriter().toHtml(report);
  }

  private static Set<String> elementsOf(Report report) throws Exception {
    Set<String> elements = new TreeSet<>();
    all(parse(html(report)), "*").forEach(element -> elements.add(element.getTagName()));
    return elements;
  }

  /** The page is XML, too, except for its own script and style. */
  private static Document parse(String page) throws Exception {
    Matcher own = OWN.matcher(page);
    String markup = own.replaceAll("<$1/>");
    assertThat(markup).doesNotContain("alert(1)</script>");
    DocumentBuilderFactory factory = DocumentBuilderFactory.newInstance();
    factory.setFeature("http://apache.org/xml/features/nonvalidating/load-external-dtd", false);
    return factory.newDocumentBuilder().parse(new InputSource(new StringReader(markup)));
  }

  private static List<Element> all(Node within, String tag) {
    NodeList found =
        within instanceof Document document
            ? document.getElementsByTagName(tag)
            : ((Element) within).getElementsByTagName(tag);
    List<Element> elements = new ArrayList<>();
    for (int i = 0; i < found.getLength(); i++) {
      elements.add((Element) found.item(i));
    }
    return elements;
  }

  private static List<String> text(Document page, String tag) {
    return all(page, tag).stream().map(Node::getTextContent).toList();
  }

  private static List<String> texts(Document page, String tag, String css) {
    return all(page, tag).stream()
        .filter(element -> element.getAttribute("class").equals(css))
        .map(Node::getTextContent)
        .toList();
  }

  private static Element table(Document page, String id) {
    return all(page, "table").stream()
        .filter(table -> table.getAttribute("id").equals(id))
        .findFirst()
        .orElseThrow();
  }

  private static List<String> header(Document page, String id) {
    return all(table(page, id), "button").stream().map(Node::getTextContent).toList();
  }

  private static List<List<String>> rows(Document page, String id) {
    List<List<String>> rows = new ArrayList<>();
    for (Element row : all(all(table(page, id), "tbody").get(0), "tr")) {
      List<String> cells = new ArrayList<>();
      NodeList children = row.getChildNodes();
      for (int i = 0; i < children.getLength(); i++) {
        cells.add(children.item(i).getTextContent());
      }
      rows.add(cells);
    }
    return rows;
  }
}
