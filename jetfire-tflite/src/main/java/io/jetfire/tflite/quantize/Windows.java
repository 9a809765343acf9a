package io.jetfire.tflite.quantize;

import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Padding;
import io.jetfire.tflite.graph.Value;

/** Reads what one output position of a layer sees, as {@code [tap][channel]}. */
final class Windows {
  private final int height;
  private final int width;
  private final int channels;
  private final int outHeight;
  private final int outWidth;
  private final int kernelHeight;
  private final int kernelWidth;
  private final int strideHeight;
  private final int strideWidth;
  private final int dilationHeight;
  private final int dilationWidth;
  private final int top;
  private final int left;
  private final int images;

  private Windows(Op op, int[] input, Value weights) {
    if (op.kind() == OpKind.FULLY_CONNECTED) {
      channels = weights.shape().dim(1);
      int elements = 1;
      for (int d : input) {
        elements *= d;
      }
      images = elements / Math.max(1, channels);
      height = 1;
      width = 1;
      kernelHeight = 1;
      kernelWidth = 1;
      strideHeight = 1;
      strideWidth = 1;
      dilationHeight = 1;
      dilationWidth = 1;
    } else {
      images = input[0];
      height = input[1];
      width = input[2];
      channels = input[3];
      kernelHeight = weights.shape().dim(1);
      kernelWidth = weights.shape().dim(2);
      strideHeight = op.integer("stride_h");
      strideWidth = op.integer("stride_w");
      dilationHeight = op.integer("dilation_h_factor");
      dilationWidth = op.integer("dilation_w_factor");
    }
    int spanHeight = (kernelHeight - 1) * dilationHeight + 1;
    int spanWidth = (kernelWidth - 1) * dilationWidth + 1;
    if (op.kind() != OpKind.FULLY_CONNECTED && op.padding() == Padding.SAME) {
      outHeight = (height + strideHeight - 1) / strideHeight;
      outWidth = (width + strideWidth - 1) / strideWidth;
      top = Math.max(0, (outHeight - 1) * strideHeight + spanHeight - height) / 2;
      left = Math.max(0, (outWidth - 1) * strideWidth + spanWidth - width) / 2;
    } else {
      outHeight = Math.max(0, (height - spanHeight + strideHeight) / strideHeight);
      outWidth = Math.max(0, (width - spanWidth + strideWidth) / strideWidth);
      top = 0;
      left = 0;
    }
  }

  /**
   * Describes the windows of a layer.
   *
   * @param op a convolution, depthwise convolution or fully connected layer
   * @param input the shape of its input
   * @param weights its weights
   */
  static Windows of(Op op, int[] input, Value weights) {
    return new Windows(op, input, weights);
  }

  /** How many groups of channels a layer keeps apart. */
  static int groups(Op op, Windows windows, Value weights) {
    return switch (op.kind()) {
      case DEPTHWISE_CONV_2D -> windows.channels;
      case CONV_2D -> Math.max(1, windows.channels / weights.shape().dim(3));
      default -> 1;
    };
  }

  /** Whether a column of the kernel ever lies on a column of the input. */
  boolean seesColumn(int kernelColumn, int column) {
    return sees(column + left - kernelColumn * dilationWidth, strideWidth, outWidth);
  }

  /** Whether a row of the kernel ever lies on a row of the input. */
  boolean seesRow(int kernelRow, int row) {
    return sees(row + top - kernelRow * dilationHeight, strideHeight, outHeight);
  }

  private static boolean sees(int start, int stride, int count) {
    return start >= 0 && start % stride == 0 && start / stride < count;
  }

  int height() {
    return height;
  }

  int width() {
    return width;
  }

  int kernelHeight() {
    return kernelHeight;
  }

  int kernelWidth() {
    return kernelWidth;
  }

  /** Positions in one image; in one row, if the layer is fully connected. */
  int perImage() {
    return outHeight * outWidth;
  }

  int positions() {
    return images * outHeight * outWidth;
  }

  int taps() {
    return kernelHeight * kernelWidth;
  }

  int channels() {
    return channels;
  }

  /** Copies the window of a position; what lies in the padding is 0. */
  void read(float[] input, int position, float[] window) {
    int x = position % outWidth;
    int y = position / outWidth % outHeight;
    int image = position / (outWidth * outHeight);
    int to = 0;
    for (int ky = 0; ky < kernelHeight; ky++) {
      int iy = y * strideHeight - top + ky * dilationHeight;
      for (int kx = 0; kx < kernelWidth; kx++) {
        int ix = x * strideWidth - left + kx * dilationWidth;
        if (iy >= 0 && iy < height && ix >= 0 && ix < width) {
          int from = ((image * height + iy) * width + ix) * channels;
          System.arraycopy(input, from, window, to, channels);
        } else {
          java.util.Arrays.fill(window, to, to + channels, 0f);
        }
        to += channels;
      }
    }
  }
}
