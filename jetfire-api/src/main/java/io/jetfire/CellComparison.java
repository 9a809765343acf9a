package io.jetfire;

import java.util.Optional;

/**
 * How a cell's latency compares with the same cell of the baseline.
 *
 * @param variant the variant's name
 * @param cell the cell's id
 * @param farm the farm's id
 * @param device the device
 * @param comparison what can be said in the end
 * @param first the comparison before a regression was measured again; empty if nothing was
 */
public record CellComparison(
    String variant,
    String cell,
    String farm,
    Device device,
    Comparison comparison,
    Optional<Comparison> first) {}
