/**
 * Training with DJL: the description {@link io.jetfire.adapter.djl.DjlTraining}, the training
 * backend and model runtime {@code djl}, and the importer of trained models.
 */
@NullMarked
package io.jetfire.adapter.djl;

import org.jspecify.annotations.NullMarked;
