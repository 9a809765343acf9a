package io.jetfire.tflite.quantize;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Graph;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Padding;
import io.jetfire.tflite.graph.Quantization;
import io.jetfire.tflite.graph.Shape;
import io.jetfire.tflite.graph.Subgraph;
import io.jetfire.tflite.graph.Value;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class RealSumsTest {
  private static final int SIDE = 9;
  private static final int CHANNELS = 5;
  private static final float SCALE = 0.03f;
  private static final int ZERO = -17;

  @ParameterizedTest
  @CsvSource({"INT8, 1000", "INT8, 1", "INT16, 200", "FLOAT32, 360", "FLOAT32, 7"})
  void sumsUpTheNumbersThatIntegersStandFor(ElementType type, int bufferBytes) {
    Subgraph main = Graph.create().addSubgraph("main");
    Value in = main.addInput("in", ElementType.FLOAT32, Shape.of(1, SIDE, SIDE, CHANNELS));
    Value weights = main.addConstant("w", Shape.of(1, 1, 1, CHANNELS), new float[CHANNELS]);
    Op op =
        Op.of(OpKind.CONV_2D)
            .set("stride_h", 1)
            .set("stride_w", 1)
            .set("dilation_h_factor", 1)
            .set("dilation_w_factor", 1)
            .set("padding", Padding.SAME)
            .inputs(in, weights)
            .outputs(main.addValue("out", ElementType.FLOAT32, Shape.unknown()));
    boolean real = type == ElementType.FLOAT32;
    Value fed = main.addValue("fed", type, in.shape());
    if (!real) {
      fed.quantization(Quantization.perTensor(SCALE, ZERO));
    }
    Random random = new Random(4);
    int n = SIDE * SIDE * CHANNELS;
    ByteBuffer bytes = ByteBuffer.allocate(n * type.bits() / 8).order(ByteOrder.LITTLE_ENDIAN);
    double[] expected = new double[CHANNELS];
    for (int i = 0; i < n; i++) {
      int integer = random.nextInt(200) - 100;
      switch (type) {
        case INT8 -> bytes.put((byte) integer);
        case INT16 -> bytes.putShort((short) integer);
        default -> bytes.putFloat(integer);
      }
      expected[i % CHANNELS] += (real ? integer : SCALE * (integer - ZERO)) / (SIDE * SIDE);
    }
    WindowMeans means = WindowMeans.of(op).orElseThrow();
    RealSums sums = new RealSums(fed, means);
    for (int sample = 0; sample < 2; sample++) {
      sums.all(source(bytes.flip()), ByteBuffer.allocateDirect(bufferBytes));
      means.add(sums.sums());
    }
    double[] found = WindowMeans.statistics(means, means).moments(0).seenMean();
    for (int c = 0; c < CHANNELS; c++) {
      assertThat(found[c]).isCloseTo(expected[c], within(1e-5));
    }
  }

  private static TensorScan.Source source(ByteBuffer data) {
    return (position, target) -> {
      int count = (int) Math.min(target.remaining(), data.limit() - position);
      if (count <= 0) {
        return -1;
      }
      target.put(data.slice((int) position, count));
      return count;
    };
  }
}
