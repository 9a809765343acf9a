package io.jetfire.testkit;

import static org.assertj.core.api.Assertions.assertThat;

import io.jetfire.ConfigurationException;
import io.jetfire.DataException;
import io.jetfire.Dataset;
import io.jetfire.Delegate;
import io.jetfire.Model;
import io.jetfire.Sample;
import io.jetfire.StorageException;
import io.jetfire.Target;
import io.jetfire.Tensor;
import io.jetfire.TensorSpec;
import io.jetfire.TensorType;
import io.jetfire.TrainedModel;
import io.jetfire.Training;
import io.jetfire.UnsupportedModelException;
import io.jetfire.spi.ModelRuntime;
import io.jetfire.spi.ModelRuntimeProvider;
import io.jetfire.spi.ProviderContext;
import io.jetfire.spi.TrainingBackend;
import io.jetfire.spi.TrainingBackendProvider;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Each broken training backend fails the case that is about what it breaks. */
final class BrokenTrainersTest {
  /** What is broken, and the case that must notice. */
  enum Flaw {
    NONE(""),
    ANOTHER_ID("describesItself"),
    FILE_DOES_NOT_RUN("writesAModelThatRunsWithoutTheUsersCode"),
    FILE_ELSEWHERE("writesAModelThatRunsWithoutTheUsersCode"),
    SILENT("tellsOfEachEpochOnceInOrder"),
    COUNTS_FROM_ZERO("tellsOfEachEpochOnceInOrder"),
    DOES_NOT_LEARN("learns"),
    NO_SEED("theSameSeedGivesTheSameModelAndAnotherSeedAnother"),
    ONE_SEED("theSameSeedGivesTheSameModelAndAnotherSeedAnother"),
    ONE_NAME("anotherTrainingLeavesTheModelAlone"),
    SHARED_STATE("trainingsSideBySideGiveWhatTheyGiveAlone"),
    DEAF("stopsWhenCancelledAndLeavesNoFile"),
    LITTER("stopsWhenCancelledAndLeavesNoFile"),
    ANY_SIZE("refusesADatasetWithoutSamplesByName"),
    RAW_ERRORS("namesADatasetThatFailsHalfway"),
    ANY_DESCRIPTION("refusesADescriptionOfAnotherBackend"),
    RAW_STORAGE_ERRORS("namesAFolderThatItCannotWriteTo");

    private final String intended;

    Flaw(String intended) {
      this.intended = intended;
    }
  }

  /** The flaw of the backend under test; cases run one after the other. */
  private static volatile Flaw flaw = Flaw.NONE;

  @ParameterizedTest
  @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "NONE")
  void aBrokenTrainerFailsTheIntendedCase(Flaw broken) {
    flaw = broken;
    assertThat(Contracts.failures(BrokenTrainer.class)).contains(broken.intended);
  }

  @Test
  void theSameTrainerWithoutAFlawFailsNone() {
    flaw = Flaw.NONE;
    assertThat(Contracts.failures(BrokenTrainer.class)).isEmpty();
  }

  /** Run by this test alone: its name is none that a build looks for. */
  static final class BrokenTrainer extends TrainingBackendContract {
    @Override
    protected TrainingBackendProvider provider() {
      return new LineProvider(flaw);
    }

    @Override
    protected Dataset dataset() {
      List<Sample> samples = new ArrayList<>();
      for (int i = 0; i < 8; i++) {
        samples.add(
            Sample.of(
                "s" + i,
                Tensor.ofFloats(new float[] {i}, 1),
                new Target.Values(Tensor.ofFloats(new float[] {3 * i}, 1))));
      }
      return Dataset.of("line", List.of(), samples);
    }

    @Override
    protected Training training(Dataset dataset, long seed) {
      return new LineTraining(dataset, seed);
    }
  }

  private record LineTraining(Dataset dataset, long seed) implements Training {
    @Override
    public String backend() {
      return "line";
    }

    @Override
    public String name() {
      return "line-v1";
    }

    @Override
    public Map<String, String> settings() {
      return Map.of("seed", Long.toString(seed));
    }
  }

  private static final class LineProvider implements TrainingBackendProvider {
    private final Flaw flaw;

    LineProvider(Flaw flaw) {
      this.flaw = flaw;
    }

    @Override
    public String id() {
      return flaw == Flaw.ANOTHER_ID ? "curve" : "line";
    }

    @Override
    public TrainingBackend create(ProviderContext context) {
      return new LineBackend(flaw);
    }
  }

  /** Fits one factor by gradient descent; the "model" is its digits. */
  private static final class LineBackend implements TrainingBackend {
    private final Flaw flaw;
    private double shared;

    LineBackend(Flaw flaw) {
      this.flaw = flaw;
    }

    @Override
    public TrainedModel train(Request request) {
      if (flaw != Flaw.ANY_DESCRIPTION && !(request.training() instanceof LineTraining)) {
        throw new ConfigurationException("not of " + request.training().backend());
      }
      long seed =
          request.training() instanceof LineTraining line && flaw != Flaw.ONE_SEED
              ? line.seed()
              : 0;
      Random random = flaw == Flaw.NO_SEED ? new Random() : new Random(seed);
      double factor = random.nextDouble();
      List<TrainedModel.Epoch> epochs = new ArrayList<>();
      for (int number = 1; number <= 3; number++) {
        if (flaw != Flaw.DEAF && request.cancellation().isRequested()) {
          if (flaw == Flaw.LITTER) {
            write(request.directory().resolve("line.partial"), "half");
          }
          request.cancellation().check();
        }
        double[] result = epoch(request.training().dataset(), factor);
        factor = flaw == Flaw.DOES_NOT_LEARN ? factor : result[1];
        int told = flaw == Flaw.COUNTS_FROM_ZERO ? number - 1 : number;
        TrainedModel.Epoch epoch = new TrainedModel.Epoch(told, result[0], Map.of());
        epochs.add(epoch);
        if (flaw != Flaw.SILENT) {
          request.onEpoch().accept(epoch);
        }
      }
      if (flaw == Flaw.SHARED_STATE) {
        factor = mixed(factor);
      }
      String text = (flaw == Flaw.FILE_DOES_NOT_RUN ? "?" : "factor ") + factor;
      String name = flaw == Flaw.ONE_NAME ? "line" : "line-" + seed + "-" + text.hashCode();
      Path directory =
          flaw == Flaw.FILE_ELSEWHERE ? request.directory().resolve("..") : request.directory();
      Path file = write(directory.resolve(name + ".line"), text);
      return new TrainedModel(Model.of(file, "line"), epochs, Map.of());
    }

    /** Trainings that wait for each other here add up. */
    private double mixed(double factor) {
      synchronized (this) {
        shared += factor;
      }
      try {
        Thread.sleep(50);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
      synchronized (this) {
        double sum = shared;
        shared = 0;
        return sum;
      }
    }

    private double[] epoch(Dataset dataset, double start) {
      double factor = start;
      double loss = 0;
      int count = 0;
      try (Stream<Sample> samples = dataset.samples()) {
        for (Sample sample : (Iterable<Sample>) samples::iterator) {
          double x = sample.input().toFloatArray()[0];
          double y = ((Target.Values) sample.target()).tensor().toFloatArray()[0];
          double error = factor * x - y;
          loss += error * error;
          factor -= 0.005 * error * x;
          count++;
        }
      } catch (RuntimeException e) {
        if (flaw == Flaw.RAW_ERRORS) {
          throw e;
        }
        throw new DataException(dataset.name() + ": " + e.getMessage(), e);
      }
      if (count == 0 && flaw != Flaw.ANY_SIZE) {
        throw new DataException(dataset.name() + " is empty");
      }
      return new double[] {loss / Math.max(1, count), factor};
    }

    private Path write(Path file, String text) {
      try {
        return Files.writeString(file, text);
      } catch (IOException e) {
        if (flaw == Flaw.RAW_STORAGE_ERRORS) {
          throw new IllegalStateException(e);
        }
        throw new StorageException("cannot write " + file, e);
      }
    }
  }

  /** Multiplies by the factor in the file; registered for these tests. */
  public static final class LineRuntimeProvider implements ModelRuntimeProvider {
    /** Creates the provider; does nothing. */
    public LineRuntimeProvider() {}

    @Override
    public String id() {
      return "line";
    }

    @Override
    public ModelRuntime create(ProviderContext context) {
      return new LineRuntime();
    }
  }

  private static final class LineRuntime implements ModelRuntime {
    @Override
    public Set<String> formats() {
      return Set.of("line");
    }

    @Override
    public Set<Delegate> delegates() {
      return Set.of(Delegate.CPU, Delegate.XNNPACK);
    }

    @Override
    public String version() {
      return "1";
    }

    @Override
    public Session open(Model model, Options options) {
      String text;
      try {
        text = Files.readString(model.path());
      } catch (IOException e) {
        throw new StorageException("cannot read " + model, e);
      }
      if (!text.startsWith("factor ")) {
        throw new UnsupportedModelException("no factor in " + model);
      }
      return new LineSession(Float.parseFloat(text.substring("factor ".length())));
    }
  }

  private static final class LineSession implements ModelRuntime.Session {
    private final float factor;
    private Tensor input = Tensor.ofFloats(new float[1], 1);
    private Tensor output = Tensor.ofFloats(new float[1], 1);

    LineSession(float factor) {
      this.factor = factor;
    }

    @Override
    public List<TensorSpec> inputs() {
      return List.of(TensorSpec.of("x", TensorType.FLOAT32, 1));
    }

    @Override
    public List<TensorSpec> outputs() {
      return List.of(TensorSpec.of("y", TensorType.FLOAT32, 1));
    }

    @Override
    public void input(int index, Tensor tensor) {
      input = tensor;
    }

    @Override
    public void invoke() {
      output = Tensor.ofFloats(new float[] {input.toFloatArray()[0] * factor}, 1);
    }

    @Override
    public Tensor output(int index) {
      return output;
    }

    @Override
    public Map<Integer, TensorSpec> taps() {
      return Map.of();
    }

    @Override
    public void close() {
      // Nothing is held.
    }
  }
}
