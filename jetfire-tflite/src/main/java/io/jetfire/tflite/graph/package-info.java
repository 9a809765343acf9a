/**
 * The mutable in-memory graph of a TensorFlow Lite model, whose operators are TFLite's own.
 *
 * <p>A {@link io.jetfire.tflite.graph.Graph} holds {@link io.jetfire.tflite.graph.Subgraph}s; a
 * subgraph holds {@link io.jetfire.tflite.graph.Value}s (tensors) and an ordered list of {@link
 * io.jetfire.tflite.graph.Op}s. Importers build it, passes edit it, the format package reads and
 * writes it:
 *
 * <pre>{@code
 * Graph graph = Graph.create();
 * Subgraph main = graph.addSubgraph("main");
 * Value x = main.addInput("x", ElementType.FLOAT32, Shape.of(-1, 4));
 * Value w = main.addConstant("w", Shape.of(3, 4), new float[12]);
 * Value y = main.addValue("y", ElementType.FLOAT32, Shape.of(-1, 3));
 * main.append(
 *     Op.of(OpKind.FULLY_CONNECTED)
 *         .set("fused_activation_function", Activation.RELU)
 *         .inputs(x, w, null)                 // null: the optional bias is left out
 *         .outputs(y));
 * main.outputs(y);
 *
 * for (Op op : List.copyOf(main.ops())) {     // copy: the pass edits the list
 *   if (op.kind() == OpKind.RELU) {
 *     main.replaceAllUses(op.output(0), op.input(0));
 *     main.remove(op);
 *   }
 * }
 * main.removeDead();
 * graph.verify();
 * }</pre>
 *
 * <p>Attributes carry the field names of the TFLite schema ({@code stride_w}, {@code keep_dims});
 * {@link io.jetfire.tflite.graph.OptionsTable} lists them per operator with type and default.
 * Constants are {@link io.jetfire.tflite.graph.Weights}: little-endian bytes, usually a slice of a
 * memory-mapped file, shared by identity. A graph is not thread-safe; {@link
 * io.jetfire.tflite.graph.Graph#copy()} is cheap, since it shares them.
 */
@NullMarked
package io.jetfire.tflite.graph;

import org.jspecify.annotations.NullMarked;
