package io.jetfire.importer.tensorflow;

import static org.assertj.core.api.Assertions.assertThat;

import io.jetfire.JetFireException;
import io.jetfire.tflite.importer.ImportOptions;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Broken files of every format end in a plain error or in a graph, whatever was changed. */
@SuppressWarnings("NullAway.Init") // JUnit fills the folder.
class HostileFileTest {
  @TempDir Path folder;

  /** One format: intact bytes, and what reads them. */
  private record Target(String name, byte[] intact, Reading reading) {}

  private interface Reading {
    void read(byte[] bytes) throws IOException;
  }

  private List<Target> targets() throws IOException {
    List<Target> all = new ArrayList<>();
    Path saved =
        SavedModelImporterTest.denseVariables(true)
            .write(folder.resolve("net"), SavedModelImporterTest.denseModel());
    for (String file :
        new String[] {
          "saved_model.pb", "variables/variables.index", "variables/variables.data-00000-of-00002"
        }) {
      Path path = saved.resolve(file);
      byte[] intact = Files.readAllBytes(path);
      all.add(
          new Target(
              file,
              intact,
              bytes -> {
                Files.write(path, bytes);
                try {
                  SavedModelImporter.create().read(saved, ImportOptions.defaults());
                } finally {
                  Files.write(path, intact);
                }
              }));
    }
    byte[] frozen =
        TfBytes.graph(
                TfBytes.placeholder("x", Types.FLOAT, 1, 6, 6, 2),
                TfBytes.constant("w", new float[3 * 3 * 2 * 4], 3, 3, 2, 4),
                TfBytes.node("conv", "Conv2D", "x", "w")
                    .ints("strides", 1, 1, 1, 1)
                    .string("padding", "SAME"),
                TfBytes.node("pool", "MaxPool", "conv")
                    .ints("ksize", 1, 2, 2, 1)
                    .ints("strides", 1, 2, 2, 1)
                    .string("padding", "VALID"),
                TfBytes.constant("shape", 1, -1),
                TfBytes.node("flat", "Reshape", "pool", "shape"),
                TfBytes.constant("begin", 0, 1),
                TfBytes.constant("size", 1, 5),
                TfBytes.node("part", "Slice", "flat", "begin", "size"),
                TfBytes.scalar("axis", 1),
                TfBytes.node("mean", "Mean", "part", "axis").flag("keep_dims", true))
            .toBytes();
    all.add(
        new Target(
            "frozen.pb",
            frozen,
            b ->
                FrozenGraphImporter.create()
                    .read(ByteBuffer.wrap(b), "frozen.pb", ImportOptions.defaults())));
    Map<String, Object> arrays = new LinkedHashMap<>();
    arrays.put("layers/conv2d/vars/0", new float[3][3][1][4]);
    arrays.put("layers/conv2d/vars/1", new float[4]);
    arrays.put("layers/lstm/cell/vars/0", new float[9][8]);
    arrays.put("layers/lstm/cell/vars/1", new float[2][8]);
    arrays.put("layers/lstm/cell/vars/2", new float[8]);
    byte[] hdf5 = KerasBytes.hdf5(folder, arrays, Map.of());
    String config =
        KerasBytes.sequential(
            KerasBytes.input("in", "[null, 5, 5, 1]"),
            KerasBytes.layer(
                "Conv2D",
                "c",
                "\"kernel_size\": [3, 3], \"strides\": [1, 1], \"padding\": \"valid\","
                    + " \"dilation_rate\": [1, 1], \"activation\": \"swish\""),
            KerasBytes.layer("Reshape", "r", "\"target_shape\": [4, 9]"),
            KerasBytes.layer("LSTM", "l", "\"units\": 2, \"return_sequences\": true"),
            KerasBytes.layer("Flatten", "f", ""));
    all.add(new Target("weights.h5", hdf5, b -> keras(KerasBytes.keras(config, b))));
    all.add(
        new Target(
            "config.json",
            config.getBytes(StandardCharsets.UTF_8),
            b -> keras(KerasBytes.keras(new String(b, StandardCharsets.ISO_8859_1), hdf5))));
    all.add(new Target("net.keras", KerasBytes.keras(config, hdf5), HostileFileTest::keras));
    Map<String, Object> old = new LinkedHashMap<>();
    old.put("model_weights/d/d/kernel:0", new float[2][2]);
    old.put("model_weights/d/d/bias:0", new float[2]);
    byte[] h5 =
        KerasBytes.hdf5(
            folder,
            old,
            Map.of(
                "model_config",
                KerasBytes.sequential(
                    KerasBytes.input("in", "[null, 2]"),
                    KerasBytes.layer("Dense", "d", "\"units\": 2")),
                "keras_version",
                "2.4.0"));
    all.add(new Target("net.h5", h5, HostileFileTest::keras));
    return all;
  }

  private static void keras(byte[] bytes) {
    KerasImporter.create().read(KerasFile.read(bytes), "mutant", ImportOptions.defaults());
  }

  private static byte[] mutant(byte[] intact, Random random) {
    byte[] b = intact.clone();
    switch (random.nextInt(6)) {
      case 0 -> b = Arrays.copyOf(b, random.nextInt(b.length));
      case 1 -> b[random.nextInt(b.length)] ^= (byte) (1 << random.nextInt(8));
      case 2 -> {
        for (int k = 0; k < 8; k++) {
          b[random.nextInt(b.length)] = (byte) random.nextInt(256);
        }
      }
      case 3 -> {
        int at = random.nextInt(b.length);
        Arrays.fill(b, at, Math.min(b.length, at + 1 + random.nextInt(8)), (byte) 0xff);
      }
      case 4 -> {
        int at = random.nextInt(b.length);
        Arrays.fill(b, at, Math.min(b.length, at + 1 + random.nextInt(8)), (byte) 0);
      }
      default -> {
        int n = 1 + random.nextInt(Math.min(64, b.length));
        System.arraycopy(
            intact, random.nextInt(b.length - n + 1), b, random.nextInt(b.length - n + 1), n);
      }
    }
    return b;
  }

  private void mutate(int mutants, long seed) throws IOException {
    List<Target> targets = targets();
    for (Target t : targets) {
      t.reading.read(t.intact);
    }
    Random random = new Random(seed);
    int refused = 0;
    for (int i = 0; i < mutants; i++) {
      Target t = targets.get(i % targets.size());
      byte[] mutant = mutant(t.intact, random);
      long start = cpuNanos();
      try {
        t.reading.read(mutant);
      } catch (JetFireException e) {
        refused++;
      } catch (RuntimeException | Error e) {
        throw new AssertionError(
            "mutant " + i + " of " + t.name + ", seed " + seed + ", ended in " + e, e);
      }
      assertThat(cpuNanos() - start).as("mutant %d of %s", i, t.name).isLessThan(10_000_000_000L);
    }
    assertThat(refused).isGreaterThan(mutants / 4);
  }

  @Test
  void someHundredMutants() throws IOException {
    mutate(600, 1);
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
