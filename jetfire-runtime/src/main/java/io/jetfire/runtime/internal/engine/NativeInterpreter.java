package io.jetfire.runtime.internal.engine;

import io.jetfire.ConfigurationException;
import io.jetfire.UnsupportedModelException;
import java.lang.ref.Cleaner;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.TreeSet;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.IntPointer;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.PointerPointer;
import org.bytedeco.tensorflowlite.BuiltinOpResolver;
import org.bytedeco.tensorflowlite.BuiltinOpResolverWithoutDefaultDelegates;
import org.bytedeco.tensorflowlite.Interpreter;
import org.bytedeco.tensorflowlite.InterpreterBuilder;
import org.bytedeco.tensorflowlite.InterpreterOptions;
import org.bytedeco.tensorflowlite.OpResolver;
import org.bytedeco.tensorflowlite.RegistrationNodePair;
import org.bytedeco.tensorflowlite.SignatureRunner;
import org.bytedeco.tensorflowlite.StringIntMap;
import org.bytedeco.tensorflowlite.StringVector;
import org.bytedeco.tensorflowlite.Subgraph;
import org.bytedeco.tensorflowlite.TfLiteDelegateParams;
import org.bytedeco.tensorflowlite.TfLiteTensor;
import org.bytedeco.tensorflowlite.global.tensorflowlite;
import org.jspecify.annotations.Nullable;

/**
 * TensorFlow Lite's C++ interpreter, which applies XNNPACK as a phone does (its C API does not).
 *
 * <p>Data pointers are looked up again after every allocation, always with a capacity, and no
 * buffer over native memory leaves this class.
 */
public final class NativeInterpreter implements EngineSession {
  private static final ByteBuffer EMPTY = ByteBuffer.allocate(0);
  private static final int OK = 0;
  private static final int UNRESOLVED_OPERATORS = 7;

  /** Where to find the native message; a worker's host puts the message itself here. */
  public static final String NEXT =
      " TensorFlow Lite's own message is on standard error; a run in a worker process carries it"
          + " in this text.";

  private final State state;
  private final Cleaner.Cleanable cleanable;
  private final String model;
  private final InterpreterSettings settings;
  private final ReentrantLock lock = new ReentrantLock();
  private final Edge[] inputs;
  private final Edge[] outputs;
  private boolean allocated;
  private boolean resized;
  private boolean closed;
  private @Nullable TreeSet<Integer> written;

  /**
   * An input or output: which tensor it is, under which name, and its data once looked up.
   *
   * <p>The tensor itself is not kept: kernels and delegates add tensors while they prepare, which
   * moves them all.
   */
  private static final class Edge {
    final int index;
    final String name;
    private @Nullable ByteBuffer data;
    private @Nullable TensorInfo info;
    private boolean filled;

    /** The data of an output, once they were found to be as long as its shape says. */
    private @Nullable ByteBuffer checked;

    void forget() {
      data = null;
      checked = null;
      info = null;
    }

    Edge(int index, String name) {
      this.index = index;
      this.name = name;
    }
  }

  private NativeInterpreter(NativeModel model, InterpreterSettings settings, State state) {
    this.model = model.name();
    this.settings = settings;
    this.state = state;
    this.inputs = edges(true);
    this.outputs = edges(false);
    this.cleanable = NativeModel.CLEANER.register(this, state);
  }

  /** Builds and allocates; the caller has taken a use of the model. */
  static NativeInterpreter create(NativeModel model, InterpreterSettings settings) {
    State state = new State();
    try {
      build(model, settings, state);
      NativeInterpreter interpreter = new NativeInterpreter(model, settings, state);
      settings.inputShapes().forEach(interpreter::resize);
      interpreter.allocate();
      state.model = model.state();
      return interpreter;
    } catch (UnsupportedModelException | ConfigurationException | IllegalStateException e) {
      state.run();
      throw e;
    } catch (RuntimeException e) {
      // JavaCPP turns C++ exceptions into RuntimeException; std::bad_alloc is the usual one.
      state.run();
      throw new UnsupportedModelException(
          "TensorFlow Lite failed to prepare the model " + model.name() + ": " + e.getMessage(), e);
    }
  }

  private static void build(NativeModel model, InterpreterSettings settings, State state) {
    OpResolver resolver =
        state.own(
            settings.xnnpack()
                ? new BuiltinOpResolver()
                : new BuiltinOpResolverWithoutDefaultDelegates());
    try (InterpreterOptions options = new InterpreterOptions()) {
      options.SetPreserveAllTensors(settings.preserveTensors());
      try (InterpreterBuilder builder =
          new InterpreterBuilder(model.pointer(), resolver, options)) {
        builder.SetNumThreads(settings.threads());
        Interpreter interpreter = new Interpreter((Pointer) null);
        int status = builder.apply(interpreter);
        if (status != OK || interpreter.isNull()) {
          throw new UnsupportedModelException(
              "TensorFlow Lite "
                  + NativeLibrary.version()
                  + " cannot build an interpreter for the model "
                  + model.name()
                  + " (status "
                  + status
                  + "): most often an operator or its version is not known to this runtime, or a"
                  + " tensor's description is broken."
                  + NEXT);
        }
        state.interpreter = interpreter;
      }
    }
    Interpreter interpreter = state.interpreter();
    if (settings.profiling()) {
      state.profiler = new OperatorProfiler();
      // XNNPACK asks for a profiler when it is applied, which is at the first allocation.
      interpreter.SetProfiler(state.profiler.pointer());
    }
    String signature = settings.signature();
    if (signature == null) {
      state.subgraph = interpreter.primary_subgraph();
    } else {
      List<String> keys = signatureKeys(interpreter);
      if (!keys.contains(signature)) {
        throw new ConfigurationException(
            "The model "
                + model.name()
                + " has no signature '"
                + signature
                + "'; it has "
                + (keys.isEmpty() ? "none: run it without one" : new TreeSet<>(keys))
                + ".");
      }
      state.runner = interpreter.GetSignatureRunner(signature);
      if (state.runner == null || state.runner.isNull()) {
        throw new UnsupportedModelException(
            "TensorFlow Lite cannot prepare the signature '"
                + signature
                + "' of the model "
                + model.name()
                + "."
                + NEXT);
      }
      state.subgraph = interpreter.subgraph(interpreter.GetSubgraphIndexFromSignature(signature));
    }
  }

  /** The signatures of the model, in its order. */
  public List<String> signatures() {
    return exclusively(() -> signatureKeys(state.interpreter()));
  }

  private static List<String> signatureKeys(Interpreter interpreter) {
    StringVector keys = interpreter.signature_keys();
    List<String> names = new ArrayList<>();
    for (long i = 0; i < keys.size(); i++) {
      BytePointer key = keys.get(i);
      names.add(key == null || key.isNull() ? "" : key.getString());
    }
    return names;
  }

  private Edge[] edges(boolean input) {
    Subgraph subgraph = state.subgraph();
    SignatureRunner runner = state.runner;
    if (runner == null) {
      Interpreter interpreter = state.interpreter();
      IntPointer indices = input ? interpreter.inputs() : interpreter.outputs();
      int count = indices == null || indices.isNull() ? 0 : (int) indices.limit();
      Edge[] edges = new Edge[count];
      for (int i = 0; i < count; i++) {
        edges[i] = edge(subgraph, indices.get(i), null);
      }
      return edges;
    }
    String signature = settings.signature();
    PointerPointer<?> names = input ? runner.input_names() : runner.output_names();
    StringIntMap indices =
        input
            ? state.interpreter().signature_inputs(signature)
            : state.interpreter().signature_outputs(signature);
    Edge[] edges = new Edge[(int) (input ? runner.input_size() : runner.output_size())];
    for (int i = 0; i < edges.length; i++) {
      String name = Tensors.text(new BytePointer(names.get(i)));
      edges[i] = edge(subgraph, indices.get(name), name);
    }
    return edges;
  }

  private Edge edge(Subgraph subgraph, int index, @Nullable String name) {
    if (index < 0 || index >= subgraph.tensors_size()) {
      throw new UnsupportedModelException(
          "The model "
              + model
              + " names tensor "
              + index
              + " as an input or output, but has "
              + subgraph.tensors_size()
              + " tensors.");
    }
    return new Edge(index, name == null ? Tensors.name(subgraph.tensor(index), index) : name);
  }

  @Override
  public List<TensorInfo> inputs() {
    return exclusively(() -> infos(inputs));
  }

  @Override
  public List<TensorInfo> outputs() {
    return exclusively(() -> infos(outputs));
  }

  @Override
  public int outputCount() {
    return outputs.length;
  }

  @Override
  public TensorInfo outputInfo(int output) {
    return exclusively(() -> info(edge(outputs, output, "output")));
  }

  private List<TensorInfo> infos(Edge[] edges) {
    List<TensorInfo> infos = new ArrayList<>(edges.length);
    for (Edge edge : edges) {
      infos.add(info(edge));
    }
    return infos;
  }

  private TfLiteTensor tensor(Edge edge) {
    return state.subgraph().tensor(edge.index);
  }

  private TensorInfo info(Edge edge) {
    TensorInfo info = edge.info;
    if (info == null) {
      info = Tensors.info(tensor(edge), edge.index).named(edge.name);
      edge.info = info;
    }
    return info;
  }

  private ByteBuffer data(Edge edge) {
    ByteBuffer data = edge.data;
    if (data == null) {
      data = Tensors.data(tensor(edge));
      edge.data = data;
    }
    return data;
  }

  private void forget() {
    for (Edge edge : inputs) {
      edge.forget();
    }
    for (Edge edge : outputs) {
      edge.forget();
    }
  }

  @Override
  public List<TensorInfo> taps() {
    return exclusively(
        () -> {
          ensureAllocated();
          List<TensorInfo> infos = new ArrayList<>();
          for (int index : written()) {
            infos.add(Tensors.info(state.subgraph().tensor(index), index));
          }
          return infos;
        });
  }

  /** The tensors that a node of the plan writes; those between a delegate's operators are none. */
  private TreeSet<Integer> written() {
    TreeSet<Integer> known = written;
    if (known != null) {
      return known;
    }
    Subgraph subgraph = state.subgraph();
    TreeSet<Integer> replaced = new TreeSet<>();
    int nodes = (int) subgraph.nodes_size();
    for (int n = 0; n < nodes; n++) {
      TfLiteDelegateParams params = delegateParams(subgraph, n);
      if (params != null) {
        replaced.addAll(Tensors.ints(params.nodes_to_replace()));
      }
    }
    TreeSet<Integer> found = new TreeSet<>();
    for (int n = 0; n < nodes; n++) {
      if (!replaced.contains(n)) {
        found.addAll(Tensors.ints(subgraph.node_and_registration(n).first().outputs()));
      }
    }
    written = found;
    return found;
  }

  private void resize(String input, List<Integer> shape) {
    for (int i = 0; i < inputs.length; i++) {
      if (inputs[i].name.equals(input)) {
        resize(i, shape.stream().mapToInt(Integer::intValue).toArray());
        return;
      }
    }
    throw new ConfigurationException(
        "The model "
            + model
            + " has no input '"
            + input
            + "' to give a shape to; it has "
            + Arrays.stream(inputs).map(edge -> edge.name).toList()
            + ".");
  }

  @Override
  public void resize(int input, int[] shape) {
    exclusively(
        () -> {
          Edge edge = edge(inputs, input, "input");
          for (int dimension : shape) {
            // The kernels divide by dimensions: zero kills the process.
            if (dimension < 1) {
              throw new ConfigurationException(
                  "Input '"
                      + edge.name
                      + "' cannot have the shape "
                      + Arrays.toString(shape)
                      + ": every dimension must be at least 1.");
            }
          }
          allocated = false;
          forget();
          resized = true;
          int status = state.subgraph().ResizeInputTensor(edge.index, shape);
          if (status != OK) {
            throw new ConfigurationException(
                "Input '"
                    + edge.name
                    + "' of the model "
                    + model
                    + " cannot be resized to "
                    + Arrays.toString(shape)
                    + " (status "
                    + status
                    + ")."
                    + NEXT);
          }
          return null;
        });
  }

  private void allocate() {
    forget();
    written = null;
    for (Edge edge : inputs) {
      edge.filled = false;
    }
    SignatureRunner runner = state.runner;
    int status = runner == null ? state.interpreter().AllocateTensors() : runner.AllocateTensors();
    if (status == UNRESOLVED_OPERATORS) {
      throw new UnsupportedModelException(
          "The model "
              + model
              + " uses operators that this runtime does not have: "
              + unresolvedOperators()
              + ". They are custom or Select TensorFlow operators; convert the model without"
              + " them.");
    }
    if (status != OK) {
      throw new UnsupportedModelException(
          "TensorFlow Lite cannot prepare the tensors of the model "
              + model
              + (resized ? " for the input shapes " + shapes() : "")
              + " (status "
              + status
              + "): an operator refuses its inputs or options."
              + NEXT);
    }
    allocated = true;
  }

  private String unresolvedOperators() {
    TreeSet<String> names = new TreeSet<>();
    Interpreter interpreter = state.interpreter();
    for (int s = 0; s < interpreter.subgraphs_size(); s++) {
      Subgraph subgraph = interpreter.subgraph(s);
      for (int n = 0; n < subgraph.nodes_size(); n++) {
        RegistrationNodePair node = subgraph.node_and_registration(n);
        if (tensorflowlite.IsUnresolvedCustomOp(node.second())) {
          names.add(Tensors.text(node.second().custom_name()));
        }
      }
    }
    return names.toString();
  }

  private String shapes() {
    StringBuilder shapes = new StringBuilder();
    for (Edge edge : inputs) {
      TensorInfo info = info(edge);
      shapes.append(shapes.length() == 0 ? "" : ", ").append(edge.name).append(info.shape());
    }
    return shapes.toString();
  }

  private void ensureAllocated() {
    if (!allocated) {
      allocate();
    }
  }

  @Override
  public void input(int input, ByteBuffer bytes) {
    exclusively(
        () -> {
          Edge edge = edge(inputs, input, "input");
          ensureAllocated();
          if (info(edge).type() == TypeCode.STRING) {
            // A string tensor's size is its content's.
            if (tensorflowlite.TfLiteTensorRealloc(bytes.remaining(), tensor(edge)) != OK) {
              throw new ConfigurationException(
                  "There is no memory for " + bytes.remaining() + " bytes of strings.");
            }
            edge.forget();
          }
          ByteBuffer data = data(edge);
          if (data.capacity() != bytes.remaining()) {
            throw new ConfigurationException(
                "Input '"
                    + edge.name
                    + "' of the model "
                    + model
                    + " takes "
                    + data.capacity()
                    + " bytes ("
                    + info(edge)
                    + "), but "
                    + bytes.remaining()
                    + " were given. Resize the input first if it should have another shape.");
          }
          data.put(0, bytes, bytes.position(), bytes.remaining());
          edge.filled = true;
          return null;
        });
  }

  @Override
  public long invoke() {
    if (!lock.tryLock()) {
      throw inUse();
    }
    try {
      checkOpen();
      ensureAllocated();
      checkInputs();
      SignatureRunner runner = state.runner;
      Interpreter interpreter = state.interpreter();
      if (state.profiler != null) {
        state.profiler.reset();
      }
      long start = System.nanoTime();
      int status = runner == null ? interpreter.Invoke() : runner.Invoke();
      long nanos = System.nanoTime() - start;
      if (status != OK) {
        throw new UnsupportedModelException(
            "The model "
                + model
                + " failed while it ran (status "
                + status
                + "): an operator met values or shapes that it cannot handle."
                + NEXT);
      }
      if (state.subgraph().HasDynamicTensors()) {
        // Memory may have been planned anew in the middle of the run.
        forget();
      }
      if (resized) {
        checkOutputs();
      }
      return nanos;
    } catch (UnsupportedModelException | ConfigurationException | IllegalStateException e) {
      throw e;
    } catch (RuntimeException e) {
      throw new UnsupportedModelException(
          "The model " + model + " failed while it ran: " + e.getMessage(), e);
    } finally {
      lock.unlock();
    }
  }

  /** Memory that nobody wrote to may hold anything; kernels crash on some values (counts, axes). */
  private void checkInputs() {
    for (Edge edge : inputs) {
      if (!edge.filled) {
        throw new ConfigurationException(
            "Input '"
                + edge.name
                + "' of the model "
                + model
                + " was not set since the session was opened or its shapes changed; set it first.");
      }
    }
  }

  /**
   * A shape that does not fit is not always refused: a fully connected layer whose rows do not come
   * out even gives an output of no elements and reports success.
   */
  private void checkOutputs() {
    for (Edge edge : outputs) {
      TensorInfo info = info(edge);
      if (!info.dynamic() && info.type() != TypeCode.STRING && info.elements() == 0) {
        throw new ConfigurationException(
            "With the input shapes "
                + shapes()
                + " the output '"
                + edge.name
                + "' of the model "
                + model
                + " has no elements ("
                + info.shape()
                + "): these shapes do not fit the model.");
      }
    }
  }

  @Override
  public ByteBuffer output(int output) {
    return exclusively(() -> copy(outputData(output)));
  }

  /** The memory of an output; its position means nothing. */
  private ByteBuffer outputData(int output) {
    Edge edge = edge(outputs, output, "output");
    ensureAllocated();
    ByteBuffer data = edge.checked;
    if (data == null) {
      TensorInfo info = info(edge);
      check(info);
      data = info.bytes() == 0 ? EMPTY : data(edge);
      edge.checked = data;
    }
    return data;
  }

  @Override
  public boolean output(int output, ByteBuffer target) {
    return exclusively(
        () -> {
          ByteBuffer data = outputData(output).duplicate().clear();
          boolean fits = data.remaining() == target.remaining();
          if (fits) {
            target.put(data);
          }
          return fits;
        });
  }

  @Override
  public int read(int output, long position, ByteBuffer target) {
    if (!lock.tryLock()) {
      throw inUse();
    }
    try {
      checkOpen();
      return Tensors.read(outputData(output), position, target);
    } finally {
      lock.unlock();
    }
  }

  @Override
  public ByteBuffer tensor(int index) {
    return exclusively(
        () -> {
          Subgraph subgraph = state.subgraph();
          if (index < 0 || index >= subgraph.tensors_size()) {
            throw new ConfigurationException(
                "There is no tensor "
                    + index
                    + "; the model "
                    + model
                    + " has "
                    + subgraph.tensors_size()
                    + ".");
          }
          if (!settings.preserveTensors()) {
            throw new ConfigurationException(
                "Intermediate tensors are not kept in this session; open it with taps on.");
          }
          ensureAllocated();
          subgraph.EnsureTensorDataIsReadable(index);
          TfLiteTensor tensor = subgraph.tensor(index);
          if (!written().contains(index)) {
            throw new ConfigurationException(
                "Tensor '"
                    + Tensors.name(tensor, index)
                    + "' is not written by an operator that runs on its own: it is a constant or an"
                    + " input, or it only exists inside a delegate (tap it with CPU).");
          }
          TensorInfo info = Tensors.info(tensor, index);
          check(info);
          return copy(info.bytes() == 0 ? EMPTY : Tensors.data(tensor));
        });
  }

  private void check(TensorInfo info) {
    long expected = TypeCode.bytes(info.type(), info.elements());
    if (expected >= 0 && expected != info.bytes()) {
      throw new UnsupportedModelException(
          "Tensor '"
              + info.name()
              + "' of the model "
              + model
              + " has "
              + info.bytes()
              + " bytes where its shape "
              + info.shape()
              + " needs "
              + expected
              + ".");
    }
  }

  private static ByteBuffer copy(ByteBuffer data) {
    ByteBuffer copy = ByteBuffer.allocate(data.capacity()).order(ByteOrder.LITTLE_ENDIAN);
    return copy.put(0, data, 0, data.capacity());
  }

  @Override
  public void resetVariables() {
    exclusively(
        () -> {
          ensureAllocated();
          state.subgraph().ResetVariableTensors();
          return null;
        });
  }

  @Override
  public Delegation delegation() {
    return exclusively(
        () -> {
          ensureAllocated();
          Subgraph subgraph = state.subgraph();
          int partitions = 0;
          int delegated = 0;
          long nodes = subgraph.nodes_size();
          for (int i = 0; i < nodes; i++) {
            TfLiteDelegateParams params = delegateParams(subgraph, i);
            if (params != null) {
              partitions++;
              delegated += params.nodes_to_replace().size();
            }
          }
          // Every partition appends one node of its own to the model's.
          return new Delegation((int) nodes - partitions, delegated, partitions);
        });
  }

  private static @Nullable TfLiteDelegateParams delegateParams(Subgraph subgraph, int node) {
    RegistrationNodePair pair = subgraph.node_and_registration(node);
    if (pair.second().builtin_code() != DELEGATE_CODE) {
      return null;
    }
    // A delegate's kernel node carries its parameters where others carry their options.
    Pointer params = pair.first().builtin_data();
    return params == null || params.isNull() ? null : new TfLiteDelegateParams(params);
  }

  /** {@code BuiltinOperator.DELEGATE} of the schema. */
  private static final int DELEGATE_CODE = 51;

  @Override
  public List<OperatorTiming> timings() {
    return exclusively(() -> profiler().timings());
  }

  private OperatorProfiler profiler() {
    OperatorProfiler profiler = state.profiler;
    if (profiler == null) {
      throw new ConfigurationException(
          "Operators are not timed in this session; open it with profiling on.");
    }
    return profiler;
  }

  private Edge edge(Edge[] edges, int index, String what) {
    if (index < 0 || index >= edges.length) {
      throw new ConfigurationException(
          "The model "
              + model
              + " has no "
              + what
              + " "
              + index
              + "; it has "
              + edges.length
              + ", counted from 0.");
    }
    return edges[index];
  }

  private <T> T exclusively(Supplier<T> work) {
    if (!lock.tryLock()) {
      throw inUse();
    }
    try {
      checkOpen();
      return work.get();
    } finally {
      lock.unlock();
    }
  }

  private IllegalStateException inUse() {
    return new IllegalStateException(
        "This session of the model "
            + model
            + " is in use by another thread; open one session per thread.");
  }

  private void checkOpen() {
    if (closed) {
      throw new IllegalStateException("This session of the model " + model + " is closed.");
    }
  }

  /** Waits for an invocation that is under way in another thread. */
  @Override
  public void close() {
    lock.lock();
    try {
      closed = true;
      cleanable.clean();
    } finally {
      lock.unlock();
    }
  }

  /** The native objects, freed in this order by close or, if that was forgotten, by the cleaner. */
  private static final class State implements Runnable {
    @Nullable Interpreter interpreter;
    @Nullable Subgraph subgraph;
    @Nullable SignatureRunner runner;
    @Nullable OperatorProfiler profiler;
    NativeModel.@Nullable State model;
    private final List<Pointer> owned = new ArrayList<>();

    <P extends Pointer> P own(P pointer) {
      owned.add(pointer);
      return pointer;
    }

    Interpreter interpreter() {
      if (interpreter == null) {
        throw new IllegalStateException("The session is closed.");
      }
      return interpreter;
    }

    Subgraph subgraph() {
      if (subgraph == null) {
        throw new IllegalStateException("The session is closed.");
      }
      return subgraph;
    }

    @Override
    public void run() {
      runner = null;
      subgraph = null;
      if (interpreter != null) {
        interpreter.close();
        interpreter = null;
      }
      if (profiler != null) {
        profiler.close();
        profiler = null;
      }
      owned.forEach(Pointer::close);
      owned.clear();
      if (model != null) {
        model.release();
        model = null;
      }
    }
  }
}
