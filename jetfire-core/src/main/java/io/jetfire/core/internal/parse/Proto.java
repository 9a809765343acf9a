package io.jetfire.core.internal.parse;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * The fields of one protobuf message, without its schema. Hostile bytes give no message, never an
 * exception.
 */
final class Proto {
  private static final int MOST_FIELDS = 2_000_000;

  private final byte[] bytes;
  private final List<Field> fields;

  /** A field; {@code bits} is the value of a number, or the length of bytes at {@code from}. */
  record Field(int number, int wire, long bits, int from) {}

  private Proto(byte[] bytes, List<Field> fields) {
    this.bytes = bytes;
    this.fields = fields;
  }

  static Optional<Proto> read(byte[] bytes, int from, int to) {
    List<Field> fields = new ArrayList<>();
    int[] at = {from};
    while (at[0] < to) {
      long key = varint(bytes, at, to);
      int number = (int) (key >>> 3);
      int wire = (int) (key & 7);
      if (key < 0 || number <= 0 || number > 1000 || fields.size() >= MOST_FIELDS) {
        return Optional.empty();
      }
      switch (wire) {
        case 0 -> {
          int start = at[0];
          long value = varint(bytes, at, to);
          if (at[0] < 0) {
            return Optional.empty();
          }
          fields.add(new Field(number, wire, value, start));
        }
        case 1, 5 -> {
          int n = wire == 1 ? 8 : 4;
          if (to - at[0] < n) {
            return Optional.empty();
          }
          long value = 0;
          for (int i = n - 1; i >= 0; i--) {
            value = value << 8 | bytes[at[0] + i] & 255;
          }
          fields.add(new Field(number, wire, value, at[0]));
          at[0] += n;
        }
        case 2 -> {
          long length = varint(bytes, at, to);
          if (at[0] < 0 || length < 0 || length > to - at[0]) {
            return Optional.empty();
          }
          fields.add(new Field(number, wire, length, at[0]));
          at[0] += (int) length;
        }
        default -> {
          return Optional.empty();
        }
      }
    }
    return Optional.of(new Proto(bytes, fields));
  }

  /** Reads a varint; sets the position to -1 and returns -1 if there is none. */
  private static long varint(byte[] bytes, int[] at, int to) {
    long value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      if (at[0] < 0 || at[0] >= to) {
        break;
      }
      byte b = bytes[at[0]++];
      value |= (long) (b & 127) << shift;
      if (b >= 0) {
        return value;
      }
    }
    at[0] = -1;
    return -1;
  }

  boolean isEmpty() {
    return fields.isEmpty();
  }

  /** True if every field has one of the numbers and the wire type that stands at its place. */
  boolean fits(int[] numbers, int[] wires) {
    for (Field f : fields) {
      boolean known = false;
      for (int i = 0; i < numbers.length; i++) {
        known |= numbers[i] == f.number() && wires[i] == f.wire();
      }
      if (!known) {
        return false;
      }
    }
    return true;
  }

  List<Proto> messages(int number) {
    List<Proto> list = new ArrayList<>();
    for (Field f : fields) {
      if (f.number() == number && f.wire() == 2) {
        read(bytes, f.from(), f.from() + (int) f.bits()).ifPresent(list::add);
      }
    }
    return list;
  }

  Optional<Proto> message(int number) {
    List<Proto> all = messages(number);
    return all.isEmpty() ? Optional.empty() : Optional.of(all.get(all.size() - 1));
  }

  Optional<String> text(int number) {
    Optional<String> found = Optional.empty();
    for (Field f : fields) {
      if (f.number() == number && f.wire() == 2) {
        found =
            Optional.of(
                new String(
                    bytes, f.from(), (int) Math.min(f.bits(), 100_000), StandardCharsets.UTF_8));
      }
    }
    return found;
  }

  Optional<Long> integer(int number) {
    Optional<Long> found = Optional.empty();
    for (Field f : fields) {
      if (f.number() == number && f.wire() == 0) {
        found = Optional.of(f.bits());
      }
    }
    return found;
  }

  Optional<Double> real(int number) {
    Optional<Double> found = Optional.empty();
    for (Field f : fields) {
      if (f.number() == number && f.wire() == 5) {
        // The shortest decimal of the float is what was meant; widening would add digits.
        found =
            Optional.of(Double.parseDouble(Float.toString(Float.intBitsToFloat((int) f.bits()))));
      } else if (f.number() == number && f.wire() == 1) {
        found = Optional.of(Double.longBitsToDouble(f.bits()));
      }
    }
    return found;
  }

  /** Returns how many integers a packed or plain repeated field has. */
  int count(int number) {
    int count = 0;
    for (Field f : fields) {
      if (f.number() != number) {
        continue;
      }
      if (f.wire() == 0) {
        count++;
      } else if (f.wire() == 2) {
        for (int i = 0; i < f.bits(); i++) {
          count += bytes[f.from() + i] >= 0 ? 1 : 0;
        }
      }
    }
    return count;
  }

  boolean has(int number) {
    return fields.stream().anyMatch(f -> f.number() == number);
  }
}
