package io.jetfire.importer.tensorflow;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/** Writes the few protobuf messages of TensorFlow that tests need. */
final class TfBytes {
  private final ByteArrayOutputStream out = new ByteArrayOutputStream();

  static TfBytes message() {
    return new TfBytes();
  }

  TfBytes number(int field, long value) {
    varint((long) field << 3);
    varint(value);
    return this;
  }

  TfBytes text(int field, String value) {
    return bytes(field, value.getBytes(StandardCharsets.UTF_8));
  }

  TfBytes bytes(int field, byte[] value) {
    varint((long) field << 3 | 2);
    varint(value.length);
    out.writeBytes(value);
    return this;
  }

  TfBytes real(int field, float value) {
    varint((long) field << 3 | 5);
    out.writeBytes(ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putFloat(value).array());
    return this;
  }

  TfBytes add(int field, TfBytes value) {
    return bytes(field, value.toBytes());
  }

  byte[] toBytes() {
    return out.toByteArray();
  }

  private void varint(long value) {
    long v = value;
    while ((v & ~0x7fL) != 0) {
      out.write((int) ((v & 0x7f) | 0x80));
      v >>>= 7;
    }
    out.write((int) v);
  }

  // ---- nodes

  static TfBytes node(String name, String op, String... inputs) {
    TfBytes n = message().text(1, name).text(2, op);
    for (String in : inputs) {
      n.text(3, in);
    }
    return n;
  }

  TfBytes attr(String name, TfBytes value) {
    return add(5, message().text(1, name).add(2, value));
  }

  TfBytes type(String name, int type) {
    return attr(name, message().number(6, type));
  }

  TfBytes integer(String name, long value) {
    return attr(name, message().number(3, value));
  }

  TfBytes flag(String name, boolean value) {
    return attr(name, message().number(5, value ? 1 : 0));
  }

  TfBytes realAttr(String name, float value) {
    return attr(name, message().real(4, value));
  }

  TfBytes string(String name, String value) {
    return attr(name, message().text(2, value));
  }

  TfBytes ints(String name, int... values) {
    TfBytes list = message();
    for (int v : values) {
      list.number(3, v);
    }
    return attr(name, message().add(1, list));
  }

  TfBytes function(String name, String function) {
    return attr(name, message().add(10, message().text(1, function)));
  }

  static TfBytes shape(int... dims) {
    TfBytes s = message();
    for (int d : dims) {
      s.add(2, message().number(1, d));
    }
    return s;
  }

  static TfBytes placeholder(String name, int type, int... dims) {
    return node(name, "Placeholder")
        .type("dtype", type)
        .attr("shape", message().add(7, shape(dims)));
  }

  static TfBytes constant(String name, float[] values, int... dims) {
    TfBytes tensor = message().number(1, Types.FLOAT).add(2, shape(dims)).bytes(4, Data.of(values));
    return node(name, "Const").type("dtype", Types.FLOAT).attr("value", message().add(8, tensor));
  }

  static TfBytes constant(String name, int... values) {
    return integers(name, values, values.length);
  }

  static TfBytes integers(String name, int[] values, int... dims) {
    TfBytes tensor = message().number(1, Types.INT32).add(2, shape(dims));
    for (int v : values) {
      tensor.number(7, v);
    }
    return node(name, "Const").type("dtype", Types.INT32).attr("value", message().add(8, tensor));
  }

  static TfBytes scalar(String name, int value) {
    return integers(name, new int[] {value});
  }

  static TfBytes strings(String name, String... values) {
    TfBytes tensor = message().number(1, Types.STRING).add(2, shape(values.length));
    for (String v : values) {
      tensor.text(8, v);
    }
    return node(name, "Const").type("dtype", Types.STRING).attr("value", message().add(8, tensor));
  }

  // ---- graphs

  static TfBytes graph(TfBytes... nodes) {
    TfBytes g = message();
    for (TfBytes n : nodes) {
      g.add(1, n);
    }
    return g;
  }

  TfBytes library(TfBytes... functions) {
    TfBytes library = message();
    for (TfBytes f : functions) {
      library.add(1, f);
    }
    return add(2, library);
  }

  /** A function; arguments and results are name and type in turn. */
  static TfBytes functionDef(String name, Object[] inputs, Object[] outputs, TfBytes... nodes) {
    TfBytes signature = message().text(1, name);
    for (int i = 0; i < inputs.length; i += 2) {
      signature.add(2, message().text(1, (String) inputs[i]).number(3, (Integer) inputs[i + 1]));
    }
    TfBytes f = message();
    for (int i = 0; i < outputs.length; i += 2) {
      signature.add(3, message().text(1, "result" + i / 2).number(3, (Integer) outputs[i + 1]));
      f.add(4, message().text(1, "result" + i / 2).text(2, (String) outputs[i]));
    }
    f.add(1, signature);
    for (TfBytes n : nodes) {
      f.add(3, n);
    }
    return f;
  }

  /** A signature; inputs and outputs are given as {@code key=tensor}, all of float32. */
  static TfBytes signature(String[] inputs, String[] outputs, int... inputShape) {
    TfBytes s = message();
    for (String in : inputs) {
      s.add(1, info(in, inputShape));
    }
    for (String out : outputs) {
      s.add(2, info(out));
    }
    return s.text(3, "tensorflow/serving/predict");
  }

  private static TfBytes info(String pair, int... shape) {
    String[] words = pair.split("=", -1);
    TfBytes info = message().text(1, words[1]).number(2, Types.FLOAT).add(3, shape(shape));
    return message().text(1, words[0]).add(2, info);
  }

  /** A SavedModel; signatures are keys and definitions in turn. */
  static byte[] savedModel(TfBytes graph, String restoreOp, Object... signatures) {
    TfBytes meta = message().add(1, message().text(4, "serve")).add(2, graph);
    if (!restoreOp.isEmpty()) {
      meta.add(3, message().text(1, "filename:0").text(3, restoreOp));
    }
    for (int i = 0; i < signatures.length; i += 2) {
      meta.add(5, message().text(1, (String) signatures[i]).add(2, (TfBytes) signatures[i + 1]));
    }
    return message().number(1, 1).add(2, meta).toBytes();
  }

  /** Arrays as bytes. */
  static final class Data {
    private Data() {}

    static byte[] of(float... values) {
      ByteBuffer b = ByteBuffer.allocate(values.length * 4).order(ByteOrder.LITTLE_ENDIAN);
      b.asFloatBuffer().put(values);
      return b.array();
    }
  }
}
