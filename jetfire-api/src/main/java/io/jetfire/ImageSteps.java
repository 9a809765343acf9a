package io.jetfire;

import java.util.List;

/** Executes the steps of a {@link Preprocessing} on FLOAT32 tensors. */
final class ImageSteps {
  private ImageSteps() {}

  static Tensor apply(Preprocessing.Step step, Tensor in) {
    if (step instanceof Preprocessing.Function f) {
      Tensor out = f.function().apply(in);
      if (out.type() != TensorType.FLOAT32) {
        throw new DataException(
            "The preprocessing function " + f.name() + " must give FLOAT32, but gave " + out);
      }
      return out;
    }
    if (step instanceof Preprocessing.Normalize n) {
      return normalize(in, n.mean(), n.std());
    }
    if (in.rank() != 3) {
      throw new DataException(
          step + " wants an image [height, width, channels], but was given " + in);
    }
    if (step instanceof Preprocessing.Resize r) {
      return resize(in, r.height(), r.width());
    }
    if (step instanceof Preprocessing.CenterCrop c) {
      return crop(in, Math.min(c.height(), in.dimension(0)), Math.min(c.width(), in.dimension(1)));
    }
    return color(in, ((Preprocessing.Color) step).to());
  }

  private static Tensor resize(Tensor in, int height, int width) {
    int h = in.dimension(0);
    int w = in.dimension(1);
    int c = in.dimension(2);
    if (h == height && w == width) {
      return in;
    }
    if (h == 0 || w == 0) {
      throw new DataException("An image without pixels cannot be resized: " + in);
    }
    float[] from = in.toFloatArray();
    float[] to = new float[height * width * c];
    for (int y = 0; y < height; y++) {
      float sy = Math.max(0, (y + 0.5f) * h / height - 0.5f);
      int y0 = Math.min((int) sy, h - 1);
      int y1 = Math.min(y0 + 1, h - 1);
      float fy = sy - y0;
      for (int x = 0; x < width; x++) {
        float sx = Math.max(0, (x + 0.5f) * w / width - 0.5f);
        int x0 = Math.min((int) sx, w - 1);
        int x1 = Math.min(x0 + 1, w - 1);
        float fx = sx - x0;
        for (int k = 0; k < c; k++) {
          float top = from[(y0 * w + x0) * c + k] * (1 - fx) + from[(y0 * w + x1) * c + k] * fx;
          float bottom = from[(y1 * w + x0) * c + k] * (1 - fx) + from[(y1 * w + x1) * c + k] * fx;
          to[(y * width + x) * c + k] = top * (1 - fy) + bottom * fy;
        }
      }
    }
    return Tensor.ofFloats(to, height, width, c);
  }

  private static Tensor crop(Tensor in, int height, int width) {
    int w = in.dimension(1);
    int c = in.dimension(2);
    int top = (in.dimension(0) - height) / 2;
    int left = (w - width) / 2;
    float[] from = in.toFloatArray();
    float[] to = new float[height * width * c];
    for (int y = 0; y < height; y++) {
      System.arraycopy(from, ((top + y) * w + left) * c, to, y * width * c, width * c);
    }
    return Tensor.ofFloats(to, height, width, c);
  }

  private static Tensor color(Tensor in, Preprocessing.ColorOrder to) {
    if (to == Preprocessing.ColorOrder.RGB) {
      return in;
    }
    if (in.dimension(2) != 3) {
      throw new DataException("A change to " + to + " wants 3 channels, but was given " + in);
    }
    float[] from = in.toFloatArray();
    int pixels = from.length / 3;
    if (to == Preprocessing.ColorOrder.GRAY) {
      float[] gray = new float[pixels];
      for (int i = 0; i < pixels; i++) {
        gray[i] = 0.299f * from[3 * i] + 0.587f * from[3 * i + 1] + 0.114f * from[3 * i + 2];
      }
      return Tensor.ofFloats(gray, in.dimension(0), in.dimension(1), 1);
    }
    float[] bgr = new float[from.length];
    for (int i = 0; i < pixels; i++) {
      bgr[3 * i] = from[3 * i + 2];
      bgr[3 * i + 1] = from[3 * i + 1];
      bgr[3 * i + 2] = from[3 * i];
    }
    return Tensor.ofFloats(bgr, in.shape());
  }

  private static Tensor normalize(Tensor in, List<Float> mean, List<Float> std) {
    int n = mean.size();
    int channels = in.rank() == 0 ? 1 : in.dimension(-1);
    if (n != 1 && n != channels) {
      throw new DataException(
          "normalize has " + n + " means, but the tensor has " + channels + " channels: " + in);
    }
    float[] values = in.toFloatArray();
    for (int i = 0; i < values.length; i++) {
      int k = n == 1 ? 0 : i % n;
      values[i] = (values[i] - mean.get(k)) / std.get(k);
    }
    return Tensor.ofFloats(values, in.shape());
  }

  /** Gives a tensor the shape of a model's input: adds or drops a batch of one, moves channels. */
  static Tensor fit(Tensor in, TensorSpec model) {
    int[] want = model.shape();
    if (fits(in.shape(), want)) {
      return in;
    }
    int[] shape = in.shape();
    if (shape.length + 1 == want.length && (want[0] == 1 || want[0] == -1)) {
      int[] batched = new int[want.length];
      batched[0] = 1;
      System.arraycopy(shape, 0, batched, 1, shape.length);
      return fit(in.reshape(batched), model);
    }
    if (shape.length == 4) {
      int[] first = {shape[0], shape[3], shape[1], shape[2]};
      if (fits(first, want)) {
        return channelsFirst(in, first);
      }
      if (want.length == 3 && shape[0] == 1) {
        return fit(in.reshape(shape[1], shape[2], shape[3]), model);
      }
    }
    throw new DataException(
        "The input "
            + model
            + " does not take a tensor of shape "
            + Preprocessing.text(shape)
            + "; change the preprocessing (such as resize) so that the shapes agree");
  }

  private static boolean fits(int[] shape, int[] want) {
    if (shape.length != want.length) {
      return false;
    }
    for (int i = 0; i < shape.length; i++) {
      if (want[i] != -1 && want[i] != shape[i]) {
        return false;
      }
    }
    return true;
  }

  private static Tensor channelsFirst(Tensor in, int[] shape) {
    float[] from = in.toFloatArray();
    float[] to = new float[from.length];
    int n = shape[0];
    int c = shape[1];
    int pixels = shape[2] * shape[3];
    for (int b = 0; b < n; b++) {
      for (int p = 0; p < pixels; p++) {
        for (int k = 0; k < c; k++) {
          to[(b * c + k) * pixels + p] = from[(b * pixels + p) * c + k];
        }
      }
    }
    return Tensor.ofFloats(to, shape);
  }
}
