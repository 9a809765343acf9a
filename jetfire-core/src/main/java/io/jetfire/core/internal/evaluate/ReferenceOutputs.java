package io.jetfire.core.internal.evaluate;

import io.jetfire.EvaluationResult;
import io.jetfire.StorageException;
import io.jetfire.Tensor;
import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.Closeable;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * A model's outputs on a dataset, kept in a file as float32, to compare its variants with: never
 * more than one sample's outputs are in memory.
 */
final class ReferenceOutputs {
  private ReferenceOutputs() {}

  static Writer writer(Optional<Path> file) {
    return new Writer(file.orElse(null));
  }

  static Comparison comparison(Optional<Path> file) {
    return new Comparison(file.orElse(null));
  }

  /** Writes outputs; does nothing if there is no file to write. */
  static final class Writer implements Closeable {
    private final @Nullable Path file;
    private final @Nullable DataOutputStream out;

    private Writer(@Nullable Path file) {
      this.file = file;
      try {
        out =
            file == null
                ? null
                : new DataOutputStream(
                    new BufferedOutputStream(Files.newOutputStream(file), 1 << 16));
      } catch (IOException e) {
        throw failure(e);
      }
    }

    void add(List<Tensor> outputs) {
      if (out == null) {
        return;
      }
      try {
        for (Tensor output : outputs) {
          float[] values = output.toFloatArray();
          out.writeInt(values.length);
          for (float v : values) {
            out.writeFloat(v);
          }
        }
      } catch (IOException e) {
        throw failure(e);
      }
    }

    private StorageException failure(IOException e) {
      return new StorageException(
          "The outputs of the source model cannot be kept in "
              + file
              + " ("
              + e
              + "); free space or choose another work directory",
          e);
    }

    @Override
    public void close() {
      try {
        if (out != null) {
          out.close();
        }
      } catch (IOException e) {
        throw failure(e);
      }
    }
  }

  /** Compares outputs with kept ones; says nothing if there are none, or their sizes differ. */
  static final class Comparison implements Closeable {
    private final @Nullable DataInputStream in;
    private boolean comparable;
    private double signal;
    private double noise;
    private double maxError;
    private float min = Float.POSITIVE_INFINITY;
    private float max = Float.NEGATIVE_INFINITY;

    private Comparison(@Nullable Path file) {
      DataInputStream stream = null;
      if (file != null) {
        try {
          stream =
              new DataInputStream(new BufferedInputStream(Files.newInputStream(file), 1 << 16));
        } catch (NoSuchFileException e) {
          stream =
              null; // Removed since the source was evaluated: there is nothing to compare with.
        } catch (IOException e) {
          throw failure(e);
        }
      }
      in = stream;
      comparable = stream != null;
    }

    void add(List<Tensor> outputs) {
      if (in == null || !comparable) {
        return;
      }
      try {
        for (Tensor output : outputs) {
          float[] values = output.toFloatArray();
          if (in.readInt() != values.length) {
            comparable = false;
            return;
          }
          for (float v : values) {
            float r = in.readFloat();
            double error = Math.abs((double) r - v);
            signal += (double) r * r;
            noise += error * error;
            maxError = Math.max(maxError, error);
            min = Math.min(min, r);
            max = Math.max(max, r);
          }
        }
      } catch (EOFException e) {
        comparable = false;
      } catch (IOException e) {
        throw failure(e);
      }
    }

    private static StorageException failure(IOException e) {
      return new StorageException(
          "The kept outputs of the source model cannot be read (" + e + "); check the disk", e);
    }

    void metrics(Map<String, Double> metrics) {
      if (!comparable || !(signal > 0) || !(max > min) || !Double.isFinite(noise)) {
        return;
      }
      metrics.put(EvaluationResult.OUTPUT_MAX_ERROR, maxError / (max - min));
      if (noise > 0) {
        metrics.put(EvaluationResult.OUTPUT_SQNR, 10 * Math.log10(signal / noise));
      }
    }

    @Override
    public void close() {
      try {
        if (in != null) {
          in.close();
        }
      } catch (IOException e) {
        throw failure(e);
      }
    }
  }
}
