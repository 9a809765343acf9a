package io.jetfire.importer.onnx;

import ai.onnxruntime.OnnxJavaType;
import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import io.jetfire.Tensor;
import io.jetfire.TensorType;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;

/** What ONNX Runtime makes of a model. */
final class Oracle {
  private Oracle() {}

  /**
   * Runs a model.
   *
   * @param model the bytes of the file
   * @param inputs by name
   * @return the outputs by name
   */
  static Map<String, Tensor> run(byte[] model, Map<String, Tensor> inputs) {
    return run((environment, options) -> environment.createSession(model, options), inputs);
  }

  /**
   * Runs a model with its external data.
   *
   * @param model the file
   * @param inputs by name
   * @return the outputs by name
   */
  static Map<String, Tensor> run(Path model, Map<String, Tensor> inputs) {
    return run(
        (environment, options) -> environment.createSession(model.toString(), options), inputs);
  }

  @FunctionalInterface
  private interface Source {
    OrtSession open(OrtEnvironment environment, OrtSession.SessionOptions options)
        throws OrtException;
  }

  private static Map<String, Tensor> run(Source source, Map<String, Tensor> inputs) {
    OrtEnvironment environment = OrtEnvironment.getEnvironment();
    Map<String, OnnxTensor> given = new HashMap<>();
    try (OrtSession.SessionOptions options = new OrtSession.SessionOptions()) {
      options.setIntraOpNumThreads(1);
      // Without rewriting the model is computed as it stands.
      options.setOptimizationLevel(OrtSession.SessionOptions.OptLevel.NO_OPT);
      try (OrtSession session = source.open(environment, options)) {
        for (Map.Entry<String, Tensor> e : inputs.entrySet()) {
          given.put(e.getKey(), tensor(environment, e.getValue()));
        }
        try (OrtSession.Result result = session.run(given)) {
          Map<String, Tensor> outputs = new LinkedHashMap<>();
          result.forEach(e -> outputs.put(e.getKey(), tensor((OnnxTensor) e.getValue())));
          return outputs;
        }
      } finally {
        given.values().forEach(OnnxTensor::close);
      }
    } catch (OrtException e) {
      throw new AssertionError("ONNX Runtime refuses the model: " + e.getMessage(), e);
    }
  }

  private static OnnxTensor tensor(OrtEnvironment environment, Tensor t) throws OrtException {
    long[] shape = new long[t.shape().length];
    for (int i = 0; i < shape.length; i++) {
      shape[i] = t.shape()[i];
    }
    ByteBuffer direct =
        ByteBuffer.allocateDirect(t.data().remaining()).order(ByteOrder.nativeOrder());
    direct.put(t.data().duplicate()).flip();
    return OnnxTensor.createTensor(environment, direct, shape, type(t.type()));
  }

  private static OnnxJavaType type(TensorType type) {
    return switch (type) {
      case FLOAT32 -> OnnxJavaType.FLOAT;
      case INT32 -> OnnxJavaType.INT32;
      case INT64 -> OnnxJavaType.INT64;
      case INT8 -> OnnxJavaType.INT8;
      case UINT8 -> OnnxJavaType.UINT8;
      case BOOL -> OnnxJavaType.BOOL;
      default -> throw new IllegalArgumentException("no oracle for " + type);
    };
  }

  private static Tensor tensor(OnnxTensor t) {
    int[] shape = new int[t.getInfo().getShape().length];
    for (int i = 0; i < shape.length; i++) {
      shape[i] = Math.toIntExact(t.getInfo().getShape()[i]);
    }
    TensorType type =
        switch (t.getInfo().type) {
          case FLOAT -> TensorType.FLOAT32;
          case INT32 -> TensorType.INT32;
          case INT64 -> TensorType.INT64;
          case INT8 -> TensorType.INT8;
          case UINT8 -> TensorType.UINT8;
          case BOOL -> TensorType.BOOL;
          default -> throw new IllegalArgumentException("no tensor of " + t.getInfo().type);
        };
    ByteBuffer copy =
        ByteBuffer.allocate(t.getByteBuffer().remaining()).order(ByteOrder.LITTLE_ENDIAN);
    copy.put(t.getByteBuffer()).flip();
    return Tensor.of(type, copy, shape);
  }
}
