package io.jetfire.importer.onnx;

import static org.assertj.core.api.Assertions.assertThat;

import io.jetfire.UnsupportedModelException;
import io.jetfire.tflite.importer.ImportOptions;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Broken files end in a plain error or in a graph, whatever was changed in them. */
class HostileFileTest {
  private static final Path DATA = Path.of("/usr/share/libonnx-testdata/data/node");

  private static List<byte[]> seeds() throws IOException {
    Assumptions.assumeTrue(
        Files.isDirectory(DATA), "skipped: the package libonnx-testdata is not installed");
    List<byte[]> all = new ArrayList<>();
    try (Stream<Path> folders = Files.list(DATA)) {
      for (Path p : folders.sorted().toList()) {
        all.add(Files.readAllBytes(p.resolve("model.onnx")));
      }
    }
    return all;
  }

  private static void mutate(int mutants, long seed) throws IOException {
    List<byte[]> seeds = seeds();
    Random random = new Random(seed);
    int refused = 0;
    for (int i = 0; i < mutants; i++) {
      byte[] model = seeds.get(random.nextInt(seeds.size())).clone();
      switch (random.nextInt(4)) {
        case 0 -> model = Arrays.copyOf(model, random.nextInt(model.length));
        case 1 -> model[random.nextInt(model.length)] ^= (byte) (1 << random.nextInt(8));
        case 2 -> {
          for (int k = 0; k < 8; k++) {
            model[random.nextInt(model.length)] = (byte) random.nextInt(256);
          }
        }
        default -> {
          int at = random.nextInt(model.length);
          for (int k = at; k < Math.min(model.length, at + 9); k++) {
            model[k] = (byte) 0xff;
          }
        }
      }
      long start = cpuNanos();
      try {
        OnnxImporter.create()
            .read(
                ByteBuffer.wrap(model),
                ExternalData.none(),
                "mutant " + i,
                ImportOptions.defaults());
      } catch (UnsupportedModelException e) {
        refused++;
      } catch (RuntimeException | Error e) {
        throw new AssertionError("mutant " + i + " of seed " + seed + " ended in " + e, e);
      }
      assertThat(cpuNanos() - start).as("mutant %d", i).isLessThan(10_000_000_000L);
    }
    assertThat(refused).isGreaterThan(mutants / 4);
  }

  @Test
  void aThousandMutants() throws IOException {
    mutate(1000, 1);
  }

  @Test
  @Tag("proof")
  void tenThousandMutants() throws IOException {
    mutate(10_000, 2);
  }

  /** What this thread has computed, however busy the machine is otherwise. */
  private static long cpuNanos() {
    return ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime();
  }
}
