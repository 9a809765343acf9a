package io.jetfire.tflite.format;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.Random;

/** Ways to break a model's bytes. */
enum Mutant {
  TRUNCATED {
    @Override
    byte[] of(byte[] model, Random random) {
      return Arrays.copyOf(model, random.nextInt(model.length));
    }
  },
  RANDOM_BYTES {
    @Override
    byte[] of(byte[] model, Random random) {
      byte[] b = new byte[random.nextInt(4096)];
      random.nextBytes(b);
      if (random.nextBoolean() && b.length > 8) {
        System.arraycopy(model, 0, b, 0, 8);
      }
      return b;
    }
  },
  BIT_FLIP {
    @Override
    byte[] of(byte[] model, Random random) {
      byte[] b = model.clone();
      b[random.nextInt(b.length)] ^= (byte) (1 << random.nextInt(8));
      return b;
    }
  },
  HEAD_BYTES {
    @Override
    byte[] of(byte[] model, Random random) {
      byte[] b = model.clone();
      for (int i = 0, n = 1 + random.nextInt(3); i < n; i++) {
        b[random.nextInt(Math.min(b.length, 3000))] = (byte) random.nextInt();
      }
      return b;
    }
  },
  HEAD_WORD {
    @Override
    byte[] of(byte[] model, Random random) {
      byte[] b = model.clone();
      int words = Math.min(b.length, 6000) / 4;
      int[] values = {0, 1, -1, 2, 3, 64, 255, 65536, 1 << 20, 1 << 28, Integer.MAX_VALUE, -128};
      ByteBuffer.wrap(b)
          .order(ByteOrder.LITTLE_ENDIAN)
          .putInt(4 * random.nextInt(words), values[random.nextInt(values.length)]);
      return b;
    }
  },
  SHIFTED_OFFSET {
    @Override
    byte[] of(byte[] model, Random random) {
      byte[] b = model.clone();
      ByteBuffer buffer = ByteBuffer.wrap(b).order(ByteOrder.LITTLE_ENDIAN);
      int at = 4 * random.nextInt(Math.min(b.length, 20000) / 4);
      buffer.putInt(at, buffer.getInt(at) + 4 * (random.nextInt(65) - 32));
      return b;
    }
  },
  COPIED_WORDS {
    @Override
    byte[] of(byte[] model, Random random) {
      byte[] b = model.clone();
      int words = Math.min(b.length, 20000) / 4;
      int n = 1 + random.nextInt(8);
      if (words > n) {
        System.arraycopy(
            model, 4 * random.nextInt(words - n), b, 4 * random.nextInt(words - n), 4 * n);
      }
      return b;
    }
  };

  abstract byte[] of(byte[] model, Random random);
}
