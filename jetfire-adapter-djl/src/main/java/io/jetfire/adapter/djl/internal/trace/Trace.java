package io.jetfire.adapter.djl.internal.trace;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * The recorded computation of a block in inference: values, operations in order, outputs, and the
 * content of every parameter and constant.
 *
 * @param values every array, ordered by number
 * @param inputs the numbers of the inputs, in the order of the block's inputs
 * @param outputs the numbers of the outputs, in the order of the block's outputs
 * @param ops the operations in the order of execution
 * @param fixedBatch the only batch size that the computation holds for, or 0 if any
 * @param data the content of parameters and constants by number: little-endian, row-major
 */
public record Trace(
    List<TraceValue> values,
    List<Integer> inputs,
    List<Integer> outputs,
    List<TraceOp> ops,
    long fixedBatch,
    Map<Integer, byte[]> data) {

  public Trace {
    values = List.copyOf(values);
    inputs = List.copyOf(inputs);
    outputs = List.copyOf(outputs);
    ops = List.copyOf(ops);
    data = Map.copyOf(data);
  }

  /** The array of a number. */
  public TraceValue value(int id) {
    return values.get(id);
  }

  /** The content of a parameter or constant, read-only, little-endian, positioned at its start. */
  public ByteBuffer content(int id) {
    byte[] bytes = data.get(id);
    if (bytes == null) {
      throw new IllegalArgumentException("value " + id + " has no stored content");
    }
    return ByteBuffer.wrap(bytes).asReadOnlyBuffer().order(ByteOrder.LITTLE_ENDIAN);
  }

  /** The position in {@link #ops} after which an array is not used again; outputs have none. */
  public Map<Integer, Integer> lastUses() {
    Map<Integer, Integer> last = new HashMap<>();
    for (int i = 0; i < ops.size(); i++) {
      for (int used : operands(ops.get(i))) {
        last.put(used, i);
      }
    }
    outputs.forEach(last::remove);
    return last;
  }

  /** The numbers of all arrays that an operation reads, its receiver first. */
  public static List<Integer> operands(TraceOp op) {
    List<Integer> used = new ArrayList<>();
    used.add(op.on());
    for (TraceArg arg : op.args()) {
      if (arg instanceof TraceArg.Ref ref) {
        used.add(ref.value());
      } else if (arg instanceof TraceArg.Refs refs) {
        used.addAll(refs.values());
      } else if (arg instanceof TraceArg.Index index) {
        for (TraceArg.Item item : index.items()) {
          if (item instanceof TraceArg.Item.Take take) {
            used.add(take.value());
          }
        }
      }
    }
    return used;
  }
}
