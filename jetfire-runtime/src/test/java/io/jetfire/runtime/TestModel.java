package io.jetfire.runtime;

import com.google.flatbuffers.FlatBufferBuilder;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.ToIntFunction;

/**
 * Writes small .tflite files for tests, broken ones too: it checks nothing.
 *
 * <p>Field numbers are those of TensorFlow Lite's schema.fbs, version 3.
 */
public final class TestModel {
  public static final int FLOAT32 = 0;
  public static final int INT32 = 2;
  public static final int UINT8 = 3;
  public static final int INT64 = 4;
  public static final int STRING = 5;
  public static final int BOOL = 6;
  public static final int INT8 = 9;
  public static final int FLOAT64 = 10;

  public static final int ADD = 0;
  public static final int CONV_2D = 3;
  public static final int DEQUANTIZE = 6;
  public static final int FULLY_CONNECTED = 9;
  public static final int RELU = 19;
  public static final int RESHAPE = 22;
  public static final int SOFTMAX = 25;
  public static final int TANH = 28;
  public static final int CUSTOM = 32;
  public static final int CAST = 53;
  public static final int QUANTIZE = 114;

  /** Declares a tensor; the buffer is 0 for one without data. */
  private record TensorDef(
      String name,
      int type,
      int[] shape,
      int[] signature,
      byte[] data,
      float scale,
      int zeroPoint) {}

  private record OperatorDef(
      int code,
      int version,
      String custom,
      int[] inputs,
      int[] outputs,
      int optionsType,
      ToIntFunction<FlatBufferBuilder> options) {}

  private record SignatureDef(String key, String[] inputNames, String[] outputNames) {}

  private final List<TensorDef> tensors = new ArrayList<>();
  private final List<OperatorDef> operators = new ArrayList<>();
  private final List<SignatureDef> signatures = new ArrayList<>();
  private int[] inputs = {};
  private int[] outputs = {};

  public static TestModel create() {
    return new TestModel();
  }

  public int tensor(String name, int type, int... shape) {
    return tensor(new TensorDef(name, type, shape, new int[0], new byte[0], 0, 0));
  }

  public int open(String name, int type, int[] signature, int... shape) {
    return tensor(new TensorDef(name, type, shape, signature, new byte[0], 0, 0));
  }

  public int quantized(String name, int type, float scale, int zeroPoint, int... shape) {
    return tensor(new TensorDef(name, type, shape, new int[0], new byte[0], scale, zeroPoint));
  }

  public int constant(String name, float[] values, int... shape) {
    ByteBuffer data = ByteBuffer.allocate(4 * values.length).order(ByteOrder.LITTLE_ENDIAN);
    data.asFloatBuffer().put(values);
    return tensor(new TensorDef(name, FLOAT32, shape, new int[0], data.array(), 0, 0));
  }

  public int constant(String name, int[] values, int... shape) {
    ByteBuffer data = ByteBuffer.allocate(4 * values.length).order(ByteOrder.LITTLE_ENDIAN);
    data.asIntBuffer().put(values);
    return tensor(new TensorDef(name, INT32, shape, new int[0], data.array(), 0, 0));
  }

  private int tensor(TensorDef tensor) {
    tensors.add(tensor);
    return tensors.size() - 1;
  }

  public TestModel operator(
      int code, int[] in, int[] out, int optionsType, ToIntFunction<FlatBufferBuilder> options) {
    operators.add(new OperatorDef(code, 1, "", in, out, optionsType, options));
    return this;
  }

  public TestModel operator(int code, int[] in, int... out) {
    return operator(code, in, out, 0, b -> 0);
  }

  public TestModel version(int version) {
    OperatorDef last = operators.remove(operators.size() - 1);
    operators.add(
        new OperatorDef(
            last.code,
            version,
            last.custom,
            last.inputs,
            last.outputs,
            last.optionsType,
            last.options));
    return this;
  }

  public TestModel custom(String name, int[] in, int... out) {
    operators.add(new OperatorDef(CUSTOM, 1, name, in, out, 0, b -> 0));
    return this;
  }

  public TestModel add(int a, int b, int out) {
    return operator(ADD, new int[] {a, b}, new int[] {out}, 11, f -> table(f, 1));
  }

  public TestModel fullyConnected(int in, int weights, int bias, int out) {
    return operator(
        FULLY_CONNECTED, new int[] {in, weights, bias}, new int[] {out}, 8, f -> table(f, 4));
  }

  /** Same padding, stride 1. */
  public TestModel conv(int in, int weights, int bias, int out) {
    return conv(in, weights, bias, out, 0, 1);
  }

  public TestModel conv(int in, int weights, int bias, int out, int padding, int stride) {
    return operator(
        CONV_2D,
        new int[] {in, weights, bias},
        new int[] {out},
        1,
        f -> {
          f.startTable(6);
          f.addByte(0, (byte) padding, 0);
          f.addInt(1, stride, 0);
          f.addInt(2, stride, 0);
          return f.endTable();
        });
  }

  public TestModel gather(int in, int indices, int out) {
    return operator(36, new int[] {in, indices}, new int[] {out}, 23, f -> table(f, 2));
  }

  public TestModel softmax(int in, int out) {
    return operator(
        SOFTMAX,
        new int[] {in},
        new int[] {out},
        9,
        f -> {
          f.startTable(1);
          f.addFloat(0, 1f, 0);
          return f.endTable();
        });
  }

  public TestModel inputs(int... indices) {
    inputs = indices;
    return this;
  }

  public TestModel outputs(int... indices) {
    outputs = indices;
    return this;
  }

  public TestModel signature(String key, List<String> inputNames, List<String> outputNames) {
    signatures.add(
        new SignatureDef(
            key, inputNames.toArray(new String[0]), outputNames.toArray(new String[0])));
    return this;
  }

  private static int table(FlatBufferBuilder f, int fields) {
    f.startTable(fields);
    return f.endTable();
  }

  public Path write(Path file) throws IOException {
    return Files.write(file, bytes());
  }

  public byte[] bytes() {
    FlatBufferBuilder f = new FlatBufferBuilder(1024);
    int buffers = buffers(f);
    int[] codes = operators.stream().mapToInt(o -> code(f, o)).toArray();
    int codesVector = f.createVectorOfTables(codes);
    int subgraphs = f.createVectorOfTables(new int[] {subgraph(f)});
    int signatureDefs =
        f.createVectorOfTables(signatures.stream().mapToInt(s -> signature(f, s)).toArray());
    f.startTable(8);
    f.addInt(0, 3, 0);
    f.addOffset(1, codesVector, 0);
    f.addOffset(2, subgraphs, 0);
    f.addOffset(4, buffers, 0);
    f.addOffset(7, signatureDefs, 0);
    f.finish(f.endTable(), "TFL3");
    return f.sizedByteArray();
  }

  private int buffers(FlatBufferBuilder f) {
    int[] offsets = new int[tensors.size() + 1];
    offsets[0] = table(f, 1);
    for (int i = 0; i < tensors.size(); i++) {
      byte[] data = tensors.get(i).data();
      if (data.length == 0) {
        offsets[i + 1] = table(f, 1);
      } else {
        f.startVector(1, data.length, 16);
        for (int j = data.length - 1; j >= 0; j--) {
          f.addByte(data[j]);
        }
        int vector = f.endVector();
        f.startTable(1);
        f.addOffset(0, vector, 0);
        offsets[i + 1] = f.endTable();
      }
    }
    return f.createVectorOfTables(offsets);
  }

  private static int code(FlatBufferBuilder f, OperatorDef operator) {
    int custom = operator.custom().isEmpty() ? 0 : f.createString(operator.custom());
    f.startTable(4);
    f.addByte(0, (byte) Math.min(127, operator.code()), 0);
    if (custom != 0) {
      f.addOffset(1, custom, 0);
    }
    f.addInt(2, operator.version(), 1);
    f.addInt(3, operator.code(), 0);
    return f.endTable();
  }

  private int subgraph(FlatBufferBuilder f) {
    int[] tensorOffsets = new int[tensors.size()];
    for (int i = 0; i < tensorOffsets.length; i++) {
      tensorOffsets[i] = tensor(f, tensors.get(i), i + 1);
    }
    int[] operatorOffsets = new int[operators.size()];
    for (int i = 0; i < operatorOffsets.length; i++) {
      operatorOffsets[i] = operator(f, operators.get(i), i);
    }
    int tensorVector = f.createVectorOfTables(tensorOffsets);
    int inputVector = ints(f, inputs);
    int outputVector = ints(f, outputs);
    int operatorVector = f.createVectorOfTables(operatorOffsets);
    f.startTable(5);
    f.addOffset(0, tensorVector, 0);
    f.addOffset(1, inputVector, 0);
    f.addOffset(2, outputVector, 0);
    f.addOffset(3, operatorVector, 0);
    return f.endTable();
  }

  private static int tensor(FlatBufferBuilder f, TensorDef tensor, int buffer) {
    int shape = ints(f, tensor.shape());
    int signature = tensor.signature().length == 0 ? 0 : ints(f, tensor.signature());
    int name = f.createString(tensor.name());
    int quantization = 0;
    if (tensor.scale() != 0) {
      f.startVector(4, 1, 4);
      f.addFloat(tensor.scale());
      int scales = f.endVector();
      f.startVector(8, 1, 8);
      f.addLong(tensor.zeroPoint());
      int zeroPoints = f.endVector();
      f.startTable(7);
      f.addOffset(2, scales, 0);
      f.addOffset(3, zeroPoints, 0);
      quantization = f.endTable();
    }
    f.startTable(8);
    f.addOffset(0, shape, 0);
    f.addByte(1, (byte) tensor.type(), 0);
    f.addInt(2, buffer, 0);
    f.addOffset(3, name, 0);
    if (quantization != 0) {
      f.addOffset(4, quantization, 0);
    }
    if (signature != 0) {
      f.addOffset(7, signature, 0);
    }
    return f.endTable();
  }

  private static int operator(FlatBufferBuilder f, OperatorDef operator, int code) {
    int in = ints(f, operator.inputs());
    int out = ints(f, operator.outputs());
    int options = operator.optionsType() == 0 ? 0 : operator.options().applyAsInt(f);
    f.startTable(6);
    f.addInt(0, code, 0);
    f.addOffset(1, in, 0);
    f.addOffset(2, out, 0);
    if (options != 0) {
      f.addByte(3, (byte) operator.optionsType(), 0);
      f.addOffset(4, options, 0);
    }
    return f.endTable();
  }

  private int signature(FlatBufferBuilder f, SignatureDef signature) {
    int ins = f.createVectorOfTables(maps(f, signature.inputNames(), inputs));
    int outs = f.createVectorOfTables(maps(f, signature.outputNames(), outputs));
    int key = f.createString(signature.key());
    f.startTable(5);
    f.addOffset(0, ins, 0);
    f.addOffset(1, outs, 0);
    f.addOffset(2, key, 0);
    return f.endTable();
  }

  private static int[] maps(FlatBufferBuilder f, String[] names, int[] indices) {
    int[] maps = new int[names.length];
    for (int i = 0; i < names.length; i++) {
      int name = f.createString(names[i]);
      f.startTable(2);
      f.addOffset(0, name, 0);
      f.addInt(1, indices[i], 0);
      maps[i] = f.endTable();
    }
    return maps;
  }

  private static int ints(FlatBufferBuilder f, int[] values) {
    f.startVector(4, values.length, 4);
    for (int i = values.length - 1; i >= 0; i--) {
      f.addInt(values[i]);
    }
    return f.endVector();
  }

  /** y = x + x over 4 floats. */
  public static TestModel doubling() {
    TestModel model = create();
    int x = model.tensor("x", FLOAT32, 1, 4);
    int y = model.tensor("y", FLOAT32, 1, 4);
    return model
        .add(x, x, y)
        .inputs(x)
        .outputs(y)
        .signature("double", List.of("in"), List.of("out"));
  }

  /** conv 3x3, fully connected, softmax: 8x8x3 to 5 classes, pseudo-random weights. */
  public static TestModel classifier() {
    TestModel model = create();
    int x = model.tensor("image", FLOAT32, 1, 8, 8, 3);
    int w = model.constant("w", noise(4 * 3 * 3 * 3, 1), 4, 3, 3, 3);
    int b = model.constant("b", noise(4, 2), 4);
    int c = model.tensor("features", FLOAT32, 1, 8, 8, 4);
    int fw = model.constant("fw", noise(5 * 256, 3), 5, 256);
    int fb = model.constant("fb", noise(5, 4), 5);
    int logits = model.tensor("logits", FLOAT32, 1, 5);
    int y = model.tensor("scores", FLOAT32, 1, 5);
    return model
        .conv(x, w, b, c)
        .fullyConnected(c, fw, fb, logits)
        .softmax(logits, y)
        .inputs(x)
        .outputs(y);
  }

  /** So many convolutions one after the other on 32x32x16: something that takes time. */
  public static TestModel heavy(int layers) {
    TestModel model = create();
    int x = model.tensor("image", FLOAT32, 1, 32, 32, 16);
    int current = x;
    for (int i = 0; i < layers; i++) {
      int w = model.constant("w" + i, noise(16 * 9 * 16, i), 16, 3, 3, 16);
      int b = model.constant("b" + i, noise(16, i), 16);
      int next = model.tensor("c" + i, FLOAT32, 1, 32, 32, 16);
      model.conv(current, w, b, next);
      current = next;
    }
    return model.inputs(x).outputs(current);
  }

  /** Values in [-0.5, 0.5) that are always the same. */
  public static float[] noise(int count, long seed) {
    java.util.Random random = new java.util.Random(seed);
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = random.nextFloat() - 0.5f;
    }
    return values;
  }

  @Override
  public String toString() {
    return "TestModel" + Arrays.toString(inputs) + " -> " + Arrays.toString(outputs);
  }
}
