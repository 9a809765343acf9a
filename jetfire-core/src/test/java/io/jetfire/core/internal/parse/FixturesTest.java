package io.jetfire.core.internal.parse;

import static org.assertj.core.api.Assertions.assertThat;

import io.jetfire.ParsedLog;
import io.jetfire.TestOutcome;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HexFormat;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/**
 * Logs made by hand, of dialects of which no public log is known, against what they say. Their
 * shapes follow the sources of the tools that print them.
 */
class FixturesTest {

  static byte[] fixture(String name) throws IOException {
    try (InputStream in =
        Objects.requireNonNull(FixturesTest.class.getResourceAsStream("/logs/" + name), name)) {
      byte[] bytes = in.readAllBytes();
      return name.endsWith(".hex") ? binary(new String(bytes, StandardCharsets.US_ASCII)) : bytes;
    }
  }

  private static byte[] binary(String text) {
    return HexFormat.of()
        .parseHex(text.lines().filter(l -> !l.startsWith("#")).reduce("", String::concat));
  }

  @Test
  void everyFixtureHasAGoldenBlock() throws Exception {
    Path folder = Path.of(Objects.requireNonNull(FixturesTest.class.getResource("/logs")).toURI());
    try (Stream<Path> files = Files.list(folder)) {
      List<String> names = files.map(f -> f.getFileName().toString()).toList();
      assertThat(GoldenLog.blocks("/golden/fixtures.txt").keySet())
          .containsExactlyInAnyOrderElementsOf(names);
    }
  }

  @TestFactory
  Stream<DynamicTest> fixturesSayWhatTheySay() throws IOException {
    return GoldenLog.blocks("/golden/fixtures.txt").entrySet().stream()
        .map(
            e ->
                DynamicTest.dynamicTest(
                    e.getKey(),
                    () -> {
                      ParsedLog log =
                          new StandardParser().parse(new ByteArrayInputStream(fixture(e.getKey())));
                      GoldenLog.check(log, e.getValue());
                    }));
  }

  @Test
  void testsOfXmlHaveTimesAndMessages() throws IOException {
    List<TestOutcome> tests =
        new StandardParser().parse(new ByteArrayInputStream(fixture("junit.xml"))).tests();
    assertThat(tests)
        .extracting(TestOutcome::duration)
        .containsExactly(
            Optional.of(Duration.ofMillis(1250)),
            Optional.of(Duration.ofMillis(500)),
            Optional.of(Duration.ZERO),
            Optional.of(Duration.ofMillis(1_234_500)),
            Optional.of(Duration.ofMillis(250)));
    assertThat(tests.get(1).message()).hasValue("expected <3>");
    assertThat(tests.get(3).message()).hasValue("java.lang.IllegalStateException: no device");
    assertThat(tests.get(4).message()).isEmpty();
  }

  @Test
  void testsOfInstrumentationHaveTheirStack() throws IOException {
    List<TestOutcome> tests =
        new StandardParser().parse(new ByteArrayInputStream(fixture("am-instrument.txt"))).tests();
    assertThat(tests.get(1).message().orElseThrow())
        .startsWith("java.lang.AssertionError: expected 3\n\tat com.example.BenchTest.fails");
    assertThat(tests.get(4).message().orElseThrow()).contains("Process crashed");
    assertThat(tests.get(0).message()).isEmpty();
  }
}
