package io.jetfire.junit;

import static org.assertj.core.api.Assertions.assertThat;

import io.jetfire.Gate;
import io.jetfire.MetricsParser;
import io.jetfire.Outcome;
import io.jetfire.ParsedLog;
import io.jetfire.Report;
import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.w3c.dom.Node;
import org.w3c.dom.NodeList;

class JUnitXmlTest {
  private static final Gate FAST = Gate.latency(50).atMost(Duration.ofMillis(30));

  private static Element suite(String xml) throws Exception {
    Document document =
        DocumentBuilderFactory.newInstance()
            .newDocumentBuilder()
            .parse(new ByteArrayInputStream(xml.getBytes(StandardCharsets.UTF_8)));
    return document.getDocumentElement();
  }

  @Test
  void cellsAndGatesAreTests() throws Exception {
    Element suite = suite(JUnitXml.of(Reports.of(40, Outcome.FAILED, FAST)));
    assertThat(suite.getAttribute("tests")).isEqualTo("2");
    assertThat(suite.getAttribute("failures")).isEqualTo("2");
    assertThat(suite.getElementsByTagName("failure").item(0).getAttributes())
        .satisfies(
            a ->
                assertThat(a.getNamedItem("message").getNodeValue())
                    .isEqualTo("FAILED: it <broke>\uFFFD"));
  }

  @Test
  void whatPassedLaterIsFlaky() throws Exception {
    Report failed = Reports.of(20, Outcome.FAILED, FAST);
    Report passed = Reports.of(20, Outcome.PASSED, FAST);
    Element suite = suite(JUnitXml.of(List.of(failed, passed)));
    assertThat(suite.getAttribute("failures")).isEqualTo("0");
    assertThat(suite.getAttribute("flakes")).isEqualTo("1");
    assertThat(suite.getElementsByTagName("flakyFailure").getLength()).isEqualTo(1);
    assertThat(suite.getElementsByTagName("failure").getLength()).isZero();
  }

  private static String text(Element suite, String element, int index) {
    return suite.getElementsByTagName(element).item(index).getTextContent();
  }

  @Test
  void anEarlierErrorIsAFlakyError() throws Exception {
    Element suite =
        suite(
            JUnitXml.of(
                List.of(
                    Reports.of(20, Outcome.TIMED_OUT),
                    Reports.of(20, Outcome.FAILED),
                    Reports.of(20, Outcome.PASSED))));
    assertThat(suite.getAttribute("flakes")).isEqualTo("1");
    assertThat(suite.getAttribute("errors")).isEqualTo("0");
    Element test = (Element) suite.getElementsByTagName("testcase").item(0);
    assertThat(test.getElementsByTagName("flakyError").getLength()).isEqualTo(1);
    assertThat(text(test, "stackTrace", 0)).startsWith("FAILED: ");
    assertThat(text(test, "stackTrace", 1)).startsWith("TIMED_OUT: ");
    // 8 x 50 runs of about 20 ms.
    assertThat(Double.parseDouble(test.getAttribute("time"))).isBetween(7.9, 8.1);
  }

  @Test
  void whatNeverPassesHasItsFirstFailureAndTheOthersAsReruns() throws Exception {
    Element suite =
        suite(
            JUnitXml.of(
                List.of(Reports.of(40, Outcome.FAILED), Reports.of(40, Outcome.INCONCLUSIVE))));
    assertThat(suite.getAttribute("failures")).isEqualTo("1");
    assertThat(suite.getAttribute("errors")).isEqualTo("0");
    assertThat(suite.getAttribute("flakes")).isEqualTo("0");
    assertThat(suite.getElementsByTagName("failure").getLength()).isEqualTo(1);
    assertThat(text(suite, "rerunError", 0)).startsWith("INCONCLUSIVE");
  }

  /** The rules of Surefire's schema, as far as they bind what is written here. */
  @Test
  void everyShapeFollowsTheSchemaOfSurefire() throws Exception {
    for (Outcome first : Outcome.values()) {
      for (Outcome second : Outcome.values()) {
        Element suite =
            suite(JUnitXml.of(List.of(Reports.of(40, first, FAST), Reports.of(40, second, FAST))));
        for (String required : List.of("name", "tests", "errors", "skipped", "failures")) {
          assertThat(suite.getAttribute(required)).as(required).isNotEmpty();
        }
        NodeList tests = suite.getElementsByTagName("testcase");
        assertThat(tests.getLength()).isEqualTo(2);
        for (int i = 0; i < tests.getLength(); i++) {
          Element test = (Element) tests.item(i);
          assertThat(test.getAttribute("name")).isNotEmpty();
          assertThat(test.getAttribute("time")).matches("[0-9]+\\.[0-9]{3}");
          follows(test);
        }
      }
    }
  }

  private static void follows(Element test) {
    List<String> order =
        List.of(
            "failure",
            "rerunFailure",
            "flakyFailure",
            "skipped",
            "error",
            "rerunError",
            "flakyError");
    int last = 0;
    for (Node n = test.getFirstChild(); n != null; n = n.getNextSibling()) {
      if (n instanceof Element e) {
        int at = order.indexOf(e.getTagName());
        assertThat(at).as(e.getTagName()).isGreaterThanOrEqualTo(last);
        last = at;
        assertThat(e.hasAttribute("type")).isEqualTo(!e.getTagName().equals("skipped"));
        boolean nested = e.getTagName().matches("(rerun|flaky).*");
        assertThat(e.getElementsByTagName("stackTrace").getLength()).isEqualTo(nested ? 1 : 0);
      }
    }
  }

  @Test
  void theStandardParserReadsIt(@TempDir Path folder) throws Exception {
    Path file = folder.resolve("deep/TEST-jetfire.xml");
    JUnitXml.write(Reports.of(20, Outcome.SKIPPED, FAST), file);
    ParsedLog log = MetricsParser.standard().parse(file);
    assertThat(Files.readString(file)).startsWith("<?xml");
    assertThat(log.tests())
        .extracting(t -> t.outcome())
        .containsExactly(Outcome.SKIPPED, Outcome.PASSED);
  }
}
