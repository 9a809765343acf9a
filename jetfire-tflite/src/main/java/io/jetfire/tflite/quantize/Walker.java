package io.jetfire.tflite.quantize;

import static java.util.Objects.requireNonNull;

import io.jetfire.Tensor;
import io.jetfire.TensorType;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.Subgraph;
import io.jetfire.tflite.graph.Value;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Deque;
import java.util.HashSet;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * Executes a subgraph piece by piece over all samples, each operator once.
 *
 * <p>What lies between executed and waiting operators is kept in files. Operators that wait can
 * still be changed: that is how layers are fitted one after the other at the cost of one pass.
 */
final class Walker implements AutoCloseable {
  private static final int BUFFER_BYTES = 1 << 18;

  private final Subgraph subgraph;
  private final GraphRunner runner;
  private final int samples;
  private final Map<Value, ActivationStore> stores = new IdentityHashMap<>();

  /** Files that are written to again: the platform has memory for their contents already. */
  private final Deque<ActivationStore> idle = new ArrayDeque<>();

  private final List<ByteBuffer> buffers = new ArrayList<>();
  private final Set<Op> done = Collections.newSetFromMap(new IdentityHashMap<>());

  /**
   * Starts before the first operator.
   *
   * @param inputs per input of the subgraph, one tensor per sample; closed by their owner
   */
  Walker(Subgraph subgraph, GraphRunner runner, SampleStore inputs) {
    this.subgraph = subgraph;
    this.runner = runner;
    this.samples = inputs.size();
    for (int i = 0; i < subgraph.inputs().size(); i++) {
      Value v = subgraph.inputs().get(i);
      ActivationStore store = new ActivationStore(runner.folder());
      stores.put(v, store);
      for (int s = 0; s < samples; s++) {
        store.add(Numbers.toForm(v, inputs.get(s).get(i)));
      }
    }
  }

  /**
   * Executes what a value depends on; afterwards it can be read until its consumers are executed.
   */
  void advance(Value value) {
    if (!stores.containsKey(value) && !value.isConstant()) {
      execute(value, Optional.empty());
    }
  }

  /**
   * Sums up what a layer is fed with; executes what that depends on, if that was not done yet.
   *
   * @param value the layer's input
   * @param layer as {@link WindowMeans#of} takes it
   */
  WindowMeans means(Value value, Op layer) {
    WindowMeans means = WindowMeans.of(layer).orElseThrow();
    if (!stores.containsKey(value)) {
      execute(value, Optional.of(means));
      return means;
    }
    RealSums sums = new RealSums(value, means);
    ActivationStore store = store(value);
    for (int s = 0; s < samples; s++) {
      int sample = s;
      sums.all((position, target) -> store.read(sample, position, target), buffer(0));
      means.add(sums.sums());
    }
    return means;
  }

  private void execute(Value value, Optional<WindowMeans> means) {
    Set<Op> needed = new HashSet<>();
    collect(value, needed);
    List<Op> ops = subgraph.ops().stream().filter(needed::contains).toList();
    List<Value> inputs = new ArrayList<>();
    List<Value> outputs = new ArrayList<>();
    for (Op op : ops) {
      for (Value v : op.inputs()) {
        if (v != null && stores.containsKey(v) && !inputs.contains(v)) {
          inputs.add(v);
        }
      }
      for (Value v : op.outputs()) {
        boolean wanted =
            v == value
                || v.consumers().stream().anyMatch(c -> !done.contains(c) && !needed.contains(c));
        if (wanted) {
          outputs.add(v);
        }
      }
    }
    AtomicInteger viewers = new AtomicInteger();
    List<ActivationStore> made = new ArrayList<>();
    for (Value v : outputs) {
      ActivationStore store = idle.isEmpty() ? new ActivationStore(runner.folder()) : idle.pop();
      made.add(store);
      stores.put(v, store);
    }
    Pass.run(
        Segments.extract(ops, inputs, outputs),
        runner,
        new Stored(inputs.stream().map(this::store).toList(), samples),
        1,
        () -> {
          ByteBuffer buffer = buffer(viewers.getAndIncrement());
          RealSums sums = means.map(m -> new RealSums(value, m)).orElse(null);
          return (sample, in, running, order) -> {
            for (int o = 0; o < made.size(); o++) {
              RealSums watched = outputs.get(o) == value ? sums : null;
              keep(outputs.get(o), made.get(o), sample, running, o, buffer, watched);
            }
            means.ifPresent(m -> order.inTurn(0, sample, () -> m.add(requireNonNull(sums).sums())));
          };
        });
    done.addAll(ops);
    release(value);
  }

  private void keep(
      Value v,
      ActivationStore store,
      int sample,
      GraphRunner.Running running,
      int output,
      ByteBuffer buffer,
      @Nullable RealSums sums) {
    TensorScan.Source source = (position, target) -> running.read(output, position, target);
    Optional<TensorType> type = v.type().tensorType();
    boolean kept =
        type.isPresent()
            && v.shape().hasRank()
            && store.copy(
                sample,
                samples,
                type.get(),
                v.shape().standIn(),
                sums == null ? source : sums.start(source),
                sums == null ? buffer : sums.fitting(buffer));
    if (!kept) {
      store.add(sample, running.output(output));
      if (sums != null) {
        sums.all(source, buffer);
      }
    }
  }

  /** A buffer outside the heap for each thread, the same ones for all pieces. */
  private synchronized ByteBuffer buffer(int thread) {
    while (buffers.size() <= thread) {
      buffers.add(ByteBuffer.allocateDirect(BUFFER_BYTES));
    }
    return buffers.get(thread);
  }

  /** What earlier pieces left in files. */
  private record Stored(List<ActivationStore> stores, int size) implements Pass.Inputs {
    @Override
    public List<Tensor> get(int sample) {
      return stores.stream().map(s -> s.get(sample)).toList();
    }
  }

  private void collect(Value value, Set<Op> needed) {
    if (stores.containsKey(value)) {
      return;
    }
    value
        .producer()
        .ifPresent(
            op -> {
              if (needed.add(op)) {
                for (Value v : op.inputs()) {
                  if (v != null) {
                    collect(v, needed);
                  }
                }
              }
            });
  }

  private void release(Value kept) {
    stores
        .entrySet()
        .removeIf(
            e -> {
              boolean unused = e.getKey() != kept && done.containsAll(e.getKey().consumers());
              if (unused) {
                e.getValue().clear();
                idle.push(e.getValue());
              }
              return unused;
            });
  }

  /** Whether a value was computed and is kept no more. */
  boolean isPast(Value value) {
    return value.producer().filter(done::contains).isPresent() && !stores.containsKey(value)
        || value.isInput() && !stores.containsKey(value);
  }

  private ActivationStore store(Value value) {
    ActivationStore store = stores.get(value);
    if (store == null) {
      throw new IllegalStateException(value.name() + " was not computed yet");
    }
    return store;
  }

  int samples() {
    return samples;
  }

  /**
   * The real numbers of a value in one sample. Threads that read from one walker wait for each
   * other: they would share the buffer.
   *
   * @param reused is filled and returned if there is room enough in it
   */
  synchronized float[] read(Value value, int sample, float[] reused) {
    ActivationStore store = store(value);
    if (!Reals.takes(value.type())) {
      return Numbers.reals(value, store.get(sample));
    }
    Reals reals = new Reals(value);
    int elements = 1;
    for (int d : store.shape(sample)) {
      elements *= d;
    }
    float[] numbers = reused.length < elements ? new float[elements] : reused;
    ByteBuffer piece = buffer(0);
    for (int at = 0; at < elements; ) {
      store.read(sample, (long) at * reals.elementBytes(), piece.clear());
      int count = piece.flip().remaining() / reals.elementBytes();
      reals.take(piece, count, numbers, at);
      at += count;
    }
    return numbers;
  }

  /** The shape of a value in one sample. */
  int[] shape(Value value, int sample) {
    return store(value).shape(sample);
  }

  @Override
  public void close() {
    stores.values().forEach(ActivationStore::close);
    stores.clear();
    idle.forEach(ActivationStore::close);
    idle.clear();
  }
}
