package io.jetfire.tflite.importer;

import io.jetfire.ConfigurationException;
import io.jetfire.Delegate;
import io.jetfire.Model;
import io.jetfire.StorageException;
import io.jetfire.Tensor;
import io.jetfire.TensorSpec;
import io.jetfire.TensorType;
import io.jetfire.UnsupportedModelException;
import io.jetfire.spi.ModelRuntime;
import io.jetfire.tflite.format.TargetRuntime;
import io.jetfire.tflite.format.TfliteWriter;
import io.jetfire.tflite.format.WriteOptions;
import io.jetfire.tflite.graph.Graph;
import io.jetfire.tflite.graph.Op;
import io.jetfire.tflite.graph.Value;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SplittableRandom;

/**
 * Runs an imported model and compares what it computes with what is expected.
 *
 * <pre>{@code
 * ImportVerification.Result result =
 *     ImportVerification.of(Path.of("detector.onnx")).run(runtime, workDirectory);
 * System.out.print(result);
 * result.requireSame();
 * }</pre>
 *
 * <p>Expected tensors are, in this order: those that the caller gives with {@link #example}; those
 * that the source carries (see {@link ModelImporter#examples}); and else those that the graph
 * computes, for seeded random inputs, before it is optimized: operator by operator as the source
 * has them. The last kind shows what folding, fusing and moving layouts changed, not whether the
 * importer understood an operator; only expected tensors from elsewhere show that.
 *
 * <p>Any tensor whose name is among the expected ones is compared, not outputs alone, in the order
 * of execution; so the first one that differs is where to look. An expected tensor with channels
 * first is compared with one that has them last.
 *
 * <p>Immutable and thread-safe.
 */
public final class ImportVerification {
  private static final WriteOptions FOR_THIS_HOST =
      WriteOptions.builder().target(TargetRuntime.of("2.21.0")).allowLosses(true).build();

  private final ModelImporter importer;
  private final Path file;
  private final ImportOptions options;
  private final List<Example> examples;
  private final long seed;
  private final double tolerance;

  private ImportVerification(
      ModelImporter importer,
      Path file,
      ImportOptions options,
      List<Example> examples,
      long seed,
      double tolerance) {
    this.importer = importer;
    this.file = file;
    this.options = options;
    this.examples = List.copyOf(examples);
    this.seed = seed;
    this.tolerance = tolerance;
  }

  /**
   * Inputs and what comes of them.
   *
   * @param inputs by name
   * @param expected outputs, and intermediate tensors if they are known, by name
   */
  public record Example(Map<String, Tensor> inputs, Map<String, Tensor> expected) {
    /** Copies the maps. */
    public Example {
      inputs = Map.copyOf(inputs);
      expected = Map.copyOf(expected);
    }
  }

  /**
   * How far a tensor is from what was expected.
   *
   * @param tensor its name
   * @param largest the largest absolute difference of an element; infinite if a number stands where
   *     none was expected, or the shapes differ
   * @param share the same as a share of the expected tensor's range
   */
  public record Difference(String tensor, double largest, double share) {}

  /**
   * Starts a verification of a file by the importer that accepts it.
   *
   * @param file the source model
   * @return the verification, with default options, a tolerance of 1e-4 and the seed 1
   * @throws ConfigurationException if no importer on the class path accepts the file
   */
  public static ImportVerification of(Path file) {
    ModelImporters importers = ModelImporters.load();
    ModelImporter importer =
        importers
            .find(file)
            .orElseThrow(
                () ->
                    new ConfigurationException(
                        "No importer reads "
                            + file
                            + "; there are "
                            + importers
                            + ". Add the artifact that imports its format."));
    return of(importer, file);
  }

  /**
   * Starts a verification.
   *
   * @param importer reads the file
   * @param file the source model
   * @return the verification, with default options, a tolerance of 1e-4 and the seed 1
   */
  public static ImportVerification of(ModelImporter importer, Path file) {
    return new ImportVerification(importer, file, ImportOptions.defaults(), List.of(), 1, 1e-4);
  }

  /**
   * Returns this verification with other import options.
   *
   * @param value as for the import
   * @return the verification
   */
  public ImportVerification options(ImportOptions value) {
    return new ImportVerification(importer, file, value, examples, seed, tolerance);
  }

  /**
   * Returns this verification with one more example.
   *
   * @param inputs a tensor for every input, by name
   * @param expected outputs and other tensors, by name
   * @return the verification
   */
  public ImportVerification example(Map<String, Tensor> inputs, Map<String, Tensor> expected) {
    List<Example> more = new ArrayList<>(examples);
    more.add(new Example(inputs, expected));
    return new ImportVerification(importer, file, options, more, seed, tolerance);
  }

  /**
   * Returns this verification with another seed for random inputs.
   *
   * @param value any number
   * @return the verification
   */
  public ImportVerification seed(long value) {
    return new ImportVerification(importer, file, options, examples, value, tolerance);
  }

  /**
   * Returns this verification with another tolerance.
   *
   * @param shareOfRange the largest difference allowed, as a share of the expected tensor's range
   *     (its largest minus its smallest element)
   * @return the verification
   */
  public ImportVerification tolerance(double shareOfRange) {
    if (!(shareOfRange >= 0)) {
      throw new ConfigurationException(
          "The tolerance is a share of the range, such as 1e-4, but was " + shareOfRange);
    }
    return new ImportVerification(importer, file, options, examples, seed, shareOfRange);
  }

  /**
   * Imports the model, runs it on every example with the reference kernels, and compares.
   *
   * @param runtime executes {@code tflite} and lets intermediate tensors be read
   * @param workDirectory an existing folder for temporary files
   * @return what was compared
   * @throws ConfigurationException if an example lacks an input, or an input's dimensions are open
   * @throws UnsupportedModelException if the model cannot be imported
   */
  public Result run(ModelRuntime runtime, Path workDirectory) {
    Graph graph = importer.read(file, options);
    List<Example> given = examples.isEmpty() ? importer.examples(file) : examples;
    boolean fromElsewhere = !given.isEmpty();
    if (!fromElsewhere) {
      given = List.of(asRead(runtime, workDirectory));
    }
    Map<String, Difference> worst = new LinkedHashMap<>();
    List<String> order = order(graph);
    for (Example example : given) {
      Map<String, Tensor> actual = execute(graph, example.inputs(), runtime, workDirectory);
      for (String name : order) {
        Tensor expected = example.expected().get(name);
        Tensor found = actual.get(name);
        if (expected != null && found != null) {
          TensorComparison.compare(name, expected, found, fromElsewhere)
              .ifPresent(d -> worst.merge(name, d, (a, b) -> a.share() >= b.share() ? a : b));
        }
      }
    }
    List<Difference> compared = new ArrayList<>();
    order.forEach(name -> Optional.ofNullable(worst.get(name)).ifPresent(compared::add));
    if (compared.isEmpty()) {
      throw new ConfigurationException(
          "None of the expected tensors is one of the imported model "
              + file
              + ", whose outputs are "
              + graph.main().outputs().stream().map(Value::name).toList()
              + ". Name expected tensors as the model does.");
    }
    return new Result(file, compared, tolerance, given.size(), fromElsewhere);
  }

  /** The graph before any optimization, and what it computes for random inputs. */
  private Example asRead(ModelRuntime runtime, Path workDirectory) {
    Graph raw = importer.read(file, options.unoptimized());
    SplittableRandom random = new SplittableRandom(seed);
    Map<String, Tensor> inputs = new LinkedHashMap<>();
    for (Value input : raw.main().inputs()) {
      inputs.put(input.name(), random(input, random));
    }
    return new Example(inputs, execute(raw, inputs, runtime, workDirectory));
  }

  /** Floats from -1 to 1; small whole numbers, which are indices more often than anything else. */
  private Tensor random(Value input, SplittableRandom random) {
    if (!input.shape().isStatic()) {
      throw new ConfigurationException(
          "The input "
              + input.name()
              + " of "
              + file
              + " has the open shape "
              + input.shape()
              + ", so no random input can be made. Bind its dimensions in the import options, or"
              + " give an example.");
    }
    TensorType type = TensorType.valueOf(input.type().name());
    int[] shape = input.shape().dims();
    int count = Arrays.stream(shape).reduce(1, Math::multiplyExact);
    ByteBuffer data =
        ByteBuffer.allocate(Math.multiplyExact(count, type.bytes())).order(ByteOrder.LITTLE_ENDIAN);
    for (int i = 0; i < count; i++) {
      switch (type) {
        case FLOAT32 -> data.putFloat((float) random.nextDouble(-1, 1));
        case FLOAT64 -> data.putDouble(random.nextDouble(-1, 1));
        case FLOAT16 -> data.putShort((short) 0x3800);
        case INT16 -> data.putShort((short) random.nextInt(2));
        case INT32 -> data.putInt(random.nextInt(2));
        case INT64 -> data.putLong(random.nextInt(2));
        default -> data.put((byte) random.nextInt(2));
      }
    }
    return Tensor.of(type, data.flip(), shape);
  }

  /** All tensors with a name of their own, by name. */
  private Map<String, Tensor> execute(
      Graph graph, Map<String, Tensor> inputs, ModelRuntime runtime, Path workDirectory) {
    Path written;
    try {
      written = Files.createTempFile(workDirectory, "verify", ".tflite");
    } catch (IOException e) {
      throw new StorageException(
          "No file can be made in " + workDirectory + " (" + e + "); name another folder", e);
    }
    try {
      TfliteWriter.write(graph, written, FOR_THIS_HOST);
      Map<String, List<Integer>> shapes = new HashMap<>();
      inputs.forEach(
          (name, tensor) -> shapes.put(name, Arrays.stream(tensor.shape()).boxed().toList()));
      ModelRuntime.Options open =
          ModelRuntime.Options.defaults()
              .delegate(Delegate.CPU)
              .isolation(ModelRuntime.Isolation.IN_PROCESS)
              .withTaps();
      boolean fixed = graph.main().inputs().stream().allMatch(v -> v.shape().isStatic());
      try (ModelRuntime.Session session =
          runtime.open(Model.of(written, "tflite"), fixed ? open : open.inputShapes(shapes))) {
        return execute(session, inputs);
      }
    } finally {
      try {
        Files.deleteIfExists(written);
      } catch (IOException e) {
        throw new StorageException("The temporary file " + written + " cannot be removed", e);
      }
    }
  }

  private Map<String, Tensor> execute(ModelRuntime.Session session, Map<String, Tensor> inputs) {
    for (int i = 0; i < session.inputs().size(); i++) {
      String name = session.inputs().get(i).name();
      Tensor tensor = inputs.get(name);
      if (tensor == null) {
        throw new ConfigurationException(
            "An example for "
                + file
                + " has the inputs "
                + inputs.keySet()
                + ", but the model also has "
                + name
                + ". Give a tensor for every input.");
      }
      session.input(i, tensor);
    }
    session.invoke();
    Map<String, Tensor> all = new HashMap<>();
    Set<String> twice = new HashSet<>();
    session
        .taps()
        .forEach(
            (index, spec) -> {
              if (all.putIfAbsent(spec.name(), session.tap(index)) != null) {
                twice.add(spec.name());
              }
            });
    all.keySet().removeAll(twice);
    // What the optimizer stores in another order of dimensions is still that tensor.
    Map<String, Tensor> moved = new HashMap<>();
    all.forEach((name, tensor) -> moved.put(sourceName(name), tensor));
    moved.forEach(all::putIfAbsent);
    List<TensorSpec> outputs = session.outputs();
    for (int i = 0; i < outputs.size(); i++) {
      all.put(outputs.get(i).name(), session.output(i));
    }
    return all;
  }

  private static String sourceName(String name) {
    return name.replaceFirst("/(last|first)(_[0-9]+)?$", "");
  }

  private static List<String> order(Graph graph) {
    Set<String> names = new LinkedHashSet<>();
    for (Op op : graph.main().ops()) {
      op.outputs().stream().map(v -> sourceName(v.name())).forEach(names::add);
    }
    graph.main().outputs().stream().map(Value::name).forEach(names::add);
    return List.copyOf(names);
  }

  /**
   * What was compared.
   *
   * @param file the source model
   * @param differences of each tensor that was compared, the largest over all examples, in the
   *     order of execution
   * @param tolerance the largest share that is allowed
   * @param examples how many examples were run
   * @param expectedFromElsewhere false if what was expected is the unoptimized graph's
   */
  public record Result(
      Path file,
      List<Difference> differences,
      double tolerance,
      int examples,
      boolean expectedFromElsewhere) {
    /** Copies the list. */
    public Result {
      differences = List.copyOf(differences);
    }

    /**
     * Returns the first tensor, in the order of execution, that is off by more than the tolerance.
     *
     * @return empty if there is none
     */
    public Optional<Difference> firstDiffering() {
      return differences.stream().filter(d -> !(d.share() <= tolerance)).findFirst();
    }

    /**
     * Fails if a tensor is off by more than the tolerance.
     *
     * @throws UnsupportedModelException which names the first one
     */
    public void requireSame() {
      Optional<Difference> first = firstDiffering();
      if (first.isPresent()) {
        throw new UnsupportedModelException(
            String.format(
                Locale.ROOT,
                "The import of %s does not compute what %s: the first tensor that differs is %s, by"
                    + " %.3g (%.3g of its range; %.3g is allowed). Look at the operator that"
                    + " computes it, and do not use the import until it agrees.",
                file,
                expectedFromElsewhere ? "is expected" : "it does before it is optimized",
                first.get().tensor(),
                first.get().largest(),
                first.get().share(),
                tolerance));
      }
    }

    /** A table of all tensors that were compared. */
    @Override
    public String toString() {
      StringBuilder text = new StringBuilder();
      text.append(
          String.format(
              Locale.ROOT,
              "%s: %d tensors compared with %s over %d example%s, %s%n",
              file.getFileName(),
              differences.size(),
              expectedFromElsewhere ? "those expected" : "the unoptimized graph's",
              examples,
              examples == 1 ? "" : "s",
              firstDiffering().map(d -> "the first that differs is " + d.tensor()).orElse("same")));
      int width = differences.stream().mapToInt(d -> d.tensor().length()).max().orElse(1);
      for (Difference d : differences) {
        text.append(
            String.format(
                Locale.ROOT,
                "  %-" + width + "s  %10.3g  %10.3g of range%n",
                d.tensor(),
                d.largest(),
                d.share()));
      }
      return text.toString();
    }
  }
}
