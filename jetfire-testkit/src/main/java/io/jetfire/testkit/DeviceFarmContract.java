package io.jetfire.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.jetfire.ConfigurationException;
import io.jetfire.Delegate;
import io.jetfire.Device;
import io.jetfire.spi.BenchmarkLog;
import io.jetfire.spi.DeviceFarm;
import io.jetfire.spi.DeviceFarm.Artifact;
import io.jetfire.spi.DeviceFarm.Cell;
import io.jetfire.spi.DeviceFarm.FarmRequest;
import io.jetfire.spi.DeviceFarm.FarmRun;
import io.jetfire.spi.DeviceFarm.State;
import io.jetfire.spi.DeviceFarm.Status;
import io.jetfire.spi.DeviceFarm.Workload;
import io.jetfire.spi.DeviceFarmProvider;
import io.jetfire.spi.ProviderContext;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * What every {@link DeviceFarm} must do. Extend it in the tests of an implementation and give it a
 * provider (over a scripted fake of the vendor's service, if there is one) and cells to measure.
 *
 * <p>Cases about cancelling, attaching and delegates follow the farm's own {@link
 * DeviceFarm.Capabilities}; what a farm does not declare must fail at once.
 */
@SuppressWarnings("NullAway.Init") // The farm is there before each case.
public abstract class DeviceFarmContract {
  private static final Pattern SAMPLES =
      Pattern.compile(
          BenchmarkLog.MARKER
              + " \\S+ \\d+ (\\S+)#\\d+ samples phase=inference from=\\d+ n=(\\d+)");

  private DeviceFarm farm;
  private ProviderContext context;

  @TempDir private Path folder;

  /** For subclasses. */
  protected DeviceFarmContract() {}

  /** Returns the provider under test; called once per farm that a case needs. */
  protected abstract DeviceFarmProvider provider();

  /**
   * Returns cells that are measured quickly, at least two, with different ids.
   *
   * @param target an empty folder for model files
   * @return the cells
   * @throws IOException if a model cannot be written
   */
  protected abstract List<Cell> cells(Path target) throws IOException;

  /**
   * Returns a cell that takes much longer than {@link #patience()} unless it is stopped.
   *
   * @param target an empty folder for model files
   * @return the cell
   * @throws IOException if a model cannot be written
   */
  protected abstract Cell slowCell(Path target) throws IOException;

  /**
   * Returns a cell that fails on the device.
   *
   * @param target an empty folder for model files
   * @return the cell
   * @throws IOException if a model cannot be written
   */
  protected abstract Cell brokenCell(Path target) throws IOException;

  /** Returns what the models are fed with. */
  protected abstract Workload workload();

  /** Returns the context that farms are created with. */
  protected ProviderContext context(Path workDirectory) {
    return TestProviderContext.in(workDirectory);
  }

  /** Returns how long a case waits for a run at most. */
  protected Duration patience() {
    return Duration.ofSeconds(30);
  }

  @BeforeEach
  final void create() {
    context = context(folder);
    farm = provider().create(context);
  }

  @AfterEach
  final void close() {
    farm.close();
  }

  @Test
  final void declaresSoundCapabilities() {
    DeviceFarm.Capabilities capabilities = farm.capabilities();
    assertThat(capabilities.concurrentRuns()).isPositive();
    assertThat(capabilities.pollInterval()).isPositive();
    assertThat(provider().id()).matches("[a-z0-9-]+");
  }

  @Test
  final void devicesHaveIdsOfTheirOwn() {
    assertThat(farm.devices()).isNotEmpty();
    assertThat(farm.devices()).extracting(Device::id).doesNotHaveDuplicates();
    assertThat(farm.devices()).allSatisfy(d -> assertThat(d.attribute("os")).isNotBlank());
  }

  @Test
  final void aRunFinishesAndLeavesALogOfEveryCell() throws Exception {
    FarmRequest request = request(cells(models()), 2, true);
    FarmRun run = farm.submit(request);
    assertThat(run.id()).isNotBlank();
    assertThat(states(run)).isSorted().last().isEqualTo(State.FINISHED);
    String log = log(run);
    for (Cell cell : request.cells()) {
      assertThat(log).contains(cell.id());
      if (log.contains(BenchmarkLog.MARKER)) {
        assertThat(samples(log, cell)).as(cell.id()).isEqualTo(cell.runs() * 2L);
      }
    }
  }

  @Test
  final void aKeyRunsOnce() throws Exception {
    FarmRequest request = request(cells(models()), 1, false);
    FarmRun first = farm.submit(request);
    FarmRun second = farm.submit(request);
    assertThat(second.id()).isEqualTo(first.id());
    end(first);
    assertThat(farm.submit(request).id()).isEqualTo(first.id());
  }

  @Test
  final void oneBrokenCellDoesNotStopTheOthers() throws Exception {
    List<Cell> cells = new ArrayList<>();
    cells.add(brokenCell(models()));
    cells.addAll(cells(models()));
    FarmRun run = farm.submit(request(cells, 1, true));
    assertThat(end(run).state()).isEqualTo(State.FINISHED);
    String log = log(run);
    for (Cell cell : cells) {
      assertThat(log).contains(cell.id());
    }
    if (log.contains(BenchmarkLog.MARKER)) {
      assertThat(samples(log, cells.get(0))).isZero();
      assertThat(log).containsPattern("#0 failed cause=\\S+ message=\\S+");
      for (Cell cell : cells.subList(1, cells.size())) {
        assertThat(samples(log, cell)).isEqualTo(cell.runs());
      }
    }
  }

  @Test
  final void cancellingStopsARun() throws Exception {
    FarmRun run = farm.submit(request(List.of(slowCell(models())), 1, false));
    if (!farm.capabilities().cancel()) {
      assertThatExceptionOfType(ConfigurationException.class).isThrownBy(run::cancel);
      return;
    }
    run.status();
    run.cancel();
    run.cancel();
    assertThat(end(run).state()).isEqualTo(State.CANCELLED);
    run.cancel();
    assertThat(run.status().state()).isEqualTo(State.CANCELLED);
    assertThat(run.artifacts()).isNotNull();
  }

  @Test
  final void cancellingAfterTheEndChangesNothing() throws Exception {
    assumeTrue(farm.capabilities().cancel());
    FarmRun run = farm.submit(request(cells(models()), 1, false));
    assertThat(end(run).state()).isEqualTo(State.FINISHED);
    run.cancel();
    assertThat(run.status().state()).isEqualTo(State.FINISHED);
  }

  @Test
  final void aTimeLimitEndsARun() throws Exception {
    FarmRequest slow = request(List.of(slowCell(models())), 1, false);
    FarmRun run =
        farm.submit(
            new FarmRequest(
                slow.key(),
                slow.device(),
                slow.cells(),
                slow.workload(),
                slow.sessions(),
                slow.interleaved(),
                Duration.ofMillis(300)));
    assertThat(end(run).state()).isEqualTo(State.TIMED_OUT);
  }

  @Test
  final void aRunIsFoundAgainByItsId() throws Exception {
    FarmRun run = farm.submit(request(cells(models()), 1, false));
    if (!farm.capabilities().attach()) {
      assertThatExceptionOfType(ConfigurationException.class)
          .isThrownBy(() -> farm.attach(run.id()));
      return;
    }
    end(run);
    String log = log(run);
    farm.close();
    farm = provider().create(context);
    FarmRun again = farm.attach(run.id());
    assertThat(again.id()).isEqualTo(run.id());
    assertThat(again.status().state()).isEqualTo(State.FINISHED);
    assertThat(log(again)).isEqualTo(log);
  }

  @Test
  final void anUnknownRunIsRefused() {
    assertThatExceptionOfType(ConfigurationException.class)
        .isThrownBy(() -> farm.attach("no-such-run"));
  }

  @Test
  final void anUnknownDeviceIsRefused() throws Exception {
    FarmRequest good = request(cells(models()), 1, false);
    Device stranger = new Device("no-such-device", "Nothing", java.util.Map.of());
    assertThatExceptionOfType(ConfigurationException.class)
        .isThrownBy(
            () ->
                farm.submit(
                    new FarmRequest(
                        good.key(),
                        stranger,
                        good.cells(),
                        good.workload(),
                        1,
                        false,
                        good.timeLimit())))
        .withMessageContaining("no-such-device");
  }

  @Test
  final void aDelegateThatItDoesNotDeclareIsRefused() throws Exception {
    assumeTrue(!farm.capabilities().delegates().isEmpty());
    Cell cell = cells(models()).get(0);
    Cell other =
        new Cell(
            cell.id(),
            cell.variant(),
            cell.model(),
            Delegate.of("no-such-delegate"),
            cell.threads(),
            cell.warmupRuns(),
            cell.runs());
    assertThatExceptionOfType(ConfigurationException.class)
        .isThrownBy(() -> farm.submit(request(List.of(other), 1, false)))
        .withMessageContaining("NO-SUCH-DELEGATE");
  }

  @Test
  final void anUnknownArtifactIsRefused() throws Exception {
    FarmRun run = farm.submit(request(cells(models()), 1, false));
    end(run);
    assertThatExceptionOfType(ConfigurationException.class)
        .isThrownBy(
            () ->
                run.download(
                    new Artifact("no-such-file", Artifact.Kind.OTHER), folder.resolve("target")));
    assertThat(folder.resolve("target")).doesNotExist();
  }

  @Test
  final void aDownloadReplacesTheWholeFile() throws Exception {
    FarmRun run = farm.submit(request(cells(models()), 1, false));
    end(run);
    Path target = folder.resolve("download.log");
    Files.writeString(target, "x".repeat(10_000_000));
    Artifact log = artifact(run);
    run.download(log, target);
    assertThat(Files.readString(target, StandardCharsets.UTF_8)).doesNotContain("xxxxxxxxxxxxxxxx");
  }

  private Path models() throws IOException {
    return Files.createTempDirectory(folder, "models");
  }

  private FarmRequest request(List<Cell> cells, int sessions, boolean interleaved) {
    return new FarmRequest(
        UUID.randomUUID().toString(),
        farm.devices().get(0),
        cells,
        workload(),
        sessions,
        interleaved,
        Duration.ofMinutes(5));
  }

  private Status end(FarmRun run) throws InterruptedException {
    states(run);
    return run.status();
  }

  private List<State> states(FarmRun run) throws InterruptedException {
    List<State> states = new ArrayList<>();
    long deadline = System.nanoTime() + patience().toNanos();
    while (states.isEmpty() || !states.get(states.size() - 1).ended()) {
      State state = run.status().state();
      if (states.isEmpty() || states.get(states.size() - 1) != state) {
        states.add(state);
      }
      assertThat(System.nanoTime()).as("still %s after %s", state, patience()).isLessThan(deadline);
      if (!state.ended()) {
        Thread.sleep(20);
      }
    }
    return states;
  }

  private static Artifact artifact(FarmRun run) {
    return run.artifacts().stream()
        .filter(a -> a.kind() == Artifact.Kind.LOG)
        .findFirst()
        .orElseThrow(() -> new AssertionError("The run left no log, only " + run.artifacts()));
  }

  private String log(FarmRun run) throws IOException {
    StringBuilder text = new StringBuilder();
    for (Artifact artifact : run.artifacts()) {
      if (artifact.kind() == Artifact.Kind.LOG) {
        Path file = folder.resolve(UUID.randomUUID() + ".log");
        run.download(artifact, file);
        text.append(Files.readString(file, StandardCharsets.UTF_8));
      }
    }
    assertThat(text).as("the logs of the run").isNotEmpty();
    return text.toString();
  }

  private static long samples(String log, Cell cell) {
    long count = 0;
    Matcher lines = SAMPLES.matcher(log);
    while (lines.find()) {
      if (lines.group(1).equals(cell.id())) {
        count += Long.parseLong(lines.group(2));
      }
    }
    return count;
  }
}
