package io.jetfire.core.internal.fake;

import io.jetfire.Dataset;
import io.jetfire.Model;
import io.jetfire.Sample;
import io.jetfire.StorageException;
import io.jetfire.Target;
import io.jetfire.Tensor;
import io.jetfire.TrainedModel;
import io.jetfire.Training;
import io.jetfire.spi.ConverterBackend;
import io.jetfire.spi.ConverterBackendProvider;
import io.jetfire.spi.MetadataStore;
import io.jetfire.spi.MetadataStoreProvider;
import io.jetfire.spi.ProviderContext;
import io.jetfire.spi.TrainingBackend;
import io.jetfire.spi.TrainingBackendProvider;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.Predicate;

/** What an experiment needs, without the work. */
public final class Fakes {
  private Fakes() {}

  /** Samples whose input is one number: the label. */
  public static Dataset digits(int count) {
    List<Sample> samples = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      samples.add(Sample.of("s" + i, Tensor.ofFloats(new float[] {i % 2}, 1), Target.label(i % 2)));
    }
    return Dataset.of("digits", List.of("zero", "one"), samples);
  }

  /** A description for {@link #trainingBackend}. */
  public record FakeTraining(String name, Dataset dataset) implements Training {
    @Override
    public String backend() {
      return "fake";
    }

    @Override
    public Map<String, String> settings() {
      return Map.of("seed", "7");
    }
  }

  public static Path write(Path file, String text) {
    try {
      return Files.writeString(file, text);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Tells the action, reports two epochs and writes a file of the format {@code net}. */
  public static TrainingBackendProvider trainingBackend(Consumer<TrainingBackend.Request> action) {
    return new TrainingBackendProvider() {
      @Override
      public String id() {
        return "fake";
      }

      @Override
      public TrainingBackend create(ProviderContext context) {
        return request -> {
          List<TrainedModel.Epoch> epochs =
              List.of(
                  new TrainedModel.Epoch(1, 0.5, Map.of()),
                  new TrainedModel.Epoch(2, 0.25, Map.of("validation loss", 0.375)));
          epochs.forEach(request.onEpoch());
          action.accept(request);
          Path file = write(request.directory().resolve("model.net"), "trained");
          return new TrainedModel(Model.of(file), epochs, Map.of("version", "1"));
        };
      }
    };
  }

  /** Tells the action, and writes a file that names the recipe. */
  public static ConverterBackendProvider converterBackend(
      Consumer<ConverterBackend.Request> action) {
    return new ConverterBackendProvider() {
      @Override
      public String id() {
        return "tflite";
      }

      @Override
      public ConverterBackend create(ProviderContext context) {
        return new ConverterBackend() {
          @Override
          public String targetFormat() {
            return "lite";
          }

          @Override
          public boolean accepts(Model source) {
            return source.format().equals("net");
          }

          @Override
          public Conversion convert(Request request) {
            action.accept(request);
            write(request.target(), request.recipe().name());
            return new Conversion(
                Model.of(request.target()), List.of("a note"), Map.of("converter", "2"));
          }
        };
      }
    };
  }

  /** A store in which calls of chosen methods fail. */
  public static MetadataStoreProvider store(
      String id, MetadataStore store, Predicate<String> fails) {
    MetadataStore proxy =
        (MetadataStore)
            Proxy.newProxyInstance(
                Fakes.class.getClassLoader(),
                new Class<?>[] {MetadataStore.class},
                (p, method, arguments) -> {
                  if (!method.getName().equals("close") && fails.test(method.getName())) {
                    throw new StorageException("the disk is full");
                  }
                  if (method.getName().equals("close")) {
                    return null;
                  }
                  try {
                    return method.invoke(store, arguments);
                  } catch (InvocationTargetException e) {
                    throw e.getCause();
                  }
                });
    return new MetadataStoreProvider() {
      @Override
      public String id() {
        return id;
      }

      @Override
      public MetadataStore create(ProviderContext context) {
        return proxy;
      }
    };
  }
}
