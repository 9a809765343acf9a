/**
 * Where source formats meet: importers read a model of some framework into the graph.
 *
 * <p>A module that brings an importer registers it with {@link java.util.ServiceLoader} under
 * {@link io.jetfire.tflite.importer.ModelImporter}; {@link
 * io.jetfire.tflite.importer.ModelImporters} finds the one that takes a file.
 */
@NullMarked
package io.jetfire.tflite.importer;

import org.jspecify.annotations.NullMarked;
