package org.tensorflow.lite;

import io.jetfire.runtime.internal.engine.TensorInfo;
import io.jetfire.runtime.internal.engine.TypeCode;
import java.lang.reflect.Array;
import java.nio.Buffer;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.IntBuffer;
import java.nio.LongBuffer;
import java.nio.ShortBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.NullMarked;
import org.jspecify.annotations.Nullable;

/** Nested Java arrays, buffers and boxed scalars from and to the bytes of tensors. */
@NullMarked
final class JavaObjects {
  private JavaObjects() {}

  static DataType dataType(TensorInfo info) {
    return switch (info.type()) {
      case TypeCode.FLOAT32 -> DataType.FLOAT32;
      case TypeCode.INT32 -> DataType.INT32;
      case TypeCode.UINT8 -> DataType.UINT8;
      case TypeCode.INT64 -> DataType.INT64;
      case TypeCode.STRING -> DataType.STRING;
      case TypeCode.BOOL -> DataType.BOOL;
      case TypeCode.INT16 -> DataType.INT16;
      case TypeCode.INT8 -> DataType.INT8;
      default ->
          throw new IllegalArgumentException(
              "The Java API has no type for "
                  + TypeCode.name(info.type())
                  + " ('"
                  + info.name()
                  + "').");
    };
  }

  /** The lengths of nested arrays; null for a buffer, whose shape is the tensor's. */
  static int @Nullable [] shape(Object object) {
    if (object instanceof Buffer) {
      return null;
    }
    List<Integer> shape = new ArrayList<>();
    Object inner = object;
    while (inner != null && inner.getClass().isArray()) {
      int length = Array.getLength(inner);
      if (length == 0) {
        throw new IllegalArgumentException("Array lengths cannot be 0.");
      }
      shape.add(length);
      inner = inner.getClass().getComponentType().isPrimitive() ? null : Array.get(inner, 0);
    }
    return shape.stream().mapToInt(Integer::intValue).toArray();
  }

  static void checkType(TensorInfo info, @Nullable Object object) {
    DataType type = dataType(info);
    if (object == null) {
      throw new IllegalArgumentException(
          "Null where data for the tensor '" + info.name() + "' were expected.");
    }
    // A ByteBuffer holds bytes of any type.
    if (object instanceof ByteBuffer) {
      return;
    }
    Class<?> element = object.getClass();
    while (element.isArray()) {
      element = element.getComponentType();
    }
    boolean fits =
        switch (type) {
          case FLOAT32 ->
              element == float.class || element == Float.class || object instanceof FloatBuffer;
          case INT32 ->
              element == int.class || element == Integer.class || object instanceof IntBuffer;
          case INT64 ->
              element == long.class || element == Long.class || object instanceof LongBuffer;
          case INT16 ->
              element == short.class || element == Short.class || object instanceof ShortBuffer;
          case UINT8, INT8 -> element == byte.class || element == Byte.class;
          case BOOL -> element == boolean.class || element == Boolean.class;
          case STRING -> element == String.class;
        };
    if (!fits) {
      throw new IllegalArgumentException(
          "Cannot convert between a TensorFlowLite tensor with type "
              + type
              + " and a Java object of type "
              + object.getClass().getName()
              + " ('"
              + info.name()
              + "').");
    }
  }

  static ByteBuffer toBytes(TensorInfo info, Object object) {
    if (object instanceof Buffer buffer) {
      return fromBuffer(info, buffer);
    }
    if (info.type() == TypeCode.STRING) {
      List<byte[]> texts = new ArrayList<>();
      texts(object, texts);
      return strings(texts);
    }
    ByteBuffer bytes = ByteBuffer.allocate((int) info.bytes()).order(ByteOrder.nativeOrder());
    write(object, bytes);
    return bytes.flip();
  }

  private static ByteBuffer fromBuffer(TensorInfo info, Buffer buffer) {
    long given =
        buffer instanceof ByteBuffer
            ? buffer.capacity()
            : (long) buffer.capacity() * TypeCode.bits(info.type()) / 8;
    if (given != info.bytes()) {
      throw new IllegalArgumentException(
          "Cannot copy to a TensorFlowLite tensor ("
              + info.name()
              + ") with "
              + info.bytes()
              + " bytes from a Java Buffer with "
              + given
              + " bytes.");
    }
    ByteBuffer bytes = ByteBuffer.allocate((int) given).order(ByteOrder.nativeOrder());
    if (buffer instanceof ByteBuffer b) {
      bytes.put(b.duplicate().clear());
    } else if (buffer instanceof FloatBuffer f) {
      bytes.asFloatBuffer().put(f.duplicate().clear());
    } else if (buffer instanceof IntBuffer i) {
      bytes.asIntBuffer().put(i.duplicate().clear());
    } else if (buffer instanceof LongBuffer l) {
      bytes.asLongBuffer().put(l.duplicate().clear());
    } else if (buffer instanceof ShortBuffer s) {
      bytes.asShortBuffer().put(s.duplicate().clear());
    }
    return bytes.clear();
  }

  private static void write(Object object, ByteBuffer out) {
    if (object instanceof float[] a) {
      checkRoom(out, a.length * 4L);
      out.asFloatBuffer().put(a);
      out.position(out.position() + a.length * 4);
    } else if (object instanceof int[] a) {
      checkRoom(out, a.length * 4L);
      out.asIntBuffer().put(a);
      out.position(out.position() + a.length * 4);
    } else if (object instanceof long[] a) {
      checkRoom(out, a.length * 8L);
      out.asLongBuffer().put(a);
      out.position(out.position() + a.length * 8);
    } else if (object instanceof short[] a) {
      checkRoom(out, a.length * 2L);
      out.asShortBuffer().put(a);
      out.position(out.position() + a.length * 2);
    } else if (object instanceof byte[] a) {
      checkRoom(out, a.length);
      out.put(a);
    } else if (object instanceof boolean[] a) {
      checkRoom(out, a.length);
      for (boolean value : a) {
        out.put((byte) (value ? 1 : 0));
      }
    } else if (object instanceof Object[] a) {
      for (Object inner : a) {
        if (Array.getLength(inner) != Array.getLength(a[0])) {
          throw new IllegalArgumentException("Mismatched lengths in an array of arrays.");
        }
        write(inner, out);
      }
    } else if (object instanceof Float f) {
      out.putFloat(f);
    } else if (object instanceof Integer i) {
      out.putInt(i);
    } else if (object instanceof Long l) {
      out.putLong(l);
    } else if (object instanceof Short s) {
      out.putShort(s);
    } else if (object instanceof Byte b) {
      out.put(b);
    } else if (object instanceof Boolean b) {
      out.put((byte) (b ? 1 : 0));
    }
  }

  private static void checkRoom(ByteBuffer out, long bytes) {
    if (bytes > out.remaining()) {
      throw new IllegalArgumentException("Mismatched lengths in an array of arrays.");
    }
  }

  static void fromBytes(TensorInfo info, ByteBuffer bytes, @Nullable Object target) {
    checkType(info, target);
    ByteBuffer data = bytes.duplicate().order(ByteOrder.nativeOrder());
    if (target instanceof Buffer buffer) {
      toBuffer(info, data, buffer);
      return;
    }
    int[] shape = Objects.requireNonNull(shape(Objects.requireNonNull(target)));
    if (!Arrays.equals(shape, info.shapeArray())) {
      throw new IllegalArgumentException(
          "Cannot copy from a TensorFlowLite tensor ("
              + info.name()
              + ") with shape "
              + info.shape()
              + " to a Java object with shape "
              + Arrays.toString(shape)
              + ".");
    }
    if (shape.length == 0) {
      throw new IllegalArgumentException(
          "The scalar output '"
              + info.name()
              + "' needs a buffer: boxed numbers cannot be changed.");
    }
    if (info.type() == TypeCode.STRING) {
      readTexts(data, (Object[]) target, new int[1]);
    } else {
      read(data, target);
    }
  }

  private static void toBuffer(TensorInfo info, ByteBuffer data, Buffer target) {
    long room =
        target instanceof ByteBuffer
            ? target.capacity()
            : (long) target.capacity() * TypeCode.bits(info.type()) / 8;
    if (data.remaining() > room) {
      throw new IllegalArgumentException(
          "Cannot copy from a TensorFlowLite tensor ("
              + info.name()
              + ") with "
              + data.remaining()
              + " bytes to a Java Buffer with "
              + room
              + " bytes.");
    }
    if (target instanceof ByteBuffer b) {
      b.put(data);
    } else if (target instanceof FloatBuffer f) {
      f.put(data.asFloatBuffer());
    } else if (target instanceof IntBuffer i) {
      i.put(data.asIntBuffer());
    } else if (target instanceof LongBuffer l) {
      l.put(data.asLongBuffer());
    } else if (target instanceof ShortBuffer s) {
      s.put(data.asShortBuffer());
    }
  }

  private static void read(ByteBuffer data, Object target) {
    if (target instanceof float[] a) {
      data.asFloatBuffer().get(a);
      data.position(data.position() + a.length * 4);
    } else if (target instanceof int[] a) {
      data.asIntBuffer().get(a);
      data.position(data.position() + a.length * 4);
    } else if (target instanceof long[] a) {
      data.asLongBuffer().get(a);
      data.position(data.position() + a.length * 8);
    } else if (target instanceof short[] a) {
      data.asShortBuffer().get(a);
      data.position(data.position() + a.length * 2);
    } else if (target instanceof byte[] a) {
      data.get(a);
    } else if (target instanceof boolean[] a) {
      for (int i = 0; i < a.length; i++) {
        a[i] = data.get() != 0;
      }
    } else if (target instanceof Object[] a) {
      for (Object inner : a) {
        read(data, inner);
      }
    }
  }

  private static void texts(Object object, List<byte[]> texts) {
    if (object instanceof String text) {
      texts.add(text.getBytes(StandardCharsets.UTF_8));
    } else if (object instanceof Object[] a) {
      for (Object inner : a) {
        texts(inner, texts);
      }
    }
  }

  /** TensorFlow Lite's strings: their number, where each starts and the last ends, their bytes. */
  private static ByteBuffer strings(List<byte[]> texts) {
    int head = 4 * (texts.size() + 2);
    int length = head + texts.stream().mapToInt(text -> text.length).sum();
    ByteBuffer bytes = ByteBuffer.allocate(length).order(ByteOrder.LITTLE_ENDIAN);
    bytes.putInt(texts.size());
    int at = head;
    for (byte[] text : texts) {
      bytes.putInt(at);
      at += text.length;
    }
    bytes.putInt(at);
    texts.forEach(bytes::put);
    return bytes.flip();
  }

  private static void readTexts(ByteBuffer data, Object[] target, int[] next) {
    for (int i = 0; i < target.length; i++) {
      if (target instanceof String[] texts) {
        int from = data.getInt(4 + 4 * next[0]);
        int to = data.getInt(8 + 4 * next[0]);
        byte[] text = new byte[to - from];
        data.get(from, text);
        texts[i] = new String(text, StandardCharsets.UTF_8);
        next[0]++;
      } else {
        readTexts(data, (Object[]) target[i], next);
      }
    }
  }
}
