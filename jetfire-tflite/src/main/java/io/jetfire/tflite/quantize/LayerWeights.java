package io.jetfire.tflite.quantize;

import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Value;
import java.nio.ByteBuffer;
import java.nio.FloatBuffer;

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
    int outputs = outputs(kind, weights);
    if (weights.type() == ElementType.FLOAT32 && kind != OpKind.DEPTHWISE_CONV_2D) {
      return read(weights, outputs);
    }
    float[] data = weights.dequantized();
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

  /** Reads row by row, so that the weights are not in memory twice. */
  private static float[][] read(Value weights, int outputs) {
    ByteBuffer bytes = weights.data().orElseThrow().bytes();
    FloatBuffer values = bytes.asFloatBuffer();
    float[][] rows = new float[outputs][values.remaining() / Math.max(1, outputs)];
    for (float[] row : rows) {
      values.get(row);
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

  static byte[] flatten(OpKind kind, byte[][] rows) {
    int outputs = rows.length;
    int inputs = outputs == 0 ? 0 : rows[0].length;
    byte[] data = new byte[outputs * inputs];
    for (int o = 0; o < outputs; o++) {
      for (int i = 0; i < inputs; i++) {
        data[position(kind, o, i, outputs, inputs)] = rows[o][i];
      }
    }
    return data;
  }

  private static int position(OpKind kind, int o, int i, int outputs, int inputs) {
    return kind == OpKind.DEPTHWISE_CONV_2D ? i * outputs + o : o * inputs + i;
  }
}
