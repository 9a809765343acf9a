package io.jetfire.tflite.quantize;

import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Quantization;
import io.jetfire.tflite.graph.Value;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Optional;

/** Turns pieces of a tensor into the real numbers that they stand for; for one thread. */
final class Reals {
  private final ElementType type;
  private final float scale;
  private final float zero;
  private byte[] raw = new byte[0];
  private short[] wide = new short[0];

  /**
   * Starts.
   *
   * @param value of a type that {@link #takes} says yes to: real numbers, or integers with one
   *     scale
   */
  Reals(Value value) {
    this.type = value.type();
    Optional<Quantization.Affine> q = value.affine().filter(Quantization.Affine::isQuantized);
    this.scale = q.isPresent() ? q.get().scale(0) : 1;
    this.zero = q.isPresent() ? q.get().zeroPoint(0) : 0;
  }

  static boolean takes(ElementType type) {
    return type == ElementType.FLOAT32 || type == ElementType.INT8 || type == ElementType.INT16;
  }

  int elementBytes() {
    return type.bits() / 8;
  }

  /**
   * Takes the next elements of a buffer.
   *
   * @param from its position is moved
   * @param count how many elements
   * @param at where the first one goes
   */
  void take(ByteBuffer from, int count, float[] to, int at) {
    ByteBuffer bytes = from.slice().order(ByteOrder.LITTLE_ENDIAN);
    switch (type) {
      case FLOAT32 -> bytes.asFloatBuffer().get(to, at, count);
      case INT8 -> {
        if (raw.length < count) {
          raw = new byte[count];
        }
        bytes.get(raw, 0, count);
        for (int i = 0; i < count; i++) {
          to[at + i] = (raw[i] - zero) * scale;
        }
      }
      case INT16 -> {
        if (wide.length < count) {
          wide = new short[count];
        }
        bytes.asShortBuffer().get(wide, 0, count);
        for (int i = 0; i < count; i++) {
          to[at + i] = (wide[i] - zero) * scale;
        }
      }
      default -> throw new IllegalStateException("a layer is not fed with " + type);
    }
    from.position(from.position() + count * elementBytes());
  }
}
