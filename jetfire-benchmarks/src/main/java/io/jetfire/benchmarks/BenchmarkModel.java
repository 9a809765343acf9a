package io.jetfire.benchmarks;

import io.jetfire.tflite.format.TfliteWriter;
import io.jetfire.tflite.format.WriteOptions;
import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Graph;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Shape;
import io.jetfire.tflite.graph.Subgraph;
import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.graph.Weights;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;

/** Chains of convolutions, from microseconds to milliseconds and from bytes to megabytes. */
public enum BenchmarkModel {
  /** One small layer: what is measured is everything but the model. */
  MICROSECONDS(2, 4, 1, 1, 4),
  /** One to a few milliseconds on one core; 128 kB in, as many as an image, and 16 kB out. */
  MILLISECONDS(32, 32, 3, 8, 4),
  /** 56 layers with 14 MB of weights, as many as a mobile network has. */
  MEGABYTES(14, 250, 1, 56, 250);

  private final int size;
  private final int channels;
  private final int kernel;
  private final int layers;
  private final int lastChannels;

  BenchmarkModel(int size, int channels, int kernel, int layers, int lastChannels) {
    this.size = size;
    this.channels = channels;
    this.kernel = kernel;
    this.layers = layers;
    this.lastChannels = lastChannels;
  }

  /** The input's dimensions: float32, NHWC. */
  int[] shape() {
    return new int[] {1, size, size, channels};
  }

  /** Numbers for the input. */
  float[] input() {
    Random random = new Random(7);
    float[] values = new float[size * size * channels];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }

  /** Writes the model to a temporary file, which the JVM deletes when it ends. */
  Path write() {
    try {
      Path file = Files.createTempFile("jetfire-benchmark", ".tflite");
      file.toFile().deleteOnExit();
      TfliteWriter.write(graph(), file, WriteOptions.defaults());
      return file;
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }

  private Graph graph() {
    Random random = new Random(1);
    Graph graph = Graph.create();
    Subgraph main = graph.addSubgraph("main");
    Value value = main.addInput("x", ElementType.FLOAT32, Shape.of(shape()));
    double scale = 1 / Math.sqrt((double) kernel * kernel * channels);
    for (int layer = 0; layer < layers; layer++) {
      int filters = layer == layers - 1 ? lastChannels : channels;
      int count = filters * kernel * kernel * channels;
      ByteBuffer weights = ByteBuffer.allocate(4 * count).order(ByteOrder.LITTLE_ENDIAN);
      for (int i = 0; i < count; i++) {
        weights.putFloat((float) (random.nextGaussian() * scale));
      }
      Value filter =
          main.addConstant(
              "w" + layer,
              ElementType.FLOAT32,
              Shape.of(filters, kernel, kernel, channels),
              Weights.of(weights.array()));
      Value bias = main.addConstant("b" + layer, Shape.of(filters), new float[filters]);
      Value next =
          main.addValue("y" + layer, ElementType.FLOAT32, Shape.of(1, size, size, filters));
      main.append(
          Op.of(OpKind.CONV_2D)
              .set("stride_w", 1)
              .set("stride_h", 1)
              .inputs(value, filter, bias)
              .outputs(next));
      value = next;
    }
    main.outputs(value);
    return graph;
  }
}
