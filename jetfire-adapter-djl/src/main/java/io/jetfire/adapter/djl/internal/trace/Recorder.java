package io.jetfire.adapter.djl.internal.trace;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.index.NDIndex;
import ai.djl.ndarray.index.dim.NDIndexAll;
import ai.djl.ndarray.index.dim.NDIndexBooleans;
import ai.djl.ndarray.index.dim.NDIndexElement;
import ai.djl.ndarray.index.dim.NDIndexFixed;
import ai.djl.ndarray.index.dim.NDIndexNull;
import ai.djl.ndarray.index.dim.NDIndexSlice;
import ai.djl.ndarray.index.dim.NDIndexTake;
import ai.djl.ndarray.internal.NDArrayEx;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.nn.LambdaBlock;
import ai.djl.nn.Parameter;
import ai.djl.nn.SequentialBlock;
import ai.djl.training.ParameterStore;
import ai.djl.util.Pair;
import io.jetfire.JetFireException;
import io.jetfire.UnsupportedModelException;
import java.lang.reflect.InvocationHandler;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Deque;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Runs a block once in inference on arrays that write down what is done to them.
 *
 * <p>The block gets stand-ins ({@link Proxy}) for its inputs, its parameters and every array
 * manager that it can reach; each delegates to a real array and records the call. Only public
 * interfaces of DJL are used. What does not depend on the inputs is computed on the spot and stored
 * as a constant. Three things would make a recording that is silently wrong and are therefore
 * refused with the place: reading the numbers of an array that depends on the inputs, writing into
 * an array that was already used, and drawing random numbers. Calls that change their receiver
 * ({@code addi}) are recorded as the call that does not ({@code add}), and the receiver stands for
 * the result from then on.
 *
 * <p>An instance records once and is not thread-safe.
 */
final class Recorder {
  private static final StackWalker STACK =
      StackWalker.getInstance(StackWalker.Option.RETAIN_CLASS_REFERENCE);

  /** Interface methods that give numbers out of an array into Java. */
  private static final Set<String> READS =
      Set.of(
          "toByteBuffer",
          "toDoubleArray",
          "toFloatArray",
          "toShortArray",
          "toUnsignedShortArray",
          "toIntArray",
          "toUnsignedIntArray",
          "toLongArray",
          "toByteArray",
          "toUint8Array",
          "toBooleanArray",
          "toStringArray",
          "toArray",
          "getLong",
          "getDouble",
          "getFloat",
          "getInt",
          "getByte",
          "getUint8",
          "getBoolean",
          "contentEquals",
          "allClose",
          "encode",
          "getAsBytes",
          "getAsString");

  /** Results that depend on the shape of their receiver alone. */
  private static final Set<String> SHAPE_ONLY = Set.of("zerosLike", "onesLike", "multiBoxPrior");

  /** Everything lives until the recording ends, so nothing is attached, detached or closed. */
  private static final Set<String> LIFETIME =
      Set.of(
          "attach",
          "detach",
          "tempAttach",
          "returnResource",
          "close",
          "setRequiresGradient",
          "attachAll",
          "tempAttachAll",
          "attachInternal",
          "attachUncappedInternal",
          "tempAttachInternal",
          "detachInternal",
          "cap");

  private final NDManager manager;
  private final long batch;
  private final NDManager managerStandIn;
  private final List<TraceValue> values = new ArrayList<>();
  private final List<TraceOp> ops = new ArrayList<>();
  private final Map<Integer, byte[]> data = new HashMap<>();
  private final Map<Parameter, Owned> owners = new IdentityHashMap<>();
  private final Map<NDArray, Parameter> parameterArrays = new IdentityHashMap<>();
  private final Map<Parameter, NDArray> parameterStandIns = new IdentityHashMap<>();
  private final Map<NDArray, NDArray> foreign = new IdentityHashMap<>();
  private final Deque<String> path = new ArrayDeque<>();
  private @Nullable Block current;

  /** A parameter's name and the path of the block that holds it. */
  private record Owned(String blockPath, String name) {}

  Recorder(NDManager manager, long batch) {
    this.manager = manager;
    this.batch = batch;
    this.managerStandIn =
        (NDManager)
            Proxy.newProxyInstance(
                NDManager.class.getClassLoader(),
                new Class<?>[] {NDManager.class},
                this::onManager);
  }

  /** Records the block on the inputs, real arrays whose first dimension is the batch. */
  Trace record(Block block, List<String> names, NDList inputs) {
    collectParameters(block, "");
    NDList standIns = new NDList();
    List<Integer> inputIds = new ArrayList<>();
    for (int i = 0; i < inputs.size(); i++) {
      Handle handle = new Handle(inputs.get(i), true);
      handle.id = newValue(TraceValue.Kind.INPUT, names.get(i), inputs.get(i));
      inputIds.add(handle.id);
      standIns.add(handle.standIn);
    }
    NDList outputs = forward(block, standIns, new TracingStore());
    return new Trace(values, inputIds, outputIds(outputs), ops, batch, data);
  }

  private List<Integer> outputIds(NDList outputs) {
    List<Integer> ids = new ArrayList<>();
    boolean anyFromInput = false;
    for (NDArray output : outputs) {
      Handle handle = handle(output);
      if (handle == null) {
        throw new UnsupportedModelException(
            "Tracing the block failed: output "
                + ids.size()
                + " "
                + output.getShape()
                + " was not computed from the arrays that the block was given, so how it was"
                + " computed is unknown. Compute outputs with NDArray methods of the inputs and of"
                + " the parameters that ParameterStore.getValue gives.");
      }
      anyFromInput |= handle.fromInput;
      ids.add(id(handle));
    }
    if (!anyFromInput) {
      throw new UnsupportedModelException(
          "Tracing the block failed: none of its "
              + outputs.size()
              + " outputs depends on an input. Check the block's forward method.");
    }
    return ids;
  }

  /** Walks plain sequences itself, which tells exactly where in the tree an operation stands. */
  private NDList forward(Block block, NDList inputs, ParameterStore store) {
    if (block instanceof SequentialBlock sequence
        && block.getClass() == SequentialBlock.class
        && !sequence.isReturnIntermediate()) {
      NDList result = inputs;
      for (Pair<String, Block> child : block.getChildren()) {
        path.addLast(
            child.getValue() instanceof LambdaBlock lambda && hasName(lambda)
                ? child.getKey() + "(" + lambda.getName() + ")"
                : child.getKey());
        result = forward(child.getValue(), result, store);
        path.removeLast();
      }
      return result;
    }
    current = block;
    return block.forward(store, inputs, false);
  }

  /** Without a name of its own DJL gives a lambda that of a class made at run time. */
  private static boolean hasName(LambdaBlock lambda) {
    return !lambda.getName().contains("$$");
  }

  private void collectParameters(Block block, String blockPath) {
    for (Pair<String, Parameter> entry : block.getDirectParameters()) {
      Parameter parameter = entry.getValue();
      if (owners.putIfAbsent(parameter, new Owned(blockPath, entry.getKey())) == null
          && parameter.isInitialized()) {
        parameterArrays.put(parameter.getArray(), parameter);
      }
    }
    for (Pair<String, Block> child : block.getChildren()) {
      collectParameters(
          child.getValue(),
          blockPath.isEmpty() ? child.getKey() : blockPath + "/" + child.getKey());
    }
  }

  /** Hands out parameters as recording arrays. */
  private final class TracingStore extends ParameterStore {
    TracingStore() {
      super(manager, false);
    }

    @Override
    @SuppressWarnings("NullAway") // an optional parameter that is absent is null in DJL
    public NDArray getValue(@Nullable Parameter parameter, Device device, boolean training) {
      return parameter == null ? null : parameterStandIn(parameter);
    }

    @Override
    public NDManager getManager() {
      return managerStandIn;
    }
  }

  private NDArray parameterStandIn(Parameter parameter) {
    return parameterStandIns.computeIfAbsent(
        parameter,
        p -> {
          Handle handle = new Handle(p.getArray(), false);
          handle.parameter = p;
          return handle.standIn;
        });
  }

  // ---- values ------------------------------------------------------------------------------

  private int newValue(TraceValue.Kind kind, String name, NDArray array) {
    int id = values.size();
    values.add(
        new TraceValue(
            id,
            kind,
            name,
            array.getDataType().name().toLowerCase(Locale.ROOT),
            dims(array.getShape().getShape())));
    return id;
  }

  /** The number of an array; a constant or parameter gets one, and is stored, at its first use. */
  private int id(Handle handle) {
    if (handle.id < 0) {
      Owned owner = handle.parameter == null ? null : owners.get(handle.parameter);
      if (owner == null) {
        handle.id = newValue(TraceValue.Kind.CONSTANT, "", handle.real);
      } else {
        String name = owner.blockPath.isEmpty() ? owner.name : owner.blockPath + "/" + owner.name;
        handle.id = newValue(TraceValue.Kind.PARAMETER, name, handle.real);
      }
      ByteBuffer bytes = handle.real.toByteBuffer();
      byte[] copy = new byte[bytes.remaining()];
      bytes.get(copy);
      data.put(handle.id, copy);
    }
    return handle.id;
  }

  private static @Nullable Handle handle(@Nullable Object object) {
    return object instanceof NDArray
            && Proxy.isProxyClass(object.getClass())
            && Proxy.getInvocationHandler(object) instanceof Handle h
        ? h
        : null;
  }

  /** The recording form of any array that the block hands in; a real one counts as constant. */
  private Handle handleOf(NDArray array) {
    Handle handle = handle(array);
    if (handle != null) {
      return handle;
    }
    Parameter parameter = parameterArrays.get(array);
    NDArray standIn =
        parameter != null
            ? parameterStandIn(parameter)
            : foreign.computeIfAbsent(array, a -> new Handle(a, false).standIn);
    return (Handle) Proxy.getInvocationHandler(standIn);
  }

  private static List<Dim> dims(long... numbers) {
    return Arrays.stream(numbers).mapToObj(Dim::of).toList();
  }

  // ---- stand-ins ---------------------------------------------------------------------------

  /** The array behind a stand-in, and what is known of it. */
  private final class Handle implements InvocationHandler {
    private NDArray real;
    private boolean fromInput;
    private int id = -1;
    private @Nullable Parameter parameter;
    private final NDArray standIn;
    private final NDArrayEx internal;

    Handle(NDArray real, boolean fromInput) {
      this.real = real;
      this.fromInput = fromInput;
      ClassLoader loader = NDArray.class.getClassLoader();
      this.standIn = (NDArray) Proxy.newProxyInstance(loader, new Class<?>[] {NDArray.class}, this);
      this.internal =
          (NDArrayEx)
              Proxy.newProxyInstance(
                  loader,
                  new Class<?>[] {NDArrayEx.class},
                  (p, method, args) -> onInternal(this, method, arguments(args)));
    }

    @Override
    public @Nullable Object invoke(Object proxy, Method method, Object @Nullable [] args)
        throws Throwable {
      return onArray(this, method, arguments(args));
    }

    void become(Handle result) {
      real = result.real;
      fromInput = result.fromInput;
      id = result.id;
      parameter = result.parameter;
    }
  }

  private static Object[] arguments(Object @Nullable [] args) {
    return args == null ? new Object[0] : args;
  }

  private @Nullable Object onArray(Handle self, Method method, Object[] args) throws Throwable {
    String name = method.getName();
    if (method.getDeclaringClass() == Object.class) {
      return onObject(self, name, args);
    }
    switch (name) {
      case "getManager":
        return managerStandIn;
      case "getNDArrayInternal":
        return self.internal;
      case "isReleased":
        return false;
      case "duplicate":
        Handle copy = new Handle(self.real, self.fromInput);
        copy.become(self);
        return copy.standIn;
      case "get":
        return record(self, "NDArray.get(NDIndex)", self.real, new Object[] {index(method, args)});
      case "getScalar":
        return record(
            self, "NDArray.get(NDIndex)", self.real, new Object[] {new NDIndex((long[]) args[0])});
      case "take":
        if (args.length == 2) {
          return record(self, "NDArray.take(NDArray)", self.real, new Object[] {args[1]});
        }
        break;
      default:
        break;
    }
    if (LIFETIME.contains(name)) {
      return null;
    }
    if (READS.contains(name) && self.fromInput) {
      throw new UnsupportedModelException(
          "Tracing the block failed: "
              + name
              + " reads the numbers of an array that depends on the input, at "
              + where(List.of())
              + ". A trace holds one computation for every input, so Java code must not look at the"
              + " numbers; if an array that did not come from ParameterStore.getValue or from"
              + " getManager() stands on the left of an operation, get it there.");
    }
    if (method.getReturnType() == void.class && !name.equals("setName")) {
      if (self.fromInput || self.id >= 0) {
        throw new UnsupportedModelException(
            "Tracing the block failed: "
                + name
                + " writes into an array that was already used, at "
                + where(List.of())
                + ". Compute a new array instead, for instance with NDArrays.where or concat.");
      }
      return call(method, self.real, args);
    }
    Class<?> result = method.getReturnType();
    if (result == NDArray.class || result == NDList.class) {
      return recordMethod(self, method, self.real, args);
    }
    return call(method, self.real, args);
  }

  private @Nullable Object onInternal(Handle self, Method method, Object[] args) throws Throwable {
    if (method.getDeclaringClass() == Object.class) {
      return onObject(self, method.getName(), args);
    }
    if (method.getName().equals("getArray")) {
      return self.standIn;
    }
    if (method.getName().equals("getIndexer")) {
      throw refused(method.getName());
    }
    return recordMethod(self, method, self.real.getNDArrayInternal(), args);
  }

  private static Object onObject(Handle self, String name, Object[] args) {
    return switch (name) {
      case "equals" -> handle(args[0]) == self;
      case "hashCode" -> System.identityHashCode(self);
      default -> "traced " + self.real.getDataType() + " " + self.real.getShape();
    };
  }

  private @Nullable Object onManager(Object proxy, Method method, Object @Nullable [] given)
      throws Throwable {
    Object[] args = arguments(given);
    String name = method.getName();
    if (method.getDeclaringClass() == Object.class) {
      return switch (name) {
        case "equals" -> proxy == args[0];
        case "hashCode" -> System.identityHashCode(proxy);
        default -> "tracing NDManager";
      };
    }
    if (LIFETIME.contains(name)) {
      return null;
    }
    switch (name) {
      case "newSubManager", "getParentManager":
        return managerStandIn;
      case "ret":
        return args[0];
      case "from":
        return args[0] == null ? null : handleOf((NDArray) args[0]).standIn;
      default:
        break;
    }
    if (name.startsWith("random")
        || name.startsWith("sample")
        || name.startsWith("truncated")
        || name.equals("invoke")) {
      throw refused("NDManager." + name);
    }
    Object result = call(method, manager, args);
    if (result instanceof NDArray array) {
      return new Handle(array, false).standIn;
    }
    if (result instanceof NDList list) {
      NDList wrapped = new NDList();
      list.forEach(a -> wrapped.add(new Handle(a, false).standIn));
      return wrapped;
    }
    return result;
  }

  private UnsupportedModelException refused(String what) {
    return new UnsupportedModelException(
        "Tracing the block failed: "
            + what
            + " cannot be part of a recorded computation, at "
            + where(List.of())
            + ". In inference a block may use the computing methods of NDArray and NDArrayEx.");
  }

  private static NDIndex index(Method method, Object[] args) {
    int first = method.getParameterTypes()[0] == NDManager.class ? 1 : 0;
    Object arg = args[first];
    if (arg instanceof NDIndex index) {
      return index;
    }
    if (arg instanceof String text) {
      return new NDIndex(text, (Object[]) args[first + 1]);
    }
    if (arg instanceof long[] positions) {
      return new NDIndex(positions);
    }
    return new NDIndex("{}", arg);
  }

  // ---- recording ---------------------------------------------------------------------------

  private @Nullable Object recordMethod(Handle self, Method method, Object target, Object[] args)
      throws Throwable {
    boolean internal = NDArrayEx.class.isAssignableFrom(method.getDeclaringClass());
    String plain = ArrayCalls.IN_PLACE.get(method.getName());
    if (plain != null) {
      String key = ArrayCalls.key(internal, plain, method.getParameterTypes());
      NDArray result = (NDArray) record(self, key, target, args);
      self.become(handleOf(result));
      return self.standIn;
    }
    if (SHAPE_ONLY.contains(method.getName())) {
      return wrapConstant(call(method, target, args));
    }
    return record(self, ArrayCalls.key(method), target, args);
  }

  private Object wrapConstant(@Nullable Object result) {
    if (result instanceof NDArray array) {
      return new Handle(array, false).standIn;
    }
    NDList wrapped = new NDList();
    for (NDArray array : (NDList) Objects.requireNonNull(result)) {
      wrapped.add(new Handle(array, false).standIn);
    }
    return wrapped;
  }

  private Object record(Handle self, String key, Object target, Object[] args) throws Throwable {
    Method method = ArrayCalls.find(key);
    if (method == null) {
      throw refused(key);
    }
    List<Handle> operands = new ArrayList<>();
    operands.add(self);
    for (Object arg : args) {
      collectOperands(arg, operands);
    }
    Object result = Objects.requireNonNull(call(method, target, args), key);
    for (Handle operand : operands) {
      if (operand.real == result) {
        return operand.standIn;
      }
    }
    if (operands.stream().noneMatch(h -> h.fromInput)) {
      return wrapConstant(result);
    }
    List<TraceArg> recorded = new ArrayList<>();
    for (int i = 0; i < args.length; i++) {
      recorded.add(argument(args[i], method.getParameterTypes()[i]));
    }
    int on = id(self);
    NDList results = result instanceof NDList list ? list : new NDList((NDArray) result);
    NDList standIns = new NDList();
    List<Integer> ids = new ArrayList<>();
    for (NDArray array : results) {
      Handle handle = new Handle(array, true);
      handle.id = newValue(TraceValue.Kind.RESULT, "", array);
      ids.add(handle.id);
      standIns.add(handle.standIn);
    }
    ops.add(new TraceOp(key, on, recorded, ids, where(operands), userLine()));
    return result instanceof NDList ? standIns : standIns.get(0);
  }

  private void collectOperands(@Nullable Object arg, List<Handle> operands) {
    if (arg instanceof NDArray array) {
      operands.add(handleOf(array));
    } else if (arg instanceof NDList list) {
      list.forEach(a -> operands.add(handleOf(a)));
    } else if (arg instanceof NDIndex index) {
      for (NDIndexElement element : index.getIndices()) {
        if (element instanceof NDIndexTake take) {
          operands.add(handleOf(take.getIndex()));
        } else if (element instanceof NDIndexBooleans mask) {
          operands.add(handleOf(mask.getIndex()));
        }
      }
    }
  }

  private TraceArg argument(@Nullable Object arg, Class<?> type) {
    if (arg == null) {
      return new TraceArg.None();
    } else if (arg instanceof NDArray array) {
      return new TraceArg.Ref(id(handleOf(array)));
    } else if (arg instanceof NDList list) {
      return new TraceArg.Refs(list.stream().map(a -> id(handleOf(a))).toList());
    } else if (arg instanceof Shape shape) {
      return new TraceArg.Dims(dims(shape.getShape()));
    } else if (arg instanceof long[] numbers) {
      return new TraceArg.Dims(dims(numbers));
    } else if (arg instanceof int[] numbers) {
      return new TraceArg.Dims(dims(Arrays.stream(numbers).asLongStream().toArray()));
    } else if (type == int.class || type == long.class) {
      return new TraceArg.Whole(Dim.of(((Number) arg).longValue()));
    } else if (arg instanceof Number number) {
      return new TraceArg.Real(number.doubleValue(), number.getClass().getSimpleName());
    } else if (arg instanceof Boolean flag) {
      return new TraceArg.Flag(flag);
    } else if (arg instanceof Enum<?> constant) {
      return new TraceArg.Name(constant.name());
    } else if (arg instanceof NDIndex index) {
      return indexArgument(index);
    }
    throw refused("an argument of type " + type.getSimpleName());
  }

  private TraceArg indexArgument(NDIndex index) {
    List<TraceArg.Item> items = new ArrayList<>();
    for (int i = 0; i <= index.getIndices().size(); i++) {
      if (i == index.getEllipsisIndex()) {
        items.add(new TraceArg.Item.Ellipsis());
      }
      if (i < index.getIndices().size()) {
        items.add(item(index.getIndices().get(i)));
      }
    }
    return new TraceArg.Index(items);
  }

  private TraceArg.Item item(NDIndexElement element) {
    if (element instanceof NDIndexAll) {
      return new TraceArg.Item.All();
    } else if (element instanceof NDIndexNull) {
      return new TraceArg.Item.NewAxis();
    } else if (element instanceof NDIndexFixed fixed) {
      return new TraceArg.Item.At(Dim.of(fixed.getIndex()));
    } else if (element instanceof NDIndexSlice slice) {
      return new TraceArg.Item.Range(
          bound(slice.getMin()), bound(slice.getMax()), bound(slice.getStep()));
    } else if (element instanceof NDIndexTake take) {
      return new TraceArg.Item.Take(id(handleOf(take.getIndex())));
    } else if (element instanceof NDIndexBooleans mask) {
      return new TraceArg.Item.Take(id(handleOf(mask.getIndex())));
    }
    throw refused("an index of kind " + element.getClass().getSimpleName());
  }

  private static List<Dim> bound(@Nullable Long number) {
    return number == null ? List.of() : List.of(Dim.of(number));
  }

  // ---- calling the engine ------------------------------------------------------------------

  private @Nullable Object call(Method method, Object target, Object[] args) throws Throwable {
    Object[] real = new Object[args.length];
    for (int i = 0; i < args.length; i++) {
      real[i] = unwrap(args[i]);
    }
    try {
      return method.invoke(target, real);
    } catch (InvocationTargetException e) {
      Throwable cause = Objects.requireNonNullElse(e.getCause(), e);
      if (cause instanceof UnsupportedOperationException) {
        throw new UnsupportedModelException(
            "DJL's PyTorch engine cannot run "
                + method.getName()
                + " (at "
                + where(List.of())
                + "): "
                + cause.getMessage()
                + ". Use another operation there.",
            cause);
      }
      if (cause instanceof JetFireException) {
        throw cause;
      }
      throw cause;
    }
  }

  private @Nullable Object unwrap(@Nullable Object arg) {
    if (arg == managerStandIn) {
      return manager;
    }
    Handle handle = handle(arg);
    if (handle != null) {
      return handle.real;
    }
    if (arg instanceof NDList list) {
      NDList real = new NDList();
      list.forEach(a -> real.add((NDArray) unwrap(a)));
      return real;
    }
    if (arg instanceof NDIndex index) {
      return unwrapIndex(index);
    }
    if (arg instanceof NDArray[] arrays) {
      return Arrays.stream(arrays).map(this::unwrap).toArray(NDArray[]::new);
    }
    return arg;
  }

  /** Builds the index anew, since the arrays in it must be real ones. */
  private NDIndex unwrapIndex(NDIndex index) {
    IndexText text = new IndexText();
    for (int i = 0; i <= index.getIndices().size(); i++) {
      if (i == index.getEllipsisIndex()) {
        text.ellipsis();
      }
      if (i < index.getIndices().size()) {
        unwrap(index.getIndices().get(i), text);
      }
    }
    return text.index();
  }

  private void unwrap(NDIndexElement element, IndexText text) {
    if (element instanceof NDIndexTake take) {
      text.take(handleOf(take.getIndex()).real);
    } else if (element instanceof NDIndexBooleans mask) {
      text.take(handleOf(mask.getIndex()).real);
    } else if (element instanceof NDIndexSlice slice) {
      text.range(slice.getMin(), slice.getMax(), slice.getStep());
    } else if (element instanceof NDIndexFixed fixed) {
      text.at(fixed.getIndex());
    } else if (element instanceof NDIndexNull) {
      text.newAxis();
    } else if (element instanceof NDIndexAll) {
      text.all();
    } else {
      throw refused("an index of kind " + element.getClass().getSimpleName());
    }
  }

  // ---- places ------------------------------------------------------------------------------

  /**
   * The place in the block tree: exact inside plain sequences and for blocks with parameters, and
   * in other blocks the classes on the way to the operation.
   */
  private String where(Collection<Handle> operands) {
    String base = String.join("/", path);
    for (Handle operand : operands) {
      Owned owner = operand.parameter == null ? null : owners.get(operand.parameter);
      if (owner != null && owner.blockPath.startsWith(base)) {
        return owner.blockPath.isEmpty() ? rootName() : owner.blockPath;
      }
    }
    List<String> inner = new ArrayList<>(STACK.walk(Recorder::innerBlocks));
    if (!inner.isEmpty()) {
      inner.remove(0);
    }
    String start = base.isEmpty() ? rootName() : base;
    return inner.isEmpty() ? start : start + "/" + String.join("/", inner);
  }

  private String rootName() {
    return current == null ? "block" : current.getClass().getSimpleName();
  }

  /** The classes of the nested blocks that are running, outermost first. */
  private static List<String> innerBlocks(Stream<StackWalker.StackFrame> frames) {
    List<String> names = new ArrayList<>();
    frames
        .takeWhile(
            f -> f.getDeclaringClass() != Recorder.class || !f.getMethodName().equals("forward"))
        .filter(f -> f.getMethodName().equals("forwardInternal"))
        .filter(f -> Block.class.isAssignableFrom(f.getDeclaringClass()))
        .forEach(f -> names.add(0, f.getDeclaringClass().getSimpleName()));
    return names;
  }

  /** The line of code outside DJL, Java and this package that led here, or empty. */
  private static String userLine() {
    return STACK.walk(
        frames ->
            frames
                .takeWhile(
                    f ->
                        f.getDeclaringClass() != Recorder.class
                            || !f.getMethodName().equals("forward"))
                .filter(f -> !isLibrary(f.getClassName()))
                .map(f -> f.getFileName() + ":" + f.getLineNumber())
                .findFirst()
                .orElse(""));
  }

  private static boolean isLibrary(String className) {
    return className.startsWith("ai.djl.")
        || className.startsWith("java.")
        || className.startsWith("jdk.")
        || className.contains("$Proxy")
        || className.startsWith("io.jetfire.adapter.djl.internal.trace.");
  }
}
