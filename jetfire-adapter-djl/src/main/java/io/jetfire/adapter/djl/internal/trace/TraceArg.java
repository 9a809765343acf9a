package io.jetfire.adapter.djl.internal.trace;

import java.util.List;

/** An argument of a recorded operation. */
public sealed interface TraceArg {

  /** No array where one was possible, such as a convolution without bias. */
  record None() implements TraceArg {}

  /** An array: the number of a {@link TraceValue}. */
  record Ref(int value) implements TraceArg {}

  /** A list of arrays. */
  record Refs(List<Integer> values) implements TraceArg {
    public Refs {
      values = List.copyOf(values);
    }
  }

  /** A whole number ({@code int} or {@code long}). */
  record Whole(Dim dim) implements TraceArg {}

  /** A number of another kind; {@code kind} is the boxed Java type's simple name. */
  record Real(double number, String kind) implements TraceArg {}

  /** A truth value. */
  record Flag(boolean flag) implements TraceArg {}

  /** A shape, or an array of {@code int} or {@code long}. */
  record Dims(List<Dim> dims) implements TraceArg {
    public Dims {
      dims = List.copyOf(dims);
    }
  }

  /** A constant of an enumeration: an element type or a sparse format, by name. */
  record Name(String name) implements TraceArg {}

  /** An index as {@code NDArray.get} takes it, an item for each indexed dimension. */
  record Index(List<Item> items) implements TraceArg {
    public Index {
      items = List.copyOf(items);
    }
  }

  /** An item of an {@link Index}. */
  sealed interface Item {

    /** The whole dimension. */
    record All() implements Item {}

    /** As many whole dimensions as are left. */
    record Ellipsis() implements Item {}

    /** A new dimension of extent one. */
    record NewAxis() implements Item {}

    /** One position; the dimension goes away. */
    record At(Dim position) implements Item {}

    /** A range; a bound or step that is absent is an empty list, else a list of one. */
    record Range(List<Dim> from, List<Dim> to, List<Dim> step) implements Item {
      public Range {
        from = List.copyOf(from);
        to = List.copyOf(to);
        step = List.copyOf(step);
      }
    }

    /** The positions that an array of whole numbers (or a boolean mask) names. */
    record Take(int value) implements Item {}
  }
}
