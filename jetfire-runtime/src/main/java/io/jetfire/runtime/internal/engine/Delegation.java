package io.jetfire.runtime.internal.engine;

/**
 * How the graph was split between a delegate and the builtin kernels.
 *
 * @param nodes nodes of the subgraph as the model states them
 * @param delegatedNodes how many of them run inside the delegate
 * @param partitions nodes of the delegate that replaced them
 */
public record Delegation(int nodes, int delegatedNodes, int partitions) {}
