package io.jetfire.adapter.djl.internal.training;

import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.jetfire.Sample;
import io.jetfire.TensorSpec;
import io.jetfire.adapter.djl.internal.engine.NDTensors;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.List;

/**
 * Samples that are ready to be learnt from.
 *
 * @param samples the samples, as augmented
 * @param specs what the block takes
 * @param inputs for each input the bytes of all samples, one after the other
 */
record Batch(List<Sample> samples, List<TensorSpec> specs, List<ByteBuffer> inputs) {

  NDList arrays(NDManager manager) {
    NDList arrays = new NDList();
    for (int i = 0; i < specs.size(); i++) {
      TensorSpec spec = specs.get(i);
      long[] shape = Arrays.stream(spec.shape()).asLongStream().toArray();
      shape[0] *= samples.size();
      arrays.add(manager.create(inputs.get(i), new Shape(shape), NDTensors.type(spec.type())));
    }
    return arrays;
  }
}
