package io.jetfire.runtime;

import io.jetfire.Model;
import io.jetfire.Tensor;
import io.jetfire.spi.ModelRuntime.Isolation;
import io.jetfire.spi.ModelRuntime.Options;
import io.jetfire.spi.ModelRuntimeProvider;
import io.jetfire.testkit.ModelRuntimeContract;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

final class TfliteRuntimeContractTest extends ModelRuntimeContract {
  @Override
  protected ModelRuntimeProvider provider() {
    return new TfliteRuntimeProvider();
  }

  @Override
  protected Options options() {
    return Options.defaults().isolation(Isolation.IN_PROCESS);
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
