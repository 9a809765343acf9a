package io.jetfire.verification;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/** The float networks of the shared data, with what TensorFlow makes of them. */
record ReferenceNetworks(Path folder, String name, int[] shape) {

  static Optional<ReferenceNetworks> find(String name) {
    String set = System.getenv("JETFIRE_SHARED_DATA");
    Path data = Path.of(set == null ? "../../shared/data" : set);
    Path folder = data.resolve("reference").resolve(name);
    int[] shape =
        switch (name) {
          case "ad01" -> new int[] {1, 640};
          case "mnv2" -> new int[] {1, 96, 96, 3};
          default -> new int[] {1, 32, 32, 3};
        };
    return Files.isDirectory(folder)
        ? Optional.of(new ReferenceNetworks(folder, name, shape))
        : Optional.empty();
  }

  Path model(String variant) {
    return folder.resolve("tf-" + variant + ".tflite");
  }

  private int elements() {
    int n = 1;
    for (int d : shape) {
      n *= d;
    }
    return n;
  }

  List<float[]> calibration() {
    return Bench.split(read("calibration.f32"), elements());
  }

  List<float[]> evaluation() {
    return Bench.split(read("evaluation.f32"), elements());
  }

  List<float[]> expected() {
    float[] all = read("expected-float32.f32");
    return Bench.split(all, all.length / evaluation().size());
  }

  private float[] read(String file) {
    try {
      ByteBuffer bytes =
          ByteBuffer.wrap(Files.readAllBytes(folder.resolve(file))).order(ByteOrder.LITTLE_ENDIAN);
      float[] values = new float[bytes.remaining() / 4];
      bytes.asFloatBuffer().get(values);
      return values;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
