package io.jetfire.examples;

import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Activation;
import ai.djl.nn.Blocks;
import ai.djl.nn.SequentialBlock;
import ai.djl.nn.convolutional.Conv2d;
import ai.djl.nn.core.Linear;
import ai.djl.nn.norm.BatchNorm;
import ai.djl.nn.pooling.Pool;
import io.jetfire.Dataset;
import io.jetfire.Preprocessing;
import io.jetfire.Sample;
import io.jetfire.Target;
import io.jetfire.Tensor;
import io.jetfire.Training;
import io.jetfire.adapter.djl.DjlTraining;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/**
 * The smallest classification task of the examples: which way a bar lies in a noisy image of 16 by
 * 16. Trained in seconds; for JShell and for first steps.
 */
public final class Bars {
  private static final int SIZE = 16;
  private static final List<String> LABELS = List.of("horizontal", "vertical", "diagonal");

  private Bars() {}

  /**
   * Returns the images to learn from.
   *
   * @return 600 images, UINT8 [16, 16, 3]
   */
  public static Dataset train() {
    return dataset("bars-train", 1, 600);
  }

  /**
   * Returns other images, to evaluate on.
   *
   * @return 300 images, UINT8 [16, 16, 3]
   */
  public static Dataset test() {
    return dataset("bars-test", 2, 300);
  }

  /**
   * Returns the way from an image to the network's input.
   *
   * @return pixels from -1 to 1
   */
  public static Preprocessing preprocessing() {
    return Preprocessing.resize(SIZE, SIZE).normalize(127.5f, 127.5f);
  }

  /**
   * Describes the training of a small convolutional network.
   *
   * @return a training of the backend {@code djl}
   */
  public static Training training() {
    return DjlTraining.of("bars-v1", Bars::network)
        .dataset(train())
        .preprocessing(preprocessing())
        .epochs(4)
        .batchSize(32)
        .learningRate(0.01)
        .seed(7)
        .build();
  }

  private static SequentialBlock network() {
    return new SequentialBlock()
        .add(convolution(8))
        .add(BatchNorm.builder().build())
        .add(Activation.reluBlock())
        .add(Pool.maxPool2dBlock(new Shape(2, 2), new Shape(2, 2)))
        .add(convolution(16))
        .add(BatchNorm.builder().build())
        .add(Activation.reluBlock())
        .add(Pool.globalAvgPool2dBlock())
        .add(Blocks.batchFlattenBlock())
        .add(Linear.builder().setUnits(LABELS.size()).build());
  }

  private static Conv2d convolution(int filters) {
    return Conv2d.builder()
        .setKernelShape(new Shape(3, 3))
        .setFilters(filters)
        .optPadding(new Shape(1, 1))
        .build();
  }

  private static Dataset dataset(String name, long seed, int count) {
    SplittableRandom random = new SplittableRandom(seed);
    List<Sample> samples = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      int label = random.nextInt(LABELS.size());
      samples.add(
          Sample.of(
              name + "/" + i,
              Tensor.ofUnsignedBytes(draw(label, random), SIZE, SIZE, 3),
              Target.label(label)));
    }
    return Dataset.of(name, LABELS, samples);
  }

  private static byte[] draw(int label, SplittableRandom random) {
    byte[] pixels = new byte[SIZE * SIZE * 3];
    int at = random.nextInt(3, SIZE - 3);
    int[] bar = {random.nextInt(120, 256), random.nextInt(120, 256), random.nextInt(120, 256)};
    for (int y = 0; y < SIZE; y++) {
      for (int x = 0; x < SIZE; x++) {
        int distance =
            switch (label) {
              case 0 -> y - at;
              case 1 -> x - at;
              default -> x - y + at - SIZE / 2;
            };
        for (int c = 0; c < 3; c++) {
          int level = random.nextInt(90) + (Math.abs(distance) <= 1 ? bar[c] - 60 : 0);
          pixels[(y * SIZE + x) * 3 + c] = (byte) Math.max(0, Math.min(255, level));
        }
      }
    }
    return pixels;
  }
}
