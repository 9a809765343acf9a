package io.jetfire.importer.onnx;

import io.jetfire.StorageException;
import io.jetfire.Tensor;
import io.jetfire.UnsupportedModelException;
import io.jetfire.importer.onnx.OnnxModel.ValueInfo;
import io.jetfire.tflite.importer.ImportVerification.Example;
import io.jetfire.tflite.importer.ProtoReader;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Inputs and outputs beside a model, as in ONNX's conformance suite and model zoo: folders {@code
 * test_data_set_0}, {@code test_data_set_1} and so on with files {@code input_0.pb} and {@code
 * output_0.pb}, in the order of the model's inputs and outputs.
 */
final class ExampleData {
  private static final int MAX_EXAMPLES = 100;

  private ExampleData() {}

  static List<Example> beside(Path model) {
    Path folder = model.toAbsolutePath().getParent();
    List<Example> examples = new ArrayList<>();
    if (folder == null || !Files.isDirectory(folder.resolve("test_data_set_0"))) {
      return examples;
    }
    OnnxModel onnx = OnnxModel.read(ByteBuffer.wrap(bytes(model)));
    List<ValueInfo> inputs =
        onnx.graph().inputs().stream()
            .filter(i -> !onnx.graph().initializers().containsKey(i.name()))
            .toList();
    for (int set = 0; set < MAX_EXAMPLES; set++) {
      Path data = folder.resolve("test_data_set_" + set);
      if (!Files.isDirectory(data)) {
        break;
      }
      examples.add(
          new Example(
              tensors(data, "input_", inputs), tensors(data, "output_", onnx.graph().outputs())));
    }
    return examples;
  }

  private static Map<String, Tensor> tensors(Path data, String prefix, List<ValueInfo> infos) {
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    for (int i = 0; i < infos.size(); i++) {
      Path file = data.resolve(prefix + i + ".pb");
      if (Files.exists(file)) {
        tensors.put(infos.get(i).name(), tensor(file, infos.get(i).elementType()));
      }
    }
    return tensors;
  }

  private static byte[] bytes(Path file) {
    try {
      return Files.readAllBytes(file);
    } catch (IOException e) {
      throw new StorageException(
          "The file " + file + " cannot be read (" + e + "); check the path and its rights", e);
    }
  }

  /**
   * Reads a stored tensor in the type that the importer gives it.
   *
   * @param file a TensorProto
   * @param declared the type that the model says
   */
  static Tensor tensor(Path file, int declared) {
    OnnxTensor t = OnnxTensor.read(new ProtoReader("ONNX", ByteBuffer.wrap(bytes(file))));
    if (declared == OnnxTensor.BFLOAT16 && t.type() == OnnxTensor.UINT16) {
      // The suite stores the bits of bfloat16 as plain integers.
      t = OnnxTensor.of(t.name(), declared, t.dims(), t.bytes(ExternalData.none()));
    }
    int[] shape = t.shape();
    switch (t.type()) {
      case OnnxTensor.FLOAT,
          OnnxTensor.INT32,
          OnnxTensor.INT64,
          OnnxTensor.INT8,
          OnnxTensor.UINT8,
          OnnxTensor.INT16,
          OnnxTensor.BOOL,
          OnnxTensor.UINT64 -> {
        return Tensor.of(
            Types.of(t.type()).tensorType().orElseThrow(), t.bytes(ExternalData.none()), shape);
      }
      case OnnxTensor.UINT16 -> {
        long[] values = t.longs(ExternalData.none());
        return Tensor.ofInts(Arrays.stream(values).mapToInt(v -> (int) v).toArray(), shape);
      }
      case OnnxTensor.UINT32 -> {
        return Tensor.ofLongs(t.longs(ExternalData.none()), shape);
      }
      case OnnxTensor.DOUBLE, OnnxTensor.FLOAT16, OnnxTensor.BFLOAT16 -> {
        double[] values = t.doubles(ExternalData.none());
        float[] floats = new float[values.length];
        for (int i = 0; i < floats.length; i++) {
          floats[i] = (float) values[i];
        }
        return Tensor.ofFloats(floats, shape);
      }
      default ->
          throw new UnsupportedModelException(
              "The example "
                  + file
                  + " is of type "
                  + OnnxTensor.typeName(t.type())
                  + ", which JetFire's tensors do not have. Move it away to do without.");
    }
  }
}
