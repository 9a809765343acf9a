package io.jetfire.tflite.transform;

import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Graph;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Shape;
import io.jetfire.tflite.graph.Subgraph;
import io.jetfire.tflite.graph.Value;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.IdentityHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Decides for each tensor of a graph whether it is stored channels-first or channels-last, so that
 * the fewest and smallest transposes remain.
 *
 * <p>Importers of channels-first sources put a TRANSPOSE in front of each convolution and another
 * behind it. Here the two values around such a TRANSPOSE are one image in two storage orders. An
 * operator that works in either order (elementwise operators, concatenation, padding, slicing,
 * reductions, ...) has a free choice; one that does not has none. An image whose producer and some
 * consumer choose differently costs one transpose, weighted by its size. The cheapest choice is a
 * minimum cut between the channels-first and the channels-last side, over the whole subgraph at
 * once. Constant operands are stored permuted; a flattening in front of a fully connected layer is
 * absorbed by reordering the layer's weights.
 *
 * <p>Inputs and outputs keep their layout unless {@link LayoutOptions} says otherwise.
 */
public final class LayoutOptimizer implements Pass {
  /** What a transpose costs beside its elements: moving anything has a price. */
  private static final long BASE_COST = 10_000;

  private final LayoutOptions options;

  private LayoutOptimizer(LayoutOptions options) {
    this.options = options;
  }

  /**
   * Returns the pass.
   *
   * @param options the layout of inputs and outputs
   * @return a pass that removes transposes
   */
  public static LayoutOptimizer create(LayoutOptions options) {
    return new LayoutOptimizer(options);
  }

  @Override
  public String name() {
    return "layout";
  }

  @Override
  public boolean run(Graph graph) {
    boolean changed = false;
    if (!graph.subgraphs().isEmpty()) {
      changed |= changeInputs(graph.main()) | changeOutputs(graph.main());
    }
    for (Subgraph subgraph : graph.subgraphs()) {
      changed |= new Plan(subgraph).run();
    }
    return changed;
  }

  /** Makes inputs channels-last and puts a transpose behind each, for the plan to remove. */
  private boolean changeInputs(Subgraph g) {
    boolean changed = false;
    for (Value v : List.copyOf(g.inputs())) {
      if (!options.channelsLastInputs() || !isImage(v) || takenChannelsLast(v)) {
        continue;
      }
      Value first = g.addValue(v.name() + "/first", v.type(), v.shape());
      first.quantization(v.quantization().orElse(null));
      List<Op> users = v.consumers();
      boolean output = v.isOutput();
      for (Op user : users) {
        for (int i = 0; i < user.inputs().size(); i++) {
          if (user.inputs().get(i) == v) {
            user.input(i, first);
          }
        }
      }
      if (output) {
        Edits.replaceOutput(g, v, first);
      }
      v.shape(Shape.of(Permutations.apply(v.shape().dims(), Permutations.toLast(4))));
      g.insert(0, Edits.transpose(g, v, Permutations.toFirst(4)).outputs(first));
      changed = true;
    }
    return changed;
  }

  private boolean changeOutputs(Subgraph g) {
    boolean changed = false;
    for (Value v : List.copyOf(g.outputs())) {
      boolean last =
          v.producer()
              .map(p -> LayoutRules.kind(p) == LayoutRules.Kind.CHANNELS_LAST)
              .orElse(false);
      if (!options.channelsLastOutputs() || !isImage(v) || v.isInput() || last) {
        continue;
      }
      int[] toLast = Permutations.toLast(4);
      Value moved =
          g.addValue(
              v.name() + "/last", v.type(), Shape.of(Permutations.apply(v.shape().dims(), toLast)));
      moved.quantization(v.quantization().orElse(null));
      g.append(Edits.transpose(g, v, toLast).outputs(moved));
      Op op = moved.producer().orElseThrow();
      Edits.replaceOutput(g, v, moved);
      op.input(0, v);
      changed = true;
    }
    return changed;
  }

  private static boolean isImage(Value v) {
    return v.shape().hasRank() && v.shape().rank() == 4;
  }

  private static boolean takenChannelsLast(Value v) {
    return v.consumers().stream()
        .anyMatch(
            op ->
                LayoutRules.kind(op) == LayoutRules.Kind.CHANNELS_LAST
                    && op.inputs().indexOf(v) == (op.kind() == OpKind.TRANSPOSE_CONV ? 2 : 0));
  }

  private enum Form {
    FIRST,
    LAST;

    Form other() {
      return this == FIRST ? LAST : FIRST;
    }
  }

  /** A tensor that may be stored in two orders. */
  private static final class Image {
    /** Dimensions in channels-first order. */
    final Shape first;

    /** For a flattened image, where each channels-last element is in channels-first order. */
    final int @Nullable [] flat;

    final boolean oneForm;
    final int producer;
    final Form producerNatural;
    final Map<Integer, Form> consumers = new java.util.LinkedHashMap<>();
    final @Nullable Value[] forms = new @Nullable Value[2];
    final @Nullable Value[] originals = new @Nullable Value[2];

    Image(Shape first, int @Nullable [] flat, boolean oneForm, int producer, Form natural) {
      this.first = first;
      this.flat = flat;
      this.oneForm = oneForm;
      this.producer = producer;
      this.producerNatural = natural;
    }

    int[] toLast() {
      return Permutations.toLast(first.rank());
    }

    Shape shape(Form form) {
      return form == Form.FIRST || flat != null
          ? first
          : Shape.of(Permutations.apply(first.dims(), toLast()));
    }
  }

  /** A value as one form of an image. */
  private record Place(Image image, Form form) {}

  /** What is decided about one operator. */
  private record Role(Op op, LayoutRules.Kind kind, int node, Form natural, boolean alias) {}

  /** The two choices of one subgraph. */
  private static final class Plan {
    private final Subgraph subgraph;
    private final MinCut cut = new MinCut();
    private final Map<Value, Place> places = new IdentityHashMap<>();
    private final Set<Image> images = new LinkedHashSet<>();
    private final List<Role> roles = new ArrayList<>();
    private final Map<Op, Role> roleOf = new IdentityHashMap<>();
    private final Map<Op, Integer> outputNodes = new IdentityHashMap<>();
    private boolean aliases;

    Plan(Subgraph subgraph) {
      this.subgraph = subgraph;
    }

    private static int fixed(Form form) {
      return form == Form.FIRST ? MinCut.SOURCE : MinCut.SINK;
    }

    boolean run() {
      for (Value v : subgraph.inputs()) {
        Form natural = guess(null, v);
        place(v, natural, fixed(natural), natural, null);
      }
      for (Op op : subgraph.ops()) {
        analyze(op);
      }
      for (Value v : subgraph.outputs()) {
        Place p = places.get(v);
        if (p != null) {
          p.image().consumers.put(fixed(p.form()), p.form());
        }
      }
      if (!aliases) {
        return false;
      }
      for (Image image : images) {
        connect(image);
      }
      for (Role role : roles) {
        if (isFree(role)) {
          cut.addEdge(role.node(), MinCut.SINK, 1);
        }
      }
      boolean[] last = cut.solve();
      long before = 0;
      long after = 0;
      for (Image image : images) {
        before += cost(image, null);
        after += cost(image, last);
      }
      // Among equals, work beside the convolutions, where activations and scales can be fused.
      for (Role role : roles) {
        if (isFree(role)) {
          before += role.natural() == Form.FIRST ? 1 : 0;
          after += last[role.node()] ? 0 : 1;
        }
      }
      if (after >= before) {
        return false;
      }
      rewrite(last);
      return true;
    }

    private static boolean isFree(Role role) {
      return role.node() > MinCut.SINK && Elementwise.contains(role.op().kind());
    }

    // ---- analysis

    private Place place(
        Value v, Form natural, int producer, Form producerNatural, int @Nullable [] flat) {
      boolean ranked = v.shape().hasRank() && v.shape().rank() >= 3 && v.shape().rank() <= 5;
      Shape first = v.shape();
      if (ranked && natural == Form.LAST) {
        int[] toFirst = Permutations.toFirst(first.rank());
        first = Shape.of(Permutations.apply(first.dims(), toFirst));
      }
      Image image = new Image(first, flat, !ranked && flat == null, producer, producerNatural);
      images.add(image);
      Place p = new Place(image, natural);
      image.originals[natural.ordinal()] = v;
      places.put(v, p);
      return p;
    }

    private void role(Op op, LayoutRules.Kind kind, int node, Form natural, boolean alias) {
      Role role = new Role(op, kind, node, natural, alias);
      roles.add(role);
      roleOf.put(op, role);
    }

    private void analyze(Op op) {
      if (op.kind() == OpKind.TRANSPOSE && analyzeTranspose(op)) {
        return;
      }
      if (op.kind() == OpKind.RESHAPE && analyzeReshape(op)) {
        return;
      }
      if (op.kind() == OpKind.FULLY_CONNECTED && analyzeFullyConnected(op)) {
        return;
      }
      LayoutRules.Kind kind = LayoutRules.kind(op);
      if (kind == LayoutRules.Kind.FLEXIBLE && analyzeFlexible(op)) {
        return;
      }
      if (kind == LayoutRules.Kind.ABSORBING) {
        Place x = places.get(op.input(0));
        if (x != null && !x.image().oneForm && x.image().flat == null) {
          int node = cut.addNode();
          x.image().consumers.put(node, x.form());
          role(op, kind, node, x.form(), false);
          place(op.output(0), Form.FIRST, MinCut.SOURCE, Form.FIRST, null);
          return;
        }
      }
      analyzeFixed(op, kind);
    }

    private void analyzeFixed(Op op, LayoutRules.Kind kind) {
      for (Value v : op.inputs()) {
        Place p = v == null ? null : places.get(v);
        if (p != null) {
          p.image().consumers.put(fixed(p.form()), p.form());
        }
      }
      role(op, LayoutRules.Kind.FIXED, MinCut.SOURCE, Form.FIRST, false);
      for (Value v : op.outputs()) {
        Form natural = kind == LayoutRules.Kind.CHANNELS_LAST ? Form.LAST : guess(op, v);
        place(v, natural, fixed(natural), natural, null);
      }
    }

    /** Which order a tensor probably has, from what made it and what is done with it. */
    private Form guess(@Nullable Op op, Value v) {
      if (!v.shape().hasRank() || v.shape().rank() < 3 || v.shape().rank() > 5) {
        return Form.FIRST;
      }
      int rank = v.shape().rank();
      if (takenChannelsLast(v)) {
        return Form.LAST;
      }
      for (Op user : v.consumers()) {
        if (rank > 3 && user.kind() == OpKind.TRANSPOSE && LayoutRules.constants(user, 1)) {
          int[] perm = user.input(1).ints();
          if (Arrays.equals(perm, Permutations.toFirst(rank))) {
            return Form.LAST;
          }
        }
      }
      Place x = op == null ? null : op.optionalInput(0).map(places::get).orElse(null);
      boolean keepsChannels =
          op != null
              && x != null
              && x.form() == Form.LAST
              && op.input(0).shape().hasRank()
              && op.input(0).shape().rank() >= 3
              && op.input(0).shape().dim(-1) == v.shape().dim(-1);
      return keepsChannels ? Form.LAST : Form.FIRST;
    }

    private boolean analyzeTranspose(Op op) {
      Place x = places.get(op.input(0));
      if (x == null || x.image().oneForm || x.image().flat != null) {
        return false;
      }
      if (!LayoutRules.constants(op, 1)) {
        return false;
      }
      int[] perm = op.input(1).ints();
      int[] toLast = x.image().toLast();
      int[] switching = x.form() == Form.FIRST ? toLast : Permutations.inverse(toLast);
      if (Arrays.equals(perm, switching)) {
        aliases = true;
        Form form = x.form().other();
        places.put(op.output(0), new Place(x.image(), form));
        if (x.image().originals[form.ordinal()] == null) {
          x.image().originals[form.ordinal()] = op.output(0);
        }
        role(op, LayoutRules.Kind.FIXED, MinCut.SOURCE, Form.FIRST, true);
        return true;
      }
      // Any other transpose can start from either order and end in either at the same price.
      int in = cut.addNode();
      x.image().consumers.put(in, x.form());
      role(op, LayoutRules.Kind.ABSORBING, in, x.form(), false);
      Form natural = guess(op, op.output(0));
      int out = cut.addNode();
      outputNodes.put(op, out);
      place(op.output(0), natural, out, natural, null);
      return true;
    }

    private boolean analyzeReshape(Op op) {
      Place x = places.get(op.input(0));
      if (x == null || x.image().oneForm || x.image().flat != null) {
        return false;
      }
      if (op.inputs().size() > 1 && !LayoutRules.constants(op, 1)) {
        return false;
      }
      Value out = op.output(0);
      Shape to = out.shape();
      if (!to.hasRank()) {
        return false;
      }
      Image image = x.image();
      boolean ranked = to.rank() >= 3 && to.rank() <= 5;
      Shape toFirst =
          x.form() == Form.LAST && ranked
              ? Shape.of(Permutations.apply(to.dims(), Permutations.toFirst(to.rank())))
              : to;
      LayoutRules.ReshapeKind kind = LayoutRules.reshapeKind(image.first, toFirst);
      switch (kind) {
        case SPACE -> {
          int node = cut.addNode();
          image.consumers.put(node, x.form());
          role(op, LayoutRules.Kind.FLEXIBLE, node, x.form(), false);
          place(out, x.form(), node, x.form(), null);
          return true;
        }
        case SAME_ORDER -> {
          int node = cut.addNode();
          image.consumers.put(node, x.form());
          role(op, LayoutRules.Kind.ABSORBING, node, x.form(), false);
          Form natural = guess(op, out);
          place(out, natural, fixed(natural), natural, null);
          return true;
        }
        case FLATTEN -> {
          if (x.form() != Form.FIRST) {
            return false;
          }
          int node = cut.addNode();
          image.consumers.put(node, x.form());
          role(op, LayoutRules.Kind.FLEXIBLE, node, x.form(), false);
          int[] map = LayoutRules.flattened(image.first.dims());
          place(out, Form.FIRST, node, Form.FIRST, map);
          return true;
        }
        default -> {
          return false;
        }
      }
    }

    private boolean analyzeFullyConnected(Op op) {
      Place x = places.get(op.input(0));
      if (x == null || x.image().flat == null) {
        return false;
      }
      Value w = op.input(1);
      boolean absorbs =
          LayoutRules.constants(op, 1)
              && w.shape().isStatic()
              && w.shape().rank() == 2
              && w.shape().dim(1) == Edits.present(x.image().flat).length
              && (w.quantization().isEmpty() || w.affine().map(a -> a.axis() == 0).orElse(false))
              && w.sparsity().isEmpty()
              && !isShuffled(op);
      if (!absorbs) {
        return false;
      }
      int node = cut.addNode();
      x.image().consumers.put(node, x.form());
      role(op, LayoutRules.Kind.ABSORBING, node, x.form(), false);
      place(op.output(0), Form.FIRST, MinCut.SOURCE, Form.FIRST, null);
      return true;
    }

    private static boolean isShuffled(Op op) {
      return op.isSet("weights_format")
          && op.choice("weights_format", io.jetfire.tflite.graph.WeightsFormat.class).ordinal()
              != 0;
    }

    private boolean analyzeFlexible(Op op) {
      Image first = null;
      Form natural = Form.FIRST;
      for (int i : LayoutRules.dataInputs(op)) {
        Value v = op.optionalInput(i).orElse(null);
        Place p = v == null ? null : places.get(v);
        if (v == null || p == null) {
          continue;
        }
        if (p.image().oneForm) {
          if (!isSingle(v)) {
            return false;
          }
          continue;
        }
        if (first == null) {
          first = p.image();
          natural = p.form();
        } else if (p.form() != natural
            || p.image().first.rank() != first.first.rank()
            || !Arrays.equals(p.image().flat, first.flat)) {
          return false;
        }
      }
      if (first == null || !fits(op, first)) {
        return false;
      }
      int[] removed = first.flat == null ? LayoutRules.removedAxes(op) : null;
      Form outForm = natural;
      boolean absorbed = false;
      if (removed != null) {
        Boolean keeps = keepsOrder(removed, first.first.rank(), natural);
        if (keeps == null) {
          return false;
        }
        absorbed = keeps;
      }
      int node = cut.addNode();
      for (int i : LayoutRules.dataInputs(op)) {
        Place p = op.optionalInput(i).map(places::get).orElse(null);
        if (p != null && !p.image().oneForm) {
          p.image().consumers.put(node, natural);
        }
      }
      role(op, LayoutRules.Kind.FLEXIBLE, node, natural, false);
      for (Value v : op.outputs()) {
        if (absorbed) {
          place(v, Form.FIRST, MinCut.SOURCE, Form.FIRST, null);
        } else {
          place(v, outForm, node, outForm, first.flat);
        }
      }
      return true;
    }

    private static boolean isSingle(Value v) {
      return v.shape().isStatic() && v.shape().elementCount() == 1;
    }

    /** Whether the other operands allow an operator to work on permuted images. */
    private static boolean fits(Op op, Image image) {
      boolean elementwise = Elementwise.contains(op.kind());
      int rank = image.first.rank();
      if (image.flat != null && !elementwise) {
        return false;
      }
      for (int i : LayoutRules.dataInputs(op)) {
        Value v = op.optionalInput(i).orElse(null);
        if (v == null || !v.isConstant()) {
          continue;
        }
        if (!v.shape().isStatic() || v.data().orElseThrow().external().isPresent()) {
          return false;
        }
        if (v.shape().elementCount() == 1 && elementwise) {
          continue;
        }
        boolean perChannel = v.affine().map(a -> a.isPerChannel()).orElse(false);
        if (!elementwise && v.shape().rank() != rank) {
          return false;
        }
        if (perChannel || v.shape().rank() > rank || v.type().bits() < 8) {
          return false;
        }
        if (image.flat != null && v.shape().dim(-1) != image.flat.length) {
          return false;
        }
      }
      for (Value v : op.outputs()) {
        if (op.kind() != OpKind.ARG_MAX
            && op.kind() != OpKind.ARG_MIN
            && LayoutRules.removedAxes(op) == null
            && (!v.shape().hasRank() || v.shape().rank() != rank)) {
          return false;
        }
      }
      return true;
    }

    /**
     * True if the dimensions that a reduction leaves are in the same order either way, false if
     * they are again an image's, null if neither.
     */
    private static @Nullable Boolean keepsOrder(int[] removed, int rank, Form natural) {
      int[] toLast = Permutations.toLast(rank);
      boolean[] gone = new boolean[rank];
      for (int axis : removed) {
        gone[natural == Form.FIRST ? axis : toLast[axis]] = true;
      }
      List<Integer> inFirst = new ArrayList<>();
      List<Integer> inLast = new ArrayList<>();
      for (int i = 0; i < rank; i++) {
        if (!gone[i]) {
          inFirst.add(i);
        }
        if (!gone[toLast[i]]) {
          inLast.add(toLast[i]);
        }
      }
      if (inFirst.equals(inLast)) {
        return true;
      }
      return inFirst.size() >= 3 && !gone[0] && !gone[1] ? false : null;
    }

    // ---- the cut

    private static long weight(Image image) {
      if (image.oneForm || image.flat != null) {
        return MinCut.INFINITE;
      }
      return BASE_COST + Math.min(image.first.standInElementCount(), 1L << 40);
    }

    private void connect(Image image) {
      if (image.consumers.isEmpty()) {
        return;
      }
      long w = weight(image);
      int toLast = cut.addNode();
      int toFirst = cut.addNode();
      cut.addEdge(image.producer, toLast, w);
      cut.addEdge(toFirst, image.producer, w);
      for (int c : image.consumers.keySet()) {
        cut.addEdge(toLast, c, MinCut.INFINITE);
        cut.addEdge(c, toFirst, MinCut.INFINITE);
      }
    }

    /** What an image costs in the given cut, or as the graph is now. */
    private static long cost(Image image, boolean @Nullable [] last) {
      Form producer = form(image.producer, image.producerNatural, last);
      for (Map.Entry<Integer, Form> c : image.consumers.entrySet()) {
        if (form(c.getKey(), c.getValue(), last) != producer) {
          return weight(image);
        }
      }
      return 0;
    }

    private static Form form(int node, Form natural, boolean @Nullable [] last) {
      if (node == MinCut.SOURCE) {
        return Form.FIRST;
      }
      if (node == MinCut.SINK) {
        return Form.LAST;
      }
      return last == null ? natural : last[node] ? Form.LAST : Form.FIRST;
    }

    // ---- rewriting

    private void rewrite(boolean[] last) {
      for (Value v : subgraph.inputs()) {
        Place p = Edits.present(places.get(v));
        p.image().forms[p.form().ordinal()] = v;
      }
      List<Value> outputs = List.copyOf(subgraph.outputs());
      for (Role role : roles) {
        if (role.alias()) {
          subgraph.remove(role.op());
        } else {
          rewrite(role, last);
        }
      }
      for (Value v : outputs) {
        Place p = places.get(v);
        if (p == null) {
          continue;
        }
        Value stored = materialize(p.image(), p.form(), null);
        if (stored != v) {
          Edits.replaceOutput(subgraph, v, stored);
        }
      }
      subgraph.removeDead();
    }

    private void rewrite(Role role, boolean[] last) {
      Op op = role.op();
      Form mine = form(role.node(), role.natural(), last);
      boolean flip = role.kind() != LayoutRules.Kind.FIXED && mine != role.natural();
      List<Place> ins = new ArrayList<>();
      for (int i = 0; i < op.inputs().size(); i++) {
        Value v = op.optionalInput(i).orElse(null);
        Place p = v == null ? null : places.get(v);
        if (v == null || p == null) {
          continue;
        }
        boolean follows =
            role.kind() != LayoutRules.Kind.FIXED && !p.image().oneForm && isData(op, i);
        Form wanted = follows ? mine : p.form();
        ins.add(p);
        Value stored = materialize(p.image(), wanted, op);
        if (stored != v) {
          op.input(i, stored);
        }
      }
      Image main = ins.isEmpty() ? null : ins.get(0).image();
      for (Place p : ins) {
        if (main == null || main.oneForm) {
          main = p.image();
        }
      }
      if (flip && main != null) {
        permute(op, main, mine);
      }
      int outNode = outputNodes.getOrDefault(op, MinCut.SOURCE);
      for (int i = 0; i < op.outputs().size(); i++) {
        Value v = op.output(i);
        Place p = Edits.present(places.get(v));
        Form form = form(p.image().producer, p.image().producerNatural, last);
        if (p.image().forms[form.ordinal()] != null) {
          continue; // permute has said already where the result is
        }
        if (form == p.form()) {
          p.image().forms[form.ordinal()] = v;
          continue;
        }
        Value other =
            subgraph
                .addValue(
                    v.name() + (form == Form.LAST ? "/last" : "/first"),
                    v.type(),
                    p.image().shape(form))
                .quantization(v.quantization().orElse(null));
        op.output(i, other);
        p.image().forms[form.ordinal()] = other;
        if (op.kind() == OpKind.TRANSPOSE && outNode != MinCut.SOURCE) {
          int[] to =
              form == Form.LAST ? p.image().toLast() : Permutations.inverse(p.image().toLast());
          setPermutation(op, Permutations.compose(op.input(1).ints(), to));
        }
      }
    }

    private static boolean isData(Op op, int index) {
      if (op.kind() == OpKind.FULLY_CONNECTED || op.kind() == OpKind.TRANSPOSE) {
        return index == 0;
      }
      for (int i : LayoutRules.dataInputs(op)) {
        if (i == index) {
          return true;
        }
      }
      return false;
    }

    private void setPermutation(Op op, int[] perm) {
      op.input(1, subgraph.addConstant(op.input(1).name(), Shape.of(perm.length), perm));
    }

    /** Makes an operator work on an image in the other order. */
    private void permute(Op op, Image image, Form to) {
      int[] flat = image.flat;
      if (flat != null) {
        if (op.kind() == OpKind.FULLY_CONNECTED) {
          op.input(1, LayoutRules.reordered(op.input(1), flat));
          return;
        }
        for (int i = 0; i < op.inputs().size(); i++) {
          Value v = op.optionalInput(i).orElse(null);
          if (v != null && v.isConstant() && v.shape().elementCount() != 1) {
            op.input(i, LayoutRules.reordered(v, flat));
          }
        }
        return;
      }
      int[] perm = to == Form.LAST ? image.toLast() : Permutations.inverse(image.toLast());
      switch (op.kind()) {
        case TRANSPOSE ->
            setPermutation(
                op, Permutations.compose(Permutations.inverse(perm), op.input(1).ints()));
        case RESHAPE -> {
          Place out = Edits.present(places.get(op.output(0)));
          if (out.image().producer == Edits.present(roleOf.get(op)).node()
              && out.image().flat == null) {
            int[] dims = out.image().shape(to).dims();
            op.set("new_shape", dims);
            op.inputs(
                op.input(0),
                subgraph.addConstant(op.output(0).name() + "/shape", Shape.of(dims.length), dims));
          }
        }
        case SHAPE -> {
          // The shape is wanted in the order of the source: pick its elements in that order.
          Value out = op.output(0);
          Value permuted = subgraph.addValue(out.name() + "/stored", out.type(), out.shape());
          op.output(0, permuted);
          int[] back = Permutations.inverse(perm);
          Value index = subgraph.addConstant(out.name() + "/order", Shape.of(back.length), back);
          Op gather = Op.of(OpKind.GATHER).set("axis", 0).inputs(permuted, index).outputs(out);
          subgraph.insertAfter(op, gather);
          Place p = Edits.present(places.get(out));
          places.put(permuted, p);
          p.image().forms[p.form().ordinal()] = out;
        }
        default -> LayoutRules.permute(op, perm);
      }
    }

    /** The image in the wanted order; a transpose in front of the anchor if it is not stored so. */
    private Value materialize(Image image, Form form, @Nullable Op anchor) {
      Value have = image.forms[form.ordinal()];
      if (have != null) {
        return have;
      }
      Value source = Edits.present(image.forms[form.other().ordinal()]);
      if (image.oneForm || image.flat != null) {
        throw new IllegalStateException("the tensor " + source + " has only one layout");
      }
      int[] perm = form == Form.LAST ? image.toLast() : Permutations.inverse(image.toLast());
      Value out = image.originals[form.ordinal()];
      if (out == null || out.producer().isPresent() || out.isInput()) {
        out =
            subgraph
                .addValue(
                    source.name() + (form == Form.LAST ? "/last" : "/first"),
                    source.type(),
                    image.shape(form))
                .quantization(source.quantization().orElse(null));
      }
      Value p =
          subgraph.addConstant(
              out.name() + "/perm",
              ElementType.INT32,
              Shape.of(perm.length),
              io.jetfire.tflite.graph.Weights.of(perm));
      Op op = Op.of(OpKind.TRANSPOSE).inputs(source, p).outputs(out);
      if (anchor == null) {
        subgraph.append(op);
      } else {
        subgraph.insertBefore(anchor, op);
      }
      image.forms[form.ordinal()] = out;
      return out;
    }
  }
}
