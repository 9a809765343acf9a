package io.jetfire.adapter.djl.internal.trace;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.training.ParameterStore;
import io.jetfire.JetFireException;
import io.jetfire.UnsupportedModelException;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Records what a trained block computes in inference.
 *
 * <p>The block is run on real inputs, with batches of two and of three samples, and the recordings
 * are made one that holds for every batch size. Where that is not possible (the block does
 * something else for another batch size) it is recorded for single samples alone. The recording is
 * then replayed and compared with the block itself.
 *
 * <p>A recording holds the operations that the block executed: a branch in Java that depends on
 * shapes or settings is resolved, and one that depends on the numbers of an input is refused.
 */
public final class Tracer {
  private static final Logger LOG = LoggerFactory.getLogger(Tracer.class);

  /** The replay must give what the block gives; this allows for sums in another order. */
  private static final double TOLERANCE = 1e-5;

  private Tracer() {}

  /**
   * Records a block.
   *
   * @param block an initialised block
   * @param names the names of its inputs
   * @param samples for each input an array whose first dimension is the batch, with at least three
   *     samples
   * @return the computation
   * @throws UnsupportedModelException if the block cannot be recorded; the message says where and
   *     why
   */
  public static Trace trace(Block block, List<String> names, NDList samples) {
    Trace trace;
    try {
      trace = BatchMerge.merge(record(block, names, samples, 2), record(block, names, samples, 3));
    } catch (BatchMerge.Mismatch e) {
      LOG.warn("The block is traced for single samples only: {}", e.getMessage());
      trace = record(block, names, samples, 1);
    }
    trace = Compaction.of(trace);
    verify(block, trace, samples);
    return trace;
  }

  private static Trace record(Block block, List<String> names, NDList samples, long batch) {
    try (NDManager manager = samples.head().getManager().newSubManager()) {
      return new Recorder(manager, batch).record(block, names, first(samples, batch, manager));
    } catch (JetFireException e) {
      throw e;
    } catch (RuntimeException e) {
      throw new UnsupportedModelException(
          "Tracing the block failed: in inference on a batch of "
              + batch
              + " it threw "
              + e
              + ". A block is traced on stand-ins for NDArray, NDArrayEx and NDManager; use only"
              + " these interfaces, without casts to an engine's classes, and let it run on batches"
              + " of any size.",
          e);
    }
  }

  private static NDList first(NDList samples, long batch, NDManager manager) {
    NDList inputs = new NDList();
    for (NDArray sample : samples) {
      NDArray input = sample.get("0:{}", batch);
      input.attach(manager);
      inputs.add(input);
    }
    return inputs;
  }

  private static void verify(Block block, Trace trace, NDList samples) {
    long batch = trace.fixedBatch() == 0 ? Math.min(3, samples.head().getShape().get(0)) : 1;
    try (NDManager manager = samples.head().getManager().newSubManager();
        Replay replay = Replay.load(trace, manager)) {
      NDList inputs = first(samples, batch, manager);
      NDList expected =
          block.forward(new ParameterStore(manager, false), new NDList(inputs), false);
      NDList actual = replay.run(manager, inputs);
      if (actual.size() != expected.size()) {
        throw new UnsupportedModelException(
            "The recorded computation gives "
                + actual.size()
                + " outputs, but the block "
                + expected.size()
                + ".");
      }
      for (int i = 0; i < actual.size(); i++) {
        compare(trace, i, expected.get(i), actual.get(i));
      }
    }
  }

  private static void compare(Trace trace, int output, NDArray expected, NDArray actual) {
    Shape shape = expected.getShape();
    int id = trace.outputs().get(output);
    String producer =
        trace.ops().stream()
            .filter(op -> op.results().contains(id))
            .map(op -> op.method() + " at " + op.where())
            .findFirst()
            .orElse("a constant");
    if (!shape.equals(actual.getShape()) || expected.getDataType() != actual.getDataType()) {
      throw new UnsupportedModelException(
          "Output "
              + output
              + " of the recorded computation (from "
              + producer
              + ") is "
              + actual.getDataType()
              + " "
              + actual.getShape()
              + ", but the block gives "
              + expected.getDataType()
              + " "
              + shape
              + ". The block computes something else when called again.");
    }
    double[] want = Numbers.of(expected);
    double[] have = Numbers.of(actual);
    double range = Numbers.range(want);
    for (int i = 0; i < want.length; i++) {
      if (!(Math.abs(want[i] - have[i]) <= TOLERANCE * Math.max(range, 1e-30))
          && Double.compare(want[i], have[i]) != 0) {
        throw new UnsupportedModelException(
            "Output "
                + output
                + " of the recorded computation (from "
                + producer
                + ") differs from the block's: element "
                + i
                + " is "
                + have[i]
                + " instead of "
                + want[i]
                + ". The block keeps state between calls, branches on its input, or writes into an"
                + " array that another one shares; compute new arrays instead.");
      }
    }
  }
}
