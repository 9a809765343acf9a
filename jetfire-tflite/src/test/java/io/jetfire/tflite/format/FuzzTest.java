package io.jetfire.tflite.format;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import io.jetfire.UnsupportedModelException;
import io.jetfire.tflite.SharedData;
import io.jetfire.tflite.graph.Graph;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.slf4j.LoggerFactory;

/** Broken models must be refused with the declared exception or read; nothing else may happen. */
class FuzzTest {
  private static final WriteOptions ANY = WriteOptions.target(TargetRuntime.any());

  @Test
  void aThousandMutants() throws IOException {
    fuzz(1_400, 11);
  }

  @Test
  @Tag("proof")
  void tenThousandMutants() throws IOException {
    fuzz(10_000, 12);
  }

  private static void fuzz(int count, long seed) throws IOException {
    List<byte[]> models = new ArrayList<>();
    for (Path p : SharedData.models()) {
      if (Files.size(p) < 60_000) {
        models.add(Files.readAllBytes(p));
      }
    }
    Random random = new Random(seed);
    Map<Mutant, int[]> outcomes = new EnumMap<>(Mutant.class);
    for (int i = 0; i < count; i++) {
      Mutant kind = Mutant.values()[i % Mutant.values().length];
      byte[] mutant = kind.of(models.get(random.nextInt(models.size())), random);
      int outcome = assertTimeoutPreemptively(Duration.ofSeconds(10), () -> outcome(mutant));
      outcomes.computeIfAbsent(kind, k -> new int[3])[outcome]++;
    }
    outcomes.forEach(
        (k, n) ->
            LoggerFactory.getLogger(FuzzTest.class)
                .info(
                    "{}: {} not readable, {} refused by the check, {} pass", k, n[0], n[1], n[2]));
    assertThat(outcomes.getOrDefault(Mutant.TRUNCATED, new int[3])[0]).isGreaterThan(count / 8);
  }

  private static int outcome(byte[] mutant) {
    CheckReport report = ModelCheck.check(ByteBuffer.wrap(mutant));
    Graph graph;
    try {
      graph = TfliteReader.read(ByteBuffer.wrap(mutant));
    } catch (ModelFormatException e) {
      assertThat(report.isOk()).isFalse();
      assertThat(e.getMessage()).hasSizeLessThan(2000);
      return 0;
    }
    // What can be read can be written, unless something would be lost; and it stays the same.
    try {
      byte[] written = TfliteWriter.toBytes(graph, ANY);
      assertThat(TfliteWriter.toBytes(TfliteReader.read(ByteBuffer.wrap(written)), ANY))
          .isEqualTo(written);
    } catch (UnsupportedModelException e) {
      assertThat(graph.losses()).isNotEmpty();
    }
    return report.isOk() ? 2 : 1;
  }
}
