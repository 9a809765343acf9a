package io.jetfire.tflite.format;

import io.jetfire.tflite.graph.Graph;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Signature;
import io.jetfire.tflite.graph.Subgraph;
import io.jetfire.tflite.graph.Value;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Checks a model that nobody vouches for, before native code sees it.
 *
 * <p>First the FlatBuffer: bounds, offsets, alignment, counts, codes. Then its sense: indices,
 * order of operators, required inputs and options, shapes and their products, sizes of constant
 * data, quantization, windows and strides, channel counts, subgraph calls, and a bound of the
 * memory that a run takes. Each of these is known to crash or to exhaust a process in the TFLite
 * 2.21 runtime if it is wrong, or to let a wrong model pass without a word.
 *
 * <p>A model that passes can still be wrong where only running it tells; run models of unknown
 * origin in a worker process.
 */
public final class ModelCheck {
  /** What activations and scratch buffers may take unless the caller says otherwise: 1.5 GiB. */
  public static final long DEFAULT_ACTIVATION_BYTES = 3L << 29;

  private static final int MAX_CALL_DEPTH = 16;

  private final Graph graph;
  private final long activationBytes;
  private final Problems problems = new Problems();

  private ModelCheck(Graph graph, long activationBytes) {
    this.graph = graph;
    this.activationBytes = activationBytes;
  }

  /** Collects problems; a hostile file can have millions. */
  static final class Problems {
    private static final int MOST = 100;
    private static final int LONGEST = 600;
    private final List<String> list = new ArrayList<>();

    void add(String problem) {
      if (list.size() < MOST) {
        list.add(problem.length() > LONGEST ? problem.substring(0, LONGEST) + "..." : problem);
      }
    }

    boolean isFull() {
      return list.size() >= MOST;
    }
  }

  /** Bounds how many constants are looked into: many tensors can share one big buffer. */
  static final class WorkBudget {
    private long left = 64L << 20;

    boolean spend(long amount) {
      left -= amount;
      return left >= 0;
    }
  }

  /**
   * Checks a file.
   *
   * @param path the model
   * @return what was found
   * @throws io.jetfire.StorageException if the file cannot be opened
   */
  public static CheckReport check(Path path) {
    return check(path, DEFAULT_ACTIVATION_BYTES);
  }

  /**
   * Checks a file.
   *
   * @param path the model
   * @param activationBytes what activations and scratch buffers may take
   * @return what was found
   * @throws io.jetfire.StorageException if the file cannot be opened
   */
  public static CheckReport check(Path path, long activationBytes) {
    try {
      return check(TfliteReader.read(path), activationBytes);
    } catch (ModelFormatException e) {
      return new CheckReport(List.of(String.valueOf(e.getMessage())), 0);
    }
  }

  /**
   * Checks the remaining bytes of a buffer.
   *
   * @param bytes the model
   * @return what was found
   */
  public static CheckReport check(ByteBuffer bytes) {
    return check(bytes, DEFAULT_ACTIVATION_BYTES);
  }

  /**
   * Checks the remaining bytes of a buffer.
   *
   * @param bytes the model
   * @param activationBytes what activations and scratch buffers may take
   * @return what was found
   */
  public static CheckReport check(ByteBuffer bytes, long activationBytes) {
    try {
      return check(TfliteReader.read(bytes), activationBytes);
    } catch (ModelFormatException e) {
      return new CheckReport(List.of(String.valueOf(e.getMessage())), 0);
    }
  }

  /**
   * Checks a graph, such as one that was just converted.
   *
   * @param graph the graph; not changed
   * @param activationBytes what activations and scratch buffers may take
   * @return what was found
   */
  public static CheckReport check(Graph graph, long activationBytes) {
    return new ModelCheck(graph, activationBytes).run();
  }

  private CheckReport run() {
    graph.problems().forEach(problems::add);
    long peak = 0;
    WorkBudget budget = new WorkBudget();
    int index = 0;
    for (Subgraph s : graph.subgraphs()) {
      if (problems.isFull()) {
        break;
      }
      String where = "subgraph " + index++ + (s.name().isEmpty() ? "" : " (" + s.name() + ")");
      TensorCheck tensors = new TensorCheck(problems, where, activationBytes, budget);
      for (Value v : s.values()) {
        if (problems.isFull()) {
          break;
        }
        tensors.check(v);
      }
      OpCheck ops = new OpCheck(problems, where, budget);
      for (Op op : s.ops()) {
        if (problems.isFull()) {
          break;
        }
        ops.check(op);
        checkCalls(op, s, where);
      }
      peak = Math.max(peak, memory(s, where));
    }
    for (Signature s : graph.signatures()) {
      checkSignature(s);
    }
    if (graph.main().ops().isEmpty() && graph.main().outputs().isEmpty()) {
      problems.add("the model has neither operators nor outputs");
    }
    checkRecursion();
    return new CheckReport(problems.list, peak);
  }

  private long memory(Subgraph s, String where) {
    if (!problems.list.isEmpty()) {
      return 0;
    }
    MemoryEstimate estimate = MemoryEstimate.of(s);
    if (estimate.peakBytes() > activationBytes) {
      problems.add(
          where
              + ": a run takes about "
              + estimate.peakBytes()
              + " bytes at "
              + estimate.at()
              + ", more than the allowed "
              + activationBytes);
    }
    return estimate.peakBytes();
  }

  private void checkSignature(Signature s) {
    Set<Value> inputs = new HashSet<>(s.subgraph().inputs());
    Set<Value> outputs = new HashSet<>(s.subgraph().outputs());
    s.inputs()
        .forEach(
            (name, v) -> {
              if (!inputs.contains(v)) {
                problems.add(
                    "signature "
                        + s.key()
                        + ": input "
                        + name
                        + " is not an input of its subgraph");
              }
            });
    s.outputs()
        .forEach(
            (name, v) -> {
              if (!outputs.contains(v)) {
                problems.add(
                    "signature "
                        + s.key()
                        + ": output "
                        + name
                        + " is not an output of its subgraph");
              }
            });
  }

  // ---- calls of other subgraphs

  private void checkCalls(Op op, Subgraph from, String where) {
    List<Integer> called = op.calledSubgraphs();
    for (int i : called) {
      if (i < 0 || i >= graph.subgraphs().size()) {
        problems.add(
            where + ": " + op + " calls subgraph " + i + " of " + graph.subgraphs().size());
        return;
      }
      if (graph.subgraphs().get(i) == from) {
        problems.add(where + ": " + op + " calls the subgraph that it stands in");
        return;
      }
    }
    if (op.kind() == OpKind.IF && called.size() == 2) {
      for (int i : called) {
        Subgraph s = graph.subgraphs().get(i);
        counts(op, where, s, op.inputs().size() - 1, op.outputs().size());
      }
    } else if (op.kind() == OpKind.WHILE && called.size() == 2) {
      counts(op, where, graph.subgraphs().get(called.get(0)), op.inputs().size(), 1);
      counts(
          op, where, graph.subgraphs().get(called.get(1)), op.inputs().size(), op.inputs().size());
      if (op.outputs().size() != op.inputs().size()) {
        problems.add(where + ": " + op + " has as many outputs as inputs in every valid model");
      }
    } else if (op.kind() == OpKind.STABLEHLO_COMPOSITE && called.size() == 1) {
      counts(
          op, where, graph.subgraphs().get(called.get(0)), op.inputs().size(), op.outputs().size());
    } else if (op.kind() == OpKind.CALL_ONCE && called.size() == 1) {
      counts(op, where, graph.subgraphs().get(called.get(0)), 0, 0);
    }
  }

  private void counts(Op op, String where, Subgraph s, int inputs, int outputs) {
    if (s.inputs().size() != inputs || s.outputs().size() != outputs) {
      problems.add(
          where
              + ": "
              + op
              + " calls subgraph "
              + s.index()
              + " with "
              + inputs
              + " inputs and "
              + outputs
              + " outputs; it has "
              + s.inputs().size()
              + " and "
              + s.outputs().size());
    }
  }

  // Depth-first over the call graph: a cycle would overflow the stack of the runtime.
  private void checkRecursion() {
    int n = graph.subgraphs().size();
    List<Set<Integer>> calls = new ArrayList<>();
    for (Subgraph s : graph.subgraphs()) {
      Set<Integer> set = new HashSet<>();
      for (Op op : s.ops()) {
        set.addAll(op.calledSubgraphs());
      }
      calls.add(set);
    }
    Map<Integer, Integer> depth = new HashMap<>();
    for (int i = 0; i < n; i++) {
      if (depth(i, calls, depth, 0) > MAX_CALL_DEPTH) {
        problems.add(
            "subgraph "
                + i
                + " calls subgraphs in a cycle or more than "
                + MAX_CALL_DEPTH
                + " deep");
        return;
      }
    }
  }

  private static int depth(
      int i, List<Set<Integer>> calls, Map<Integer, Integer> known, int above) {
    Integer done = known.get(i);
    if (done != null) {
      return done;
    }
    if (above > MAX_CALL_DEPTH) {
      return MAX_CALL_DEPTH + 1;
    }
    int deepest = 0;
    for (int called : calls.get(i)) {
      if (called >= 0 && called < calls.size()) {
        deepest = Math.max(deepest, 1 + depth(called, calls, known, above + 1));
        if (deepest > MAX_CALL_DEPTH) {
          return deepest;
        }
      }
    }
    known.put(i, deepest);
    return deepest;
  }
}
