package io.jetfire;

/**
 * An operator that hurts, why, and what would mend it.
 *
 * @param layer its errors
 * @param cause in words
 * @param remedy in words
 * @param recipe the recipe that applies the remedy
 */
public record Suspect(LayerError layer, String cause, String remedy, Recipe recipe) {}
