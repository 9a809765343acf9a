package io.jetfire.adapter.djl.internal.trace;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.index.NDIndex;
import ai.djl.ndarray.internal.NDArrayEx;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.ndarray.types.SparseFormat;
import io.jetfire.UnsupportedModelException;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Executes a recorded computation on DJL's engine, without the block that it was recorded from.
 *
 * <p>Parameters and constants are loaded once; {@link #run} may then be called any number of times,
 * by one thread at a time.
 */
public final class Replay implements AutoCloseable {
  private final Trace trace;
  private final NDManager manager;
  private final Map<Integer, NDArray> stored = new HashMap<>();
  private final Map<Integer, List<Integer>> releases = new HashMap<>();
  private final List<Method> methods;

  private Replay(Trace trace, NDManager manager, List<Method> methods) {
    this.trace = trace;
    this.manager = manager;
    this.methods = methods;
  }

  /**
   * Loads parameters and constants.
   *
   * @param trace the computation
   * @param parent manages the arrays' memory until the replay is closed
   * @return the executable computation
   * @throws UnsupportedModelException if the computation names an operation that DJL does not have
   */
  public static Replay load(Trace trace, NDManager parent) {
    List<Method> methods = trace.ops().stream().map(Replay::method).toList();
    Replay replay = new Replay(trace, parent.newSubManager(), methods);
    for (TraceValue value : trace.values()) {
      if (value.isStored()) {
        replay.stored.put(value.id(), replay.array(value));
      }
    }
    trace.lastUses().forEach((id, at) -> replay.release(id, at));
    return replay;
  }

  private static Method method(TraceOp op) {
    Method method = ArrayCalls.find(op.call());
    if (method == null || method.getParameterCount() != op.args().size()) {
      throw new UnsupportedModelException(
          "The recorded computation calls "
              + op.call()
              + " at "
              + op.where()
              + ", which DJL's arrays do not have. It was written by another version; train again.");
    }
    return method;
  }

  private void release(int id, int afterOp) {
    if (trace.value(id).kind() == TraceValue.Kind.RESULT) {
      releases.computeIfAbsent(afterOp, k -> new ArrayList<>()).add(id);
    }
  }

  private NDArray array(TraceValue value) {
    ByteBuffer content = trace.content(value.id());
    ByteBuffer direct = manager.allocateDirect(content.remaining());
    direct.put(content).rewind();
    Shape shape = new Shape(Dim.at(value.shape(), 0));
    return manager.create(direct, shape, type(value.type()));
  }

  /**
   * Computes the outputs.
   *
   * @param scratch gets the results
   * @param inputs an array for each input, the first dimension being the batch
   * @return the outputs, managed by {@code scratch}
   */
  public NDList run(NDManager scratch, NDList inputs) {
    long batch = inputs.head().getShape().get(0);
    if (trace.fixedBatch() != 0 && trace.fixedBatch() != batch) {
      throw new UnsupportedModelException(
          "The model was traced for batches of "
              + trace.fixedBatch()
              + " alone, because what it computes depends on the batch size, but was given "
              + batch
              + " samples at once. Give them one after the other.");
    }
    Map<Integer, NDArray> live = new HashMap<>(stored);
    for (int i = 0; i < trace.inputs().size(); i++) {
      live.put(trace.inputs().get(i), inputs.get(i));
    }
    for (int i = 0; i < methods.size(); i++) {
      execute(i, live, scratch, batch);
      for (int id : releases.getOrDefault(i, List.of())) {
        NDArray done = live.remove(id);
        if (done != null) {
          done.close();
        }
      }
    }
    NDList outputs = new NDList();
    for (int id : trace.outputs()) {
      NDArray output = Objects.requireNonNull(live.get(id));
      outputs.add(
          trace.value(id).kind() == TraceValue.Kind.RESULT ? output : copy(output, scratch));
    }
    return outputs;
  }

  private static NDArray copy(NDArray array, NDManager scratch) {
    NDArray copy = array.duplicate();
    copy.attach(scratch);
    return copy;
  }

  private void execute(int index, Map<Integer, NDArray> live, NDManager scratch, long batch) {
    TraceOp op = trace.ops().get(index);
    Method method = methods.get(index);
    NDArray on = Objects.requireNonNull(live.get(op.on()));
    Object target = method.getDeclaringClass() == NDArrayEx.class ? on.getNDArrayInternal() : on;
    Object[] args = new Object[op.args().size()];
    for (int i = 0; i < args.length; i++) {
      args[i] = argument(op.args().get(i), method.getParameterTypes()[i], live, batch);
    }
    Object result = invoke(op, method, target, args);
    NDList results = result instanceof NDList list ? list : new NDList((NDArray) result);
    if (results.size() != op.results().size()) {
      throw failed(op, "it gives " + results.size() + " arrays", null);
    }
    for (int i = 0; i < results.size(); i++) {
      NDArray array = results.get(i);
      // An operation that has nothing to do gives its receiver, which must live on by itself.
      NDArray own = isAmong(live, array) ? array.duplicate() : array;
      own.attach(scratch);
      live.put(op.results().get(i), own);
    }
  }

  private static boolean isAmong(Map<Integer, NDArray> live, NDArray array) {
    return live.values().stream().anyMatch(a -> a == array);
  }

  private static @Nullable Object invoke(
      TraceOp op, Method method, Object target, @Nullable Object[] args) {
    try {
      return method.invoke(target, args);
    } catch (InvocationTargetException e) {
      Throwable cause = Objects.requireNonNullElse(e.getCause(), e);
      throw failed(op, cause.getMessage(), cause);
    } catch (IllegalAccessException | IllegalArgumentException e) {
      throw failed(op, e.getMessage(), e);
    }
  }

  private static UnsupportedModelException failed(
      TraceOp op, @Nullable String how, @Nullable Throwable cause) {
    return new UnsupportedModelException(
        "Running the recorded computation failed in "
            + op.call()
            + " at "
            + op.where()
            + ": "
            + how
            + ". Check that the inputs have the shapes of the model.",
        cause);
  }

  private static @Nullable Object argument(
      TraceArg arg, Class<?> type, Map<Integer, NDArray> live, long batch) {
    if (arg instanceof TraceArg.None) {
      return null;
    } else if (arg instanceof TraceArg.Ref ref) {
      return live.get(ref.value());
    } else if (arg instanceof TraceArg.Refs refs) {
      NDList list = new NDList();
      refs.values().forEach(id -> list.add(Objects.requireNonNull(live.get(id))));
      return list;
    } else if (arg instanceof TraceArg.Whole whole) {
      long number = whole.dim().at(batch);
      return type == int.class ? (Object) Math.toIntExact(number) : (Object) number;
    } else if (arg instanceof TraceArg.Real real) {
      return number(real, type);
    } else if (arg instanceof TraceArg.Flag flag) {
      return flag.flag();
    } else if (arg instanceof TraceArg.Dims dims) {
      return numbers(Dim.at(dims.dims(), batch), type);
    } else if (arg instanceof TraceArg.Name name) {
      return type == DataType.class
          ? DataType.valueOf(name.name())
          : SparseFormat.valueOf(name.name());
    }
    return index((TraceArg.Index) arg, live, batch);
  }

  private static Object number(TraceArg.Real real, Class<?> type) {
    if (type == float.class) {
      return (float) real.number();
    } else if (type == double.class) {
      return real.number();
    }
    return switch (real.kind()) {
      case "Integer" -> (Number) (int) real.number();
      case "Long" -> (Number) (long) real.number();
      case "Float" -> (Number) (float) real.number();
      default -> (Number) real.number();
    };
  }

  private static Object numbers(long[] numbers, Class<?> type) {
    if (type == Shape.class) {
      return new Shape(numbers);
    }
    return type == long[].class
        ? numbers
        : Arrays.stream(numbers).mapToInt(Math::toIntExact).toArray();
  }

  private static NDIndex index(TraceArg.Index index, Map<Integer, NDArray> live, long batch) {
    IndexText text = new IndexText();
    for (TraceArg.Item item : index.items()) {
      if (item instanceof TraceArg.Item.All) {
        text.all();
      } else if (item instanceof TraceArg.Item.Ellipsis) {
        text.ellipsis();
      } else if (item instanceof TraceArg.Item.NewAxis) {
        text.newAxis();
      } else if (item instanceof TraceArg.Item.At at) {
        text.at(at.position().at(batch));
      } else if (item instanceof TraceArg.Item.Range range) {
        text.range(
            bound(range.from(), batch), bound(range.to(), batch), bound(range.step(), batch));
      } else if (item instanceof TraceArg.Item.Take take) {
        text.take(Objects.requireNonNull(live.get(take.value())));
      }
    }
    return text.index();
  }

  private static @Nullable Long bound(List<Dim> bound, long batch) {
    return bound.isEmpty() ? null : (Long) bound.get(0).at(batch);
  }

  /** The element type of a name such as {@code float32}. */
  public static DataType type(String name) {
    return DataType.valueOf(name.toUpperCase(Locale.ROOT));
  }

  @Override
  public void close() {
    manager.close();
  }
}
