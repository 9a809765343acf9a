package io.jetfire.runtime;

import io.jetfire.Model;
import io.jetfire.Tensor;
import io.jetfire.spi.ModelRuntimeProvider;
import io.jetfire.testkit.ModelRuntimeContract;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/** The same contract with the usual options, which execute models in worker processes. */
final class TfliteWorkerContractTest extends ModelRuntimeContract {
  @Override
  protected ModelRuntimeProvider provider() {
    return new TfliteRuntimeProvider();
  }

  @Override
  protected Known known(Path target) throws IOException {
    return new Known(
        Model.of(TestModel.doubling().write(target.resolve("doubling.tflite"))),
        List.of(Tensor.ofFloats(new float[] {1, -2, 3.5f, 0}, 1, 4)),
        List.of(Tensor.ofFloats(new float[] {2, -4, 7, 0}, 1, 4)),
        0);
  }
}
