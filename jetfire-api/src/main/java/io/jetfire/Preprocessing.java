package io.jetfire;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;

/**
 * From a sample to a model's input: one definition for host evaluation, devices and replay.
 *
 * <pre>{@code
 * Preprocessing preprocessing = Preprocessing.resize(96, 96).normalize(0, 255);
 * Tensor input = preprocessing.apply(Tensor.ofUnsignedBytes(new byte[4 * 4 * 3], 4, 4, 3));
 * }</pre>
 *
 * <p>Images come as [height, width, channels] and leave as [1, height, width, channels], {@link
 * TensorType#FLOAT32}. {@link #apply(Tensor, TensorSpec)} then gives them the layout and the type
 * of the model's input. Immutable and thread-safe.
 */
public final class Preprocessing {
  /** A hundred megapixels: beyond every model, and small enough to be computed. */
  private static final long MOST_PIXELS = 100_000_000;

  private static final Preprocessing NONE = new Preprocessing(List.of());

  private final List<Step> steps;

  private Preprocessing(List<Step> steps) {
    this.steps = List.copyOf(steps);
  }

  /** One step; steps are executed in order. */
  public sealed interface Step {}

  /**
   * Scales an image, not keeping its proportions: bilinear with half-pixel centers, edges repeated,
   * without antialiasing, as TensorFlow Lite's RESIZE_BILINEAR and camera pipelines do it.
   *
   * @param width the new width, at least 1
   * @param height the new height, at least 1
   */
  public record Resize(int width, int height) implements Step {
    /** Checks the numbers. */
    public Resize {
      checkSize(width, height);
    }
  }

  /**
   * Cuts the middle out of an image; at most what it has.
   *
   * @param width the width to keep, at least 1
   * @param height the height to keep, at least 1
   */
  public record CenterCrop(int width, int height) implements Step {
    /** Checks the numbers. */
    public CenterCrop {
      checkSize(width, height);
    }
  }

  /**
   * Changes the channels of an RGB image.
   *
   * @param to what the model wants
   */
  public record Color(ColorOrder to) implements Step {}

  /**
   * Subtracts a mean and divides by a standard deviation, per channel or the same for all.
   *
   * @param mean one value, or one per channel
   * @param std one value, or one per channel; not 0
   */
  public record Normalize(List<Float> mean, List<Float> std) implements Step {
    /** Copies the lists and checks the numbers. */
    public Normalize {
      mean = List.copyOf(mean);
      std = List.copyOf(std);
      if (mean.isEmpty() || mean.size() != std.size()) {
        throw new ConfigurationException(
            "normalize needs as many means as standard deviations, at least one, but was given "
                + mean.size()
                + " and "
                + std.size());
      }
      for (float m : mean) {
        if (!Float.isFinite(m)) {
          throw new ConfigurationException("normalize needs finite means, but was given " + m);
        }
      }
      for (float s : std) {
        if (s == 0 || !Float.isFinite(s)) {
          throw new ConfigurationException(
              "normalize divides by the standard deviation, which must be finite and not 0, but"
                  + " was "
                  + s);
        }
      }
    }
  }

  /**
   * Code of the user's own, known by name. Devices cannot execute it: they are given its outcome.
   *
   * @param name what it is called, with its version
   * @param function from a FLOAT32 tensor to a FLOAT32 tensor
   */
  public record Function(String name, UnaryOperator<Tensor> function) implements Step {
    @Override
    public boolean equals(Object o) {
      return o instanceof Function f && name.equals(f.name);
    }

    @Override
    public int hashCode() {
      return name.hashCode();
    }
  }

  /** Orders of an image's channels. */
  public enum ColorOrder {
    /** Red, green, blue: what samples have. */
    RGB,
    /** Blue, green, red. */
    BGR,
    /** One channel: 0.299 red + 0.587 green + 0.114 blue (ITU-R BT.601). */
    GRAY
  }

  /**
   * Returns the preprocessing that changes nothing but the type: tensors go in as they are.
   *
   * @return no steps
   */
  public static Preprocessing none() {
    return NONE;
  }

  /**
   * Starts with scaling images.
   *
   * @param width the new width, at least 1
   * @param height the new height, at least 1
   * @return a preprocessing of that step
   */
  public static Preprocessing resize(int width, int height) {
    return NONE.then(new Resize(width, height));
  }

  /**
   * Makes a preprocessing of given steps.
   *
   * @param steps the steps in order
   * @return the preprocessing
   */
  public static Preprocessing of(List<Step> steps) {
    return new Preprocessing(steps);
  }

  /**
   * Adds cutting out the middle.
   *
   * @param width the width to keep, at least 1
   * @param height the height to keep, at least 1
   * @return this and that step
   */
  public Preprocessing centerCrop(int width, int height) {
    return then(new CenterCrop(width, height));
  }

  /**
   * Adds a change of channels.
   *
   * @param to what the model wants
   * @return this and that step
   */
  public Preprocessing color(ColorOrder to) {
    return then(new Color(to));
  }

  /**
   * Adds {@code (x - mean) / std} for all channels.
   *
   * @param mean what to subtract
   * @param std what to divide by; not 0
   * @return this and that step
   */
  public Preprocessing normalize(float mean, float std) {
    return normalize(new float[] {mean}, new float[] {std});
  }

  /**
   * Adds {@code (x - mean) / std} per channel.
   *
   * @param mean what to subtract, one value per channel
   * @param std what to divide by, one value per channel; none of them 0
   * @return this and that step
   */
  public Preprocessing normalize(float[] mean, float[] std) {
    return then(new Normalize(boxed(mean), boxed(std)));
  }

  /**
   * Adds a step of the user's own.
   *
   * @param name what it is called, with its version, such as {@code mel-spectrogram-v2}
   * @param function from a FLOAT32 tensor to a FLOAT32 tensor
   * @return this and that step
   */
  public Preprocessing function(String name, UnaryOperator<Tensor> function) {
    return then(new Function(name, function));
  }

  /**
   * Returns the steps.
   *
   * @return unmodifiable, in order
   */
  public List<Step> steps() {
    return steps;
  }

  /**
   * Executes the steps.
   *
   * @param input an image [height, width, channels], or with no steps any tensor
   * @return FLOAT32; an image as [1, height, width, channels]
   * @throws DataException if a step does not fit the tensor
   */
  public Tensor apply(Tensor input) {
    if (steps.isEmpty()) {
      return input;
    }
    Tensor current =
        input.type() == TensorType.FLOAT32
            ? input
            : Tensor.ofFloats(input.toFloatArray(), input.shape());
    for (Step step : steps) {
      current = ImageSteps.apply(step, current);
    }
    return current.rank() == 3
        ? current.reshape(1, current.dimension(0), current.dimension(1), current.dimension(2))
        : current;
  }

  /**
   * Executes the steps and gives the outcome the layout and the type of a model's input.
   *
   * @param input an image [height, width, channels], or with no steps any tensor
   * @param model the model's input
   * @return of the input's type, and of its shape up to a batch dimension
   * @throws DataException if the outcome does not fit the model's input
   */
  public Tensor apply(Tensor input, TensorSpec model) {
    return model.quantize(ImageSteps.fit(apply(input), model));
  }

  /**
   * Makes every input of a model from a sample: by name where the names agree, else in order. The
   * steps apply to the first input; further ones go in as they are.
   *
   * @param sample the sample
   * @param model the model's inputs
   * @return one tensor per input of the model
   * @throws DataException if the sample has too few inputs, or one does not fit
   */
  public List<Tensor> apply(Sample sample, List<TensorSpec> model) {
    if (sample.inputs().size() < model.size()) {
      throw new DataException(
          "Sample "
              + sample.id()
              + " has "
              + sample.inputs().size()
              + " inputs "
              + sample.inputs().keySet()
              + ", but the model wants "
              + model);
    }
    List<Tensor> inOrder = List.copyOf(sample.inputs().values());
    List<Tensor> prepared = new ArrayList<>();
    for (int i = 0; i < model.size(); i++) {
      TensorSpec spec = model.get(i);
      Tensor named = sample.inputs().get(spec.name());
      Tensor input = named == null ? inOrder.get(i) : named;
      try {
        prepared.add(i == 0 ? apply(input, spec) : NONE.apply(input, spec));
      } catch (DataException e) {
        throw new DataException("Sample " + sample.id() + ": " + e.getMessage(), e);
      }
    }
    return prepared;
  }

  private Preprocessing then(Step step) {
    List<Step> more = new ArrayList<>(steps);
    more.add(step);
    return new Preprocessing(more);
  }

  private static void checkSize(int width, int height) {
    if (width < 1 || height < 1 || (long) width * height > MOST_PIXELS) {
      throw new ConfigurationException(
          "An image has a width and a height of at least 1 and at most "
              + MOST_PIXELS
              + " pixels, but "
              + width
              + " x "
              + height
              + " was asked for");
    }
  }

  private static List<Float> boxed(float[] values) {
    List<Float> list = new ArrayList<>();
    for (float v : values) {
      list.add(v);
    }
    return list;
  }

  @Override
  public boolean equals(Object o) {
    return o instanceof Preprocessing p && steps.equals(p.steps);
  }

  @Override
  public int hashCode() {
    return Objects.hash(steps);
  }

  @Override
  public String toString() {
    return steps.stream()
        .map(s -> s instanceof Function f ? "Function[" + f.name() + "]" : s.toString())
        .collect(Collectors.joining(", ", "Preprocessing[", "]"));
  }

  /** What shapes look like in messages. */
  static String text(int[] shape) {
    return Arrays.toString(shape);
  }
}
