package io.jetfire.core.internal.parse;

import io.jetfire.Outcome;
import io.jetfire.TestOutcome;
import java.io.StringReader;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.function.Consumer;
import javax.xml.stream.XMLInputFactory;
import javax.xml.stream.XMLStreamConstants;
import javax.xml.stream.XMLStreamException;
import javax.xml.stream.XMLStreamReader;

/** Reads JUnit XML, as test runners on farms write it. */
final class JUnitXml {
  private static final int MOST = 100_000;

  private JUnitXml() {}

  static List<TestOutcome> read(byte[] bytes, Consumer<String> warnings) {
    List<TestOutcome> tests = new ArrayList<>();
    XMLInputFactory factory = XMLInputFactory.newDefaultFactory();
    factory.setProperty(XMLInputFactory.SUPPORT_DTD, false);
    factory.setProperty(XMLInputFactory.IS_SUPPORTING_EXTERNAL_ENTITIES, false);
    // Without a reporter the JDK's reader prints errors to the console before it throws them.
    factory.setXMLReporter((message, type, information, location) -> {});
    try {
      // Decoded here, because the JDK's reader prints broken UTF-8 to the console.
      String text = new String(bytes, StandardCharsets.UTF_8);
      XMLStreamReader xml = factory.createXMLStreamReader(new StringReader(text));
      String className = "";
      String name = "";
      Outcome outcome = Outcome.PASSED;
      Optional<String> message = Optional.empty();
      Optional<Duration> duration = Optional.empty();
      boolean inside = false;
      boolean wordless = false;
      int depth = 0;
      while (xml.hasNext() && tests.size() < MOST) {
        int event = xml.next();
        if (event == XMLStreamConstants.START_ELEMENT) {
          if (++depth > 200) {
            warnings.accept("The XML is nested too deeply; the rest is left out");
            break;
          }
          switch (xml.getLocalName()) {
            case "testcase" -> {
              inside = true;
              className = attribute(xml, "classname");
              name = attribute(xml, "name");
              outcome = Outcome.PASSED;
              message = Optional.empty();
              // Surefire writes thousands with commas.
              OptionalDouble seconds = Numbers.decimal(attribute(xml, "time").replace(",", ""));
              duration =
                  seconds.isPresent() && seconds.getAsDouble() >= 0 && seconds.getAsDouble() < 1e9
                      ? Optional.of(Duration.ofMillis(Math.round(seconds.getAsDouble() * 1000)))
                      : Optional.empty();
            }
            case "failure", "error" -> {
              outcome = inside ? Outcome.FAILED : outcome;
              message = Optional.of(attribute(xml, "message"));
              wordless = message.get().isEmpty();
            }
            case "skipped" -> outcome = inside ? Outcome.SKIPPED : outcome;
            default -> {}
          }
        } else if (event == XMLStreamConstants.CHARACTERS && wordless) {
          // Some runners write the message as the element's text.
          String first = xml.getText().strip().lines().findFirst().orElse("");
          if (!first.isEmpty()) {
            message = Optional.of(first.length() > 4000 ? first.substring(0, 4000) : first);
            wordless = false;
          }
        } else if (event == XMLStreamConstants.END_ELEMENT) {
          depth--;
          wordless = false;
          if (xml.getLocalName().equals("testcase") && inside) {
            inside = false;
            tests.add(
                new TestOutcome(
                    className,
                    name,
                    outcome,
                    message,
                    duration,
                    Math.max(0, xml.getLocation().getLineNumber())));
          }
        }
      }
    } catch (XMLStreamException e) {
      String reason = String.valueOf(e.getMessage());
      warnings.accept("The XML is damaged: " + Plausible.shown(reason.replace('\n', ' ')));
    }
    return tests;
  }

  private static String attribute(XMLStreamReader xml, String name) {
    String value = xml.getAttributeValue(null, name);
    return value == null ? "" : value.length() > 4000 ? value.substring(0, 4000) : value;
  }
}
