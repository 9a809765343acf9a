package io.jetfire.adapter.mlmd;

import static org.assertj.core.api.Assertions.assertThat;

import io.jetfire.spi.MetadataStore.Artifact;
import io.jetfire.spi.MetadataStore.Context;
import io.jetfire.spi.MetadataStore.Execution;
import io.jetfire.spi.MetadataStore.Recording;
import io.jetfire.spi.MetadataStore.Type;
import io.jetfire.spi.MetadataStore.TypeName;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.SQLException;
import java.time.Clock;
import java.time.Duration;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A JVM that is killed while it records leaves a store that opens, with whole steps only. */
class KilledWriterTest {
  private static final int OUTPUTS = 5;
  private static final TypeName STEP = TypeName.of("test.Step");

  @SuppressWarnings("NullAway.Init") // JUnit sets it.
  @TempDir
  Path folder;

  @Test
  void aKilledWriterLeavesWholeSteps() throws Exception {
    killAndCheck(3);
  }

  @Test
  @Tag("proof")
  void aWriterThatIsKilledOftenLeavesWholeSteps() throws Exception {
    killAndCheck(60);
  }

  private void killAndCheck(int rounds) throws IOException, InterruptedException, SQLException {
    Path file = folder.resolve("metadata.db");
    Random random = new Random(11);
    for (int round = 0; round < rounds; round++) {
      Path printed = folder.resolve("printed-" + round);
      Process writer =
          ChildJvm.start(Writer.class, List.of(), printed, file.toString(), String.valueOf(round));
      try {
        // First some steps, so that the kill falls into the writing; then at any moment.
        while (writer.isAlive() && stored(printed).size() < 3) {
          Thread.sleep(5);
        }
        Thread.sleep(random.nextInt(60));
      } finally {
        writer.destroyForcibly().waitFor();
      }
      List<Integer> stored = stored(printed);
      assertThat(stored).as(Files.readString(printed)).hasSizeGreaterThanOrEqualTo(3);
      check(file, stored.get(stored.size() - 1), round);
    }
  }

  /** What the writer printed after each step: the number of steps that are stored. */
  private static List<Integer> stored(Path printed) throws IOException {
    return Files.readAllLines(printed).stream()
        .filter(line -> line.matches("stored \\d+ steps"))
        .map(line -> Integer.valueOf(line.split(" ")[1]))
        .toList();
  }

  private static void check(Path file, int acknowledged, int round) throws SQLException {
    try (SqliteMetadataStore store = open(file)) {
      List<Execution> executions = store.executions();
      assertThat(executions).as("round %s", round).hasSizeGreaterThanOrEqualTo(acknowledged);
      assertThat(store.artifacts()).hasSize(executions.size() * OUTPUTS);
      Context run = store.context(TypeName.of("test.Run"), "run").orElseThrow();
      assertThat(store.executionsByContext(run.storedId())).hasSameSizeAs(executions);
      for (Execution execution : executions) {
        assertThat(store.eventsByExecution(execution.storedId())).hasSize(OUTPUTS);
      }
      assertThat(store.database().query("PRAGMA integrity_check", row -> row.getString(1)))
          .containsExactly("ok");
    }
  }

  static SqliteMetadataStore open(Path file) {
    return SqliteMetadataStore.open(file, Clock.systemUTC(), Duration.ofSeconds(5));
  }

  /** Records steps until it is killed. */
  static final class Writer {
    private Writer() {}

    /** Runs with the file and a number that makes names new. */
    public static void main(String[] arguments) {
      PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
      SqliteMetadataStore store = open(Path.of(arguments[0]));
      store.putTypes(
          List.of(
              Type.artifact("test.Data").build(),
              Type.execution("test.Step").build(),
              Type.context("test.Run").build()));
      for (int i = 0; ; i++) {
        Recording.Builder recording =
            Recording.of(Execution.builder(STEP).name(arguments[1] + "-" + i).build())
                .context(Context.builder("test.Run", "run").build());
        for (int output = 0; output < OUTPUTS; output++) {
          recording.output(
              Artifact.builder("test.Data").customProperty("text", "x".repeat(3000)).build(),
              "out" + output);
        }
        store.record(recording.build());
        out.println("stored " + store.executions().size() + " steps");
      }
    }
  }
}
