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
