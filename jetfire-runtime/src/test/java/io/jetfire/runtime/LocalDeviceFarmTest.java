package io.jetfire.runtime;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.jetfire.Box;
import io.jetfire.ConfigurationException;
import io.jetfire.Delegate;
import io.jetfire.Detection;
import io.jetfire.Device;
import io.jetfire.Model;
import io.jetfire.OutputDecoder;
import io.jetfire.Prediction;
import io.jetfire.Preprocessing;
import io.jetfire.Sample;
import io.jetfire.Target;
import io.jetfire.Tensor;
import io.jetfire.spi.DeviceFarm;
import io.jetfire.spi.DeviceFarm.Cell;
import io.jetfire.spi.DeviceFarm.FarmRequest;
import io.jetfire.spi.DeviceFarm.FarmRun;
import io.jetfire.spi.DeviceFarm.State;
import io.jetfire.spi.DeviceFarm.Workload;
import io.jetfire.testkit.TestProviderContext;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@SuppressWarnings("NullAway.Init") // JUnit fills the folder, create() the rest.
final class LocalDeviceFarmTest {
  @TempDir private Path folder;
  private DeviceFarm farm;
  private Model model;

  @BeforeEach
  void create() throws IOException {
    farm =
        new LocalDeviceFarmProvider()
            .create(TestProviderContext.in(folder).with("warmup-millis", "0"));
    model = Model.of(TestModel.doubling().write(folder.resolve("doubling.tflite")));
  }

  @AfterEach
  void close() {
    farm.close();
  }

  private static Sample sample(String id, float... values) {
    return Sample.of(id, Tensor.ofFloats(values, 1, values.length), Target.label(0));
  }

  private FarmRequest request(Workload workload, int sessions, boolean interleaved, Cell... cells) {
    return new FarmRequest(
        "key-" + System.nanoTime(),
        farm.devices().get(0),
        List.of(cells),
        workload,
        sessions,
        interleaved,
        Duration.ofMinutes(1));
  }

  private Cell cell(String id, int warmup, int runs) {
    return new Cell(id, "float", model, Delegate.XNNPACK, 1, warmup, runs);
  }

  private static Workload workload(OutputDecoder decoder, Sample... samples) {
    return new Workload(List.of(samples), Preprocessing.none(), Optional.ofNullable(decoder));
  }

  private static Workload noFrames() {
    return new Workload(List.of(), Preprocessing.none(), Optional.empty());
  }

  private String finish(FarmRun run) throws Exception {
    while (!run.status().state().ended()) {
      Thread.sleep(5);
    }
    assertThat(run.status().state()).as(run.status().detail()).isEqualTo(State.FINISHED);
    Path log = folder.resolve("fetched.log");
    run.download(run.artifacts().get(0), log);
    return Files.readString(log);
  }

  private static List<String> all(String log, String pattern) {
    List<String> found = new ArrayList<>();
    Matcher matcher = Pattern.compile(pattern).matcher(log);
    while (matcher.find()) {
      found.add(matcher.group(1));
    }
    return found;
  }

  @Test
  void theHostIsDescribedByWhatIsKnown() {
    Device host = farm.devices().get(0);
    assertThat(host.id()).isEqualTo("host");
    assertThat(host.attribute("form")).isEqualTo("host");
    assertThat(Integer.parseInt(host.attribute("cores"))).isPositive();
    assertThat(Long.parseLong(host.attribute("ram"))).isGreaterThan(100L << 20);
    assertThat(host.attributes()).containsKeys("arch", "version", "java");
  }

  @Test
  void everyPhaseIsTimedApart() throws Exception {
    OutputDecoder decoder =
        OutputDecoder.function("boxes", outputs -> new Prediction.Detections(List.of()));
    String log =
        finish(
            farm.submit(
                request(workload(decoder, sample("a", 1, 2, 3, 4)), 1, false, cell("c", 3, 80))));
    assertThat(all(log, " end (warmup=\\d+ pre=\\d+ inference=\\d+ post=\\d+)"))
        .containsExactly("warmup=3 pre=80 inference=80 post=80");
    assertThat(log).containsPattern(" placement delegated=1 total=1 ");
    assertThat(log).containsPattern(" init ns=[1-9]");
    assertThat(log).contains("Inference timings in us: Init: ");
  }

  @Test
  void withoutFramesInputsAreMadeUpAndNoOtherPhaseIs() throws Exception {
    String log = finish(farm.submit(request(noFrames(), 1, false, cell("c", 1, 5))));
    assertThat(all(log, " end (.*)")).containsExactly("warmup=1 pre=0 inference=5 post=0");
    assertThat(log).doesNotContain("phase=pre").doesNotContain("phase=post");
  }

  @Test
  void detectionsOfEachFrameAreInTheLogOnce() throws Exception {
    OutputDecoder decoder =
        OutputDecoder.function(
            "first-value",
            outputs -> {
              float first = outputs.get(0).toFloatArray()[0];
              return new Prediction.Detections(
                  List.of(new Detection(1, first / 100, new Box(0, 0, 0.5f, first / 100))));
            });
    Workload workload = workload(decoder, sample("a", 10, 0, 0, 0), sample("b", 20, 0, 0, 0));
    String log = finish(farm.submit(request(workload, 1, false, cell("c", 1, 7))));
    assertThat(all(log, " frame (frame=.*)"))
        .containsExactly(
            "frame=0 from=0 n=1 of=1 d=1,0.2,0.0,0.0,0.5,0.2",
            "frame=1 from=0 n=1 of=1 d=1,0.4,0.0,0.0,0.5,0.4");
  }

  @Test
  void sessionsInterleaveWhenAskedTo() throws Exception {
    Cell a = cell("a", 0, 1);
    Cell b = cell("b", 0, 1);
    String interleaved = finish(farm.submit(request(noFrames(), 2, true, a, b)));
    assertThat(all(interleaved, " (\\w#\\d) begin ")).containsExactly("a#0", "b#0", "a#1", "b#1");
    String blocks = finish(farm.submit(request(noFrames(), 2, false, a, b)));
    assertThat(all(blocks, " (\\w#\\d) begin ")).containsExactly("a#0", "a#1", "b#0", "b#1");
  }

  @Test
  void aDecoderThatThrowsFailsItsCellAlone() throws Exception {
    OutputDecoder decoder =
        OutputDecoder.function(
            "picky",
            outputs -> {
              throw new IllegalStateException("no boxes today");
            });
    String log =
        finish(
            farm.submit(
                request(
                    workload(decoder, sample("a", 1, 2, 3, 4)),
                    1,
                    true,
                    cell("c", 0, 5),
                    cell("d", 0, 5))));
    assertThat(all(log, " failed cause=(\\w+)")).containsExactly("APP_CRASH", "APP_CRASH");
    assertThat(log).contains("no%20boxes%20today");
  }

  @Test
  void missingOperatorsAreToldFromABrokenFile() throws Exception {
    TestModel custom = TestModel.create();
    int x = custom.tensor("x", TestModel.FLOAT32, 1);
    custom.custom("MyOp", new int[] {x}, custom.tensor("y", TestModel.FLOAT32, 1)).inputs(x);
    Model unknown = Model.of(custom.outputs(1).write(folder.resolve("custom.tflite")));
    Path half = folder.resolve("half.tflite");
    Files.write(half, java.util.Arrays.copyOf(TestModel.doubling().bytes(), 200));
    String log =
        finish(
            farm.submit(
                request(
                    noFrames(),
                    1,
                    true,
                    new Cell("u", "v", unknown, Delegate.CPU, 1, 0, 1),
                    new Cell("h", "v", Model.of(half), Delegate.CPU, 1, 0, 1))));
    assertThat(all(log, " failed cause=(\\w+)"))
        .containsExactly("UNSUPPORTED_OPERATOR", "INVALID_MODEL");
  }

  @Test
  void theWarmUpLastsAtLeastAsLongAsSet() throws Exception {
    try (DeviceFarm patient =
        new LocalDeviceFarmProvider()
            .create(TestProviderContext.in(folder).with("warmup-millis", "400"))) {
      String log = finish(patient.submit(request(noFrames(), 1, false, cell("c", 1, 1))));
      assertThat(Integer.parseInt(all(log, " end warmup=(\\d+)").get(0))).isGreaterThan(20);
    }
    assertThatExceptionOfType(ConfigurationException.class)
        .isThrownBy(
            () ->
                new LocalDeviceFarmProvider()
                    .create(TestProviderContext.in(folder).with("warmup-millis", "soon")))
        .withMessageContaining("'soon'");
  }

  @Test
  void aRunWhoseProcessDiedIsReportedAsSuch() throws Exception {
    FarmRun run = farm.submit(request(noFrames(), 1, false, cell("c", 0, 1)));
    finish(run);
    Path state = folder.resolve("farm-local").resolve(run.id()).resolve("state.properties");
    Files.writeString(
        state,
        Files.readString(state)
            .replace("FINISHED", "RUNNING")
            .replaceAll("pid=\\d+", "pid=999999999"));
    try (DeviceFarm later = new LocalDeviceFarmProvider().create(TestProviderContext.in(folder))) {
      FarmRun found = later.attach(run.id());
      assertThat(found.status().state()).isEqualTo(State.FARM_FAILED);
      assertThat(found.status().detail()).contains("999999999");
      assertThat(found.artifacts()).hasSize(1);
    }
  }

  @Test
  void anotherClientCanCancel() throws Exception {
    FarmRun run = farm.submit(request(noFrames(), 1, false, cell("c", 0, Integer.MAX_VALUE)));
    try (DeviceFarm other = new LocalDeviceFarmProvider().create(TestProviderContext.in(folder))) {
      FarmRun same = other.attach(run.id());
      same.cancel();
      long deadline = System.nanoTime() + Duration.ofSeconds(10).toNanos();
      while (!same.status().state().ended() && System.nanoTime() < deadline) {
        Thread.sleep(10);
      }
      assertThat(same.status().state()).isEqualTo(State.CANCELLED);
      assertThat(run.status().state()).isEqualTo(State.CANCELLED);
      assertThat(same.artifacts()).hasSize(1);
    }
  }

  @Test
  void closingTheClientEndsItsRuns() throws Exception {
    FarmRun run = farm.submit(request(noFrames(), 1, false, cell("c", 0, Integer.MAX_VALUE)));
    while (run.status().state() == State.QUEUED) {
      Thread.sleep(1);
    }
    farm.close();
    long deadline = System.nanoTime() + Duration.ofSeconds(10).toNanos();
    while (!run.status().state().ended() && System.nanoTime() < deadline) {
      Thread.sleep(5);
    }
    assertThat(run.status().state()).isEqualTo(State.FARM_FAILED);
    assertThat(run.status().detail()).contains("closed");
  }
}
