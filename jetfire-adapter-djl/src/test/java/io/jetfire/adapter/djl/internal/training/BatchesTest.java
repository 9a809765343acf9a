package io.jetfire.adapter.djl.internal.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.jetfire.DataException;
import io.jetfire.Dataset;
import io.jetfire.Sample;
import io.jetfire.Target;
import io.jetfire.Tensor;
import io.jetfire.TensorSpec;
import io.jetfire.TensorType;
import io.jetfire.adapter.djl.DjlTraining;
import io.jetfire.adapter.djl.Toys;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class BatchesTest {
  private static final List<TensorSpec> SPECS =
      List.of(TensorSpec.of("input", TensorType.FLOAT32, 1, 1));

  /** A stream of numbered samples, not held in memory. */
  private static Dataset numbers(int count) {
    return Dataset.streaming(
        "numbers", "1", List.of(), () -> IntStream.range(0, count).mapToObj(BatchesTest::sample));
  }

  private static Sample sample(int number) {
    return Sample.of("s" + number, Tensor.ofFloats(new float[] {number}, 1), Target.label(0));
  }

  private static DjlTraining.Builder training(Dataset dataset) {
    return DjlTraining.of("numbers-v1", Toys::network).dataset(dataset).batchSize(8).seed(3);
  }

  private static List<String> ids(DjlTraining training, boolean learning, int pass) {
    List<String> ids = new ArrayList<>();
    try (Batches batches = new Batches(training, training.dataset(), SPECS, learning, pass)) {
      while (batches.hasNext()) {
        Batch batch = batches.next();
        for (int i = 0; i < batch.samples().size(); i++) {
          float value = batch.inputs().get(0).order(ByteOrder.nativeOrder()).getFloat(4 * i);
          assertThat(batch.samples().get(i).id()).isEqualTo("s" + (int) value);
          ids.add(batch.samples().get(i).id());
        }
      }
    }
    return ids;
  }

  @Test
  void everySampleComesOnceInAnOrderThatTheSeedAndPassDecide() {
    DjlTraining training = training(numbers(100)).shuffleBuffer(30).build();
    List<String> all = IntStream.range(0, 100).mapToObj(i -> "s" + i).toList();
    List<String> first = ids(training, true, 1);

    assertThat(first).containsExactlyInAnyOrderElementsOf(all).isNotEqualTo(all);
    assertThat(ids(training, true, 1)).isEqualTo(first);
    assertThat(ids(training, true, 2)).isNotEqualTo(first);
    assertThat(ids(training(numbers(100)).seed(4).build(), true, 1)).isNotEqualTo(first);
    assertThat(ids(training, false, 1)).isEqualTo(all);
    assertThat(ids(training(numbers(100)).shuffleBuffer(0).build(), true, 1)).isEqualTo(all);
  }

  @Test
  void aLastBatchOfOneSampleIsNotLearntFromButMeasured() {
    DjlTraining training = training(numbers(17)).build();

    assertThat(ids(training, true, 1)).hasSize(16);
    assertThat(ids(training, false, 1)).hasSize(17);
    assertThat(ids(training(numbers(1)).build(), true, 1)).hasSize(1);
  }

  @Test
  void errorsOfTheDatasetReachTheCaller() {
    Dataset failing =
        Dataset.streaming(
            "failing",
            "1",
            List.of(),
            () -> Stream.of(1, 2, 0).map(i -> 10 / i).map(BatchesTest::sample));

    assertThatThrownBy(() -> ids(training(failing).build(), true, 1))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("Dataset failing")
        .hasMessageContaining("by zero");
  }

  @Test
  void closingEarlyEndsTheProducer() {
    DjlTraining training = training(numbers(1_000_000)).build();
    try (Batches batches = new Batches(training, training.dataset(), SPECS, true, 1)) {
      assertThat(batches.next().samples()).hasSize(8);
    }
    assertThat(Thread.getAllStackTraces().keySet())
        .extracting(Thread::getName)
        .doesNotContain("jetfire-djl-batches");
  }
}
