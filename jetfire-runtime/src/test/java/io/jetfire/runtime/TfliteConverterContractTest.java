package io.jetfire.runtime;

import io.jetfire.Model;
import io.jetfire.Sample;
import io.jetfire.Target;
import io.jetfire.Tensor;
import io.jetfire.spi.ConverterBackendProvider;
import io.jetfire.testkit.ConverterBackendContract;
import io.jetfire.tflite.TfliteConverterProvider;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/** Here and not beside the converter, because what it writes is executed. */
final class TfliteConverterContractTest extends ConverterBackendContract {
  private static final int IN = 64;
  private static final int OUT = 32;

  @Override
  protected ConverterBackendProvider provider() {
    return new TfliteConverterProvider();
  }

  /** One fully connected layer, whose outputs are computed here. */
  @Override
  protected Known known(Path empty) throws IOException {
    Random random = new Random(4);
    float[] weights = gaussian(random, OUT * IN);
    float[] bias = gaussian(random, OUT);
    TestModel model = TestModel.create();
    int x = model.tensor("x", TestModel.FLOAT32, 1, IN);
    int w = model.constant("w", weights, OUT, IN);
    int b = model.constant("b", bias, OUT);
    int y = model.tensor("y", TestModel.FLOAT32, 1, OUT);
    model.fullyConnected(x, w, b, y).inputs(x).outputs(y);
    List<Sample> samples = new ArrayList<>();
    for (int i = 0; i < 12; i++) {
      samples.add(Sample.of("s" + i, Tensor.ofFloats(gaussian(random, IN), 1, IN), Target.none()));
    }
    float[] input = samples.get(0).input().toFloatArray();
    float[] expected = new float[OUT];
    for (int o = 0; o < OUT; o++) {
      double sum = bias[o];
      for (int i = 0; i < IN; i++) {
        sum += (double) weights[o * IN + i] * input[i];
      }
      expected[o] = (float) sum;
    }
    return new Known(
        Model.of(model.write(empty.resolve("layer.tflite"))),
        samples,
        List.of(Tensor.ofFloats(expected, 1, OUT)),
        1e-4f);
  }

  private static float[] gaussian(Random random, int count) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }
}
