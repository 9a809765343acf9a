package io.jetfire.importer.tensorflow;

import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Shape;
import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.importer.lowering.Build;
import io.jetfire.tflite.importer.lowering.Refusal;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Attention layers over sequences. */
final class KerasAttention {
  /** What a masked score is lowered by: enough to be 0 after the softmax. */
  private static final double MASKED = -1e9;

  private KerasAttention() {}

  static void register(Map<String, KerasLayer> layers) {
    layers.put("MultiHeadAttention", KerasAttention::multiHead);
    layers.put("Attention", KerasLayer.of(c -> single(c, c.text("score_mode", "dot"))));
    layers.put("AdditiveAttention", KerasLayer.of(c -> single(c, "additive")));
  }

  private static boolean isTrue(Object argument) {
    return argument instanceof com.fasterxml.jackson.databind.JsonNode n && n.asBoolean(false);
  }

  private static @Nullable Value tensor(Object argument) {
    return argument instanceof Value v ? v : null;
  }

  private static List<Value> multiHead(Call c) {
    c.model.requireNoMask(c.tensors());
    if (c.flag("use_gate", false) || c.isSet("sliding_window")) {
      throw new Refusal("gated or windowed attention", "use plain attention");
    }
    Value query = tensor(c.argument(0, "query"));
    Value value = tensor(c.argument(1, "value"));
    Value key = tensor(c.argument(2, "key"));
    Value mask = tensor(c.argument(3 + 2, "attention_mask"));
    mask = mask == null ? tensor(c.named.getOrDefault("attention_mask", List.of())) : mask;
    if (mask == null && c.arguments.size() == 4) {
      mask = tensor(c.arguments.get(3));
    }
    for (String other : new String[] {"query_mask", "value_mask", "key_mask"}) {
      if (c.named.get(other) instanceof Value) {
        throw new Refusal("it takes a " + other, "use attention_mask");
      }
    }
    if (query == null || value == null) {
      throw new Refusal("it is called without query and value", "save the model anew");
    }
    key = key == null ? value : key;
    if (Build.rank(query) != 3 || Build.rank(value) != 3 || Build.rank(key) != 3) {
      throw new Refusal(
          "attention over " + query.shape() + " and " + value.shape(),
          "give it batch, sequence and features");
    }
    boolean causal = isTrue(c.named.getOrDefault("use_causal_mask", List.of()));
    Value q = projected(c, query, "query", "query_dense");
    Value k = projected(c, key, "key", "key_dense");
    Value v = projected(c, value, "value", "value_dense");
    int depth = Build.fixedFrom(q, 1)[3];
    q = c.b.mul(q, 1 / Math.sqrt(depth));
    Value heads = c.b.transpose(q, 0, 2, 1, 3);
    Value keys = c.b.transpose(k, 0, 2, 1, 3);
    Value scores = c.b.emit(Op.of(OpKind.BATCH_MATMUL).set("adj_y", true).inputs(heads, keys));
    if (mask != null) {
      Value m = Build.rank(mask) == 3 ? c.b.unsqueeze(mask, 1) : mask;
      Value off = c.b.sub(c.b.scalar(1), c.b.cast(m, ElementType.FLOAT32));
      scores = c.b.add(scores, c.b.mul(off, MASKED));
    }
    if (causal) {
      scores = c.b.add(scores, causalMask(c.b, scores));
    }
    Value weights = c.b.softmax(scores);
    Value mixed = c.b.matMul(weights, c.b.transpose(v, 0, 2, 1, 3));
    Value joined = c.b.transpose(mixed, 0, 2, 1, 3);
    KerasWeights dense = c.weights.part("output_dense", "attention_output");
    Hdf5.Array kernel = dense.get(0, "kernel");
    int[] w = kernel.shape();
    int[] j = Build.fixedFrom(joined, 1);
    if (w.length != 3) {
      throw new Refusal("an output of " + (w.length - 2) + " dimensions", "use one dimension");
    }
    Value flat = c.b.reshape(joined, j[0], j[1], j[2] * j[3]);
    Value matrix = c.b.reshape(c.constant("attention_output", kernel), w[0] * w[1], w[2]);
    Value bias =
        c.flag("use_bias", true) ? c.constant("attention_bias", dense.get(1, "bias")) : null;
    List<Value> out = new ArrayList<>();
    out.add(linear(c.b, flat, matrix, bias));
    if (isTrue(c.named.getOrDefault("return_attention_scores", List.of()))) {
      out.add(weights);
    }
    return out;
  }

  /** Features to heads: batch, sequence, heads, features per head. */
  private static Value projected(Call c, Value x, String name, String attribute) {
    KerasWeights part = part(c, name, attribute);
    Hdf5.Array kernel = part.get(0, "kernel");
    int[] w = kernel.shape();
    if (w.length != 3) {
      throw new Refusal("a kernel of " + Arrays.toString(w), "save the model anew");
    }
    Value matrix = c.b.reshape(c.constant(name, kernel), w[0], w[1] * w[2]);
    Value bias = null;
    if (c.flag("use_bias", true)) {
      bias = c.b.reshape(c.constant(name + "_bias", part.get(1, "bias")), w[1] * w[2]);
    }
    int[] d = Build.fixedFrom(x, 1);
    return c.b.reshape(linear(c.b, x, matrix, bias), d[0], d[1], w[1], w[2]);
  }

  /** Keras 3 names the objects query_dense, late Keras 2 files _query_dense. */
  private static KerasWeights part(Call c, String name, String attribute) {
    KerasWeights part = c.weights.part(attribute, name);
    return part.find(0, "kernel").isPresent() ? part : c.weights.part("_" + attribute, name);
  }

  private static Value linear(Build b, Value x, Value matrix, @Nullable Value bias) {
    Op op = Op.of(OpKind.FULLY_CONNECTED).set("keep_num_dims", true);
    return b.emit(op.inputs(Arrays.asList(x, b.transpose(matrix, 1, 0), bias)));
  }

  private static Value causalMask(Build b, Value scores) {
    int[] d = Build.fixedFrom(scores, 1);
    int rank = d.length;
    int rows = d[rank - 2];
    int columns = d[rank - 1];
    float[] m = new float[Build.count(rows, columns)];
    for (int i = 0; i < rows; i++) {
      for (int k = i + 1; k < columns; k++) {
        m[i * columns + k] = (float) MASKED;
      }
    }
    return b.floats(Shape.of(rows, columns), m);
  }

  /** Attention without projections: query, value, and key if it differs. */
  private static Value single(Call c, String mode) {
    c.model.requireNoMask(c.tensors());
    List<Value> all = c.tensors();
    if (all.size() < 2) {
      throw new Refusal("attention of one tensor", "give it query and value");
    }
    Value query = all.get(0);
    Value value = all.get(1);
    Value key = all.size() > 2 ? all.get(2) : value;
    boolean scaled = c.flag("use_scale", mode.equals("additive"));
    Value scores =
        switch (mode) {
          case "dot" -> {
            Value dots = c.b.emit(Op.of(OpKind.BATCH_MATMUL).set("adj_y", true).inputs(query, key));
            yield scaled ? c.b.mul(dots, c.weight(0, "scale")) : dots;
          }
          case "concat" -> {
            Value sums = sums(c, query, key);
            Value w = c.weight(scaled ? 1 : 0, "concat_score_weight");
            yield c.b.mul(tanh(c, scaled ? c.b.mul(sums, c.weight(0, "scale")) : sums, null), w);
          }
          case "additive" -> tanh(c, sums(c, query, key), scaled ? c.weight(0, "scale") : null);
          default -> throw new Refusal("the score mode '" + mode + "'", "use dot or concat");
        };
    if (c.flag("causal", false) || isTrue(c.named.getOrDefault("use_causal_mask", List.of()))) {
      scores = c.b.add(scores, causalMask(c.b, scores));
    }
    return c.b.matMul(c.b.softmax(scores), value);
  }

  /** Every query with every key. */
  private static Value sums(Call c, Value query, Value key) {
    return c.b.add(c.b.unsqueeze(query, 2), c.b.unsqueeze(key, 1));
  }

  private static Value tanh(Call c, Value x, @Nullable Value weights) {
    Value y = c.b.unary(OpKind.TANH, x);
    return c.b.reduce(OpKind.SUM, weights == null ? y : c.b.mul(y, weights), false, 3);
  }
}
