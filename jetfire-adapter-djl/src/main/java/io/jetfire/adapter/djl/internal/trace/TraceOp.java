package io.jetfire.adapter.djl.internal.trace;

import java.util.List;

/**
 * A recorded operation.
 *
 * @param call the method of DJL's array interfaces with its parameter types, such as {@code
 *     NDArray.softmax(int)} or {@code NDArrayEx.relu()}
 * @param on the number of the array that the method was called on
 * @param args the arguments, in order
 * @param results the numbers of the arrays that came out
 * @param place where it stands in the block tree, such as {@code 02SequentialBlock/01Conv2d}
 * @param source the line of the user's code that led to it, or empty where it is DJL's alone
 */
public record TraceOp(
    String call, int on, List<TraceArg> args, List<Integer> results, String place, String source) {

  public TraceOp {
    args = List.copyOf(args);
    results = List.copyOf(results);
  }

  /** The method's name alone. */
  public String method() {
    return call.substring(call.indexOf('.') + 1, call.indexOf('('));
  }

  /** The place in words, with the line of the user's code where known. */
  public String where() {
    return source.isEmpty() ? place : place + " (" + source + ")";
  }
}
