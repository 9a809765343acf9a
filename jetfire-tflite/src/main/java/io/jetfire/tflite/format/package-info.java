/**
 * Reads, checks and writes {@code .tflite} files.
 *
 * <pre>{@code
 * Graph graph = TfliteReader.read(Path.of("model.tflite"));      // weights stay memory-mapped
 * graph.main().name("detector");
 * TfliteWriter.write(graph, Path.of("out.tflite"), WriteOptions.defaults());
 * byte[] bytes = TfliteWriter.toBytes(graph, WriteOptions.defaults());
 * }</pre>
 *
 * <p>The format is a FlatBuffer of the schema {@code schema.fbs} of TensorFlow Lite (LiteRT is its
 * new name), version 3, as of August 2026.
 */
@NullMarked
package io.jetfire.tflite.format;

import org.jspecify.annotations.NullMarked;
