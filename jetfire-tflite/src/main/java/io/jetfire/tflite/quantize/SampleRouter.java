package io.jetfire.tflite.quantize;

import io.jetfire.ConfigurationException;
import io.jetfire.DataException;
import io.jetfire.Dataset;
import io.jetfire.Sample;
import io.jetfire.Tensor;
import io.jetfire.TensorSpec;
import io.jetfire.spi.ConverterBackend;
import io.jetfire.tflite.graph.Graph;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Finds out which entry point of a model a calibration sample is for.
 *
 * <p>In this order: the signature that the sample names; the entry point whose inputs have the
 * names of the sample's; where these are several, or the sample's only input has no name of its
 * own, the one whose types and shapes fit. Whatever is left undecided is an error.
 */
final class SampleRouter {
  private final Graph graph;
  private final List<EntryPoint> entries;
  private final ConverterBackend.Calibration calibration;

  SampleRouter(Graph graph, List<EntryPoint> entries, ConverterBackend.Calibration calibration) {
    this.graph = graph;
    this.entries = entries;
    this.calibration = calibration;
  }

  /**
   * The calibration of one entry point: its samples alone, with inputs named by its tensors. As
   * many samples at most as the whole calibration allows.
   *
   * @return empty if no sample is for it
   */
  Optional<ConverterBackend.Calibration> calibration(EntryPoint entry) {
    if (entries.size() > 1) {
      try (Stream<Sample> some = samples(entry)) {
        if (some.findFirst().isEmpty()) {
          return Optional.empty();
        }
      }
    }
    Dataset all = calibration.dataset();
    return Optional.of(
        new ConverterBackend.Calibration(
            Dataset.streaming(all.name(), all.fingerprint(), all.labels(), () -> samples(entry)),
            calibration.preprocessing(),
            calibration.samples()));
  }

  private Stream<Sample> samples(EntryPoint entry) {
    return calibration
        .dataset()
        .samples()
        .filter(s -> of(s).equals(entry))
        .map(s -> renamed(s, entry));
  }

  private static Sample renamed(Sample sample, EntryPoint entry) {
    return entry
        .naming(sample.inputs().keySet())
        .map(n -> Sample.of(sample.id(), entry.inTensorNames(n, sample.inputs()), sample.target()))
        .orElse(sample);
  }

  private EntryPoint of(Sample sample) {
    Optional<String> key = sample.signature();
    if (key.isPresent()) {
      return entries.stream()
          .filter(e -> e.keys().contains(key.get()))
          .findFirst()
          .orElseThrow(() -> error(sample, "is for the signature '" + key.get() + "'", ""));
    }
    if (entries.size() == 1) {
      return entries.get(0);
    }
    Set<String> names = sample.inputs().keySet();
    List<EntryPoint> named = entries.stream().filter(e -> e.naming(names).isPresent()).toList();
    if (named.size() == 1) {
      return named.get(0);
    }
    boolean unnamed = names.equals(Set.of(Sample.UNNAMED));
    List<EntryPoint> fitting =
        (named.isEmpty() && unnamed ? entries : named)
            .stream().filter(e -> fits(sample, e)).toList();
    if (fitting.size() == 1) {
      return fitting.get(0);
    }
    throw fitting.isEmpty()
        ? error(sample, "with the inputs " + sample.inputs() + " is for none of its signatures", "")
        : error(
            sample,
            "may be for "
                + fitting.stream().map(EntryPoint::label).collect(Collectors.joining(" or ")),
            "; say which with Sample.forSignature(key)");
  }

  /** Whether a sample, preprocessed, has the types and shapes of the inputs of an entry point. */
  private boolean fits(Sample sample, EntryPoint entry) {
    List<TensorSpec> specs;
    List<Tensor> tensors;
    try {
      specs = entry.specs(graph);
      if (specs.size() != sample.inputs().size()) {
        return false;
      }
      tensors = calibration.preprocessing().apply(renamed(sample, entry), specs);
    } catch (DataException | ConfigurationException e) {
      return false;
    }
    for (int i = 0; i < specs.size(); i++) {
      if (!SampleStore.fits(tensors.get(i), specs.get(i))) {
        return false;
      }
    }
    return true;
  }

  private DataException error(Sample sample, String what, String next) {
    return new DataException(
        "Calibration sample '"
            + sample.id()
            + "' "
            + what
            + ", but the model has "
            + entries.stream().map(e -> e.describe(graph)).collect(Collectors.joining("; "))
            + next);
  }
}
