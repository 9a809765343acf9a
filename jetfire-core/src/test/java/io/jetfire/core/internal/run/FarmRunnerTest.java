package io.jetfire.core.internal.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.jetfire.AuthenticationException;
import io.jetfire.ConfigurationException;
import io.jetfire.Delegate;
import io.jetfire.Device;
import io.jetfire.Model;
import io.jetfire.Preprocessing;
import io.jetfire.QuotaException;
import io.jetfire.RunCancelledException;
import io.jetfire.RunId;
import io.jetfire.TransientException;
import io.jetfire.core.internal.fake.FakeTime;
import io.jetfire.spi.DeviceFarm;
import io.jetfire.spi.DeviceFarm.FarmRequest;
import io.jetfire.spi.DeviceFarm.State;
import io.jetfire.spi.DeviceFarm.Status;
import io.jetfire.testkit.FakeDeviceFarm;
import io.jetfire.testkit.FakeDeviceFarm.Exchange;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(30)
class FarmRunnerTest {
  private static final Model MODEL = new Model(Path.of("m.tflite"), "tflite", 1, "0".repeat(64));

  private final FakeTime time = new FakeTime();
  private final AtomicBoolean cancelled = new AtomicBoolean();
  private final List<String> events = new ArrayList<>();
  private Duration queueLimit = Duration.ofHours(3);
  private final RunDirectory directory;

  FarmRunnerTest(@TempDir Path folder) {
    directory = RunDirectory.create(folder, new RunId("r"), "{}");
  }

  @AfterEach
  void close() {
    directory.close();
  }

  private FakeDeviceFarm.Builder farm() {
    return FakeDeviceFarm.builder()
        .clock(time)
        .takes(Duration.ofMinutes(5), Duration.ofMinutes(1), Duration.ofMinutes(1));
  }

  private FarmRunner.Ending run(DeviceFarm farm, int attempts, Duration limit) {
    FarmRequest request =
        new FarmRequest(
            "key",
            farm.devices().get(0),
            List.of(new DeviceFarm.Cell("c", "v", MODEL, Delegate.XNNPACK, 1, 1, 3)),
            new DeviceFarm.Workload(List.of(), Preprocessing.none(), Optional.empty()),
            1,
            true,
            limit);
    Events told = new Events(new RunId("r"), List.of((id, e) -> events.add(e.toString())));
    return new FarmRunner(farm, directory, told, time, time, cancelled::get)
        .run("farm-0-phone", request, attempts, queueLimit);
  }

  private FarmRunner.Ending run(DeviceFarm farm) {
    return run(farm, 2, Duration.ofMinutes(15));
  }

  @Test
  void aRunIsFollowedToItsLogs() {
    FakeDeviceFarm farm = farm().build();
    FarmRunner.Ending ending = run(farm);
    assertThat(ending.state()).isEqualTo(State.FINISHED);
    assertThat(ending.attempts()).isEqualTo(1);
    assertThat(ending.farmRun()).hasValue("fake-1");
    assertThat(ending.logs()).singleElement().satisfies(l -> assertThat(l).isNotEmptyFile());
    assertThat(events).anyMatch(e -> e.contains("QUEUED")).anyMatch(e -> e.contains("RUNNING"));
  }

  @Test
  void aPollOfTwoHoursTakesMilliseconds() {
    FakeDeviceFarm farm =
        farm()
            .pollInterval(Duration.ofSeconds(10))
            .takes(Duration.ofHours(2), Duration.ZERO, Duration.ofMinutes(1))
            .build();
    long start = System.nanoTime();
    assertThat(run(farm).state()).isEqualTo(State.FINISHED);
    assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(5));
    assertThat(time.slept()).isBetween(Duration.ofHours(2), Duration.ofHours(2).plusMinutes(2));
    // About every ten seconds, with jitter.
    assertThat(farm.count(Exchange.STATUS)).isBetween(580, 970);
  }

  @Test
  void whatMayPassIsRetriedWithBackOff() {
    FakeDeviceFarm.Builder b = farm();
    for (int i = 0; i < 5; i++) {
      b.failNext(Exchange.SUBMIT, new TransientException("busy"));
      b.failNext(Exchange.STATUS, new QuotaException("too many requests"));
    }
    b.failNext(Exchange.ARTIFACTS, new TransientException("busy"));
    b.failNext(Exchange.DOWNLOAD, new TransientException("reset"));
    FakeDeviceFarm farm = b.build();
    assertThat(run(farm).state()).isEqualTo(State.FINISHED);
    assertThat(farm.requests()).hasSize(1);
    assertThat(farm.count(Exchange.SUBMIT)).isEqualTo(6);
    // Twice 2 + 4 + 8 + 16 + 32 seconds, each within a quarter; the run takes seven minutes.
    assertThat(time.slept()).isGreaterThan(Duration.ofSeconds(46 + 46));
  }

  @Test
  void afterSixTriesTheErrorIsTheCallers() {
    FakeDeviceFarm.Builder b = farm();
    for (int i = 0; i < 6; i++) {
      b.failNext(Exchange.SUBMIT, new TransientException("busy " + i));
    }
    FakeDeviceFarm farm = b.build();
    assertThatThrownBy(() -> run(farm)).isInstanceOf(TransientException.class).hasMessage("busy 5");
    assertThat(farm.requests()).isEmpty();
  }

  @Test
  void whatDoesNotPassIsNotRetried() {
    FakeDeviceFarm farm =
        farm().failNext(Exchange.SUBMIT, new AuthenticationException("log in")).build();
    assertThatThrownBy(() -> run(farm)).isInstanceOf(AuthenticationException.class);
    assertThat(farm.count(Exchange.SUBMIT)).isEqualTo(1);
    FakeDeviceFarm broken =
        farm().failNext(Exchange.SUBMIT, new NullPointerException("token")).build();
    assertThatThrownBy(() -> run(broken))
        .isInstanceOf(ConfigurationException.class)
        .hasMessageContainingAll("adapter", "token");
  }

  @Test
  void aFarmThatFailsIsTriedAgainUnderANewKey() {
    FakeDeviceFarm farm =
        farm()
            .endsWith(
                r ->
                    r.key().endsWith("-1")
                        ? new Status(State.FARM_FAILED, "device lost")
                        : new Status(State.FINISHED, ""))
            .build();
    FarmRunner.Ending ending = run(farm);
    assertThat(ending.state()).isEqualTo(State.FINISHED);
    assertThat(ending.attempts()).isEqualTo(2);
    assertThat(farm.requests()).extracting(FarmRequest::key).doesNotHaveDuplicates().hasSize(2);
    assertThat(events).anyMatch(e -> e.contains("Attempt 1 of 2") && e.contains("device lost"));
  }

  @Test
  void aFarmThatAlwaysFailsIsGivenUp() {
    FakeDeviceFarm farm = farm().endsWith(State.FARM_FAILED, "device lost").build();
    FarmRunner.Ending ending = run(farm, 3, Duration.ofMinutes(15));
    assertThat(ending.state()).isEqualTo(State.FARM_FAILED);
    assertThat(ending.detail()).isEqualTo("device lost");
    assertThat(farm.requests()).hasSize(3);
  }

  @Test
  void aFarmThatIgnoresTheTimeLimitIsCancelledFromHere() {
    // The limit asked of the farm is ignored: it says RUNNING for ever.
    FakeDeviceFarm inner = farm().takes(Duration.ZERO, Duration.ZERO, Duration.ofHours(99)).build();
    AtomicBoolean cancelAsked = new AtomicBoolean();
    DeviceFarm deaf = new Deaf(inner, cancelAsked);
    FarmRunner.Ending ending = run(deaf, 1, Duration.ofMinutes(10));
    assertThat(ending.state()).isEqualTo(State.TIMED_OUT);
    assertThat(ending.detail()).contains("5 minutes after its limit");
    assertThat(cancelAsked).isTrue();
    assertThat(time.slept()).isBetween(Duration.ofMinutes(15), Duration.ofMinutes(17));
  }

  /** A farm whose run never ends and takes cancellation silently. */
  private record Deaf(FakeDeviceFarm inner, AtomicBoolean cancelAsked) implements DeviceFarm {
    @Override
    public Capabilities capabilities() {
      return inner.capabilities();
    }

    @Override
    public List<Device> devices() {
      return inner.devices();
    }

    @Override
    public FarmRun submit(FarmRequest request) {
      return wrap(inner.submit(request));
    }

    @Override
    public FarmRun attach(String id) {
      return wrap(inner.attach(id));
    }

    private FarmRun wrap(FarmRun run) {
      return new FarmRun() {
        @Override
        public String id() {
          return run.id();
        }

        @Override
        public Status status() {
          return new Status(State.RUNNING, "");
        }

        @Override
        public void cancel() {
          cancelAsked.set(true);
        }

        @Override
        public List<Artifact> artifacts() {
          return run.artifacts();
        }

        @Override
        public void download(Artifact artifact, Path target) {
          run.download(artifact, target);
        }
      };
    }
  }

  @Test
  void cancellationReachesTheFarmSoon() {
    FakeDeviceFarm farm = farm().pollInterval(Duration.ofMinutes(1)).build();
    var start = time.instant();
    time.onSleep(now -> cancelled.set(Duration.between(start, now).toSeconds() >= 370));
    FarmRunner.Ending ending = run(farm);
    assertThat(ending.state()).isEqualTo(State.CANCELLED);
    assertThat(farm.cancelled()).containsExactly("fake-1");
    assertThat(time.slept()).as("not at the next poll").isLessThan(Duration.ofSeconds(372));
  }

  @Test
  void cancelledBeforeItStartsNothingIsSubmitted() {
    cancelled.set(true);
    FakeDeviceFarm farm = farm().build();
    assertThat(run(farm).state()).isEqualTo(State.CANCELLED);
    assertThat(farm.count(Exchange.SUBMIT)).isZero();
  }

  @Test
  void aFarmThatCannotCancelIsNotAskedTo() {
    FakeDeviceFarm farm = farm().able(false, true).build();
    time.onSleep(now -> cancelled.set(true));
    assertThat(run(farm).state()).isEqualTo(State.CANCELLED);
    assertThat(farm.count(Exchange.CANCEL)).isZero();
  }

  @Test
  void artifactsAreFetchedAlsoAfterATimeOut() {
    FakeDeviceFarm farm = farm().endsWith(State.TIMED_OUT, "limit").build();
    FarmRunner.Ending ending = run(farm);
    assertThat(ending.state()).isEqualTo(State.TIMED_OUT);
    assertThat(ending.logs()).hasSize(1);
    assertThat(farm.requests()).as("no second attempt").hasSize(1);
  }

  @Test
  void aCrashBetweenKeyAndIdRepeatsTheSameKey() {
    FakeDeviceFarm farm = farm().failNext(Exchange.SUBMIT_ANSWER, new Crash()).build();
    assertThatThrownBy(() -> run(farm)).isInstanceOf(ConfigurationException.class);
    FakeDeviceFarm again = farm.reconnected();
    assertThat(run(again).state()).isEqualTo(State.FINISHED);
    assertThat(farm.requests()).as("the farm ran once").hasSize(1);
    assertThat(farm.count(Exchange.SUBMIT)).isEqualTo(2);
  }

  /** An unexpected end of the exchange. */
  private static final class Crash extends RuntimeException {
    private static final long serialVersionUID = 1L;
  }

  @Test
  void aLostAnswerDoesNotStartTwoRuns() {
    FakeDeviceFarm farm =
        farm().failNext(Exchange.SUBMIT_ANSWER, new TransientException("timeout")).build();
    assertThat(run(farm).state()).isEqualTo(State.FINISHED);
    assertThat(farm.count(Exchange.SUBMIT)).isEqualTo(2);
    assertThat(farm.requests()).hasSize(1);
  }

  @Test
  void aCrashAfterTheIdAttaches() {
    FakeDeviceFarm farm = farm().build();
    time.onSleep(now -> Thread.currentThread().interrupt());
    assertThatThrownBy(() -> run(farm))
        .isInstanceOf(RunCancelledException.class)
        .hasMessageContaining("fake-1 goes on");
    assertThat(Thread.interrupted()).isTrue();
    assertThat(farm.cancelled()).as("a closed client leaves paid runs alive").isEmpty();
    time.onSleep(now -> {});
    assertThat(run(farm.reconnected()).state()).isEqualTo(State.FINISHED);
    assertThat(farm.count(Exchange.SUBMIT)).isEqualTo(1);
    assertThat(farm.count(Exchange.ATTACH)).isEqualTo(1);
  }

  @Test
  void aRunThatCannotBeFoundAgainIsStartedAgainUnderItsKey() {
    FakeDeviceFarm farm = farm().able(true, false).build();
    time.onSleep(now -> Thread.currentThread().interrupt());
    assertThatThrownBy(() -> run(farm)).isInstanceOf(RunCancelledException.class);
    assertThat(Thread.interrupted()).isTrue();
    time.onSleep(now -> {});
    assertThat(run(farm.reconnected()).state()).isEqualTo(State.FINISHED);
    assertThat(farm.count(Exchange.ATTACH)).isZero();
    assertThat(farm.requests()).hasSize(1);
  }

  @Test
  void aFinishedRunIsNotAskedForAgain() {
    FakeDeviceFarm farm = farm().build();
    FarmRunner.Ending first = run(farm);
    FakeDeviceFarm other = farm().build();
    FarmRunner.Ending second = run(other);
    assertThat(second).isEqualTo(first);
    assertThat(second.logs()).allMatch(Files::exists);
    assertThat(other.count(Exchange.SUBMIT)).isZero();
  }

  @Test
  void aRunThatNeverGetsItsDeviceIsGivenUpAndAskedForAgainWhenResumed() {
    FakeDeviceFarm farm =
        farm()
            .pollInterval(Duration.ofMinutes(1))
            .takes(Duration.ofDays(9), Duration.ZERO, Duration.ofMinutes(1))
            .build();
    queueLimit = Duration.ofMinutes(30);
    FarmRunner.Ending ending = run(farm);
    assertThat(ending.state()).isEqualTo(State.TIMED_OUT);
    assertThat(ending.detail()).contains("still QUEUED after the queue limit of PT30M", "Resume");
    assertThat(ending.logs()).isEmpty();
    assertThat(farm.cancelled()).containsExactly("fake-1");
    assertThat(farm.requests()).as("no second attempt").hasSize(1);
    assertThat(time.slept()).isBetween(Duration.ofMinutes(30), Duration.ofMinutes(33));

    FakeDeviceFarm free = farm().build();
    assertThat(run(free).state()).isEqualTo(State.FINISHED);
    assertThat(free.requests()).singleElement().extracting(FarmRequest::key).isNotEqualTo("key");
    assertThat(free.requests().get(0).key())
        .as("another key, or the farm would answer with the cancelled run")
        .isNotEqualTo(farm.requests().get(0).key());
    assertThat(run(free).state()).isEqualTo(State.FINISHED);
    assertThat(free.requests()).as("finished for good").hasSize(1);
  }

  @Test
  void theQueueLimitCountsFromTheSubmissionAlsoAcrossResumption() {
    FakeDeviceFarm farm =
        farm()
            .pollInterval(Duration.ofMinutes(1))
            .takes(Duration.ofDays(9), Duration.ZERO, Duration.ofMinutes(1))
            .build();
    queueLimit = Duration.ofMinutes(30);
    var start = time.instant();
    time.onSleep(
        now -> {
          if (Duration.between(start, now).toMinutes() >= 20) {
            Thread.currentThread().interrupt();
          }
        });
    assertThatThrownBy(() -> run(farm)).isInstanceOf(RunCancelledException.class);
    assertThat(Thread.interrupted()).isTrue();
    time.onSleep(now -> {});
    assertThat(run(farm.reconnected()).state()).isEqualTo(State.TIMED_OUT);
    assertThat(time.slept()).isBetween(Duration.ofMinutes(30), Duration.ofMinutes(33));
  }

  @Test
  void aQueueThatCannotBeLeftIsLookedAtAgainWhenResumed() {
    FakeDeviceFarm farm =
        farm()
            .able(false, true)
            .takes(Duration.ofHours(1), Duration.ZERO, Duration.ofMinutes(1))
            .build();
    queueLimit = Duration.ofMinutes(30);
    FarmRunner.Ending ending = run(farm);
    assertThat(ending.state()).isEqualTo(State.TIMED_OUT);
    assertThat(ending.detail()).contains("stays in the farm's queue");
    queueLimit = Duration.ofHours(2);
    assertThat(run(farm).state()).isEqualTo(State.FINISHED);
    assertThat(farm.requests()).hasSize(1);
  }

  @Test
  void aRunThatTheFarmCancelledIsStartedAgainWhenResumed() {
    FakeDeviceFarm farm = farm().endsWith(State.CANCELLED, "by an operator").build();
    FarmRunner.Ending ending = run(farm);
    assertThat(ending.state()).isEqualTo(State.CANCELLED);
    assertThat(ending.detail()).isEqualTo("by an operator");
    assertThat(farm.requests()).as("not within the same run").hasSize(1);
    FarmRunner.Ending again = run(farm);
    assertThat(again.state()).isEqualTo(State.CANCELLED);
    assertThat(run(farm).state()).isEqualTo(State.CANCELLED);
    assertThat(farm.requests()).extracting(FarmRequest::key).doesNotHaveDuplicates().hasSize(3);
    FakeDeviceFarm willing = farm().build();
    assertThat(run(willing).state()).isEqualTo(State.FINISHED);
    assertThat(run(willing).state()).isEqualTo(State.FINISHED);
    assertThat(willing.requests()).hasSize(1);
  }

  @Test
  void aRunThatWasCancelledFromHereIsStartedAgainWhenResumed() {
    FakeDeviceFarm farm = farm().build();
    var start = time.instant();
    time.onSleep(now -> cancelled.set(Duration.between(start, now).toMinutes() >= 6));
    assertThat(run(farm).state()).isEqualTo(State.CANCELLED);
    time.onSleep(now -> {});
    cancelled.set(false);
    assertThat(run(farm.reconnected()).state()).isEqualTo(State.FINISHED);
    assertThat(farm.requests()).hasSize(2);
  }

  @Test
  void aCrashWhileCancellingStartsAgainWhenResumed() {
    FakeDeviceFarm.Builder b = farm();
    for (int i = 0; i < 6; i++) {
      b.failNext(Exchange.ARTIFACTS, new TransientException("busy"));
    }
    FakeDeviceFarm farm = b.build();
    time.onSleep(now -> cancelled.set(true));
    assertThat(run(farm).state()).isEqualTo(State.CANCELLED);
    time.onSleep(now -> {});
    cancelled.set(false);
    assertThat(run(farm.reconnected()).state()).isEqualTo(State.FINISHED);
    assertThat(farm.requests()).extracting(FarmRequest::key).doesNotHaveDuplicates().hasSize(2);
  }
}
