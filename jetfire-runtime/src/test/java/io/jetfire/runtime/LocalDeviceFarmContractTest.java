package io.jetfire.runtime;

import io.jetfire.Delegate;
import io.jetfire.Model;
import io.jetfire.Preprocessing;
import io.jetfire.Sample;
import io.jetfire.Target;
import io.jetfire.Tensor;
import io.jetfire.spi.DeviceFarm.Cell;
import io.jetfire.spi.DeviceFarm.Workload;
import io.jetfire.spi.DeviceFarmProvider;
import io.jetfire.spi.ProviderContext;
import io.jetfire.testkit.DeviceFarmContract;
import io.jetfire.testkit.TestProviderContext;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

final class LocalDeviceFarmContractTest extends DeviceFarmContract {
  @Override
  protected DeviceFarmProvider provider() {
    return new LocalDeviceFarmProvider();
  }

  @Override
  protected ProviderContext context(Path workDirectory) {
    return TestProviderContext.in(workDirectory).with("warmup-millis", "0");
  }

  @Override
  protected List<Cell> cells(Path target) throws IOException {
    Model model = Model.of(TestModel.doubling().write(target.resolve("doubling.tflite")));
    return List.of(
        new Cell("doubling/CPU/1", "float", model, Delegate.CPU, 1, 2, 70),
        new Cell("doubling/XNNPACK/2", "float", model, Delegate.XNNPACK, 2, 2, 5));
  }

  @Override
  protected Cell slowCell(Path target) throws IOException {
    Model model = Model.of(TestModel.doubling().write(target.resolve("slow.tflite")));
    return new Cell("slow", "float", model, Delegate.CPU, 1, 0, Integer.MAX_VALUE);
  }

  @Override
  protected Cell brokenCell(Path target) throws IOException {
    TestModel custom = TestModel.create();
    int x = custom.tensor("x", TestModel.FLOAT32, 1, 4);
    int y = custom.tensor("y", TestModel.FLOAT32, 1, 4);
    custom.custom("MyOp", new int[] {x}, y).inputs(x).outputs(y);
    Model model = Model.of(custom.write(target.resolve("custom.tflite")));
    return new Cell("custom", "broken", model, Delegate.CPU, 1, 1, 5);
  }

  @Override
  protected Workload workload() {
    Sample a = Sample.of("a", Tensor.ofFloats(new float[] {1, 2, 3, 4}, 1, 4), Target.label(0));
    Sample b = Sample.of("b", Tensor.ofFloats(new float[] {5, 6, 7, 8}, 1, 4), Target.label(1));
    return new Workload(List.of(a, b), Preprocessing.none(), Optional.empty());
  }
}
