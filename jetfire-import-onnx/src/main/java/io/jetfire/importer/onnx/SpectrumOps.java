package io.jetfire.importer.onnx;

import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Padding;
import io.jetfire.tflite.graph.Shape;
import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.importer.lowering.Build;
import io.jetfire.tflite.importer.lowering.Matrices;
import io.jetfire.tflite.importer.lowering.Refusal;
import io.jetfire.tflite.importer.lowering.Spectrum;
import java.util.Arrays;
import java.util.Map;

/** Fourier transforms, and the bands of mel spectra. */
final class SpectrumOps {
  private SpectrumOps() {}

  static void register(Map<String, Lowering> ops) {
    ops.put("DFT", SpectrumOps::transform);
    ops.put("STFT", SpectrumOps::shortTime);
    ops.put("MelWeightMatrix", SpectrumOps::mel);
  }

  private static void transform(Node n) {
    Value x = n.in(0);
    Build.requireFloat(x);
    int rank = n.rank(x);
    int[] given = n.has(2) ? n.known(2, "axis") : new int[] {n.integer("axis", 1)};
    int axis = n.axis(n.opset >= 20 && !n.has(2) ? -2 : given[0], rank);
    boolean inverse = n.integer("inverse", 0) != 0;
    boolean half = n.integer("onesided", 0) != 0;
    int[] d = n.fixedFrom(x, 0);
    if (axis == rank - 1 || d[rank - 1] < 1 || d[rank - 1] > 2) {
      throw new Refusal(
          "a transform of " + x.shape() + " along dimension " + axis,
          "give it real and imaginary parts along the last dimension");
    }
    if (inverse && half) {
      throw new Refusal("the inverse of one half of a spectrum", "give it the whole spectrum");
    }
    int size = n.has(1) ? n.known(1, "dft_length")[0] : d[axis];
    if (size < 1) {
      throw new Refusal("a transform of the length " + size, "use at least 1");
    }
    int used = Math.min(size, d[axis]);
    int bins = half ? size / 2 + 1 : size;
    int[] toLast = new int[rank - 1];
    for (int i = 0, k = 0; i < rank - 1; i++) {
      if (i != axis) {
        toLast[k++] = i;
      }
    }
    toLast[rank - 2] = axis;
    Value data = n.b.slice(x, axis, 0, used);
    double by = inverse ? 1.0 / size : 1;
    Value cosines = Spectrum.waves(n.b, bins, used, size, false, by);
    Value sines = Spectrum.waves(n.b, bins, used, size, true, by);
    Value real = part(n, data, 0, toLast);
    Value re = Matrices.linear(n.b, real, cosines, null);
    Value im = Matrices.linear(n.b, real, sines, null);
    im = inverse ? im : n.b.mul(im, -1);
    if (d[rank - 1] == 2) {
      Value imaginary = part(n, data, 1, toLast);
      Value turned = Matrices.linear(n.b, imaginary, sines, null);
      re = inverse ? n.b.sub(re, turned) : n.b.add(re, turned);
      im = n.b.add(im, Matrices.linear(n.b, imaginary, cosines, null));
    }
    int[] back = new int[rank];
    for (int i = 0; i < rank - 1; i++) {
      back[toLast[i]] = i;
    }
    back[rank - 1] = rank - 1;
    Value both = n.b.concat(rank - 1, n.b.unsqueeze(re, rank - 1), n.b.unsqueeze(im, rank - 1));
    n.out(n.b.transpose(both, back));
  }

  private static Value part(Node n, Value x, int which, int[] toLast) {
    int last = toLast.length;
    return n.b.transpose(n.b.squeeze(n.b.slice(x, last, which, 1), last), toLast);
  }

  /** A convolution whose filters are the windowed waves. */
  private static void shortTime(Node n) {
    Value signal = n.in(0);
    Build.requireFloat(signal);
    int[] d = n.fixedFrom(signal, 0);
    boolean complex = d.length == 3 && d[2] == 2;
    if (d.length < 2 || d.length > 3 || (d.length == 3 && d[2] > 2)) {
      throw new Refusal("a signal of " + signal.shape(), "give it batch, samples and parts");
    }
    int step = n.known(1, "frame_step")[0];
    Value window = n.optional(2);
    if (window != null && !window.isConstant()) {
      throw new Refusal("its window is computed while the model runs", "make it a constant");
    }
    boolean half = n.integer("onesided", 1) != 0;
    float[] weights = window == null ? new float[0] : window.floats();
    int size = n.has(3) ? n.known(3, "frame_length")[0] : weights.length;
    if (size < 1 || size > d[1] || step < 1 || (complex && half)) {
      throw new Refusal(
          "frames of " + size + " samples every " + step + " of " + signal.shape(),
          "use frames that fit into the signal, and both sides of a complex one's spectrum");
    }
    if (window == null) {
      weights = new float[size];
      Arrays.fill(weights, 1);
    } else if (weights.length != size) {
      throw new Refusal(
          "a window of " + weights.length + " samples for frames of " + size, "use one length");
    }
    int bins = half ? size / 2 + 1 : size;
    int parts = complex ? 2 : 1;
    float[] filter = new float[Build.count(2 * bins, size, parts)];
    for (int k = 0; k < bins; k++) {
      for (int t = 0; t < size; t++) {
        double a = Spectrum.angle(k, t, size);
        float cos = (float) (weights[t] * Math.cos(a));
        float sin = (float) (weights[t] * Math.sin(a));
        int re = (2 * k * size + t) * parts;
        int im = ((2 * k + 1) * size + t) * parts;
        filter[re] = cos;
        filter[im] = -sin;
        if (complex) {
          filter[re + 1] = sin;
          filter[im + 1] = cos;
        }
      }
    }
    Value waves =
        n.b.emit(
            Op.of(OpKind.CONV_2D)
                .set("padding", Padding.VALID)
                .set("stride_h", step)
                .set("stride_w", 1)
                .inputs(
                    n.b.reshape(signal, d[0], d[1], 1, parts),
                    n.b.floats(Shape.of(2 * bins, size, 1, parts), filter),
                    n.b.filled(ElementType.FLOAT32, 0, 2 * bins)));
    n.out(n.b.reshape(waves, d[0], (d[1] - size) / step + 1, bins, 2));
  }

  private static double toMel(double hertz) {
    return 2595 * Math.log10(1 + hertz / 700);
  }

  /** Triangles between frequencies that are evenly spaced on the mel scale. */
  private static void mel(Node n) {
    int bands = n.known(0, "num_mel_bins")[0];
    int length = n.known(1, "dft_length")[0];
    int rate = n.known(2, "sample_rate")[0];
    double low = toMel(n.knownFloat(3, "lower_edge_hertz"));
    double high = toMel(n.knownFloat(4, "upper_edge_hertz"));
    int bins = Math.max(0, length) / 2 + 1;
    int[] edges = new int[Build.count(Math.max(0, bands)) + 2];
    for (int i = 0; i < edges.length; i++) {
      double hertz = 700 * (Math.pow(10, (low + i * (high - low) / edges.length) / 2595) - 1);
      edges[i] = (int) Math.floor((length + 1) * hertz / rate);
    }
    float[] out = new float[Build.count(bins, bands)];
    for (int i = 0; i < bands; i++) {
      int centre = edges[i + 1];
      int rise = centre - edges[i];
      if (rise == 0 && centre >= 0 && centre < bins) {
        out[centre * bands + i] = 1;
      }
      for (int k = Math.max(0, edges[i]); rise > 0 && k <= Math.min(centre, bins - 1); k++) {
        out[k * bands + i] = (float) (k - edges[i]) / rise;
      }
      int fall = edges[i + 2] - centre;
      for (int k = Math.max(0, centre); fall > 0 && k < Math.min(edges[i + 2], bins); k++) {
        out[k * bands + i] = (float) (edges[i + 2] - k) / fall;
      }
    }
    ElementType type = Types.of(n.integer("output_datatype", OnnxTensor.FLOAT));
    n.out(n.b.cast(n.b.floats(Shape.of(bins, bands), out), type));
  }
}
