package io.jetfire.adapter.djl.internal.trace;

import java.util.List;

/**
 * An array of a recorded computation: an input, a parameter, a constant or the result of an
 * operation.
 *
 * @param id its number, unique in the trace
 * @param kind what it is
 * @param name the input's name, the parameter's path in the block tree, or empty
 * @param type the element type as DJL names it, in lower case ({@code float32}, {@code int64} ...)
 * @param shape the extents, some perhaps multiples of the batch size
 */
public record TraceValue(int id, Kind kind, String name, String type, List<Dim> shape) {

  /** What an array of a recorded computation is. */
  public enum Kind {
    /** Given by the caller. */
    INPUT,
    /** A trained parameter, its content stored with the trace. */
    PARAMETER,
    /** An array that does not depend on the inputs, its content stored with the trace. */
    CONSTANT,
    /** Computed by an operation. */
    RESULT
  }

  public TraceValue {
    shape = List.copyOf(shape);
  }

  /** Whether the content is stored with the trace. */
  public boolean isStored() {
    return kind == Kind.PARAMETER || kind == Kind.CONSTANT;
  }

  /** Type and shape, as error messages show them: {@code float32 (batch, 3, 96, 96)}. */
  public String describe() {
    return type + " " + shape.toString().replace('[', '(').replace(']', ')');
  }
}
