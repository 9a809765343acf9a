package io.jetfire;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class DatasetTest {
  private static final List<String> LABELS = List.of("cat", "dog");

  private static Sample sample(String id, int value, Target target) {
    return Sample.of(id, Tensor.ofInts(new int[] {value}, 1), target);
  }

  private static String fingerprint(List<String> labels, Sample... samples) {
    return Dataset.of("d", labels, List.of(samples)).fingerprint();
  }

  @Test
  void everyPartOfTheContentChangesTheFingerprint() {
    Map<String, Tensor> two = new LinkedHashMap<>();
    two.put("a", Tensor.ofInts(new int[] {7}, 1));
    two.put("b", Tensor.ofInts(new int[] {7}, 1));
    Box box = new Box(0, 0, 1, 1);
    Set<String> different = new LinkedHashSet<>();
    List<String> all =
        List.of(
            fingerprint(LABELS, sample("s", 7, Target.label(0))),
            fingerprint(List.of("dog", "cat"), sample("s", 7, Target.label(0))),
            fingerprint(LABELS, sample("t", 7, Target.label(0))),
            fingerprint(LABELS, sample("s", 8, Target.label(0))),
            fingerprint(LABELS, sample("s", 7, Target.label(1))),
            fingerprint(LABELS, sample("s", 7, Target.none())),
            fingerprint(LABELS, sample("s", 7, Target.label(0)).forSignature("first")),
            fingerprint(LABELS, sample("s", 7, Target.label(0)).forSignature("second")),
            fingerprint(LABELS, sample("s", 7, Target.boxes(List.of()))),
            fingerprint(LABELS, sample("s", 7, Target.boxes(List.of(new LabeledBox(0, box))))),
            fingerprint(LABELS, sample("s", 7, Target.boxes(List.of(new LabeledBox(1, box))))),
            fingerprint(
                LABELS, sample("s", 7, new Target.Values(Tensor.ofFloats(new float[] {1}, 1)))),
            fingerprint(
                LABELS, sample("s", 7, new Target.Values(Tensor.ofFloats(new float[] {2}, 1)))),
            fingerprint(LABELS, sample("s", 7, Target.label(0)).inGroup("g")),
            fingerprint(
                LABELS, Sample.of("s", Tensor.ofInts(new int[] {7}, 1, 1), Target.label(0))),
            fingerprint(
                LABELS, Sample.of("s", Tensor.ofFloats(new float[] {7}, 1), Target.label(0))),
            fingerprint(LABELS, Sample.of("s", two, Target.label(0))),
            fingerprint(LABELS, sample("s", 7, Target.label(0)), sample("t", 7, Target.label(0))),
            fingerprint(LABELS, sample("t", 7, Target.label(0)), sample("s", 7, Target.label(0))),
            fingerprint(LABELS));
    different.addAll(all);
    assertThat(different).hasSameSizeAs(all).allMatch(f -> f.matches("sha256:[0-9a-f]{64}"));
    assertThat(fingerprint(LABELS, sample("s", 7, Target.label(0)))).isEqualTo(all.get(0));
  }

  @Test
  void nameIsNotPartOfTheContent() {
    List<Sample> samples = List.of(sample("s", 1, Target.label(0)));
    assertThat(Dataset.of("a", LABELS, samples).fingerprint())
        .isEqualTo(Dataset.of("b", LABELS, samples).fingerprint());
    assertThat(Dataset.hashed("c", LABELS, samples::stream).fingerprint())
        .as("read from a stream or held in memory")
        .isEqualTo(Dataset.of("a", LABELS, samples).fingerprint());
  }

  @Test
  void hashedReadsOnceForTheFingerprintAndClosesTheStream() {
    AtomicInteger opened = new AtomicInteger();
    AtomicInteger closed = new AtomicInteger();
    Dataset dataset =
        Dataset.hashed(
            "d",
            LABELS,
            () -> {
              opened.incrementAndGet();
              return Stream.of(sample("s", 1, Target.label(0))).onClose(closed::incrementAndGet);
            });
    assertThat(opened).hasValue(0);
    assertThat(dataset.fingerprint()).isEqualTo(dataset.fingerprint());
    assertThat(opened).hasValue(1);
    assertThat(closed).hasValue(1);
    assertThat(dataset.size()).isEmpty();
  }

  @Test
  void streamingIsNotReadForItsFingerprint() {
    AtomicBoolean read = new AtomicBoolean();
    Dataset dataset =
        Dataset.streaming(
            "d",
            "v3",
            LABELS,
            () -> {
              read.set(true);
              return IntStream.range(0, 1_000_000).mapToObj(i -> sample("s" + i, i, Target.none()));
            });
    assertThat(dataset.fingerprint()).contains("v3");
    assertThat(read).isFalse();
    try (Stream<Sample> samples = dataset.limit(3).samples()) {
      assertThat(samples.map(Sample::id)).containsExactly("s0", "s1", "s2");
    }
  }

  @Test
  void limitChangesNameFingerprintAndSize() {
    Dataset whole =
        Dataset.of(
            "d", LABELS, List.of(sample("s", 1, Target.none()), sample("t", 2, Target.none())));
    Dataset one = whole.limit(1);
    assertThat(one.name()).isEqualTo("d[0..1)");
    assertThat(one.size()).hasValue(1);
    assertThat(whole.limit(9).size()).hasValue(2);
    assertThat(one.fingerprint()).isNotEqualTo(whole.fingerprint());
    assertThat(one.labels()).isEqualTo(LABELS);
    assertThatThrownBy(() -> whole.limit(0))
        .isInstanceOf(ConfigurationException.class)
        .hasMessageContaining("at least 1");
  }

  @Test
  void namesAndVersionsAreNotBlank() {
    assertThatThrownBy(() -> Dataset.of(" ", LABELS, List.of()))
        .isInstanceOf(ConfigurationException.class);
    assertThatThrownBy(() -> Dataset.streaming("d", " ", LABELS, Stream::empty))
        .isInstanceOf(ConfigurationException.class)
        .hasMessageContaining("version");
    assertThatThrownBy(() -> Sample.of("", Tensor.ofInts(new int[1], 1), Target.none()))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> Sample.of("s", Map.of(), Target.none()))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("no input");
    assertThatThrownBy(() -> Target.label(-1)).isInstanceOf(IllegalArgumentException.class);
  }
}
