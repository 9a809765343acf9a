package io.jetfire.tflite.importer.lowering;

import io.jetfire.tflite.graph.Value;
import java.util.Arrays;

/**
 * A window that moves over the spatial dimensions of a tensor with channels first: per spatial
 * dimension its size, its step, the distance of its cells, and the padding on both sides.
 *
 * <pre>{@code
 * Window w = Window.of(3, 3).stride(2, 2).padding(1, 1);
 * }</pre>
 *
 * <p>Immutable.
 */
public final class Window {
  private final int[] kernel;
  private final int[] stride;
  private final int[] dilation;
  private final int[] before;
  private final int[] after;

  private Window(int[] kernel, int[] stride, int[] dilation, int[] before, int[] after) {
    this.kernel = kernel;
    this.stride = stride;
    this.dilation = dilation;
    this.before = before;
    this.after = after;
  }

  /**
   * Returns a window that moves by one element and is not padded.
   *
   * @param kernel its size per spatial dimension
   * @return the window
   */
  public static Window of(int... kernel) {
    int[] one = new int[kernel.length];
    Arrays.fill(one, 1);
    int[] zero = new int[kernel.length];
    return new Window(kernel.clone(), one, one, zero, zero);
  }

  /**
   * Returns this window with another step.
   *
   * @param elements per spatial dimension, at least 1
   * @return the window
   */
  public Window stride(int... elements) {
    return new Window(kernel, positive(elements), dilation, before, after);
  }

  /**
   * Returns this window with another distance of its cells.
   *
   * @param elements per spatial dimension, at least 1
   * @return the window
   */
  public Window dilation(int... elements) {
    return new Window(kernel, stride, positive(elements), before, after);
  }

  /**
   * Returns this window with the same padding before and after.
   *
   * @param elements per spatial dimension
   * @return the window
   */
  public Window padding(int... elements) {
    return padding(elements, elements);
  }

  /**
   * Returns this window with other paddings.
   *
   * @param elementsBefore per spatial dimension
   * @param elementsAfter per spatial dimension
   * @return the window
   */
  public Window padding(int[] elementsBefore, int[] elementsAfter) {
    return new Window(kernel, stride, dilation, sized(elementsBefore), sized(elementsAfter));
  }

  private int[] sized(int[] given) {
    if (given.length != kernel.length) {
      throw new Refusal(
          Arrays.toString(given) + " does not fit a window of " + kernel.length + " dimensions",
          "export the model anew");
    }
    return given.clone();
  }

  private int[] positive(int[] given) {
    if (Arrays.stream(given).anyMatch(v -> v < 1)) {
      throw new Refusal("a step of " + Arrays.toString(given), "use steps of at least 1");
    }
    return sized(given);
  }

  int dimensions() {
    return kernel.length;
  }

  int kernel(int i) {
    return kernel[i];
  }

  int[] kernels() {
    return kernel.clone();
  }

  int stride(int i) {
    return stride[i];
  }

  int[] strides() {
    return stride.clone();
  }

  int dilation(int i) {
    return dilation[i];
  }

  int before(int i) {
    return before[i];
  }

  int after(int i) {
    return after[i];
  }

  /** How many elements the window spans. */
  int extent(int i) {
    return (kernel[i] - 1) * dilation[i] + 1;
  }

  boolean dilates() {
    return Arrays.stream(dilation).anyMatch(d -> d != 1);
  }

  /** The padding of a tensor with channels last, in the order of TFLite's PAD. */
  int[] paddings() {
    int[] p = new int[2 * (kernel.length + 2)];
    for (int i = 0; i < kernel.length; i++) {
      p[2 * (i + 1)] = before[i];
      p[2 * (i + 1) + 1] = after[i];
    }
    return p;
  }

  /** A window over a height of 1 besides its own dimension. */
  Window widened() {
    return new Window(
        new int[] {1, kernel[0]},
        new int[] {1, stride[0]},
        new int[] {1, dilation[0]},
        new int[] {0, before[0]},
        new int[] {0, after[0]});
  }

  /** Where the window comes to lie on a tensor. */
  Placed on(Value x, boolean ceil) {
    int[] in = Arrays.copyOfRange(x.shape().dims(), 2, kernel.length + 2);
    int[] reach = after.clone();
    int[] out = new int[kernel.length];
    for (int i = 0; i < kernel.length; i++) {
      if (in[i] < 0) {
        if (ceil) {
          throw new Refusal(
              "its input " + x.shape() + " has open spatial dimensions", "bind them to sizes");
        }
        out[i] = -1;
        continue;
      }
      long room = (long) in[i] + before[i] + after[i] - extent(i);
      if (room < 0) {
        throw new Refusal("a window of " + extent(i) + " on " + in[i], "export the model anew");
      }
      out[i] = Math.toIntExact(room / stride[i] + 1);
      if (ceil && room % stride[i] != 0 && (long) out[i] * stride[i] < in[i] + before[i]) {
        out[i]++;
      }
      reach[i] = (out[i] - 1) * stride[i] + extent(i) - in[i] - before[i];
    }
    return new Placed(this, in, out, reach);
  }

  /**
   * A window on a tensor: the sizes before and after, and how many elements beyond the end the last
   * window reaches (fewer than the padding, or more when rounding up).
   */
  record Placed(Window window, int[] in, int[] out, int[] reach) {
    /** Whether TFLite's SAME padding puts the windows at the same places. */
    boolean isSame() {
      for (int i = 0; i < in.length; i++) {
        if (in[i] <= 0) {
          return false;
        }
        int step = window.stride[i];
        int o = (in[i] + step - 1) / step;
        int total = Math.max(0, (o - 1) * step + window.extent(i) - in[i]);
        if (o != out[i] || window.before[i] != total / 2 || reach[i] != total - total / 2) {
          return false;
        }
      }
      return true;
    }

    boolean isValid() {
      return Arrays.stream(window.before).allMatch(p -> p == 0)
          && Arrays.stream(reach).allMatch(p -> p <= 0);
    }

    /** Pads a channels-last image as far as the windows reach. */
    Value padded(Build b, Value image, Value fill) {
      int[] p = new int[2 * (in.length + 2)];
      for (int i = 0; i < in.length; i++) {
        p[2 * (i + 1)] = Math.max(0, window.before[i]);
        p[2 * (i + 1) + 1] = Math.max(0, reach[i]);
      }
      return Arrays.stream(p).allMatch(v -> v == 0) ? image : b.pad(image, p, fill);
    }
  }

  @Override
  public String toString() {
    return "Window["
        + Arrays.toString(kernel)
        + ", stride "
        + Arrays.toString(stride)
        + ", dilation "
        + Arrays.toString(dilation)
        + ", padding "
        + Arrays.toString(before)
        + " "
        + Arrays.toString(after)
        + "]";
  }
}
