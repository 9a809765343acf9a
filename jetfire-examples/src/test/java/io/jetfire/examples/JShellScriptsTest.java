package io.jetfire.examples;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** Runs every script as a user does: in a JShell of its own, on the class path of the build. */
class JShellScriptsTest {
  private static final Path SCRIPTS = Path.of("jshell");

  @Test
  void everyScriptIsTested() throws IOException {
    try (var files = Files.list(SCRIPTS)) {
      assertThat(files.map(f -> f.getFileName().toString()))
          .containsExactlyInAnyOrder(
              "first.jsh", "experiment.jsh", "parse-a-log.jsh", "advise.jsh");
    }
  }

  @Test
  void theFirstScriptIsShort() throws IOException {
    assertThat(Files.readAllLines(SCRIPTS.resolve("first.jsh"))).hasSizeLessThanOrEqualTo(15);
  }

  @Test
  void theFirstScriptConvertsAndEvaluates() throws Exception {
    assertThat(run("first.jsh")).contains("full-integer.tflite").contains("XNNPACK {accuracy=");
  }

  @Test
  void theExperimentScriptReports() throws Exception {
    assertThat(run("experiment.jsh")).contains("## Variants").contains("exit code 0");
  }

  @Test
  void theAdviceScriptExplainsAndAdvises() throws Exception {
    assertThat(run("advise.jsh"))
        .contains("alone dB")
        .contains("Smallest with SQNR dB of at least 35.0: Recipe[")
        .contains("tried dynamic-range")
        .contains("Smallest with accuracy of at least 0.9: Recipe[");
  }

  @Test
  void theLogScriptParses() throws Exception {
    assertThat(run("parse-a-log.jsh"))
        .contains("init    13386 us (line 4)")
        .contains("p90     Optional.empty");
  }

  private static String run(String script) throws Exception {
    Path output = Files.createTempFile("jshell", ".txt");
    Process process =
        new ProcessBuilder(
                List.of(
                    Path.of(System.getProperty("java.home"), "bin", "jshell").toString(),
                    "--class-path",
                    System.getProperty("java.class.path"),
                    "-R-Xmx768m",
                    SCRIPTS.resolve(script).toString()))
            .redirectErrorStream(true)
            .redirectOutput(output.toFile())
            .start();
    try {
      assertThat(process.waitFor(180, TimeUnit.SECONDS)).as("ended in time").isTrue();
      String text = Files.readString(output);
      assertThat(text).doesNotContain("|  Error").doesNotContain("|  Exception");
      assertThat(process.exitValue()).as(text).isZero();
      return text;
    } finally {
      process.destroyForcibly();
      Files.deleteIfExists(output);
    }
  }
}
