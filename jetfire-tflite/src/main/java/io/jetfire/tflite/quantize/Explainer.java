package io.jetfire.tflite.quantize;

import io.jetfire.ConfigurationException;
import io.jetfire.Explanation;
import io.jetfire.LayerError;
import io.jetfire.Recipe;
import io.jetfire.Recipe.Precision;
import io.jetfire.Suspect;
import io.jetfire.Tensor;
import io.jetfire.spi.ConverterBackend;
import io.jetfire.spi.ModelRuntime;
import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Graph;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Quantization;
import io.jetfire.tflite.graph.Subgraph;
import io.jetfire.tflite.graph.Value;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Finds the operators of a quantized model that lose accuracy, by running it beside the float one.
 *
 * <pre>{@code
 * Explanation why = Explainer.explain(quantized, recipe, calibration, options);
 * System.out.println(why);
 * }</pre>
 */
public final class Explainer {
  private static final int MOST_SAMPLES = 32;
  private static final int MOST_SUSPECTS = 5;

  /** Pure rounding to 256 steps leaves about this much, for the usual shapes of activations. */
  private static final double UNSUSPICIOUS_DB = 35;

  private Explainer() {}

  /** An operator of the float graph and its output in the quantized one. */
  private static final class Watched {
    private final Op op;
    private final Value meant;
    private final Value seen;
    private double signal;
    private double total;
    private double alone;
    private double dot;
    private double seenSquares;
    private double max;
    private long saturated;
    private long count;
    private double lowest = Double.POSITIVE_INFINITY;
    private double highest = Double.NEGATIVE_INFINITY;
    private boolean isolated;

    Watched(Op op, Value meant, Value seen) {
      this.op = op;
      this.meant = meant;
      this.seen = seen;
    }
  }

  /**
   * Explains a quantized graph.
   *
   * @param quantized what {@link Quantizer} gave
   * @param recipe by which it was quantized
   * @param calibration samples; at most 32 are looked at, or 32 for each signature of several
   * @param options with the host's runtime
   * @return errors per operator, and suspects
   */
  public static Explanation explain(
      QuantizedGraph quantized,
      Recipe recipe,
      ConverterBackend.Calibration calibration,
      QuantizeOptions options) {
    ModelRuntime runtime =
        options
            .runtime()
            .orElseThrow(
                () ->
                    new ConfigurationException(
                        "Explaining executes the model on this host, but no runtime was given; add"
                            + " the artifact jetfire-runtime"));
    Graph reference = quantized.reference();
    List<EntryPoint> entries = EntryPoint.of(reference);
    SampleRouter router =
        new SampleRouter(
            reference,
            entries,
            new ConverterBackend.Calibration(
                calibration.dataset(),
                calibration.preprocessing(),
                Math.min(MOST_SAMPLES, calibration.samples())));
    List<Explanation> parts = new ArrayList<>();
    Path folder = Quantizer.temporaryFolder(options);
    try {
      GraphRunner runner = new GraphRunner(runtime, folder, options);
      for (EntryPoint e : entries) {
        Optional<ConverterBackend.Calibration> some = router.calibration(e);
        if (some.isPresent()) {
          Subgraph meant = e.in(reference);
          try (SampleStore samples = SampleStore.load(some.get(), Quantizer.specs(meant), folder)) {
            parts.add(explain(meant, e.in(quantized.graph()), recipe, runner, samples));
          }
        }
      }
    } finally {
      Quantizer.delete(folder);
    }
    if (parts.isEmpty()) {
      throw SampleStore.empty(calibration);
    }
    return new Explanation(
        parts.stream().flatMap(p -> p.layers().stream()).toList(),
        parts.stream()
            .flatMap(p -> p.suspects().stream())
            .sorted(Comparator.comparingDouble(s -> s.layer().isolatedSqnrDb()))
            .limit(MOST_SUSPECTS)
            .toList(),
        quantized.notes().stream().filter(n -> n.startsWith("Left float")).toList(),
        parts.stream().mapToInt(Explanation::samples).sum());
  }

  private static Explanation explain(
      Subgraph meant, Subgraph seen, Recipe recipe, GraphRunner runner, SampleStore samples) {
    List<Watched> watched = watched(meant, seen);
    List<Value> meantValues = new ArrayList<>();
    Map<String, Integer> position = new HashMap<>();
    for (Value v : meant.inputs()) {
      position.put(v.name(), -1 - meant.inputs().indexOf(v));
    }
    for (Op op : meant.ops()) {
      for (Value v : op.outputs()) {
        if (v.type().tensorType().isPresent()) {
          position.put(v.name(), meantValues.size());
          meantValues.add(v);
        }
      }
    }
    List<Value> seenValues = watched.stream().map(w -> w.seen).toList();
    Isolated isolated = Isolated.of(watched, position);
    try (GraphRunner.Running reference =
            runner.open(Segments.extract(meant.ops(), meant.inputs(), meantValues));
        GraphRunner.Running whole =
            runner.open(Segments.extract(seen.ops(), seen.inputs(), seenValues));
        GraphRunner.Running alone = runner.open(isolated.graph)) {
      for (int s = 0; s < samples.size(); s++) {
        List<Tensor> inputs = samples.get(s);
        reference.run(inputs);
        List<Tensor> formed = new ArrayList<>();
        for (int i = 0; i < inputs.size(); i++) {
          formed.add(Numbers.toForm(seen.inputs().get(i), inputs.get(i)));
        }
        whole.run(formed);
        List<Tensor> fed = new ArrayList<>();
        for (int i = 0; i < isolated.sources.size(); i++) {
          int from = isolated.sources.get(i);
          Tensor t = from < 0 ? inputs.get(-1 - from) : reference.output(from);
          fed.add(Numbers.toForm(isolated.inputs.get(i), t));
        }
        alone.run(fed);
        for (int i = 0; i < watched.size(); i++) {
          Watched w = watched.get(i);
          Integer at = position.get(w.meant.name());
          float[] expected = reference.output(at == null ? 0 : at).toFloatArray();
          float[] total = Numbers.reals(w.seen, whole.output(i));
          Integer output = isolated.outputs.get(w);
          float[] own = output == null ? null : Numbers.reals(w.seen, alone.output(output));
          add(w, expected, total, own);
        }
      }
    }
    List<LayerError> layers = watched.stream().map(w -> error(w, watched)).toList();
    // Ranges before a softmax are cut on purpose, by the error after it.
    Set<String> onlyForSoftmax =
        watched.stream()
            .map(w -> w.meant)
            .filter(v -> !v.isOutput() && !v.consumers().isEmpty())
            .filter(v -> v.consumers().stream().allMatch(op -> op.kind() == OpKind.SOFTMAX))
            .map(Value::name)
            .collect(Collectors.toSet());
    return new Explanation(
        layers,
        suspects(layers.stream().filter(l -> !onlyForSoftmax.contains(l.name())).toList(), recipe),
        List.of(),
        samples.size());
  }

  private static void add(Watched w, float[] expected, float[] total, float @Nullable [] own) {
    Optional<Quantization.Affine> q =
        w.seen.affine().filter(a -> a.isQuantized() && !w.seen.type().isFloat());
    double lo = Double.NEGATIVE_INFINITY;
    double hi = Double.POSITIVE_INFINITY;
    if (q.isPresent()) {
      Parameters p = parameters(w.seen, q.get());
      lo = p.lowest() - p.scale() / 2;
      hi = p.highest() + p.scale() / 2;
    }
    for (int i = 0; i < expected.length; i++) {
      double e = expected[i];
      double d = e - total[i];
      w.signal += e * e;
      w.total += d * d;
      w.dot += e * total[i];
      w.seenSquares += (double) total[i] * total[i];
      w.max = Math.max(w.max, Math.abs(d));
      w.saturated += e < lo || e > hi ? 1 : 0;
      w.lowest = Math.min(w.lowest, e);
      w.highest = Math.max(w.highest, e);
      if (own != null) {
        double a = e - own[i];
        w.alone += a * a;
      }
    }
    w.isolated |= own != null;
    w.count += expected.length;
  }

  private static Parameters parameters(Value v, Quantization.Affine q) {
    return new Parameters(
        v.type() == ElementType.INT16 ? ElementType.INT16 : ElementType.INT8,
        q.scale(0),
        (int) q.zeroPoint(0) - (v.type() == ElementType.UINT8 ? 128 : 0));
  }

  private static List<Watched> watched(Subgraph meant, Subgraph seen) {
    List<Watched> found = new ArrayList<>();
    for (Op op : meant.ops()) {
      for (Value v : op.outputs()) {
        if (v.type() == ElementType.FLOAT32 && !WeightSplit.isPart(op)) {
          counterpart(seen, v.name()).ifPresent(s -> found.add(new Watched(op, v, s)));
        }
      }
    }
    return found;
  }

  private static Optional<Value> counterpart(Subgraph seen, String name) {
    return seen.value(name + "_int8")
        .filter(v -> isComputed(v, name))
        .or(() -> seen.value(name + "_int16").filter(v -> isComputed(v, name)))
        .or(() -> seen.value(name).filter(v -> v.producer().isPresent()));
  }

  /** Whether a tensor is made by the operator itself, not by a QUANTIZE behind it. */
  private static boolean isComputed(Value v, String name) {
    return v.producer().isPresent() && v.producer().get().kind() != OpKind.QUANTIZE
        || v.producer().isPresent() && !v.producer().get().input(0).name().equals(name);
  }

  /** Every operator of the quantized graph by itself, side by side in one graph. */
  private static final class Isolated {
    private final Graph graph = Graph.create();
    private final List<Value> inputs = new ArrayList<>();
    private final List<Integer> sources = new ArrayList<>();
    private final Map<Watched, Integer> outputs = new IdentityHashMap<>();

    static Isolated of(List<Watched> watched, Map<String, Integer> position) {
      Isolated isolated = new Isolated();
      Subgraph to = isolated.graph.addSubgraph("main");
      List<Value> outs = new ArrayList<>();
      for (Watched w : watched) {
        isolated.add(w, to, position, outs);
      }
      to.outputs(outs);
      return isolated;
    }

    private void add(Watched w, Subgraph to, Map<String, Integer> position, List<Value> outs) {
      Op op = w.seen.producer().orElse(null);
      if (op == null) {
        return;
      }
      List<@Nullable Value> ins = new ArrayList<>();
      List<Value> open = new ArrayList<>();
      List<Integer> from = new ArrayList<>();
      for (Value v : op.inputs()) {
        if (v == null) {
          ins.add(null);
          continue;
        }
        Value origin = origin(v);
        if (origin.isConstant()) {
          ins.add(constant(v, to));
          continue;
        }
        Integer at = source(origin.name(), position);
        if (at == null || v.isVariable()) {
          return;
        }
        Value in = to.addValue(v.name(), v.type(), v.shape());
        v.quantization().ifPresent(in::quantization);
        ins.add(in);
        open.add(in);
        from.add(at);
      }
      if (open.isEmpty()) {
        return;
      }
      Op copy = op.copyAttributes();
      copy.inputs(ins);
      List<Value> made = new ArrayList<>();
      Value result = null;
      for (Value v : op.outputs()) {
        Value c = to.addValue(v.name() + "_alone", v.type(), v.shape());
        v.quantization().ifPresent(c::quantization);
        made.add(c);
        result = v == w.seen ? c : result;
      }
      copy.outputs(made);
      to.append(copy);
      List<Value> all = new ArrayList<>(to.inputs());
      all.addAll(open);
      to.inputs(all);
      inputs.addAll(open);
      sources.addAll(from);
      if (result != null) {
        outputs.put(w, outs.size());
        outs.add(result);
      }
    }

    /** What a tensor is a form of: back through QUANTIZE and DEQUANTIZE. */
    private static Value origin(Value v) {
      Value at = v;
      while (at.producer().isPresent()
          && (at.producer().get().kind() == OpKind.QUANTIZE
              || at.producer().get().kind() == OpKind.DEQUANTIZE)) {
        at = at.producer().get().input(0);
      }
      return at;
    }

    private static @Nullable Integer source(String name, Map<String, Integer> position) {
      for (String suffix : new String[] {"", "_int8", "_int16"}) {
        if (name.endsWith(suffix)) {
          Integer at = position.get(name.substring(0, name.length() - suffix.length()));
          if (at != null) {
            return at;
          }
        }
      }
      return null;
    }

    /** A constant in the form that the operator reads, dequantized beforehand if need be. */
    private static Value constant(Value v, Subgraph to) {
      Value origin = origin(v);
      if (v == origin) {
        Value c = to.addValue(v.name(), v.type(), v.shape());
        c.data(v.data().orElse(null));
        v.quantization().ifPresent(c::quantization);
        return c;
      }
      return to.addConstant(v.name(), v.shape(), origin.dequantized());
    }
  }

  private static LayerError error(Watched w, List<Watched> all) {
    Optional<Quantization.Affine> q =
        w.seen.affine().filter(a -> a.isQuantized() && !w.seen.type().isFloat());
    double used = 100;
    if (q.isPresent()) {
      Parameters p = parameters(w.seen, q.get());
      double span = Math.max(0, w.highest) - Math.min(0, w.lowest);
      used = Math.min(100, 100 * span / (p.highest() - p.lowest()));
    }
    double widest = 0;
    double narrowest = Double.POSITIVE_INFINITY;
    int inputs = 0;
    for (Value in : w.op.inputs()) {
      for (Watched other : all) {
        if (other.meant == in && other.count > 0) {
          double span = Math.max(0, other.highest) - Math.min(0, other.lowest);
          widest = Math.max(widest, span);
          narrowest = Math.min(narrowest, span);
          inputs++;
        }
      }
    }
    return new LayerError(
        w.meant.name(),
        w.op.name(),
        w.seen.type().name(),
        w.isolated ? Numbers.decibels(w.signal, w.alone) : Double.NaN,
        Numbers.decibels(w.signal, w.total),
        w.dot / Math.max(1e-300, Math.sqrt(w.signal * w.seenSquares)),
        w.max,
        w.count == 0 ? 0 : 100.0 * w.saturated / w.count,
        inputs < 2 || narrowest <= 0 ? 1 : widest / narrowest,
        used);
  }

  private static List<Suspect> suspects(List<LayerError> layers, Recipe recipe) {
    return layers.stream()
        .filter(l -> l.isolatedSqnrDb() < UNSUSPICIOUS_DB && !l.type().equals("FLOAT32"))
        .sorted(Comparator.comparingDouble(LayerError::isolatedSqnrDb))
        .limit(MOST_SUSPECTS)
        .map(l -> suspect(l, recipe))
        .toList();
  }

  private static Suspect suspect(LayerError l, Recipe recipe) {
    boolean wide = l.type().equals("INT16");
    Precision better = wide ? Precision.FLOAT32 : Precision.INT16X8;
    String give =
        "give " + l.name() + (wide ? " floats" : " 16-bit activations, or leave it float");
    String cause;
    String remedy = give;
    if (l.saturatedPercent() > 0.5) {
      cause =
          String.format(
              Locale.ROOT,
              "%.2f %% of its values lie outside the range that calibration chose",
              l.saturatedPercent());
      remedy = "calibrate with more, more varied samples; or " + give;
    } else if ((l.operator().equals("CONCATENATION") || l.operator().equals("ADD"))
        && l.rangeRatio() > 4) {
      cause =
          String.format(
              Locale.ROOT,
              "its inputs have unlike ranges, %.1f times apart, and the narrow one is lost in the"
                  + " steps of the wide one",
              l.rangeRatio());
    } else if (l.usedPercent() < 50) {
      cause =
          String.format(
              Locale.ROOT,
              "its values use %.0f %% of the range that it must share with other tensors",
              l.usedPercent());
    } else {
      cause =
          "the steps of "
              + (wide ? "8-bit weights" : "8-bit weights and activations")
              + " are too coarse for its spread of values";
    }
    Recipe mended = recipe.toBuilder().rule(selector(l), better).build();
    return new Suspect(l, cause, remedy, mended);
  }

  /** What selects a layer in a rule of a recipe. */
  static String selector(LayerError layer) {
    return "name:" + layer.name();
  }
}
