package io.jetfire.examples.detector;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDArrays;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.AbstractBlock;
import ai.djl.nn.Activation;
import ai.djl.nn.Block;
import ai.djl.nn.SequentialBlock;
import ai.djl.nn.convolutional.Conv2d;
import ai.djl.nn.norm.BatchNorm;
import ai.djl.training.ParameterStore;
import ai.djl.util.PairList;
import io.jetfire.SsdAnchors;
import java.util.List;

/**
 * A small single-shot detector for images of 96 by 96: six convolutions, boxes from two feature
 * maps (12 by 12 and 6 by 6); about 175,000 parameters.
 *
 * <p>Gives class logits [batch, anchors, classes + 1], background first, and box codes [batch,
 * anchors, 4].
 */
public final class ItemDetector extends AbstractBlock {
  /** Width and height of the input in pixels. */
  public static final int INPUT = 96;

  private static final int ANCHORS_PER_CELL = 2;

  private final int classes;
  private final Block early;
  private final Block late;
  private final Block earlyLogits;
  private final Block earlyCodes;
  private final Block lateLogits;
  private final Block lateCodes;

  /**
   * Creates the network.
   *
   * @param classes how many item classes
   */
  public ItemDetector(int classes) {
    this.classes = classes;
    early =
        addChildBlock(
            "early",
            new SequentialBlock()
                .addAll(convolution(16, 2), convolution(24, 2), convolution(32, 1))
                .addAll(convolution(64, 2), convolution(64, 1)));
    late = addChildBlock("late", new SequentialBlock().addAll(convolution(128, 2)));
    earlyLogits = addChildBlock("early-logits", head(classes + 1));
    earlyCodes = addChildBlock("early-codes", head(4));
    lateLogits = addChildBlock("late-logits", head(classes + 1));
    lateCodes = addChildBlock("late-codes", head(4));
  }

  /**
   * Returns the anchors that the boxes are relative to.
   *
   * @return two per cell of both feature maps
   */
  public static SsdAnchors anchors() {
    return SsdAnchors.builder()
        .level(12, 12, List.of(0.28), List.of(1.0, 0.5))
        .level(6, 6, List.of(0.42), List.of(1.0, 0.5))
        .build();
  }

  private static Block convolution(int filters, int stride) {
    return new SequentialBlock()
        .add(
            Conv2d.builder()
                .setKernelShape(new Shape(3, 3))
                .setFilters(filters)
                .optStride(new Shape(stride, stride))
                .optPadding(new Shape(1, 1))
                .optBias(false)
                .build())
        .add(BatchNorm.builder().build())
        .add(Activation.reluBlock());
  }

  private static Block head(int numbers) {
    return Conv2d.builder()
        .setKernelShape(new Shape(3, 3))
        .setFilters(ANCHORS_PER_CELL * numbers)
        .optPadding(new Shape(1, 1))
        .build();
  }

  @Override
  protected NDList forwardInternal(
      ParameterStore parameters,
      NDList inputs,
      boolean training,
      PairList<String, Object> options) {
    NDArray first = early.forward(parameters, inputs, training).head();
    NDArray second = late.forward(parameters, new NDList(first), training).head();
    NDArray logits =
        NDArrays.concat(
            new NDList(
                perAnchor(earlyLogits, first, classes + 1, parameters, training),
                perAnchor(lateLogits, second, classes + 1, parameters, training)),
            1);
    NDArray codes =
        NDArrays.concat(
            new NDList(
                perAnchor(earlyCodes, first, 4, parameters, training),
                perAnchor(lateCodes, second, 4, parameters, training)),
            1);
    return new NDList(logits, codes);
  }

  private static NDArray perAnchor(
      Block head, NDArray features, int numbers, ParameterStore parameters, boolean training) {
    NDArray out = head.forward(parameters, new NDList(features), training).head();
    return out.transpose(0, 2, 3, 1).reshape(out.getShape().get(0), -1, numbers);
  }

  @Override
  protected void initializeChildBlocks(NDManager manager, DataType type, Shape... inputs) {
    early.initialize(manager, type, inputs);
    Shape[] first = early.getOutputShapes(inputs);
    late.initialize(manager, type, first);
    Shape[] second = late.getOutputShapes(first);
    earlyLogits.initialize(manager, type, first);
    earlyCodes.initialize(manager, type, first);
    lateLogits.initialize(manager, type, second);
    lateCodes.initialize(manager, type, second);
  }

  @Override
  public Shape[] getOutputShapes(Shape[] inputs) {
    int anchors = anchors().size();
    long batch = inputs[0].get(0);
    return new Shape[] {new Shape(batch, anchors, classes + 1), new Shape(batch, anchors, 4)};
  }
}
