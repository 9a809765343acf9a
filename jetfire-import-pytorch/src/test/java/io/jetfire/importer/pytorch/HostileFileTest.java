package io.jetfire.importer.pytorch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.jetfire.UnsupportedModelException;
import io.jetfire.tflite.importer.ImportOptions;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Broken files end in a plain error or in a graph, whatever was changed in them. */
class HostileFileTest {
  private static final String F = "\"as_float\":";

  private static ProgramFile network() {
    String image = ProgramFile.ints(1, 2, 5, 5);
    return new ProgramFile()
        .input("x", Types.FLOAT, image)
        .parameter(
            "w", "weight_0", new int[] {3, 2, 1, 1}, new int[] {2, 1, 1, 1}, 0, 1, 2, 3, 4, 5, 6)
        .parameter("v", "weight_1", new int[] {2, 3}, new int[] {3, 1}, 0, 6, 5, 4, 3, 2, 1)
        .call(
            "torch.ops.aten.conv2d.default",
            "conv",
            Types.FLOAT,
            ProgramFile.ints(1, 3, 3, 3),
            ProgramFile.tensor("input", "x"),
            ProgramFile.tensor("weight", "p_w"),
            ProgramFile.argument("stride", "\"as_ints\":[2,2]"))
        .call(
            "torch.ops.aten.hardtanh.default",
            "act",
            Types.FLOAT,
            ProgramFile.ints(1, 3, 3, 3),
            ProgramFile.tensor("self", "conv"),
            ProgramFile.argument("min_val", F + "0.0"),
            ProgramFile.argument("max_val", F + "6.0"))
        .call(
            "torch.ops.aten.mean.dim",
            "mean",
            Types.FLOAT,
            ProgramFile.ints(1, 3),
            ProgramFile.tensor("self", "act"),
            ProgramFile.argument("dim", "\"as_ints\":[2,3]"))
        .call(
            "torch.ops.aten.linear.default",
            "linear",
            Types.FLOAT,
            ProgramFile.ints(1, 2),
            ProgramFile.tensor("input", "mean"),
            ProgramFile.tensor("weight", "p_v"))
        .output("linear");
  }

  private static List<byte[]> seeds() {
    List<byte[]> seeds = new ArrayList<>();
    seeds.add(network().archive(false).array());
    seeds.add(network().archive(true).array());
    seeds.add(old().array());
    return seeds;
  }

  private static ByteBuffer old() {
    return new ProgramFile()
        .input("x", Types.FLOAT, ProgramFile.ints(1, 3))
        .parameter("v", "unused", new int[] {2, 3}, new int[] {3, 1}, 0)
        .call(
            "torch.ops.aten.linear.default",
            "linear",
            Types.FLOAT,
            ProgramFile.ints(1, 2),
            ProgramFile.tensor("input", "x"),
            ProgramFile.tensor("weight", "p_v"))
        .output("linear")
        .oldArchive(ProgramFile.savedState("v", 1, 2, 3, 4, 5, 6));
  }

  private static byte[] mutant(byte[] seed, Random random) {
    byte[] file = seed.clone();
    switch (random.nextInt(6)) {
      case 0 -> file = Arrays.copyOf(file, random.nextInt(file.length));
      case 1 -> file[random.nextInt(file.length)] ^= (byte) (1 << random.nextInt(8));
      case 2 -> {
        for (int k = 0; k < 8; k++) {
          file[random.nextInt(file.length)] = (byte) random.nextInt(256);
        }
      }
      case 3 -> {
        int at = random.nextInt(file.length);
        for (int k = at; k < Math.min(file.length, at + 9); k++) {
          file[k] = (byte) 0xff;
        }
      }
      case 4 -> swapDigits(file, random);
      default -> {
        int from = random.nextInt(file.length);
        int to = random.nextInt(file.length);
        int n = Math.min(random.nextInt(40), file.length - Math.max(from, to));
        System.arraycopy(file, from, file, to, n);
      }
    }
    return file;
  }

  /** Changes numbers in the text, so that it stays JSON and says something else. */
  private static void swapDigits(byte[] file, Random random) {
    for (int k = 0; k < 200; k++) {
      int at = random.nextInt(file.length);
      if (file[at] >= '0' && file[at] <= '9') {
        file[at] = (byte) ('0' + random.nextInt(10));
      }
    }
  }

  /** Time that this thread has computed, whatever else the machine does. */
  private static long cpuNanos() {
    return ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime();
  }

  private static void mutate(int mutants, long seed) {
    List<byte[]> seeds = seeds();
    Random random = new Random(seed);
    int refused = 0;
    for (int i = 0; i < mutants; i++) {
      byte[] file = mutant(seeds.get(random.nextInt(seeds.size())), random);
      long start = cpuNanos();
      try {
        new PytorchImporter().read(ByteBuffer.wrap(file), "mutant", ImportOptions.defaults());
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
  void fiveHundredMutants() {
    mutate(500, 1);
  }

  @Test
  @Tag("proof")
  void tenThousandMutants() {
    mutate(10_000, 2);
  }

  @Test
  void aPickleThatCallsSomethingElseIsRefused() {
    Map<String, byte[]> state = new LinkedHashMap<>();
    state.put("archive/data.pkl", ProgramFile.statePickle("v", "os\nsystem\n"));
    state.put("archive/data/0", new byte[24]);
    ByteBuffer file = network().oldArchive(ProgramFile.zip(state, false));
    assertThatThrownBy(() -> read(file))
        .isInstanceOf(UnsupportedModelException.class)
        .hasMessageContaining("os.system")
        .hasMessageContaining("nothing is executed");
  }

  @Test
  void aZipBombIsRefused() {
    Map<String, byte[]> entries = new LinkedHashMap<>();
    entries.put("net/models/model.json", new byte[70 << 20]);
    ByteBuffer file = ByteBuffer.wrap(ProgramFile.zip(entries, true));
    assertThat(file.remaining()).isLessThan(100_000);
    assertThatThrownBy(() -> read(file))
        .isInstanceOf(UnsupportedModelException.class)
        .hasMessageContaining("73400320 bytes");
  }

  @Test
  void deepTextIsRefused() {
    Map<String, byte[]> entries = new LinkedHashMap<>();
    entries.put("net/models/model.json", "[".repeat(100_000).getBytes(StandardCharsets.UTF_8));
    ByteBuffer file = ByteBuffer.wrap(ProgramFile.zip(entries, true));
    assertThatThrownBy(() -> read(file))
        .isInstanceOf(UnsupportedModelException.class)
        .hasMessageContaining("not JSON");
  }

  @Test
  void aViewBeyondItsStorageIsRefused() {
    ByteBuffer file =
        new ProgramFile()
            .parameter("v", "weight_0", new int[] {2, 3}, new int[] {3, 1}, 1, 1, 2, 3, 4, 5, 6)
            .input("x", Types.FLOAT, ProgramFile.ints(2, 3))
            .call(
                "torch.ops.aten.add.Tensor",
                "add",
                Types.FLOAT,
                ProgramFile.ints(2, 3),
                ProgramFile.tensor("self", "x"),
                ProgramFile.tensor("other", "p_v"))
            .output("add")
            .archive(false);
    assertThatThrownBy(() -> read(file))
        .isInstanceOf(UnsupportedModelException.class)
        .hasMessageContaining("reaches beyond its storage");
  }

  private static void read(ByteBuffer file) {
    new PytorchImporter().read(file, "net.pt2", ImportOptions.defaults());
  }
}
