package io.jetfire.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.jetfire.JetFire;
import io.jetfire.Report;
import io.jetfire.adapter.mlmd.MlmdSqliteProvider;
import io.jetfire.spi.MetadataStore;
import io.jetfire.spi.MetadataStore.TypeName;
import io.jetfire.spi.MetadataStore.Value;
import io.jetfire.testkit.TestProviderContext;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The quickstart as a process of its own: without a network, and stopped by Ctrl-C. */
class QuickstartProcessTest {
  @TempDir Path folder;

  /** A reduced quickstart for a child process. */
  static final class Reduced {
    private Reduced() {}

    public static void main(String[] args) {
      try (JetFire jetfire = JetFire.builder().workDirectory(Path.of(args[0])).build()) {
        Report report = jetfire.run(Quickstart.experiment(new Quickstart.Size(8, 1, 2, 20, 2)));
        report.writeTo(Path.of(args[0], "report"));
        System.out.println("state " + report.state() + ", problems " + report.problems());
      }
    }
  }

  @Test
  void needsNoNetwork() throws Exception {
    assumeTrue(
        run(List.of("unshare", "-rn", "true"), 10).exitCode() == 0,
        "skipped: this machine does not let a process give up its network (unshare -rn)");
    List<String> command = new ArrayList<>(List.of("unshare", "-rn"));
    command.addAll(java(Reduced.class, folder.toString()));
    Ended ended = run(command, 180);
    assertThat(ended.output()).contains("state COMPLETED, problems []");
    assertThat(ended.exitCode()).isZero();
    assertThat(folder.resolve("report/report.html")).exists();
  }

  @Test
  void aStoppedRunLeavesAStoreThatOpens() throws Exception {
    Path output = folder.resolve("output.txt");
    Process process =
        new ProcessBuilder(java(Quickstart.class, folder.resolve("stopped").toString()))
            .redirectErrorStream(true)
            .redirectOutput(output.toFile())
            .start();
    try {
      waitFor(output, "epoch  1");
      // The JVM ends the same way on Ctrl-C (SIGINT), but that is ignored below a background job.
      process.destroy();
      assertThat(process.waitFor(60, TimeUnit.SECONDS)).as("ended in time").isTrue();
    } finally {
      process.destroyForcibly();
    }
    assertThat(output).content().contains("Cancelling run ");
    assertThat(folder.resolve("stopped/report/report.json"))
        .content()
        .contains("\"state\" : \"CANCELLED\"");
    try (MetadataStore store =
        new MlmdSqliteProvider().create(TestProviderContext.in(folder.resolve("stopped")))) {
      assertThat(store.contextsByType(TypeName.of("jetfire.Run")))
          .singleElement()
          .satisfies(c -> assertThat(c.value("state")).contains(Value.of("CANCELLED")));
    }
  }

  private static void waitFor(Path file, String text) throws Exception {
    Instant deadline = Instant.now().plus(Duration.ofMinutes(3));
    while (!Files.exists(file) || !Files.readString(file).contains(text)) {
      assertThat(Instant.now()).as("waiting for '%s'", text).isBefore(deadline);
      Thread.sleep(200);
    }
  }

  private static List<String> java(Class<?> main, String folder) {
    return List.of(
        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
        "-Xmx768m",
        "-Djava.awt.headless=true",
        "-classpath",
        System.getProperty("java.class.path"),
        main.getName(),
        folder);
  }

  private record Ended(int exitCode, String output) {}

  private Ended run(List<String> command, int seconds) throws Exception {
    Path output = Files.createTempFile(folder, "child", ".txt");
    Process process;
    try {
      process =
          new ProcessBuilder(command)
              .redirectErrorStream(true)
              .redirectOutput(output.toFile())
              .start();
    } catch (IOException e) {
      return new Ended(-1, e.toString());
    }
    try {
      assertThat(process.waitFor(seconds, TimeUnit.SECONDS)).as("ended in time").isTrue();
      return new Ended(process.exitValue(), Files.readString(output));
    } finally {
      process.destroyForcibly();
    }
  }
}
