package io.jetfire.tflite.quantize;

import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Value;

/**
 * A layer's weights as outputs × inputs, whatever their layout in the file.
 *
 * <p>Layouts, by TensorFlow Lite's convention: CONV_2D and TRANSPOSE_CONV {@code [out, h, w, in]},
 * FULLY_CONNECTED {@code [out, in]}, DEPTHWISE_CONV_2D {@code [1, h, w, out]}.
 */
final class LayerWeights {
  private LayerWeights() {}

  static int outputs(OpKind kind, Value weights) {
    return kind == OpKind.DEPTHWISE_CONV_2D ? weights.shape().dim(3) : weights.shape().dim(0);
  }

  static float[][] rows(OpKind kind, Value weights) {
    float[] data = weights.dequantized();
    int outputs = outputs(kind, weights);
    int inputs = data.length / Math.max(1, outputs);
    float[][] rows = new float[outputs][inputs];
    for (int o = 0; o < outputs; o++) {
      if (kind == OpKind.DEPTHWISE_CONV_2D) {
        for (int i = 0; i < inputs; i++) {
          rows[o][i] = data[i * outputs + o];
        }
      } else {
        System.arraycopy(data, o * inputs, rows[o], 0, inputs);
      }
    }
    return rows;
  }

  static float[] flatten(OpKind kind, float[][] rows) {
    int outputs = rows.length;
    int inputs = outputs == 0 ? 0 : rows[0].length;
    float[] data = new float[outputs * inputs];
    for (int o = 0; o < outputs; o++) {
      for (int i = 0; i < inputs; i++) {
        data[position(kind, o, i, outputs, inputs)] = rows[o][i];
      }
    }
    return data;
  }

  static byte[] flatten(OpKind kind, int[][] rows) {
    int outputs = rows.length;
    int inputs = outputs == 0 ? 0 : rows[0].length;
    byte[] data = new byte[outputs * inputs];
    for (int o = 0; o < outputs; o++) {
      for (int i = 0; i < inputs; i++) {
        data[position(kind, o, i, outputs, inputs)] = (byte) rows[o][i];
      }
    }
    return data;
  }

  private static int position(OpKind kind, int o, int i, int outputs, int inputs) {
    return kind == OpKind.DEPTHWISE_CONV_2D ? i * outputs + o : o * inputs + i;
  }
}
