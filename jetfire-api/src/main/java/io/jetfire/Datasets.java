package io.jetfire;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** The kinds of dataset behind {@link Dataset}'s factories. */
final class Datasets {
  private Datasets() {}

  private static String checkedName(String name) {
    if (name.isBlank()) {
      throw new ConfigurationException("A dataset needs a name that is not blank");
    }
    return name;
  }

  /** Hashes ids, targets, types, shapes and bytes of every sample, and the labels. */
  static String hash(List<String> labels, Stream<Sample> samples) {
    try (samples) {
      MessageDigest sha = MessageDigest.getInstance("SHA-256");
      labels.forEach(l -> text(sha, l));
      samples.forEach(
          s -> {
            text(sha, s.id());
            text(sha, s.group().orElse(""));
            s.signature().ifPresent(key -> text(sha, "signature " + key));
            for (Map.Entry<String, Tensor> input : s.inputs().entrySet()) {
              text(sha, input.getKey());
              tensor(sha, input.getValue());
            }
            if (s.target() instanceof Target.Values values) {
              tensor(sha, values.tensor());
            } else {
              text(sha, s.target().toString());
            }
          });
      return "sha256:" + HexFormat.of().formatHex(sha.digest());
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("Every Java platform has SHA-256", e);
    }
  }

  private static void text(MessageDigest sha, String text) {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    sha.update(ByteBuffer.allocate(4).putInt(bytes.length).array());
    sha.update(bytes);
  }

  private static void tensor(MessageDigest sha, Tensor tensor) {
    text(sha, tensor.toString());
    sha.update(tensor.data());
  }

  record InMemory(String name, List<String> labels, List<Sample> all, String fingerprint)
      implements Dataset {
    InMemory(String name, List<String> labels, List<Sample> samples) {
      this(
          checkedName(name),
          List.copyOf(labels),
          List.copyOf(samples),
          hash(labels, samples.stream()));
    }

    @Override
    public OptionalLong size() {
      return OptionalLong.of(all.size());
    }

    @Override
    public Stream<Sample> samples() {
      return all.stream();
    }

    @Override
    public String toString() {
      return "Dataset[" + name + ", " + all.size() + " samples]";
    }
  }

  record Streaming(
      String name, String fingerprint, List<String> labels, Supplier<Stream<Sample>> source)
      implements Dataset {
    Streaming {
      checkedName(name);
      if (fingerprint.isBlank()) {
        throw new ConfigurationException("Dataset " + name + " needs a version that is not blank");
      }
      labels = List.copyOf(labels);
    }

    @Override
    public OptionalLong size() {
      return OptionalLong.empty();
    }

    @Override
    public Stream<Sample> samples() {
      return source.get();
    }

    @Override
    public String toString() {
      return "Dataset[" + name + " " + fingerprint + "]";
    }
  }

  static final class Hashed implements Dataset {
    private final String name;
    private final List<String> labels;
    private final Supplier<Stream<Sample>> source;
    private @Nullable String fingerprint;

    Hashed(String name, List<String> labels, Supplier<Stream<Sample>> source) {
      this.name = checkedName(name);
      this.labels = List.copyOf(labels);
      this.source = source;
    }

    @Override
    public String name() {
      return name;
    }

    @Override
    public synchronized String fingerprint() {
      if (fingerprint == null) {
        fingerprint = hash(labels, source.get());
      }
      return fingerprint;
    }

    @Override
    public List<String> labels() {
      return labels;
    }

    @Override
    public OptionalLong size() {
      return OptionalLong.empty();
    }

    @Override
    public Stream<Sample> samples() {
      return source.get();
    }

    @Override
    public String toString() {
      return "Dataset[" + name + "]";
    }
  }

  record Limited(Dataset whole, long count) implements Dataset {
    Limited {
      if (count < 1) {
        throw new ConfigurationException(
            "Dataset " + whole.name() + " cannot be limited to " + count + " samples: at least 1");
      }
    }

    @Override
    public String name() {
      return whole.name() + "[0.." + count + ")";
    }

    @Override
    public String fingerprint() {
      return whole.fingerprint() + "/" + count;
    }

    @Override
    public List<String> labels() {
      return whole.labels();
    }

    @Override
    public OptionalLong size() {
      return whole.size().isPresent()
          ? OptionalLong.of(Math.min(count, whole.size().getAsLong()))
          : OptionalLong.empty();
    }

    @Override
    public Stream<Sample> samples() {
      return whole.samples().limit(count);
    }
  }
}
