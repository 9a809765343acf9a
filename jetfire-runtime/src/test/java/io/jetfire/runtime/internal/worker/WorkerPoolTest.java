package io.jetfire.runtime.internal.worker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.jetfire.UnsupportedModelException;
import io.jetfire.runtime.TestModel;
import io.jetfire.runtime.internal.engine.InterpreterSettings;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Workers without the check in front of them: what TensorFlow Lite itself does with bad files. */
@SuppressWarnings("NullAway.Init") // JUnit fills the folder.
final class WorkerPoolTest {
  @TempDir private Path folder;

  /** Two operators that wait for each other, which XNNPACK's partitioning does not survive. */
  private Path crashing() throws Exception {
    TestModel model = TestModel.create();
    int x = model.tensor("x", TestModel.FLOAT32, 1, 4);
    int z = model.tensor("z", TestModel.FLOAT32, 1, 4);
    int y = model.tensor("y", TestModel.FLOAT32, 1, 4);
    return model
        .add(x, z, y)
        .add(x, y, z)
        .inputs(x)
        .outputs(y)
        .write(folder.resolve("crash.tflite"));
  }

  @Test
  void aRealCrashEndsTheWorkerAndNothingElse() throws Exception {
    Path crashing = crashing();
    Path good = TestModel.doubling().write(folder.resolve("good.tflite"));
    try (WorkerPool pool = WorkerPool.create(WorkerLimits.DEFAULT)) {
      assertThatExceptionOfType(UnsupportedModelException.class)
          .isThrownBy(
              () -> {
                try (WorkerSession session = pool.open(crashing, InterpreterSettings.of(true))) {
                  session.input(0, ByteBuffer.allocate(16));
                  session.invoke();
                }
              })
          .withMessageContaining("worker process died (crashed; SIG");
      try (WorkerSession session = pool.open(good, InterpreterSettings.of(true))) {
        ByteBuffer input = ByteBuffer.allocate(16).order(ByteOrder.LITTLE_ENDIAN);
        session.input(0, input.putFloat(0, 21));
        session.invoke();
        assertThat(session.output(0).getFloat(0)).isEqualTo(42);
      }
    }
  }

  @Test
  void whatUsesTooMuchMemoryIsEnded() throws Exception {
    TestModel model = TestModel.create();
    int x = model.tensor("x", TestModel.FLOAT32, 8192, 1);
    int y = model.constant("y", TestModel.noise(16384, 1), 1, 16384);
    int z = model.tensor("z", TestModel.FLOAT32, 8192, 16384);
    Path huge = model.add(x, y, z).inputs(x).outputs(z).write(folder.resolve("huge.tflite"));
    WorkerLimits limits = new WorkerLimits(Duration.ofSeconds(10), 300L << 20);
    try (WorkerPool pool = WorkerPool.create(limits);
        WorkerSession session = pool.open(huge, InterpreterSettings.of(false))) {
      session.input(0, ByteBuffer.allocate(8192 * 4));
      assertThatExceptionOfType(UnsupportedModelException.class)
          .isThrownBy(session::invoke)
          .withMessageContaining("MB of memory where 300 MB are allowed")
          .withMessageContaining("worker-megabytes");
    }
  }
}
