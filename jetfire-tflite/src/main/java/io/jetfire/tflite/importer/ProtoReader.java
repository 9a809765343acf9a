package io.jetfire.tflite.importer;

import io.jetfire.UnsupportedModelException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.CharBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * Reads the wire format of protocol buffers from a buffer, without copying and without generated
 * classes.
 *
 * <pre>{@code
 * ProtoReader in = new ProtoReader("ONNX", bytes);
 * while (in.next()) {
 *   switch (in.field()) {
 *     case 1 -> version = in.integer();
 *     case 7 -> graph(in.message());
 *     default -> in.skip();
 *   }
 * }
 * }</pre>
 *
 * <p>Every length is checked against the enclosing message before it is used, so a broken file ends
 * in an {@link UnsupportedModelException} and never in more memory than a constant times its size.
 * Format: protobuf.dev, "Encoding". Not thread-safe.
 */
public final class ProtoReader {
  /** The wire type of integers of variable length. */
  public static final int VARINT = 0;

  /** The wire type of eight bytes. */
  public static final int FIXED64 = 1;

  /** The wire type of texts, bytes, messages and packed lists. */
  public static final int BYTES = 2;

  /** The wire type of four bytes. */
  public static final int FIXED32 = 5;

  private final String format;
  private final ByteBuffer in;
  private int field;
  private int wireType;

  /**
   * Starts at the beginning of a message.
   *
   * @param format what error messages call the file, such as {@code ONNX}
   * @param in the message, whose remaining bytes are read; not changed
   */
  public ProtoReader(String format, ByteBuffer in) {
    this.format = format;
    this.in = in.slice().order(ByteOrder.LITTLE_ENDIAN);
  }

  /**
   * Moves to the next field, whose value must then be read or skipped.
   *
   * @return false at the end of the message
   */
  public boolean next() {
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

  /**
   * Returns the number of the current field.
   *
   * @return at least 1
   */
  public int field() {
    return field;
  }

  /**
   * Returns the wire type of the current field.
   *
   * @return 0 to 7
   */
  public int wireType() {
    return wireType;
  }

  private long varint() {
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

  /**
   * Returns the value of an integer field.
   *
   * @return the number, as the file has it: not zigzag-decoded
   */
  public long integer() {
    expect(VARINT);
    return varint();
  }

  /**
   * Returns the value of a float field.
   *
   * @return the number
   */
  public float float32() {
    expect(FIXED32);
    return Float.intBitsToFloat(fixed32());
  }

  /**
   * Returns the bits of a field of four bytes.
   *
   * @return the bits
   */
  public int bits32() {
    expect(FIXED32);
    return fixed32();
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

  /**
   * Returns the bytes of a length-delimited field.
   *
   * @return a little-endian view
   */
  public ByteBuffer bytes() {
    expect(BYTES);
    long length = varint();
    if (length < 0 || length > in.remaining()) {
      throw broken("a field of " + length + " bytes where " + in.remaining() + " are left");
    }
    ByteBuffer view = in.slice(in.position(), (int) length).order(ByteOrder.LITTLE_ENDIAN);
    in.position(in.position() + (int) length);
    return view;
  }

  /**
   * Returns a reader of a field that is a message.
   *
   * @return a new reader
   */
  public ProtoReader message() {
    return new ProtoReader(format, bytes());
  }

  /**
   * Returns the value of a text field.
   *
   * @return the text, which was valid UTF-8
   */
  public String string() {
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

  /**
   * Appends the values of a repeated integer field, packed or not.
   *
   * @param to where they go
   */
  public void integers(LongList to) {
    if (wireType == VARINT) {
      to.add(varint());
      return;
    }
    ProtoReader packed = message();
    while (packed.in.hasRemaining()) {
      to.add(packed.varint());
    }
  }

  /**
   * Appends the values of a repeated float field as their bits, packed or not.
   *
   * @param to where they go
   */
  public void floatBits(LongList to) {
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

  /**
   * Appends the values of a repeated double field as their bits, packed or not.
   *
   * @param to where they go
   */
  public void doubleBits(LongList to) {
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

  /** Passes over the value of the current field. */
  public void skip() {
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
        "The "
            + format
            + " file is broken: found "
            + what
            + " near byte "
            + in.position()
            + " of a message; get the file again or export the model anew");
  }

  /** A list of primitive longs that grows. */
  public static final class LongList {
    private long[] values = new long[4];
    private int size;

    /** Creates an empty list. */
    public LongList() {}

    /**
     * Appends a number.
     *
     * @param value the number
     */
    public void add(long value) {
      if (size == values.length) {
        values = Arrays.copyOf(values, size * 2);
      }
      values[size++] = value;
    }

    /**
     * Returns the number of elements.
     *
     * @return at least 0
     */
    public int size() {
      return size;
    }

    /**
     * Returns an element.
     *
     * @param i its index
     * @return the number
     */
    public long get(int i) {
      return values[i];
    }

    /**
     * Returns the elements.
     *
     * @return a copy
     */
    public long[] toArray() {
      return Arrays.copyOf(values, size);
    }
  }
}
