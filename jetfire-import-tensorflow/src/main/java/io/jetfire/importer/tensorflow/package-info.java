/**
 * Models of TensorFlow and Keras as sources of a conversion: {@link
 * io.jetfire.importer.tensorflow.SavedModelImporter}, {@link
 * io.jetfire.importer.tensorflow.FrozenGraphImporter} and {@link
 * io.jetfire.importer.tensorflow.KerasImporter}, which need nothing of TensorFlow.
 */
@NullMarked
package io.jetfire.importer.tensorflow;

import org.jspecify.annotations.NullMarked;
