package io.jetfire.verification;

import io.jetfire.Dataset;
import io.jetfire.Preprocessing;
import io.jetfire.Recipe;
import io.jetfire.Sample;
import io.jetfire.Target;
import io.jetfire.Tensor;
import io.jetfire.TensorType;
import io.jetfire.spi.ConverterBackend;
import io.jetfire.tflite.format.TargetRuntime;
import io.jetfire.tflite.format.TfliteReader;
import io.jetfire.tflite.format.TfliteWriter;
import io.jetfire.tflite.format.WriteOptions;
import io.jetfire.tflite.graph.Graph;
import io.jetfire.tflite.quantize.QuantizedGraph;
import io.jetfire.tflite.quantize.Quantizer;
import io.jetfire.tflite.transform.LayoutOptions;
import io.jetfire.tflite.transform.Optimizer;
import java.io.EOFException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;

/**
 * Converts one file in a JVM of its own, whose time and heap {@code ConversionCostTest} looks at.
 *
 * <p>Arguments: float model, target file, recipe, file of samples or {@code -}, their number, side
 * of the image, whether to compare combinations of methods, methods that are switched off.
 */
final class ConversionCost {
  /** Begins the line with the seconds that all processors together spent on the conversion. */
  static final String PROCESSOR = "processor seconds: ";

  private ConversionCost() {}

  public static void main(String[] args) throws Exception {
    Path source = Path.of(args[0]);
    int count = Integer.parseInt(args[4]);
    int side = Integer.parseInt(args[5]);
    Recipe.Builder recipe = Recipe.builder(Recipe.Precision.valueOf(args[2])).name("measured");
    for (int i = 7; i < args.length; i++) {
      recipe.without(args[i]);
    }
    Path folder = Files.createTempDirectory("conversion");
    Bench bench = new Bench(folder);
    Optional<ConverterBackend.Calibration> calibration = Optional.empty();
    if (!args[3].equals("-")) {
      calibration = Optional.of(calibration(Path.of(args[3]), count, side));
    }
    Graph graph = Optimizer.standard(LayoutOptions.keep()).run(TfliteReader.read(source));
    QuantizedGraph quantized =
        Quantizer.quantize(
            graph,
            recipe.build(),
            calibration,
            bench.options("2.21.0", Boolean.parseBoolean(args[6])));
    TfliteWriter.write(
        quantized.graph(), Path.of(args[1]), WriteOptions.target(TargetRuntime.of("2.21.0")));
    quantized.methods().forEach(System.out::println);
    ProcessHandle.current()
        .info()
        .totalCpuDuration()
        .ifPresent(d -> System.out.println(PROCESSOR + d.toMillis() / 1e3));
  }

  /** Samples that are read from the file one by one, so that the heap holds one alone. */
  static ConverterBackend.Calibration calibration(Path file, int count, int side) {
    return new ConverterBackend.Calibration(
        Dataset.streaming(
            "calibration",
            "1",
            List.of(),
            () -> IntStream.range(0, count).mapToObj(i -> sample(file, i, side))),
        Preprocessing.none(),
        count);
  }

  private static Sample sample(Path file, int index, int side) {
    ByteBuffer bytes = ByteBuffer.allocate(side * side * 3 * 4).order(ByteOrder.LITTLE_ENDIAN);
    try (FileChannel channel = FileChannel.open(file)) {
      long from = (long) index * bytes.capacity();
      while (bytes.hasRemaining()) {
        if (channel.read(bytes, from + bytes.position()) < 0) {
          throw new EOFException(file + " ends before sample " + index);
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return Sample.of(
        "sample-" + index,
        Tensor.of(TensorType.FLOAT32, bytes.flip(), 1, side, side, 3),
        Target.none());
  }
}
