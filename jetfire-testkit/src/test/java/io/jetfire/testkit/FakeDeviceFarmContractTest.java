package io.jetfire.testkit;

import io.jetfire.Delegate;
import io.jetfire.RunFailure;
import io.jetfire.spi.DeviceFarm.Cell;
import io.jetfire.spi.DeviceFarm.Workload;
import io.jetfire.spi.DeviceFarmProvider;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;

/** The fake keeps the contract itself; runs take as long as their cells say. */
class FakeDeviceFarmContractTest extends DeviceFarmContract {
  private final FakeDeviceFarm farm = script().build();

  static FakeDeviceFarm.Builder script() {
    return FakeDeviceFarm.builder()
        .delegates(Delegate.CPU, Delegate.GPU)
        .takes(Duration.ZERO, Duration.ofMillis(5), Duration.ofMillis(5))
        .turns(cell -> cell.variant().equals("slow") ? Duration.ofHours(1) : Duration.ofMillis(5))
        .failCells("broken", RunFailure.Cause.INVALID_MODEL, "no such operator");
  }

  @Override
  protected DeviceFarmProvider provider() {
    return farm.provider("fake");
  }

  @Override
  protected List<Cell> cells(Path target) throws IOException {
    return List.of(FakeCells.cell(target, "a/1", "float"), FakeCells.cell(target, "b", "int8"));
  }

  @Override
  protected Cell slowCell(Path target) throws IOException {
    return FakeCells.cell(target, "slow", "slow");
  }

  @Override
  protected Cell brokenCell(Path target) throws IOException {
    return FakeCells.cell(target, "broken", "broken");
  }

  @Override
  protected Workload workload() {
    return FakeCells.workload();
  }

  @Override
  protected Duration patience() {
    return Duration.ofSeconds(5);
  }
}
