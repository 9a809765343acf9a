package io.jetfire.importer.tensorflow;

import io.jetfire.UnsupportedModelException;
import io.jhdf.HdfFile;
import io.jhdf.api.Attribute;
import io.jhdf.api.Dataset;
import io.jhdf.api.Group;
import io.jhdf.api.Node;
import io.jhdf.api.dataset.ContiguousDataset;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The groups, arrays and attributes of an HDF5 file that lies in memory.
 *
 * <p>The library that reads it trusts its input, so whatever it throws becomes an {@link
 * UnsupportedModelException}, and sizes are checked before it allocates. Not thread-safe.
 */
final class Hdf5 {
  private static final int MAX_DEPTH = 24;
  private static final int MAX_NODES = 200_000;

  /** How many times the file's size its unpacked arrays may take: gzip reaches about a thousand. */
  private static final long MAX_EXPANSION = 64;

  private final Group root;
  private final Budget budget;

  private static final class Budget {
    private final long fileBytes;
    private long arrayBytes;
    private int nodes;

    Budget(long fileBytes) {
      this.fileBytes = fileBytes;
    }
  }

  /** An array of numbers as float32. */
  record Array(int[] shape, float[] values) {}

  private Hdf5(Group root, Budget budget) {
    this.root = root;
    this.budget = budget;
  }

  static boolean isHdf5(byte[] header) {
    byte[] magic = {(byte) 0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n'};
    return header.length >= 8 && Arrays.equals(Arrays.copyOf(header, 8), magic);
  }

  static Hdf5 open(byte[] bytes) {
    return new Hdf5(guarded(() -> HdfFile.fromBytes(bytes)), new Budget(bytes.length));
  }

  /** Runs the library, whose failures on broken files have many types. */
  private static <T> T guarded(Supplier<T> reading) {
    try {
      return reading.get();
    } catch (UnsupportedModelException e) {
      throw e;
    } catch (RuntimeException | StackOverflowError | AssertionError e) {
      throw broken(String.valueOf(e), e);
    } catch (OutOfMemoryError e) {
      throw broken("it declares more data than memory holds", e);
    } catch (LinkageError e) {
      throw new UnsupportedModelException(
          "The HDF5 file cannot be read: " + missing(String.valueOf(e.getMessage())), e);
    }
  }

  /** What to add for a class that the reader of HDF5 files does not find. */
  static String missing(String found) {
    String name = found.replace('/', '.');
    String artifact =
        name.contains("org.apache.commons.lang3")
            ? "org.apache.commons:commons-lang3"
            : name.contains("com.ning.compress")
                ? "com.ning:compress-lzf"
                : name.contains("jpountz")
                    ? "at.yawk.lz4:lz4-java"
                    : name.contains("org.slf4j") ? "org.slf4j:slf4j-api" : "";
    return "the class "
        + name
        + " is not on the class path, which io.jhdf:jhdf needs "
        + (artifact.isEmpty()
            ? "for it, perhaps to decode a compression; save the model without compression"
            : "for it; add the artifact " + artifact);
  }

  private static UnsupportedModelException broken(String found, @Nullable Throwable cause) {
    String message =
        "The HDF5 file is broken or of an unknown kind: "
            + found
            + "; get the file again or save the model anew";
    return cause == null
        ? new UnsupportedModelException(message)
        : new UnsupportedModelException(message, cause);
  }

  /** The group of a name, or empty. */
  Optional<Hdf5> group(String name) {
    return guarded(
        () -> {
          count();
          Node child = root.getChildren().get(name);
          return child instanceof Group g ? Optional.of(new Hdf5(g, budget)) : Optional.empty();
        });
  }

  private void count() {
    if (++budget.nodes > MAX_NODES) {
      throw broken("more than " + MAX_NODES + " groups and arrays", null);
    }
  }

  List<String> children() {
    return guarded(() -> List.copyOf(root.getChildren().keySet()));
  }

  /** Text of an attribute of this group, or empty. */
  Optional<String> text(String attribute) {
    return guarded(
        () -> {
          Attribute a = root.getAttributes().get(attribute);
          if (a == null || a.getSize() != 1) {
            return Optional.empty();
          }
          Object data = a.getData();
          return data instanceof String s ? Optional.of(s) : Optional.empty();
        });
  }

  /** The array of a name, or empty. */
  Optional<Array> array(String name) {
    return guarded(
        () -> {
          count();
          Node child = root.getChildren().get(name);
          return child instanceof Dataset d ? Optional.of(array(d)) : Optional.empty();
        });
  }

  /** The paths of all arrays below this group, such as {@code conv/kernel:0}. */
  List<String> arrays() {
    List<String> paths = new ArrayList<>();
    guarded(
        () -> {
          collect(root, "", paths, 0);
          return paths;
        });
    return paths;
  }

  private void collect(Group group, String prefix, List<String> to, int depth) {
    if (depth > MAX_DEPTH) {
      throw broken("groups that nest more than " + MAX_DEPTH + " deep", null);
    }
    for (Map.Entry<String, Node> child : group.getChildren().entrySet()) {
      count();
      if (child.getValue() instanceof Group g) {
        collect(g, prefix + child.getKey() + "/", to, depth + 1);
      } else if (child.getValue() instanceof Dataset) {
        to.add(prefix + child.getKey());
      }
    }
  }

  /** The array at a path of {@link #arrays}. */
  Array at(String path) {
    int slash = path.indexOf('/');
    if (slash < 0) {
      return array(path).orElseThrow(() -> broken("no array " + path, null));
    }
    return group(path.substring(0, slash))
        .orElseThrow(() -> broken("no group of " + path, null))
        .at(path.substring(slash + 1));
  }

  private Array array(Dataset d) {
    int[] shape = d.getDimensions();
    long elements = 1;
    for (int n : shape) {
      elements = Math.multiplyExact(elements, n);
    }
    long bytes = Math.multiplyExact(elements, Math.max(4, d.getDataType().getSize()));
    boolean plain = d instanceof ContiguousDataset;
    budget.arrayBytes += bytes;
    long most = plain ? 4 * budget.fileBytes + 4096 : MAX_EXPANSION * budget.fileBytes;
    if (elements < 0 || bytes > most || budget.arrayBytes > MAX_EXPANSION * budget.fileBytes) {
      throw broken(
          "an array " + d.getName() + " of " + bytes + " bytes in a file of " + budget.fileBytes,
          null);
    }
    Object data = elements == 0 ? new float[0] : d.isScalar() ? d.getData() : d.getDataFlat();
    Attribute type = d.getAttributes().get("dtype");
    boolean bfloat16 = type != null && "bfloat16".equals(type.getData());
    float[] values = floats(data, bfloat16);
    if (values.length != elements) {
      throw broken("an array " + d.getName() + " of " + values.length + " elements", null);
    }
    return new Array(shape, values);
  }

  private static float[] floats(Object data, boolean bfloat16) {
    if (data instanceof float[] f) {
      return f;
    }
    if (data instanceof double[] f) {
      float[] out = new float[f.length];
      for (int i = 0; i < out.length; i++) {
        out[i] = (float) f[i];
      }
      return out;
    }
    if (data instanceof int[] f) {
      float[] out = new float[f.length];
      for (int i = 0; i < out.length; i++) {
        out[i] = bfloat16 ? Float.intBitsToFloat(f[i] << 16) : f[i];
      }
      return out;
    }
    if (data instanceof long[] f) {
      float[] out = new float[f.length];
      for (int i = 0; i < out.length; i++) {
        out[i] = f[i];
      }
      return out;
    }
    if (data instanceof Number n) {
      return new float[] {n.floatValue()};
    }
    throw broken("an array of " + data.getClass().getSimpleName(), null);
  }
}
