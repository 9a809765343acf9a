package io.jetfire.runtime;

import static org.assertj.core.api.Assertions.assertThat;

import io.jetfire.Delegate;
import io.jetfire.JetFireException;
import io.jetfire.Model;
import io.jetfire.Tensor;
import io.jetfire.TensorSpec;
import io.jetfire.runtime.internal.TfliteRuntime;
import io.jetfire.spi.ModelRuntime.Options;
import io.jetfire.spi.ModelRuntime.Session;
import io.jetfire.testkit.TestProviderContext;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Broken models on the path for files from outside: nothing may take this JVM down, hang it, or
 * leave workers that give wrong numbers.
 */
@SuppressWarnings("NullAway.Init") // JUnit fills the folder.
final class FuzzTest {
  private static final Logger LOG = LoggerFactory.getLogger(FuzzTest.class);

  private enum Kind {
    TRUNCATED,
    RANDOM_BYTES,
    BIT_FLIP,
    HEAD_BYTES,
    HOSTILE_OFFSET,
    ZERO_DIMENSION,
    HUGE_DIMENSION,
    CYCLE,
    WRONG_OPTION,
    WRONG_INDEX
  }

  private enum Outcome {
    REFUSED_BY_CHECK,
    CLEAN_ERROR,
    WORKER_DIED,
    TOO_MUCH_MEMORY,
    TIMED_OUT,
    RAN
  }

  @TempDir private Path folder;

  private long longestNanos;
  private long confirmed;

  @Test
  void aFewBrokenModels() throws IOException {
    fuzz(150, 1);
  }

  @Test
  @Tag("proof")
  void tenThousandBrokenModels() throws IOException {
    fuzz(Integer.getInteger("jetfire.fuzz.count", 10_000), 2);
  }

  private void fuzz(int count, long seed) throws IOException {
    Map<Kind, Map<Outcome, Integer>> table = new EnumMap<>(Kind.class);
    List<byte[]> seeds = seeds();
    Path good = TestModel.classifier().write(folder.resolve("good.tflite"));
    Tensor image = Tensor.ofFloats(TestModel.noise(8 * 8 * 3, 9), 1, 8, 8, 3);
    try (TfliteRuntime runtime = TfliteRuntime.create(TestProviderContext.in(folder))) {
      Model sane = Model.of(good);
      Map<Delegate, List<Tensor>> expected = new java.util.HashMap<>();
      for (Delegate delegate : List.of(Delegate.CPU, Delegate.XNNPACK)) {
        try (Session session = runtime.open(sane, Options.defaults().delegate(delegate))) {
          expected.put(delegate, session.run(List.of(image)));
        }
      }
      Path file = folder.resolve("mutant.tflite");
      for (int i = 0; i < count; i++) {
        Kind kind = Kind.values()[i % Kind.values().length];
        Random random = new Random(seed * 1_000_003 + i);
        Files.write(file, mutant(kind, seeds, random));
        Delegate delegate = random.nextBoolean() ? Delegate.XNNPACK : Delegate.CPU;
        Options options = Options.defaults().delegate(delegate);
        long start = System.nanoTime();
        Outcome outcome = run(runtime, Model.of(file, "tflite"), options);
        longestNanos = Math.max(longestNanos, System.nanoTime() - start);
        table
            .computeIfAbsent(kind, k -> new EnumMap<>(Outcome.class))
            .merge(outcome, 1, Integer::sum);
        if (outcome == Outcome.RAN || outcome == Outcome.CLEAN_ERROR) {
          // What a model that was accepted leaves behind must not reach the next one.
          try (Session session = runtime.open(sane, options)) {
            assertThat(session.run(List.of(image))).isEqualTo(expected.get(delegate));
            confirmed++;
          }
        }
      }
      report(table, count, runtime.peakWorkerBytes());
      assertThat(Duration.ofNanos(longestNanos)).isLessThan(Duration.ofSeconds(15));
      assertThat(runtime.peakWorkerBytes()).isLessThan(2_000_000_000L);
    }
    assertThat(table.values().stream().flatMap(m -> m.values().stream()).mapToInt(n -> n).sum())
        .isEqualTo(count);
    // The check alone has to stop what is plainly broken.
    assertThat(table.get(Kind.TRUNCATED)).containsOnlyKeys(Outcome.REFUSED_BY_CHECK);
    assertThat(table.get(Kind.CYCLE)).doesNotContainKey(Outcome.WORKER_DIED);
  }

  private void report(Map<Kind, Map<Outcome, Integer>> table, int count, long peakBytes) {
    StringBuilder text = new StringBuilder(String.format("%n%-16s", "mutation"));
    for (Outcome outcome : Outcome.values()) {
      text.append(String.format("%18s", outcome));
    }
    int refused = 0;
    for (Map.Entry<Kind, Map<Outcome, Integer>> row : table.entrySet()) {
      text.append(String.format("%n%-16s", row.getKey()));
      for (Outcome outcome : Outcome.values()) {
        text.append(String.format("%18d", row.getValue().getOrDefault(outcome, 0)));
      }
      refused += row.getValue().getOrDefault(Outcome.REFUSED_BY_CHECK, 0);
    }
    LOG.info(
        "{}\n"
            + "{} models, refused by the check alone {} %, longest {} ms, most memory of a worker"
            + " {} MB, good model right after {}",
        text, count, 100.0 * refused / count, longestNanos / 1_000_000, peakBytes >> 20, confirmed);
  }

  private static Outcome run(TfliteRuntime runtime, Model model, Options options) {
    try (Session session = runtime.open(model, options)) {
      Random random = new Random(1);
      for (int i = 0; i < session.inputs().size(); i++) {
        session.input(i, input(session.inputs().get(i), random));
      }
      session.invoke();
      for (int i = 0; i < session.outputs().size(); i++) {
        session.output(i);
      }
      return Outcome.RAN;
    } catch (JetFireException | IllegalArgumentException e) {
      String message = String.valueOf(e.getMessage());
      if (message.contains("was refused before it was executed")) {
        return Outcome.REFUSED_BY_CHECK;
      }
      if (message.contains("MB of memory where")) {
        return Outcome.TOO_MUCH_MEMORY;
      }
      if (message.contains("took longer than")) {
        return Outcome.TIMED_OUT;
      }
      if (message.contains("worker process died") || message.contains("answered nonsense")) {
        return Outcome.WORKER_DIED;
      }
      return Outcome.CLEAN_ERROR;
    }
  }

  private static Tensor input(TensorSpec spec, Random random) {
    int[] shape = spec.shape();
    long elements = 1;
    for (int i = 0; i < shape.length; i++) {
      shape[i] = Math.abs(shape[i]);
      elements = elements * shape[i];
      if (elements > 1 << 24) {
        throw new IllegalArgumentException("too large to feed");
      }
    }
    byte[] bytes = new byte[(int) elements * spec.type().bytes()];
    if (spec.type().isFloat()) {
      ByteBuffer floats = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
      if (spec.type().bytes() == 4) {
        while (floats.hasRemaining()) {
          floats.putFloat(random.nextFloat());
        }
      }
    } else if (spec.type().bytes() == 1) {
      random.nextBytes(bytes);
    }
    return Tensor.of(spec.type(), ByteBuffer.wrap(bytes), shape);
  }

  private static List<byte[]> seeds() throws IOException {
    List<byte[]> seeds = new ArrayList<>();
    seeds.add(TestModel.classifier().bytes());
    seeds.add(TestModel.doubling().bytes());
    String shared = System.getenv("JETFIRE_SHARED_DATA");
    Path data = shared == null ? Path.of("..", "..", "shared", "data") : Path.of(shared);
    Path models = data.resolve("models").resolve("quantizer");
    if (Files.isDirectory(models)) {
      try (Stream<Path> files = Files.list(models)) {
        for (Path file :
            (Iterable<Path>)
                files.filter(f -> f.toString().endsWith(".tflite")).sorted()::iterator) {
          if (Files.size(file) < 50_000) {
            seeds.add(Files.readAllBytes(file));
          }
        }
      }
    }
    return seeds;
  }

  private static byte[] mutant(Kind kind, List<byte[]> seeds, Random random) {
    byte[] bytes = seeds.get(random.nextInt(seeds.size())).clone();
    int head = Math.min(bytes.length, 2048);
    switch (kind) {
      case TRUNCATED -> {
        return Arrays.copyOf(bytes, random.nextInt(bytes.length * 9 / 10));
      }
      case RANDOM_BYTES -> {
        byte[] noise = new byte[1 + random.nextInt(4000)];
        random.nextBytes(noise);
        if (noise.length > 8 && random.nextBoolean()) {
          System.arraycopy(bytes, 0, noise, 0, 8);
        }
        return noise;
      }
      case BIT_FLIP -> bytes[random.nextInt(bytes.length)] ^= (byte) (1 << random.nextInt(8));
      case HEAD_BYTES -> {
        for (int i = 0; i <= random.nextInt(3); i++) {
          bytes[random.nextInt(head)] = (byte) random.nextInt(256);
        }
      }
      case HOSTILE_OFFSET -> {
        int[] values = {0, 1, -1, 4, 0x7fffffff, 0x80000000, 0x7ffffff0, random.nextInt()};
        ByteBuffer.wrap(bytes)
            .order(ByteOrder.LITTLE_ENDIAN)
            .putInt(random.nextInt(head / 4 - 1) * 4, values[random.nextInt(values.length)]);
      }
      default -> {
        return semantic(kind, random);
      }
    }
    return bytes;
  }

  /** A well-formed file that says something impossible. */
  private static byte[] semantic(Kind kind, Random random) {
    TestModel model = TestModel.create();
    int hit = random.nextInt(12);
    int[] d = new int[12];
    int[] usual = {1, 8, 8, 3, 4, 3, 3, 3, 4, 5, 256, 5};
    for (int i = 0; i < d.length; i++) {
      boolean changed = i == hit || random.nextInt(10) == 0;
      d[i] =
          !changed
              ? usual[i]
              : switch (kind) {
                case ZERO_DIMENSION -> random.nextInt(4) == 0 ? -1 : 0;
                case HUGE_DIMENSION -> 1 << (12 + random.nextInt(19));
                default -> usual[i];
              };
    }
    int x = model.tensor("image", TestModel.FLOAT32, d[0], d[1], d[2], d[3]);
    int w = model.constant("w", TestModel.noise(108, 1), d[4], d[5], d[6], d[7]);
    int b = model.constant("b", TestModel.noise(4, 2), d[8]);
    int c = model.tensor("features", TestModel.FLOAT32, d[0], d[1], d[2], d[4]);
    int fw = model.constant("fw", TestModel.noise(1280, 3), d[9], d[10]);
    int fb = model.constant("fb", TestModel.noise(5, 4), d[11]);
    int logits = model.tensor("logits", TestModel.FLOAT32, 1, d[9]);
    int y = model.tensor("scores", TestModel.FLOAT32, 1, d[9]);
    int[] t = {x, w, b, c, fw, fb, logits, y};
    int padding = 0;
    int stride = 1;
    if (kind == Kind.WRONG_OPTION) {
      padding = random.nextBoolean() ? random.nextInt(256) - 128 : 0;
      stride = padding == 0 || random.nextBoolean() ? random.nextInt(7) - 4 : 1;
    } else if (kind == Kind.WRONG_INDEX) {
      int[] wrong = {-1, -2, 8, 1000, Integer.MAX_VALUE, random.nextInt()};
      t[random.nextInt(t.length)] = wrong[random.nextInt(wrong.length)];
    } else if (kind == Kind.CYCLE) {
      int later = random.nextInt(3);
      if (later == 0) {
        t[0] = logits;
      } else if (later == 1) {
        t[3] = y;
      } else {
        t[6] = c;
      }
    }
    int convIn = kind == Kind.CYCLE && t[0] != x ? logits : t[0];
    model.conv(convIn, t[1], t[2], t[3], padding, stride);
    if (kind == Kind.CYCLE && random.nextBoolean()) {
      model.softmax(y, logits);
    }
    model.fullyConnected(t[3], t[4], t[5], t[6]);
    if (kind == Kind.WRONG_OPTION && random.nextInt(3) == 0) {
      model.operator(
          TestModel.SOFTMAX,
          new int[] {logits},
          new int[] {y},
          1 + random.nextInt(120),
          f -> {
            f.startTable(1);
            f.addFloat(0, random.nextFloat(), 0);
            return f.endTable();
          });
    } else {
      model.softmax(t[6], t[7]);
    }
    return model.inputs(x).outputs(y).bytes();
  }
}
