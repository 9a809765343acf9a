package io.jetfire.verification;

import io.jetfire.Recipe;
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
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Converts one file in a JVM of its own, whose time and heap {@code ConversionCostTest} looks at.
 *
 * <p>Arguments: float model, target file, recipe, file of samples or {@code -}, their number, side
 * of the image, whether to compare combinations of methods, methods that are switched off.
 */
final class ConversionCost {
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
      ByteBuffer bytes =
          ByteBuffer.wrap(Files.readAllBytes(Path.of(args[3]))).order(ByteOrder.LITTLE_ENDIAN);
      List<float[]> samples = new ArrayList<>();
      for (int i = 0; i < count; i++) {
        float[] sample = new float[side * side * 3];
        bytes.asFloatBuffer().get(i * sample.length, sample);
        samples.add(sample);
      }
      calibration = Optional.of(Bench.calibration(samples, 1, side, side, 3));
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
  }
}
