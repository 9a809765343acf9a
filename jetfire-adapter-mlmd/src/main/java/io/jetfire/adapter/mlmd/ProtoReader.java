package io.jetfire.adapter.mlmd;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;

/**
 * Reads the protocol buffer wire format field by field. Every length is checked against what is
 * left, and malformed input throws {@link IllegalArgumentException}.
 */
final class ProtoReader {
  private final ByteBuffer in;
  private int wireType;

  ProtoReader(byte[] bytes) {
    this(ByteBuffer.wrap(bytes));
  }

  private ProtoReader(ByteBuffer in) {
    this.in = in.order(ByteOrder.LITTLE_ENDIAN);
  }

  /** Moves to the next field; returns its number, or 0 at the end. */
  int next() {
    if (!in.hasRemaining()) {
      return 0;
    }
    long tag = raw();
    wireType = (int) (tag & 7);
    long field = tag >>> 3;
    if (field <= 0 || field > 0x1fff_ffff) {
      throw new IllegalArgumentException("field number " + field);
    }
    return (int) field;
  }

  boolean isVarint() {
    return wireType == 0;
  }

  boolean isLengthDelimited() {
    return wireType == 2;
  }

  long varint() {
    expect(0);
    return raw();
  }

  double fixed64() {
    expect(1);
    need(Double.BYTES);
    return in.getDouble();
  }

  String string() {
    ByteBuffer bytes = slice();
    try {
      return StandardCharsets.UTF_8.newDecoder().decode(bytes).toString();
    } catch (CharacterCodingException e) {
      throw new IllegalArgumentException("a text is not in UTF-8", e);
    }
  }

  byte[] bytes() {
    ByteBuffer slice = slice();
    byte[] bytes = new byte[slice.remaining()];
    slice.get(bytes);
    return bytes;
  }

  ProtoReader message() {
    return new ProtoReader(slice());
  }

  /** Passes over the value of the current field. */
  void skip() {
    switch (wireType) {
      case 0 -> raw();
      case 1 -> pass(8);
      case 2 -> slice();
      case 5 -> pass(4);
      default -> throw new IllegalArgumentException("wire type " + wireType);
    }
  }

  private void pass(int bytes) {
    need(bytes);
    in.position(in.position() + bytes);
  }

  private ByteBuffer slice() {
    expect(2);
    long length = raw();
    if (length < 0 || length > in.remaining()) {
      throw new IllegalArgumentException(
          "a length of " + length + " with " + in.remaining() + " bytes left");
    }
    ByteBuffer slice = in.slice(in.position(), (int) length);
    in.position(in.position() + (int) length);
    return slice;
  }

  private long raw() {
    long value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      need(1);
      byte b = in.get();
      value |= (long) (b & 0x7f) << shift;
      if (b >= 0) {
        return value;
      }
    }
    throw new IllegalArgumentException("a number of more than ten bytes");
  }

  private void need(int bytes) {
    if (in.remaining() < bytes) {
      throw new IllegalArgumentException("the message ends in the middle of a field");
    }
  }

  private void expect(int type) {
    if (wireType != type) {
      throw new IllegalArgumentException("wire type " + wireType + " instead of " + type);
    }
  }
}
