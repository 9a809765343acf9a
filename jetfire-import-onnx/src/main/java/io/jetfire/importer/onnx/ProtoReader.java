package io.jetfire.importer.onnx;

import io.jetfire.UnsupportedModelException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.CharBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;

/**
 * Reads the wire format of protocol buffers from a buffer, without copying and without generated
 * classes.
 *
 * <p>Every length is checked against the enclosing message before it is used, so a broken file ends
 * in an {@link UnsupportedModelException} and never in more memory than a constant times its size.
 * Format: protobuf.dev, "Encoding".
 */
final class ProtoReader {
  static final int VARINT = 0;
  static final int FIXED64 = 1;
  static final int BYTES = 2;
  static final int FIXED32 = 5;

  private final ByteBuffer in;
  private int field;
  private int wireType;

  ProtoReader(ByteBuffer in) {
    this.in = in.slice().order(ByteOrder.LITTLE_ENDIAN);
  }

  /** Moves to the next field; false at the end of the message. */
  boolean next() {
    if (!in.hasRemaining()) {
      return false;
    }
    long tag = varint();
    long number = tag >>> 3;
    if (number < 1 || number > 0x1fffffff) {
      throw broken("field number " + number);
    }
    field = (int) number;
    wireType = (int) (tag & 7);
    return true;
  }

  int field() {
    return field;
  }

  int wireType() {
    return wireType;
  }

  long varint() {
    long value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      if (!in.hasRemaining()) {
        throw broken("a number that is cut off");
      }
      byte b = in.get();
      value |= (long) (b & 0x7f) << shift;
      if (b >= 0) {
        return value;
      }
    }
    throw broken("a number longer than ten bytes");
  }

  /** The value of an integer field. */
  long integer() {
    expect(VARINT);
    return varint();
  }

  float float32() {
    expect(FIXED32);
    return Float.intBitsToFloat(fixed32());
  }

  private int fixed32() {
    if (in.remaining() < 4) {
      throw broken("a number that is cut off");
    }
    return in.getInt();
  }

  private long fixed64() {
    if (in.remaining() < 8) {
      throw broken("a number that is cut off");
    }
    return in.getLong();
  }

  /** The bytes of a length-delimited field, as a view. */
  ByteBuffer bytes() {
    expect(BYTES);
    long length = varint();
    if (length < 0 || length > in.remaining()) {
      throw broken("a field of " + length + " bytes where " + in.remaining() + " are left");
    }
    ByteBuffer view = in.slice(in.position(), (int) length).order(ByteOrder.LITTLE_ENDIAN);
    in.position(in.position() + (int) length);
    return view;
  }

  ProtoReader message() {
    return new ProtoReader(bytes());
  }

  String string() {
    ByteBuffer view = bytes();
    try {
      CharBuffer chars =
          StandardCharsets.UTF_8
              .newDecoder()
              .onMalformedInput(CodingErrorAction.REPORT)
              .onUnmappableCharacter(CodingErrorAction.REPORT)
              .decode(view);
      return chars.toString();
    } catch (CharacterCodingException e) {
      throw broken("a text that is not UTF-8");
    }
  }

  /** Appends the values of a repeated integer field, packed or not. */
  void integers(LongList to) {
    if (wireType == VARINT) {
      to.add(varint());
      return;
    }
    ProtoReader packed = new ProtoReader(bytes());
    while (packed.in.hasRemaining()) {
      to.add(packed.varint());
    }
  }

  /** Appends the values of a repeated float field as their bits, packed or not. */
  void floatBits(LongList to) {
    if (wireType == FIXED32) {
      to.add(fixed32());
      return;
    }
    ByteBuffer packed = bytes();
    if (packed.remaining() % 4 != 0) {
      throw broken("packed floats of " + packed.remaining() + " bytes");
    }
    while (packed.hasRemaining()) {
      to.add(packed.getInt());
    }
  }

  /** Appends the values of a repeated double field as their bits, packed or not. */
  void doubleBits(LongList to) {
    if (wireType == FIXED64) {
      to.add(fixed64());
      return;
    }
    ByteBuffer packed = bytes();
    if (packed.remaining() % 8 != 0) {
      throw broken("packed doubles of " + packed.remaining() + " bytes");
    }
    while (packed.hasRemaining()) {
      to.add(packed.getLong());
    }
  }

  void skip() {
    switch (wireType) {
      case VARINT -> varint();
      case FIXED64 -> fixed64();
      case BYTES -> bytes();
      case FIXED32 -> fixed32();
      default -> throw broken("wire type " + wireType);
    }
  }

  private void expect(int type) {
    if (wireType != type) {
      throw broken("field " + field + " with wire type " + wireType);
    }
  }

  private UnsupportedModelException broken(String what) {
    return new UnsupportedModelException(
        "The ONNX file is broken: found "
            + what
            + " near byte "
            + in.position()
            + " of a message; get the file again or export the model anew");
  }

  /** A list of primitive longs that grows. */
  static final class LongList {
    private long[] values = new long[4];
    private int size;

    void add(long value) {
      if (size == values.length) {
        values = java.util.Arrays.copyOf(values, size * 2);
      }
      values[size++] = value;
    }

    int size() {
      return size;
    }

    long get(int i) {
      return values[i];
    }

    long[] toArray() {
      return java.util.Arrays.copyOf(values, size);
    }
  }
}
