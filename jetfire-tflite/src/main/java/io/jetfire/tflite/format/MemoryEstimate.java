package io.jetfire.tflite.format;

import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Shape;
import io.jetfire.tflite.graph.Subgraph;
import io.jetfire.tflite.graph.Value;
import java.util.Collections;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.Map;
import java.util.Set;

/**
 * What a run of a subgraph takes at most: tensors from their making to their last use, and the
 * scratch buffers of convolutions. Sums stop at {@link Long#MAX_VALUE} instead of overflowing.
 */
record MemoryEstimate(long peakBytes, String at) {
  private static final int POINTER = 8;

  static MemoryEstimate of(Subgraph s) {
    Map<Value, Integer> lastUse = new IdentityHashMap<>();
    int end = s.ops().size();
    for (int i = 0; i < end; i++) {
      for (Value v : s.ops().get(i).inputs()) {
        if (v != null) {
          lastUse.put(v, i);
        }
      }
    }
    s.outputs().forEach(v -> lastUse.put(v, end));
    s.inputs().forEach(v -> lastUse.put(v, end));
    long live = 0;
    Set<Value> inputs = Collections.newSetFromMap(new IdentityHashMap<>());
    inputs.addAll(s.inputs());
    for (Value v : s.values()) {
      if (v.isVariable() || (inputs.contains(v) && v.data().isEmpty())) {
        lastUse.put(v, end);
        live = add(live, bytes(v));
      }
    }
    long peak = live;
    String at = "the inputs";
    Map<Integer, Long> freedAfter = new HashMap<>();
    for (int i = 0; i < end; i++) {
      Op op = s.ops().get(i);
      for (Value v : op.outputs()) {
        long size = bytes(v);
        live = add(live, size);
        freedAfter.merge(lastUse.getOrDefault(v, i), size, MemoryEstimate::add);
      }
      long now = add(live, scratch(op));
      if (now > peak) {
        peak = now;
        at = op.toString();
      }
      live -= Math.min(live, freedAfter.getOrDefault(i, 0L));
    }
    return new MemoryEstimate(peak, at);
  }

  static long bytes(Value v) {
    try {
      ElementType type = v.type();
      return type.isFixedSize() ? type.byteSize(v.shape().standInElementCount()) : 0;
    } catch (ArithmeticException e) {
      return Long.MAX_VALUE;
    }
  }

  // What a convolution unrolls: one window per output position; and XNNPACK's pointers to them.
  private static long scratch(Op op) {
    if (op.kind() != OpKind.CONV_2D
        && op.kind() != OpKind.TRANSPOSE_CONV
        && op.kind() != OpKind.DEPTHWISE_CONV_2D
        && op.kind() != OpKind.CONV_3D) {
      return 0;
    }
    Shape filter = op.optionalInput(1).map(Value::shape).orElse(Shape.unknown());
    Shape out = op.outputs().isEmpty() ? Shape.unknown() : op.output(0).shape();
    if (!filter.isStatic() || filter.rank() < 4 || !out.hasRank() || out.rank() < 4) {
      return 0;
    }
    int[] o = out.standIn();
    long positions = 1;
    for (int i = 0; i < o.length - 1; i++) {
      positions = multiply(positions, o[i]);
    }
    long window = multiply(filter.dim(1), filter.dim(2));
    if (window == 1) {
      return 0;
    }
    boolean bytes = op.optionalInput(1).map(v -> v.type().bits() <= 8).orElse(false);
    long unrolled =
        op.kind() == OpKind.DEPTHWISE_CONV_2D
            ? 0
            : multiply(multiply(window, filter.dim(3)), bytes ? 1 : 4);
    return multiply(positions, Math.max(unrolled, multiply(window, POINTER)));
  }

  static long multiply(long a, long b) {
    long high = Math.multiplyHigh(a, b);
    long low = a * b;
    return high != 0 || low < 0 ? Long.MAX_VALUE : low;
  }

  static long add(long a, long b) {
    long sum = a + b;
    return sum < 0 ? Long.MAX_VALUE : sum;
  }
}
