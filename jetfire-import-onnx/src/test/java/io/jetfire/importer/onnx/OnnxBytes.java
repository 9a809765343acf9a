package io.jetfire.importer.onnx;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/** Writes the few protobuf messages that tests need. */
class OnnxBytes {
  private final ByteArrayOutputStream out = new ByteArrayOutputStream();

  static OnnxBytes message() {
    return new OnnxBytes();
  }

  OnnxBytes number(int field, long value) {
    varint((long) field << 3);
    varint(value);
    return this;
  }

  OnnxBytes text(int field, String value) {
    return bytes(field, value.getBytes(StandardCharsets.UTF_8));
  }

  OnnxBytes bytes(int field, byte[] value) {
    varint((long) field << 3 | 2);
    varint(value.length);
    out.writeBytes(value);
    return this;
  }

  OnnxBytes add(int field, OnnxBytes value) {
    return bytes(field, value.toBytes());
  }

  byte[] toBytes() {
    return out.toByteArray();
  }

  private void varint(long value) {
    long v = value;
    while ((v & ~0x7fL) != 0) {
      out.write((int) (v & 0x7f | 0x80));
      v >>>= 7;
    }
    out.write((int) v);
  }

  // ---- ONNX

  static OnnxBytes node(String op, String output, String... inputs) {
    OnnxBytes n = message();
    for (String in : inputs) {
      n.text(1, in);
    }
    return n.text(2, output).text(3, "node_" + output).text(4, op);
  }

  static OnnxBytes value(String name, int type, Object... dims) {
    OnnxBytes shape = message();
    for (Object d : dims) {
      shape.add(1, d instanceof Integer i ? message().number(1, i) : message().text(2, (String) d));
    }
    OnnxBytes tensor = message().number(1, type).add(2, shape);
    return message().text(1, name).add(2, message().add(1, tensor));
  }

  static OnnxBytes floats(String name, float[] values, int... dims) {
    ByteBuffer b = ByteBuffer.allocate(values.length * 4).order(ByteOrder.LITTLE_ENDIAN);
    b.asFloatBuffer().put(values);
    OnnxBytes t = message();
    for (int d : dims) {
      t.number(1, d);
    }
    return t.number(2, OnnxTensor.FLOAT).text(8, name).bytes(9, b.array());
  }

  /** A tensor of 8-bit integers; signed says which. */
  static OnnxBytes bytes(String name, boolean signed, byte[] values, int... dims) {
    return tensor(name, signed ? OnnxTensor.INT8 : OnnxTensor.UINT8, values, dims);
  }

  static OnnxBytes ints(String name, int[] values, int... dims) {
    ByteBuffer b = ByteBuffer.allocate(values.length * 4).order(ByteOrder.LITTLE_ENDIAN);
    b.asIntBuffer().put(values);
    return tensor(name, OnnxTensor.INT32, b.array(), dims);
  }

  static OnnxBytes longs(String name, long[] values, int... dims) {
    ByteBuffer b = ByteBuffer.allocate(values.length * 8).order(ByteOrder.LITTLE_ENDIAN);
    b.asLongBuffer().put(values);
    return tensor(name, OnnxTensor.INT64, b.array(), dims);
  }

  static OnnxBytes tensor(String name, int type, byte[] raw, int... dims) {
    OnnxBytes t = message();
    for (int d : dims) {
      t.number(1, d);
    }
    return t.number(2, type).text(8, name).bytes(9, raw);
  }

  /** Adds an integer attribute to a node. */
  OnnxBytes attribute(String name, int value) {
    return add(5, message().text(1, name).number(3, value).number(20, 2));
  }

  OnnxBytes attribute(String name, int... values) {
    OnnxBytes a = message().text(1, name);
    for (int v : values) {
      a.number(8, v);
    }
    return add(5, a.number(20, 7));
  }

  OnnxBytes attribute(String name, OnnxBytes graph) {
    return add(5, message().text(1, name).add(6, graph).number(20, 5));
  }

  static OnnxBytes external(String name, String location, int length, int... dims) {
    OnnxBytes t = message();
    for (int d : dims) {
      t.number(1, d);
    }
    return t.number(2, OnnxTensor.FLOAT)
        .text(8, name)
        .add(13, message().text(1, "location").text(2, location))
        .add(13, message().text(1, "length").text(2, Integer.toString(length)))
        .number(14, 1);
  }

  static byte[] model(OnnxBytes graph, OnnxBytes... functions) {
    OnnxBytes m = message().number(1, 8).add(7, graph).add(8, message().text(1, "").number(2, 17));
    m.add(8, message().text(1, "own").number(2, 1));
    for (OnnxBytes f : functions) {
      m.add(25, f);
    }
    return m.toBytes();
  }
}
