package io.jetfire;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * One element of a dataset: named input tensors and the ground truth.
 *
 * <pre>{@code
 * Sample frame = Sample.of("scene-1/0", Tensor.ofUnsignedBytes(new byte[12], 2, 2, 3),
 *     Target.label(1));
 * }</pre>
 *
 * <p>Immutable.
 */
public final class Sample {
  /** What the input of a sample is called that was made without names. */
  public static final String UNNAMED = "input";

  private final String id;
  private final Map<String, Tensor> inputs;
  private final Target target;
  private final @Nullable String group;
  private final @Nullable String signature;

  private Sample(
      String id,
      Map<String, Tensor> inputs,
      Target target,
      @Nullable String group,
      @Nullable String signature) {
    if (id.isBlank()) {
      throw new IllegalArgumentException("A sample needs an id that is not blank");
    }
    if (inputs.isEmpty()) {
      throw new IllegalArgumentException("Sample " + id + " has no input tensor");
    }
    this.id = id;
    this.inputs = Collections.unmodifiableMap(new LinkedHashMap<>(inputs));
    this.target = target;
    this.group = group;
    this.signature = signature;
  }

  /**
   * Makes a sample with one input.
   *
   * @param id unique within the dataset; errors and replays name it
   * @param input the input, for an image: {@link TensorType#UINT8} of shape [height, width,
   *     channels]
   * @param target the ground truth
   * @return the sample
   */
  public static Sample of(String id, Tensor input, Target target) {
    return new Sample(id, Map.of(UNNAMED, input), target, null, null);
  }

  /**
   * Makes a sample with several inputs.
   *
   * @param id unique within the dataset; errors and replays name it
   * @param inputs the inputs by name, in the model's order
   * @param target the ground truth
   * @return the sample
   */
  public static Sample of(String id, Map<String, Tensor> inputs, Target target) {
    return new Sample(id, inputs, target, null, null);
  }

  /**
   * Returns this sample as part of a group, such as the frames of one scene.
   *
   * @param name the group's name
   * @return the sample in that group
   */
  public Sample inGroup(String name) {
    return new Sample(id, inputs, target, name, signature);
  }

  /**
   * Returns this sample as one for a signature of the model. Calibration needs to be told this
   * where a model has several signatures with equal inputs; where inputs differ it finds the
   * signature by their names.
   *
   * @param key the signature's key, such as {@code serving_default}
   * @return the sample for that signature
   */
  public Sample forSignature(String key) {
    return new Sample(id, inputs, target, group, key);
  }

  /**
   * Returns the sample's id.
   *
   * @return unique within the dataset
   */
  public String id() {
    return id;
  }

  /**
   * Returns all inputs by name.
   *
   * @return unmodifiable, in the model's order, never empty
   */
  public Map<String, Tensor> inputs() {
    return inputs;
  }

  /**
   * Returns the first input.
   *
   * @return the tensor
   */
  public Tensor input() {
    return inputs.values().iterator().next();
  }

  /**
   * Returns the ground truth.
   *
   * @return the target
   */
  public Target target() {
    return target;
  }

  /**
   * Returns the group that the sample belongs to.
   *
   * @return such as the scene of a frame
   */
  public Optional<String> group() {
    return Optional.ofNullable(group);
  }

  /**
   * Returns the signature of the model that the sample is for.
   *
   * @return the signature's key; empty if the sample does not say
   */
  public Optional<String> signature() {
    return Optional.ofNullable(signature);
  }

  @Override
  public String toString() {
    return "Sample["
        + id
        + (signature == null ? "" : " for " + signature)
        + ", "
        + inputs
        + ", "
        + target
        + "]";
  }
}
