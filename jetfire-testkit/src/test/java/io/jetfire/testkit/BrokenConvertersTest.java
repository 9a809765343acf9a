package io.jetfire.testkit;

import static org.assertj.core.api.Assertions.assertThat;

import io.jetfire.Advice;
import io.jetfire.ConfigurationException;
import io.jetfire.DataException;
import io.jetfire.Explanation;
import io.jetfire.LayerError;
import io.jetfire.Model;
import io.jetfire.Recipe;
import io.jetfire.Sample;
import io.jetfire.StorageException;
import io.jetfire.Target;
import io.jetfire.Tensor;
import io.jetfire.UnsupportedModelException;
import io.jetfire.spi.Cancellation;
import io.jetfire.spi.ConverterBackend;
import io.jetfire.spi.ConverterBackendProvider;
import io.jetfire.spi.ProviderContext;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Each broken converter fails the case that is about what it breaks. */
final class BrokenConvertersTest {
  /** What is broken, and the case that must notice. */
  enum Flaw {
    NONE(""),
    NO_FORMAT("describesItself"),
    ACCEPTS_ALL("acceptsItsSourceAndNoText"),
    WRONG_NUMBERS("float32KeepsTheNumbers"),
    REDUCED_IS_FAR_OFF("everyRecipeStaysNear"),
    NEVER_THE_SAME("theSameRequestGivesTheSameBytes"),
    SHARED_STATE("conversionsSideBySideGiveWhatTheyGiveAlone"),
    TOUCHES_THE_SOURCE("leavesTheSourceAlone"),
    WRITES_INTO_THE_OLD_FILE("replacesTheTargetAsAWhole"),
    WRITES_BEFORE_IT_READS("keepsTheTargetWhenTheSourceIsBroken"),
    LEAVES_A_PARTIAL_FILE("keepsTheTargetWhenTheSourceIsBroken"),
    NEEDS_NO_CALIBRATION("asksForCalibrationWhereARecipeNeedsIt"),
    TAKES_NAN("namesACalibrationSampleWithANaN"),
    TAKES_ANY_SHAPE("namesACalibrationSampleOfAnotherShape"),
    DEAF("stopsWhenCancelledAndLeavesNoFile"),
    EXPLAINS_INTO_THE_TARGET("explainsWithoutWritingOrSaysThatItCannot"),
    EXPLAINS_FROM_NOTHING("explainsNothingWithoutSamples"),
    KEEPS_A_TRIAL_TO_ITSELF("advisesOnWhatItMeasuredOrSaysThatItCannot"),
    INVENTS_SIZES("advisesOnWhatItMeasuredOrSaysThatItCannot"),
    FAILS_WHEN_CANCELLED("anAdviceThatIsCancelledOrOutOfTimeHasWhatWasTried"),
    NEVER_LATE("anAdviceThatIsCancelledOrOutOfTimeHasWhatWasTried");

    private final String intended;

    Flaw(String intended) {
      this.intended = intended;
    }
  }

  /** The flaw of the converter under test; cases run one after the other. */
  private static volatile Flaw flaw = Flaw.NONE;

  @ParameterizedTest
  @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "NONE")
  void aBrokenConverterFailsTheIntendedCase(Flaw broken) {
    flaw = broken;
    assertThat(Contracts.failures(BrokenConverter.class)).contains(broken.intended);
  }

  @Test
  void theSameConverterWithoutAFlawFailsNone() {
    flaw = Flaw.NONE;
    assertThat(Contracts.failures(BrokenConverter.class)).isEmpty();
  }

  /** Run by this test alone: its name is none that a build looks for. */
  static final class BrokenConverter extends ConverterBackendContract {
    @Override
    protected ConverterBackendProvider provider() {
      return new ConverterBackendProvider() {
        @Override
        public String id() {
          return "to-line";
        }

        @Override
        public ConverterBackend create(ProviderContext context) {
          return new ToLine(flaw);
        }
      };
    }

    @Override
    protected Known known(Path empty) throws IOException {
      List<Sample> samples = new ArrayList<>();
      for (int i = 1; i <= 4; i++) {
        samples.add(Sample.of("s" + i, Tensor.ofFloats(new float[] {i}, 1), Target.none()));
      }
      return new Known(
          Model.of(Files.writeString(empty.resolve("three.slope"), "slope 3.25 end"), "slope"),
          samples,
          List.of(Tensor.ofFloats(new float[] {3.25f}, 1)),
          0);
    }

    @Override
    protected List<Recipe> recipes() {
      return List.of(Recipe.float32(), Recipe.dynamicRange(), Recipe.fullInteger());
    }
  }

  /** From files that say "slope S end" to those of {@link BrokenTrainersTest}'s runtime. */
  private static final class ToLine implements ConverterBackend {
    private final Flaw flaw;
    private final AtomicInteger inside = new AtomicInteger();

    ToLine(Flaw flaw) {
      this.flaw = flaw;
    }

    @Override
    public String targetFormat() {
      return flaw == Flaw.NO_FORMAT ? "" : "line";
    }

    @Override
    public boolean accepts(Model source) {
      return flaw == Flaw.ACCEPTS_ALL || source.format().equals("slope");
    }

    @Override
    public Conversion convert(Request request) {
      if (flaw != Flaw.DEAF) {
        request.cancellation().check();
      }
      try {
        int others = inside.getAndIncrement();
        if (flaw == Flaw.SHARED_STATE) {
          Thread.sleep(20);
        }
        return convert(request, flaw == Flaw.SHARED_STATE ? others : 0);
      } catch (IOException e) {
        throw new StorageException("cannot convert " + request.source(), e);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new IllegalStateException(e);
      } finally {
        inside.getAndDecrement();
      }
    }

    private Conversion convert(Request request, int off) throws IOException {
      Path target = request.target();
      if (flaw == Flaw.WRITES_BEFORE_IT_READS) {
        Files.writeString(target, "");
      }
      if (flaw == Flaw.LEAVES_A_PARTIAL_FILE) {
        Files.writeString(target.resolveSibling("partial"), "");
      }
      String text = Files.readString(request.source().path());
      if (!text.endsWith(" end")) {
        throw new UnsupportedModelException("no end in " + request.source());
      }
      checkCalibration(request);
      if (flaw == Flaw.TOUCHES_THE_SOURCE) {
        Files.writeString(request.source().path(), text.replace("3.25", "3.250"));
      }
      float slope = Float.parseFloat(text.split(" ")[1]) + off;
      if (request.recipe().precision() != Recipe.Precision.FLOAT32) {
        slope = flaw == Flaw.REDUCED_IS_FAR_OFF ? 2 * slope : Math.round(slope);
      } else if (flaw == Flaw.WRONG_NUMBERS) {
        slope += 0.5f;
      }
      String more = flaw == Flaw.NEVER_THE_SAME ? "0".repeat(COUNT.incrementAndGet() % 30) : "";
      String line = "factor " + slope + more;
      if (flaw == Flaw.WRITES_INTO_THE_OLD_FILE && Files.exists(target)) {
        try (var channel = Files.newByteChannel(target, java.nio.file.StandardOpenOption.WRITE)) {
          channel.write(java.nio.charset.StandardCharsets.UTF_8.encode(line));
        }
      } else {
        Files.writeString(target, line);
      }
      return new Conversion(Model.of(target, "line"), List.of(), Map.of());
    }

    @Override
    public Explanation explain(Request request) {
      if (request.calibration().isEmpty() && flaw != Flaw.EXPLAINS_FROM_NOTHING) {
        throw new ConfigurationException("no samples to explain with");
      }
      if (flaw == Flaw.EXPLAINS_INTO_THE_TARGET) {
        convert(request);
      }
      LayerError layer = new LayerError("slope", "MUL", "INT8", 20, 20, 1, 0.25, 0, 1, 100);
      return new Explanation(List.of(layer), List.of(), List.of(), 4);
    }

    @Override
    public Advice advise(Search search) {
      List<Advice.Trial> trials = new ArrayList<>();
      long start = System.nanoTime();
      try {
        Path file = Files.createTempFile("advice", ".line");
        for (Recipe recipe : List.of(Recipe.float32(), Recipe.dynamicRange())) {
          boolean late = System.nanoTime() - start > search.timeLimit().toNanos();
          if (search.cancellation().isRequested() || (late && flaw != Flaw.NEVER_LATE)) {
            if (flaw == Flaw.FAILS_WHEN_CANCELLED) {
              search.cancellation().check();
            }
            return new Advice(search.measure().toString(), search.budget(), trials, false);
          }
          Model model =
              convert(
                      new Request(
                          search.source(),
                          recipe,
                          Optional.of(search.calibration()),
                          search.targetRuntime(),
                          search.reading(),
                          file,
                          Cancellation.NEVER))
                  .model();
          double accuracy =
              search.measure() instanceof Measure.Metric metric
                  ? metric.of().applyAsDouble(model)
                  : 30;
          long size = Files.size(file) + (flaw == Flaw.INVENTS_SIZES ? 1 : 0);
          trials.add(new Advice.Trial(recipe, size, 1, accuracy));
          if (trials.size() == 1 || flaw != Flaw.KEEPS_A_TRIAL_TO_ITSELF) {
            search.onTrial().accept(trials.get(trials.size() - 1));
          }
        }
        Files.delete(file);
        return new Advice(search.measure().toString(), search.budget(), trials, true);
      } catch (IOException e) {
        throw new StorageException("cannot search " + search.source(), e);
      }
    }

    private static final AtomicInteger COUNT = new AtomicInteger();

    private void checkCalibration(Request request) {
      if (!request.recipe().needsCalibration()) {
        return;
      }
      if (request.calibration().isEmpty()) {
        if (flaw == Flaw.NEEDS_NO_CALIBRATION) {
          return;
        }
        throw new ConfigurationException(request.recipe() + " needs calibration");
      }
      try (Stream<Sample> samples = request.calibration().get().dataset().samples()) {
        for (Sample sample : (Iterable<Sample>) samples::iterator) {
          float[] values = sample.input().toFloatArray();
          boolean shape = flaw == Flaw.TAKES_ANY_SHAPE || values.length == 1;
          boolean finite = flaw == Flaw.TAKES_NAN || Float.isFinite(values[0]);
          if (!shape || !finite) {
            throw new DataException("bad sample " + sample.id());
          }
        }
      }
    }
  }
}
