package io.jetfire.benchmarks;

import io.jetfire.tflite.format.TfliteReader;
import io.jetfire.tflite.format.TfliteWriter;
import io.jetfire.tflite.format.WriteOptions;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * Reading a model into a graph and writing it to a new file, against a copy to a new file.
 *
 * <p>One at a time and not in a loop: ext4 writes a file to the disk when it is renamed over
 * another, so that a loop would measure the disk.
 */
@BenchmarkMode(Mode.SingleShotTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 15)
@Measurement(iterations = 25)
@State(Scope.Thread)
@SuppressWarnings("NullAway.Init") // JMH calls the set-up.
public class ReadWriteBenchmark {
  private Path model;
  private Path target;

  /** Writes the model. */
  @Setup
  public void write() throws IOException {
    model = BenchmarkModel.MEGABYTES.write();
    target = Files.createTempFile("jetfire-benchmark", ".tflite");
  }

  /** Deletes the copy. */
  @Setup(Level.Iteration)
  @TearDown
  public void delete() throws IOException {
    Files.deleteIfExists(target);
  }

  /** The base: the JDK's own copy. */
  @Benchmark
  public Path copy() throws IOException {
    return Files.copy(model, target, StandardCopyOption.REPLACE_EXISTING);
  }

  /** The whole model becomes a graph and a file again. */
  @Benchmark
  public void readAndWrite() {
    TfliteWriter.write(TfliteReader.read(model), target, WriteOptions.defaults());
  }
}
