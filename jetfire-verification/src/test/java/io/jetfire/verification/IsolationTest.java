package io.jetfire.verification;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.jetfire.ConfigurationException;
import io.jetfire.Delegate;
import io.jetfire.Model;
import io.jetfire.Recipe;
import io.jetfire.spi.Cancellation;
import io.jetfire.spi.ConverterBackend;
import io.jetfire.spi.ModelRuntime;
import io.jetfire.tflite.TfliteConverterProvider;
import io.jetfire.tflite.graph.ElementType;
import io.jetfire.tflite.graph.Graph;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.OpKind;
import io.jetfire.tflite.graph.Shape;
import io.jetfire.tflite.graph.Subgraph;
import io.jetfire.tflite.graph.Value;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** In which process a conversion executes models. */
class IsolationTest {
  @TempDir Path folder;

  /** A runtime that remembers where models were opened. */
  private record Remembering(ModelRuntime runtime, List<ModelRuntime.Isolation> seen)
      implements ModelRuntime {
    @Override
    public Set<String> formats() {
      return runtime.formats();
    }

    @Override
    public Set<Delegate> delegates() {
      return runtime.delegates();
    }

    @Override
    public String version() {
      return runtime.version();
    }

    @Override
    public Session open(Model model, Options options) {
      synchronized (seen) {
        seen.add(options.isolation());
      }
      return runtime.open(model, options);
    }
  }

  private List<ModelRuntime.Isolation> seen(Map<String, String> settings) {
    Bench bench = new Bench(folder);
    Graph graph = Graph.create();
    Subgraph main = graph.addSubgraph("main");
    Value x = main.addInput("x", ElementType.FLOAT32, Shape.of(1, 4));
    Value y = main.addValue("y", ElementType.FLOAT32, Shape.of(1, 4));
    main.append(Op.of(OpKind.TANH).inputs(x).outputs(y));
    main.outputs(y);
    Path file = bench.write(graph.verify(), "2.16.1");
    List<ModelRuntime.Isolation> seen = new ArrayList<>();
    ConverterBackend backend =
        new TfliteConverterProvider()
            .create(new Bench.Context(folder, settings, new Remembering(bench.runtime(), seen)));
    backend.convert(
        new ConverterBackend.Request(
            Model.of(file, "tflite"),
            Recipe.fullInteger(),
            Optional.of(
                Bench.calibration(
                    List.of(new float[] {1, 2, 3, 4}, new float[] {0, 1, 0, 2}), 1, 4)),
            "2.16.1",
            ConverterBackend.Reading.asSource(),
            folder.resolve("small.tflite"),
            Cancellation.NEVER));
    return seen;
  }

  @Test
  void modelsAreCalibratedInAWorkerUnlessTheyAreTrusted() {
    assertThat(seen(Map.of())).containsOnly(ModelRuntime.Isolation.WORKER);
    assertThat(seen(Map.of("isolation", "in-process")))
        .containsOnly(ModelRuntime.Isolation.IN_PROCESS);
    assertThatThrownBy(() -> seen(Map.of("isolation", "container")))
        .isInstanceOf(ConfigurationException.class)
        .hasMessageContainingAll("isolation", "worker or in-process", "container");
  }
}
