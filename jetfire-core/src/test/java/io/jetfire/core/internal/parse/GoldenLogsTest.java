package io.jetfire.core.internal.parse;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.jetfire.ParsedLog;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/** Real logs against what a careful reader finds in them. */
class GoldenLogsTest {
  private static Path logs() {
    String shared = System.getProperty("jetfire.shared.data", System.getenv("JETFIRE_SHARED_DATA"));
    return Path.of(shared == null ? "../../shared/data" : shared, "logs");
  }

  @Test
  void everyLogHasAGoldenBlock() throws IOException {
    assumeTrue(Files.isDirectory(logs()), "the real logs are not at " + logs());
    try (Stream<Path> files = Files.list(logs())) {
      List<String> names =
          files
              .map(f -> f.getFileName().toString())
              .filter(n -> !n.equals("INDEX.md"))
              .sorted()
              .toList();
      assertThat(GoldenLog.blocks("/golden/logs.txt").keySet())
          .containsExactlyInAnyOrderElementsOf(names);
    }
  }

  @TestFactory
  Stream<DynamicTest> logsSayWhatAReaderSays() throws IOException {
    assumeTrue(Files.isDirectory(logs()), "the real logs are not at " + logs());
    return GoldenLog.blocks("/golden/logs.txt").entrySet().stream()
        .map(
            e ->
                DynamicTest.dynamicTest(
                    e.getKey(),
                    () -> {
                      ParsedLog log = new StandardParser().parse(logs().resolve(e.getKey()));
                      GoldenLog.check(log, e.getValue());
                    }));
  }
}
