package io.jetfire.tflite.transform;

import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Graph;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.Value;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.jspecify.annotations.Nullable;

/** Runs a whole graph with the Java kernels. */
final class GraphEvaluator {
  private GraphEvaluator() {}

  /** Inputs that depend only on the seed, the input's place and its element count. */
  static Map<String, HostTensor> randomInputs(Graph graph, long seed) {
    Map<String, HostTensor> inputs = new HashMap<>();
    for (Value v : graph.main().inputs()) {
      Random random = new Random(seed + v.name().hashCode());
      HostTensor t = HostTensor.allocate(v.type(), v.shape().standIn());
      for (int i = 0; i < t.size(); i++) {
        if (t.isReal()) {
          t.set(i, random.nextGaussian());
        } else {
          t.set(i, (long) random.nextInt(10));
        }
      }
      inputs.put(v.name(), t);
    }
    return inputs;
  }

  static Map<String, HostTensor> run(Graph graph, Map<String, HostTensor> inputs) {
    Map<Value, HostTensor> known = new IdentityHashMap<>();
    for (Value v : graph.main().inputs()) {
      known.put(v, Edits.present(inputs.get(v.name())));
    }
    for (Op op : graph.main().ops()) {
      List<@Nullable HostTensor> in = new ArrayList<>();
      for (Value v : op.inputs()) {
        in.add(v == null ? null : get(known, v));
      }
      List<HostTensor> out = Kernels.evaluate(op, in);
      if (out == null) {
        throw new AssertionError("no Java kernel for " + op);
      }
      for (int i = 0; i < op.outputs().size(); i++) {
        if (op.output(i).shape().isStatic()
            && !java.util.Arrays.equals(op.output(i).shape().dims(), out.get(i).shape())) {
          throw new AssertionError(op + " gives " + out.get(i) + " but declares " + op.output(i));
        }
        known.put(op.output(i), out.get(i));
      }
    }
    Map<String, HostTensor> results = new HashMap<>();
    for (Value v : graph.main().outputs()) {
      results.put(v.name(), get(known, v));
    }
    return results;
  }

  private static HostTensor get(Map<Value, HostTensor> known, Value v) {
    if (v.isConstant()) {
      return ConstantFolding.tensor(v);
    }
    HostTensor t = known.get(v);
    if (t == null) {
      throw new AssertionError(v + " is not computed");
    }
    return t;
  }

  static double greatestDifference(HostTensor a, HostTensor b) {
    if (a.size() != b.size() || a.type() != b.type()) {
      return Double.POSITIVE_INFINITY;
    }
    double worst = 0;
    for (int i = 0; i < a.size(); i++) {
      double d = Math.abs(a.real(i) - b.real(i)) / (1 + Math.abs(a.real(i)));
      worst =
          Double.isNaN(d) && !(Double.isNaN(a.real(i)) && Double.isNaN(b.real(i)))
              ? Double.POSITIVE_INFINITY
              : Math.max(worst, Double.isNaN(d) ? 0 : d);
    }
    return worst;
  }

  static HostTensor floats(int... shape) {
    return HostTensor.allocate(ElementType.FLOAT32, shape);
  }
}
