package io.jetfire.adapter.djl.internal.trace;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.index.NDIndex;
import ai.djl.ndarray.internal.NDArrayEx;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.ndarray.types.SparseFormat;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * The methods of DJL's array interfaces that can be recorded and replayed.
 *
 * <p>These are the public instance methods of {@link NDArray} and {@link NDArrayEx} that make an
 * array of arrays and plain values, draw no random numbers and change nothing. A recorded
 * computation names them by {@linkplain #key signature}; a name outside this set is not called,
 * whatever a file says.
 */
final class ArrayCalls {

  /** Methods that change their receiver, each with the one that gives the same result anew. */
  static final Map<String, String> IN_PLACE =
      Map.ofEntries(
          Map.entry("addi", "add"),
          Map.entry("subi", "sub"),
          Map.entry("muli", "mul"),
          Map.entry("divi", "div"),
          Map.entry("modi", "mod"),
          Map.entry("powi", "pow"),
          Map.entry("signi", "sign"),
          Map.entry("negi", "neg"),
          Map.entry("rdivi", "rdiv"),
          Map.entry("rsubi", "rsub"),
          Map.entry("rmodi", "rmod"),
          Map.entry("rpowi", "rpow"));

  private static final Set<Class<?>> PARAMETER_TYPES =
      Set.of(
          NDArray.class,
          NDList.class,
          NDIndex.class,
          Shape.class,
          DataType.class,
          SparseFormat.class,
          Number.class,
          int.class,
          long.class,
          float.class,
          double.class,
          boolean.class,
          int[].class,
          long[].class);

  private static final Set<String> EXCLUDED =
      Set.of("getGradient", "toDevice", "getArray", "like", "decode", "toSparse");

  private static final Map<String, Method> METHODS = collect();

  private ArrayCalls() {}

  /** The recordable method of a signature, or null. */
  static @Nullable Method find(String key) {
    return METHODS.get(key);
  }

  /** The signature of a method: interface, name and parameter types by their simple names. */
  static String key(Method method) {
    return key(
        NDArrayEx.class.isAssignableFrom(method.getDeclaringClass()),
        method.getName(),
        method.getParameterTypes());
  }

  /** The signature of a method that has the parameters of another one. */
  static String key(boolean internal, String name, Class<?>... parameters) {
    return (internal ? "NDArrayEx." : "NDArray.")
        + name
        + Arrays.stream(parameters)
            .map(Class::getSimpleName)
            .collect(Collectors.joining(",", "(", ")"));
  }

  private static Map<String, Method> collect() {
    Map<String, Method> methods = new HashMap<>();
    for (Class<?> type : Set.of(NDArray.class, NDArrayEx.class)) {
      for (Method method : type.getMethods()) {
        if (isRecordable(method)) {
          methods.put(key(method), method);
        }
      }
    }
    return Map.copyOf(methods);
  }

  private static boolean isRecordable(Method method) {
    Class<?> result = method.getReturnType();
    return !Modifier.isStatic(method.getModifiers())
        && (result == NDArray.class || result == NDList.class)
        && !IN_PLACE.containsKey(method.getName())
        && !method.getName().startsWith("random")
        && !EXCLUDED.contains(method.getName())
        && Arrays.stream(method.getParameterTypes()).allMatch(PARAMETER_TYPES::contains);
  }
}
