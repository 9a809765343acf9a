package io.jetfire.tflite.quantize;

import io.jetfire.Recipe;
import io.jetfire.Recipe.Precision;
import io.jetfire.spi.ConverterBackend;
import io.jetfire.tflite.graph.Graph;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Subgraph;
import io.jetfire.tflite.graph.Value;
import io.jetfire.tflite.graph.Weights;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * The constants that several entry points of a model use, and what the weights among them become.
 *
 * <p>They are stored once, so they must come out alike for all: they are not scaled, merged or
 * split, and rounded once, with errors carried over as suits what all entry points together feed
 * their layers with in the float model. The bias of every layer is its own.
 */
final class SharedWeights {
  private static final long SEED = 77_003;

  private final Set<Weights> data;
  private final Map<Key, WeightFit.Fitted> rounded = new HashMap<>();

  private SharedWeights(Set<Weights> data) {
    this.data = data;
  }

  /** Weights of layers of one kind; two constants with the same content are one by now. */
  private record Shared(Weights data, OpKind kind) {}

  private record Form(int bits, boolean perChannel) {}

  private record Key(Weights data, OpKind kind, Form form) {}

  private record Use(int entry, Op op) {}

  static SharedWeights none() {
    return new SharedWeights(Set.of());
  }

  /** Finds what entry points share, where equal constants are the same. */
  static SharedWeights of(Graph graph, List<EntryPoint> entries) {
    Map<Weights, EntryPoint> first = new IdentityHashMap<>();
    Set<Weights> shared = Collections.newSetFromMap(new IdentityHashMap<>());
    for (EntryPoint e : entries) {
      for (Value v : e.in(graph).values()) {
        v.data().filter(w -> first.computeIfAbsent(w, k -> e) != e).ifPresent(shared::add);
      }
    }
    return new SharedWeights(shared);
  }

  boolean isEmpty() {
    return data.isEmpty();
  }

  boolean contains(Value constant) {
    return constant.data().filter(data::contains).isPresent();
  }

  /**
   * What the weights of a layer became, without a bias.
   *
   * @param layer of the float graph
   * @param least per output, the smallest scale with which the bias does not overflow
   * @return empty if they are not shared, or were not rounded in this form or with such scales
   */
  Optional<WeightFit.Fitted> rounded(Op layer, int bits, boolean perChannel, float[] least) {
    Value weights = layer.input(OperatorRules.weightInput(layer.kind()));
    return weights
        .data()
        .map(d -> rounded.get(new Key(d, layer.kind(), new Form(bits, perChannel))))
        .filter(f -> covers(f.scales(), least));
  }

  private static boolean covers(float[] scales, float[] least) {
    for (int o = 0; o < least.length; o++) {
      if (scales[scales.length == 1 ? 0 : o] < least[o]) {
        return false;
      }
    }
    return true;
  }

  /**
   * Rounds all weights that layers share, layer by layer.
   *
   * @param samples per entry point; what one without samples shares is not rounded
   */
  void round(
      Graph graph,
      List<EntryPoint> entries,
      List<Optional<ConverterBackend.Calibration>> samples,
      Recipe recipe,
      Target target,
      GraphRunner runner) {
    Map<Shared, List<Use>> uses = new LinkedHashMap<>();
    Map<Shared, Set<Form>> forms = new HashMap<>();
    for (int e = 0; e < entries.size(); e++) {
      Selection selection =
          Selection.of(entries.get(e).in(graph), recipe, target, new ArrayList<>());
      for (Op op : entries.get(e).in(graph).ops()) {
        Optional<Form> form = form(op, selection.precision(op), recipe, target);
        if (form.isPresent()) {
          Shared weights = new Shared(op.input(1).data().orElseThrow(), op.kind());
          uses.computeIfAbsent(weights, k -> new ArrayList<>()).add(new Use(e, op));
          forms.computeIfAbsent(weights, k -> new LinkedHashSet<>()).add(form.get());
        }
      }
    }
    uses.values().removeIf(all -> all.stream().anyMatch(u -> samples.get(u.entry()).isEmpty()));
    Map<Integer, Feed> feeds = new TreeMap<>();
    try {
      for (List<Use> all : uses.values()) {
        for (Use use : all) {
          int e = use.entry();
          feeds.computeIfAbsent(
              e, k -> new Feed(entries.get(e).in(graph), samples.get(e).orElseThrow(), runner));
        }
      }
      uses.forEach(
          (weights, all) ->
              fed(all, feeds)
                  .ifPresent(
                      statistics ->
                          round(weights, all.get(0).op(), forms.get(weights), statistics)));
    } finally {
      feeds.values().forEach(Feed::close);
    }
  }

  private void round(Shared weights, Op op, @Nullable Set<Form> forms, LayerStatistics statistics) {
    float[][] rows = LayerWeights.rows(op.kind(), op.input(1));
    for (Form form : forms == null ? Set.<Form>of() : forms) {
      rounded.put(
          new Key(weights.data(), weights.kind(), form),
          WeightFit.fit(
              rows,
              new float[rows.length],
              statistics,
              null,
              new float[rows.length],
              new WeightFit.Settings(form.bits(), form.perChannel(), true, false, false, 0)));
    }
  }

  /** An entry point that is executed piece by piece. */
  private static final class Feed {
    private final Subgraph subgraph;
    private final GraphRunner runner;
    private final SampleStore samples;
    private Walker walker;

    Feed(Subgraph subgraph, ConverterBackend.Calibration calibration, GraphRunner runner) {
      this.subgraph = subgraph;
      this.runner = runner;
      this.samples = SampleStore.load(calibration, Quantizer.specs(subgraph), runner.folder());
      this.walker = new Walker(subgraph, runner, samples);
    }

    /** A walker that has come to a value. */
    Walker at(Value value) {
      if (walker.isPast(value)) {
        // Another entry point has its layers in another order.
        walker.close();
        walker = new Walker(subgraph, runner, samples);
      }
      walker.advance(value);
      return walker;
    }

    void close() {
      walker.close();
      samples.close();
    }
  }

  /**
   * What layers with the same weights are fed with, taken together.
   *
   * @return empty if they do not see the same number of channels in as many groups
   */
  private static Optional<LayerStatistics> fed(List<Use> uses, Map<Integer, Feed> feeds) {
    LayerStatistics statistics = null;
    int all = uses.stream().mapToInt(u -> feed(feeds, u).samples.size()).sum();
    SplittableRandom random = new SplittableRandom(SEED);
    for (Use use : uses) {
      Op op = use.op();
      Value in = op.input(0);
      Walker walker = feed(feeds, use).at(in);
      Windows windows = Windows.of(op, walker.shape(in, 0), op.input(1));
      int groups = Windows.groups(op, windows, op.input(1));
      if (statistics == null) {
        statistics = LayerStatistics.of(windows.taps(), windows.channels(), groups, false);
      }
      int inputs = windows.taps() * (windows.channels() / groups);
      if (statistics.groups != groups || statistics.inputs() != inputs) {
        return Optional.empty();
      }
      int rows = Refiner.rows(inputs, groups);
      int perSample = Math.max(1, (rows + all - 1) / all);
      float[] row = new float[windows.taps() * windows.channels()];
      float[] values = new float[0];
      for (int s = 0; s < walker.samples(); s++) {
        values = walker.read(in, s, values);
        Windows w = Windows.of(op, walker.shape(in, s), op.input(1));
        boolean few = w.positions() <= perSample;
        for (int p = 0; p < (few ? w.positions() : perSample); p++) {
          w.read(values, few ? p : random.nextInt(w.positions()), row);
          statistics.add(row, row);
        }
      }
    }
    return Optional.ofNullable(statistics);
  }

  private static Feed feed(Map<Integer, Feed> feeds, Use use) {
    return Objects.requireNonNull(feeds.get(use.entry()), "every use has samples");
  }

  /** The form in which a layer's weights are rounded, if they are shared and integers at all. */
  private Optional<Form> form(Op op, Precision precision, Recipe recipe, Target target) {
    if (!OperatorRules.hasWindows(op.kind())
        || !Rewriter.isLayer(op)
        || op.input(0).isConstant()
        || !contains(op.input(1))) {
      return Optional.empty();
    }
    boolean integer = precision.needsCalibration();
    boolean hybrid = precision == Precision.DYNAMIC_RANGE;
    boolean blocks = hybrid && recipe.weightBlockSize() > 0 && op.kind() == OpKind.FULLY_CONNECTED;
    if (blocks || !integer && !hybrid && precision != Precision.WEIGHT_ONLY) {
      return Optional.empty();
    }
    return Optional.of(
        new Form(
            Rewriter.bits(op, integer, recipe.weightBits()),
            Rewriter.perChannel(op.kind(), hybrid, target)));
  }
}
