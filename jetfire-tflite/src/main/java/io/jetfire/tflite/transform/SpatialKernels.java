package io.jetfire.tflite.transform;

import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.Padding;
import org.jspecify.annotations.Nullable;

/** Java kernels over windows of channels-last images, and matrix products. */
final class SpatialKernels {
  private SpatialKernels() {}

  /** Output length of a window along one dimension. */
  static int outLength(int in, int kernel, int stride, int dilation, Padding padding) {
    int effective = (kernel - 1) * dilation + 1;
    return padding == Padding.SAME
        ? (in + stride - 1) / stride
        : Math.max(0, (in - effective + stride) / stride);
  }

  /** Padding before the first element. */
  static int padBefore(int in, int out, int kernel, int stride, int dilation, Padding padding) {
    if (padding == Padding.VALID) {
      return 0;
    }
    int effective = (kernel - 1) * dilation + 1;
    return Math.max(0, (out - 1) * stride + effective - in) / 2;
  }

  static HostTensor conv(
      HostTensor x, HostTensor w, @Nullable HostTensor bias, Op a, boolean depthwise) {
    int n = x.dim(0);
    int ih = x.dim(1);
    int iw = x.dim(2);
    int ic = x.dim(3);
    int kh = w.dim(1);
    int kw = w.dim(2);
    int oc = depthwise ? w.dim(3) : w.dim(0);
    int wc = w.dim(3);
    int sh = a.integer("stride_h");
    int sw = a.integer("stride_w");
    int dh = a.integer("dilation_h_factor");
    int dw = a.integer("dilation_w_factor");
    int oh = outLength(ih, kh, sh, dh, a.padding());
    int ow = outLength(iw, kw, sw, dw, a.padding());
    int ph = padBefore(ih, oh, kh, sh, dh, a.padding());
    int pw = padBefore(iw, ow, kw, sw, dw, a.padding());
    HostTensor out = HostTensor.allocate(x.type(), n, oh, ow, oc);
    double[] xs = x.reals();
    double[] ws = w.reals();
    int groupSize = depthwise ? 0 : oc / (ic / wc);
    int multiplier = depthwise ? oc / ic : 0;
    for (int b = 0; b < n; b++) {
      for (int y = 0; y < oh; y++) {
        for (int xo = 0; xo < ow; xo++) {
          for (int o = 0; o < oc; o++) {
            double sum = 0;
            for (int ky = 0; ky < kh; ky++) {
              int sy = y * sh - ph + ky * dh;
              if (sy < 0 || sy >= ih) {
                continue;
              }
              for (int kx = 0; kx < kw; kx++) {
                int sx = xo * sw - pw + kx * dw;
                if (sx < 0 || sx >= iw) {
                  continue;
                }
                int at = ((b * ih + sy) * iw + sx) * ic;
                if (depthwise) {
                  sum += xs[at + o / multiplier] * ws[(ky * kw + kx) * oc + o];
                } else {
                  int from = o / groupSize * wc;
                  int wat = ((o * kh + ky) * kw + kx) * wc;
                  for (int c = 0; c < wc; c++) {
                    sum += xs[at + from + c] * ws[wat + c];
                  }
                }
              }
            }
            if (bias != null) {
              sum += bias.reals()[o];
            }
            out.set(((b * oh + y) * ow + xo) * oc + o, sum);
          }
        }
      }
    }
    return out;
  }

  static HostTensor transposeConv(
      int[] outShape, HostTensor w, HostTensor x, @Nullable HostTensor bias, Op a) {
    int oh = outShape[1];
    int ow = outShape[2];
    int oc = outShape[3];
    int kh = w.dim(1);
    int kw = w.dim(2);
    int ic = w.dim(3);
    int sh = a.integer("stride_h");
    int sw = a.integer("stride_w");
    int ph = padBefore(oh, x.dim(1), kh, sh, 1, a.padding());
    int pw = padBefore(ow, x.dim(2), kw, sw, 1, a.padding());
    double[] sums = new double[HostTensor.count(outShape)];
    for (int b = 0; b < x.dim(0); b++) {
      for (int y = 0; y < x.dim(1); y++) {
        for (int xi = 0; xi < x.dim(2); xi++) {
          int at = ((b * x.dim(1) + y) * x.dim(2) + xi) * ic;
          for (int ky = 0; ky < kh; ky++) {
            int ty = y * sh - ph + ky;
            if (ty < 0 || ty >= oh) {
              continue;
            }
            for (int kx = 0; kx < kw; kx++) {
              int tx = xi * sw - pw + kx;
              if (tx < 0 || tx >= ow) {
                continue;
              }
              for (int o = 0; o < oc; o++) {
                int wat = ((o * kh + ky) * kw + kx) * ic;
                double sum = 0;
                for (int c = 0; c < ic; c++) {
                  sum += x.reals()[at + c] * w.reals()[wat + c];
                }
                sums[((b * oh + ty) * ow + tx) * oc + o] += sum;
              }
            }
          }
        }
      }
    }
    HostTensor out = HostTensor.allocate(x.type(), outShape);
    for (int i = 0; i < sums.length; i++) {
      out.set(i, sums[i] + (bias == null ? 0 : bias.reals()[i % oc]));
    }
    return out;
  }

  /** What a pooling window gives. */
  enum Pool {
    AVERAGE,
    MAX,
    L2
  }

  static HostTensor pool(HostTensor x, Op a, Pool pool) {
    int ih = x.dim(1);
    int iw = x.dim(2);
    int c = x.dim(3);
    int kh = a.integer("filter_height");
    int kw = a.integer("filter_width");
    int sh = a.integer("stride_h");
    int sw = a.integer("stride_w");
    int oh = outLength(ih, kh, sh, 1, a.padding());
    int ow = outLength(iw, kw, sw, 1, a.padding());
    int ph = padBefore(ih, oh, kh, sh, 1, a.padding());
    int pw = padBefore(iw, ow, kw, sw, 1, a.padding());
    HostTensor out = HostTensor.allocate(x.type(), x.dim(0), oh, ow, c);
    int at = 0;
    for (int b = 0; b < x.dim(0); b++) {
      for (int y = 0; y < oh; y++) {
        for (int xo = 0; xo < ow; xo++) {
          for (int k = 0; k < c; k++) {
            double value = pool == Pool.MAX ? Double.NEGATIVE_INFINITY : 0;
            int cells = 0;
            for (int sy = Math.max(0, y * sh - ph); sy < Math.min(ih, y * sh - ph + kh); sy++) {
              for (int sx = Math.max(0, xo * sw - pw); sx < Math.min(iw, xo * sw - pw + kw); sx++) {
                double v = x.reals()[((b * ih + sy) * iw + sx) * c + k];
                cells++;
                value =
                    switch (pool) {
                      case MAX -> Math.max(value, v);
                      case AVERAGE -> value + v;
                      case L2 -> value + v * v;
                    };
              }
            }
            out.set(
                at++,
                switch (pool) {
                  case MAX -> value;
                  case AVERAGE -> value / cells;
                  case L2 -> Math.sqrt(value / cells);
                });
          }
        }
      }
    }
    return out;
  }

  static HostTensor resize(HostTensor x, int[] size, boolean bilinear, Op a) {
    boolean align = a.flag("align_corners");
    boolean half = a.flag("half_pixel_centers");
    int ih = x.dim(1);
    int iw = x.dim(2);
    int c = x.dim(3);
    int oh = size[0];
    int ow = size[1];
    HostTensor out = HostTensor.allocate(x.type(), x.dim(0), oh, ow, c);
    double scaleY = align && oh > 1 ? (ih - 1.0) / (oh - 1) : (double) ih / oh;
    double scaleX = align && ow > 1 ? (iw - 1.0) / (ow - 1) : (double) iw / ow;
    int at = 0;
    for (int b = 0; b < x.dim(0); b++) {
      for (int y = 0; y < oh; y++) {
        for (int xo = 0; xo < ow; xo++) {
          double sy = (float) (half ? (y + 0.5) * scaleY : y * scaleY);
          double sx = (float) (half ? (xo + 0.5) * scaleX : xo * scaleX);
          if (!bilinear) {
            int ny = Math.min(ih - 1, (int) (align ? Math.round(sy) : Math.floor(sy)));
            int nx = Math.min(iw - 1, (int) (align ? Math.round(sx) : Math.floor(sx)));
            for (int k = 0; k < c; k++) {
              out.copy(at++, x, ((b * ih + ny) * iw + nx) * c + k);
            }
            continue;
          }
          sy = half ? sy - 0.5 : sy;
          sx = half ? sx - 0.5 : sx;
          int y0 = (int) Math.max(0, Math.floor(sy));
          int x0 = (int) Math.max(0, Math.floor(sx));
          int y1 = Math.min(ih - 1, (int) Math.ceil(sy));
          int x1 = Math.min(iw - 1, (int) Math.ceil(sx));
          double fy = sy - y0;
          double fx = sx - x0;
          for (int k = 0; k < c; k++) {
            double v =
                x.real(((b * ih + y0) * iw + x0) * c + k) * (1 - fy) * (1 - fx)
                    + x.real(((b * ih + y1) * iw + x0) * c + k) * fy * (1 - fx)
                    + x.real(((b * ih + y0) * iw + x1) * c + k) * (1 - fy) * fx
                    + x.real(((b * ih + y1) * iw + x1) * c + k) * fy * fx;
            out.set(at++, v);
          }
        }
      }
    }
    return out;
  }

  static HostTensor fullyConnected(
      HostTensor x, HostTensor w, @Nullable HostTensor bias, boolean keepDims) {
    int units = w.dim(0);
    int depth = w.dim(1);
    int rows = depth == 0 ? 0 : x.size() / depth;
    int[] shape = keepDims ? x.shape().clone() : new int[] {rows, units};
    if (keepDims) {
      shape[shape.length - 1] = units;
    }
    HostTensor out = HostTensor.allocate(x.type(), shape);
    for (int r = 0; r < rows; r++) {
      for (int u = 0; u < units; u++) {
        double sum = bias == null ? 0 : bias.reals()[u];
        for (int d = 0; d < depth; d++) {
          sum += x.reals()[r * depth + d] * w.reals()[u * depth + d];
        }
        out.set(r * units + u, sum);
      }
    }
    return out;
  }

  static HostTensor batchMatMul(HostTensor xs, HostTensor ys, boolean adjX, boolean adjY) {
    HostTensor x = adjX ? swapLast(xs) : xs;
    HostTensor y = adjY ? swapLast(ys) : ys;
    int m = x.dim(-2);
    int k = x.dim(-1);
    int n = y.dim(-1);
    int[] bx = java.util.Arrays.copyOf(x.shape(), x.rank() - 2);
    int[] by = java.util.Arrays.copyOf(y.shape(), y.rank() - 2);
    int[] batch = ElementwiseKernels.broadcast(bx, by);
    int[] px = HostTensor.ofIntegers(x.type(), new long[0], bx).broadcastPlaces(batch);
    int[] py = HostTensor.ofIntegers(y.type(), new long[0], by).broadcastPlaces(batch);
    HostTensor out = HostTensor.allocate(x.type(), MovementKernels.join(batch, new int[] {m, n}));
    for (int b = 0; b < px.length; b++) {
      for (int i = 0; i < m; i++) {
        for (int j = 0; j < n; j++) {
          double sum = 0;
          long whole = 0;
          for (int d = 0; d < k; d++) {
            int ax = (px[b] * m + i) * k + d;
            int ay = (py[b] * k + d) * n + j;
            if (x.isReal()) {
              sum += x.reals()[ax] * y.reals()[ay];
            } else {
              whole += x.integers()[ax] * y.integers()[ay];
            }
          }
          int at = (b * m + i) * n + j;
          if (x.isReal()) {
            out.set(at, sum);
          } else {
            out.set(at, whole);
          }
        }
      }
    }
    return out;
  }

  private static HostTensor swapLast(HostTensor x) {
    int[] perm = new int[x.rank()];
    for (int i = 0; i < perm.length; i++) {
      perm[i] = i;
    }
    perm[perm.length - 1] = perm.length - 2;
    perm[perm.length - 2] = perm.length - 1;
    return MovementKernels.transpose(x, perm);
  }
}
