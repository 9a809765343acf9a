package io.jetfire.runtime.internal.engine;

/**
 * Time spent in one operator during the last invocation.
 *
 * @param name the operator's name, or what a delegate calls its own step
 * @param subgraph index of the subgraph
 * @param node index of the node; a delegate's nodes follow the model's
 * @param insideDelegate whether a delegate reported it
 * @param count how often it ran; more than once in loops
 * @param nanos time in all, without that of operators inside it (bodies of loops, steps of a
 *     delegate), so that all times add up to the whole; a delegate reports whole microseconds
 */
public record OperatorTiming(
    String name, long subgraph, long node, boolean insideDelegate, long count, long nanos) {}
