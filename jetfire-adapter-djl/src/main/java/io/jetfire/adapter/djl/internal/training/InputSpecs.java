package io.jetfire.adapter.djl.internal.training;

import io.jetfire.Layout;
import io.jetfire.Sample;
import io.jetfire.Tensor;
import io.jetfire.TensorSpec;
import io.jetfire.TensorType;
import io.jetfire.adapter.djl.DjlTraining;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** What the block takes, derived from the description and the first sample. */
final class InputSpecs {
  private InputSpecs() {}

  /** One spec per input of the sample, each with a batch of one. */
  static List<TensorSpec> of(DjlTraining training, Sample first) {
    List<TensorSpec> specs = new ArrayList<>();
    for (Map.Entry<String, Tensor> input : first.inputs().entrySet()) {
      if (specs.isEmpty()) {
        Tensor prepared = training.preprocessing().apply(input.getValue());
        // Without preprocessing an image of bytes would stay bytes, which no layer takes.
        TensorType type =
            prepared.type() == TensorType.UINT8 ? TensorType.FLOAT32 : prepared.type();
        specs.add(TensorSpec.of(input.getKey(), type, shape(training, prepared)));
      } else {
        Tensor tensor = input.getValue();
        specs.add(TensorSpec.of(input.getKey(), tensor.type(), batched(tensor.shape())));
      }
    }
    return specs;
  }

  private static int[] shape(DjlTraining training, Tensor prepared) {
    if (training.inputShape().isPresent()) {
      return batched(training.inputShape().get().stream().mapToInt(d -> d).toArray(), true);
    }
    int[] shape = batched(prepared.shape());
    boolean image = shape.length == 4 && training.preprocessing().steps().size() > 0;
    return image && training.layout() == Layout.CHANNELS_FIRST
        ? new int[] {1, shape[3], shape[1], shape[2]}
        : shape;
  }

  private static int[] batched(int[] shape) {
    return batched(shape, shape.length == 0 || shape.length == 1 || shape[0] != 1);
  }

  private static int[] batched(int[] shape, boolean add) {
    if (!add) {
      return shape;
    }
    int[] batched = new int[shape.length + 1];
    batched[0] = 1;
    System.arraycopy(shape, 0, batched, 1, shape.length);
    return batched;
  }
}
