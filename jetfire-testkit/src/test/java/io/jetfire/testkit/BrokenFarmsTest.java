package io.jetfire.testkit;

import static org.assertj.core.api.Assertions.assertThat;

import io.jetfire.ConfigurationException;
import io.jetfire.Device;
import io.jetfire.spi.DeviceFarm;
import io.jetfire.spi.DeviceFarmProvider;
import io.jetfire.spi.ProviderContext;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Each broken farm fails the case that is about what it breaks. */
final class BrokenFarmsTest {
  /** What is broken, and the case that must notice. */
  enum Flaw {
    NONE(""),
    NO_CONCURRENT_RUNS("declaresSoundCapabilities"),
    ONE_ID_FOR_TWO_DEVICES("devicesHaveIdsOfTheirOwn"),
    SAMPLES_ARE_MISSING("aRunFinishesAndLeavesALogOfEveryCell"),
    STATES_GO_BACK("aRunFinishesAndLeavesALogOfEveryCell"),
    KEYS_ARE_IGNORED("aKeyRunsOnce"),
    STOPS_AT_A_BROKEN_CELL("oneBrokenCellDoesNotStopTheOthers"),
    CANCEL_DOES_NOTHING("cancellingStopsARun"),
    CANCEL_REWRITES_THE_END("cancellingAfterTheEndChangesNothing"),
    NO_TIME_LIMIT("aTimeLimitEndsARun"),
    RUNS_ARE_FORGOTTEN("aRunIsFoundAgainByItsId"),
    ANY_ID_IS_A_RUN("anUnknownRunIsRefused"),
    ANY_DEVICE_WILL_DO("anUnknownDeviceIsRefused"),
    ANY_DELEGATE_WILL_DO("aDelegateThatItDoesNotDeclareIsRefused"),
    ANY_NAME_IS_AN_ARTIFACT("anUnknownArtifactIsRefused"),
    DOWNLOADS_APPEND("aDownloadReplacesTheWholeFile");

    private final String intended;

    Flaw(String intended) {
      this.intended = intended;
    }
  }

  /** The flaw of the farm under test; cases run one after the other. */
  private static volatile Flaw flaw = Flaw.NONE;

  @ParameterizedTest
  @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "NONE")
  void aBrokenFarmFailsTheIntendedCase(Flaw broken) {
    flaw = broken;
    assertThat(Contracts.failures(BrokenFarm.class)).contains(broken.intended).hasSizeLessThan(5);
  }

  @Test
  void theSameFarmWithoutAFlawFailsNone() {
    flaw = Flaw.NONE;
    assertThat(Contracts.failures(BrokenFarm.class)).isEmpty();
  }

  /** Run by this test alone: its name is none that a build looks for. */
  static final class BrokenFarm extends FakeDeviceFarmContractTest {
    private final FakeDeviceFarm real = script(flaw).build();

    private static FakeDeviceFarm.Builder script(Flaw broken) {
      FakeDeviceFarm.Builder script = script();
      if (broken == Flaw.SAMPLES_ARE_MISSING) {
        script.log(lines -> lines.stream().filter(l -> !l.contains("phase=inference")).toList());
      }
      if (broken == Flaw.STOPS_AT_A_BROKEN_CELL) {
        script.log(
            lines -> {
              List<String> kept = new ArrayList<>();
              for (String line : lines) {
                kept.add(line);
                if (line.contains(" failed cause=")) {
                  break;
                }
              }
              return kept;
            });
      }
      if (broken == Flaw.NO_CONCURRENT_RUNS) {
        script.concurrentRuns(0);
      }
      if (broken == Flaw.ANY_DELEGATE_WILL_DO) {
        script.endsWith(DeviceFarm.State.FINISHED, "");
      }
      return script;
    }

    @Override
    protected DeviceFarmProvider provider() {
      return new DeviceFarmProvider() {
        @Override
        public String id() {
          return "broken";
        }

        @Override
        public DeviceFarm create(ProviderContext context) {
          return new Flawed(real.reconnected(), flaw);
        }
      };
    }

    @Override
    protected Duration patience() {
      return Duration.ofMillis(700);
    }
  }

  private record Flawed(FakeDeviceFarm real, Flaw flaw) implements DeviceFarm {
    @Override
    public Capabilities capabilities() {
      return real.capabilities();
    }

    @Override
    public List<Device> devices() {
      List<Device> devices = new ArrayList<>(real.devices());
      if (flaw == Flaw.ONE_ID_FOR_TWO_DEVICES) {
        devices.add(devices.get(0));
      }
      return devices;
    }

    @Override
    public FarmRun submit(FarmRequest request) {
      FarmRequest changed =
          new FarmRequest(
              flaw == Flaw.KEYS_ARE_IGNORED ? UUID.randomUUID().toString() : request.key(),
              flaw == Flaw.ANY_DEVICE_WILL_DO ? real.devices().get(0) : request.device(),
              flaw == Flaw.ANY_DELEGATE_WILL_DO
                  ? request.cells().stream().map(Flawed::onCpu).toList()
                  : request.cells(),
              request.workload(),
              request.sessions(),
              request.interleaved(),
              flaw == Flaw.NO_TIME_LIMIT ? Duration.ofDays(1) : request.timeLimit());
      return new FlawedRun(real.submit(changed), flaw, new int[2]);
    }

    private static Cell onCpu(Cell cell) {
      return new Cell(
          cell.id(),
          cell.variant(),
          cell.model(),
          io.jetfire.Delegate.CPU,
          cell.threads(),
          cell.warmupRuns(),
          cell.runs());
    }

    @Override
    public FarmRun attach(String id) {
      if (flaw == Flaw.RUNS_ARE_FORGOTTEN) {
        throw new ConfigurationException("never heard of " + id);
      }
      if (flaw == Flaw.ANY_ID_IS_A_RUN && id.startsWith("no-such")) {
        return new FlawedRun(null, flaw, new int[2]);
      }
      return new FlawedRun(real.attach(id), flaw, new int[2]);
    }
  }

  /** The numbers count looks at the run and cancellations after its end. */
  private record FlawedRun(
      DeviceFarm.@org.jspecify.annotations.Nullable FarmRun run, Flaw flaw, int[] counts)
      implements DeviceFarm.FarmRun {

    private DeviceFarm.FarmRun real() {
      return java.util.Objects.requireNonNull(run);
    }

    @Override
    public String id() {
      return real().id();
    }

    @Override
    public DeviceFarm.Status status() {
      DeviceFarm.Status status = real().status();
      if (flaw == Flaw.STATES_GO_BACK && counts[0]++ == 0) {
        return new DeviceFarm.Status(DeviceFarm.State.RUNNING, "");
      }
      if (flaw == Flaw.STATES_GO_BACK && counts[0] == 2) {
        return new DeviceFarm.Status(DeviceFarm.State.QUEUED, "");
      }
      return counts[1] > 0 ? new DeviceFarm.Status(DeviceFarm.State.CANCELLED, "") : status;
    }

    @Override
    public void cancel() {
      if (flaw == Flaw.CANCEL_REWRITES_THE_END) {
        counts[1]++;
      }
      if (flaw != Flaw.CANCEL_DOES_NOTHING) {
        real().cancel();
      }
    }

    @Override
    public List<DeviceFarm.Artifact> artifacts() {
      return real().artifacts();
    }

    @Override
    public void download(DeviceFarm.Artifact artifact, Path target) {
      try {
        if (flaw == Flaw.ANY_NAME_IS_AN_ARTIFACT && artifact.name().startsWith("no-such")) {
          Files.writeString(target, "", StandardCharsets.UTF_8);
        } else if (flaw == Flaw.DOWNLOADS_APPEND && Files.exists(target)) {
          Files.writeString(target, "more", StandardCharsets.UTF_8, StandardOpenOption.APPEND);
        } else {
          real().download(artifact, target);
        }
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }
}
