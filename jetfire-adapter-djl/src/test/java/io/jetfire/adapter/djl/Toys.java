package io.jetfire.adapter.djl;

import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Activation;
import ai.djl.nn.Block;
import ai.djl.nn.Blocks;
import ai.djl.nn.SequentialBlock;
import ai.djl.nn.convolutional.Conv2d;
import ai.djl.nn.core.Linear;
import ai.djl.nn.norm.BatchNorm;
import ai.djl.nn.norm.Dropout;
import ai.djl.nn.pooling.Pool;
import io.jetfire.Dataset;
import io.jetfire.Preprocessing;
import io.jetfire.Sample;
import io.jetfire.Target;
import io.jetfire.Tensor;
import io.jetfire.TrainedModel;
import io.jetfire.spi.Cancellation;
import io.jetfire.spi.TrainingBackend;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/** Small things to train in seconds: images whose left or right half is bright. */
public final class Toys {
  private Toys() {}

  public static Dataset halves(String name, int count, int seed) {
    Random random = new Random(seed);
    List<Sample> samples = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      int label = i % 2;
      byte[] pixels = new byte[8 * 8 * 3];
      for (int y = 0; y < 8; y++) {
        for (int x = 0; x < 8; x++) {
          int base = (x < 4) == (label == 0) ? 150 : 60;
          for (int c = 0; c < 3; c++) {
            pixels[(y * 8 + x) * 3 + c] = (byte) (base + random.nextInt(80));
          }
        }
      }
      samples.add(
          Sample.of(name + "/" + i, Tensor.ofUnsignedBytes(pixels, 8, 8, 3), Target.label(label)));
    }
    return Dataset.of(name, List.of("left", "right"), samples);
  }

  public static Block network() {
    return new SequentialBlock()
        .add(
            Conv2d.builder()
                .setKernelShape(new Shape(3, 3))
                .optPadding(new Shape(1, 1))
                .setFilters(4)
                .build())
        .add(BatchNorm.builder().build())
        .add(Activation.reluBlock())
        .add(Pool.maxPool2dBlock(new Shape(2, 2), new Shape(2, 2)))
        .add(Blocks.batchFlattenBlock())
        .add(Dropout.builder().optRate(0.2f).build())
        .add(Linear.builder().setUnits(2).build());
  }

  public static DjlTraining.Builder training() {
    return DjlTraining.of("halves-v1", Toys::network)
        .dataset(halves("train", 65, 1))
        .preprocessing(Preprocessing.resize(8, 8).normalize(127.5f, 127.5f))
        .epochs(4)
        .batchSize(16)
        .learningRate(LearningRate.cosine(0.02, 0.5))
        .seed(7);
  }

  public static TrainedModel train(DjlTraining training, Path directory) {
    TrainingBackend backend = new DjlTrainingBackendProvider().create(TestContext.create());
    return backend.train(
        new TrainingBackend.Request(training, directory, epoch -> {}, Cancellation.NEVER));
  }
}
