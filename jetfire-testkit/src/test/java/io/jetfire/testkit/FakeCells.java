package io.jetfire.testkit;

import io.jetfire.Delegate;
import io.jetfire.Model;
import io.jetfire.Preprocessing;
import io.jetfire.Sample;
import io.jetfire.Target;
import io.jetfire.Tensor;
import io.jetfire.spi.DeviceFarm.Cell;
import io.jetfire.spi.DeviceFarm.Workload;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/** Cells and frames for farms that never look at them. */
final class FakeCells {
  private FakeCells() {}

  static Cell cell(Path folder, String id, String variant) throws IOException {
    Path file = Files.writeString(Files.createTempFile(folder, "model", ".tflite"), id);
    return new Cell(id, variant, Model.of(file, "tflite"), Delegate.CPU, 1, 2, 5);
  }

  static Workload workload() {
    Sample frame = Sample.of("a", Tensor.ofFloats(new float[] {1}, 1), Target.label(0));
    return new Workload(List.of(frame), Preprocessing.none(), Optional.empty());
  }
}
