package io.jetfire.core.internal.json;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.jetfire.ActivationRange;
import io.jetfire.Baseline;
import io.jetfire.ConfigurationException;
import io.jetfire.Converter;
import io.jetfire.Dataset;
import io.jetfire.Delegate;
import io.jetfire.Description;
import io.jetfire.DeviceQuery;
import io.jetfire.DeviceRun;
import io.jetfire.Evaluation;
import io.jetfire.Experiment;
import io.jetfire.Layout;
import io.jetfire.Loss;
import io.jetfire.Model;
import io.jetfire.OutputDecoder;
import io.jetfire.Preprocessing;
import io.jetfire.Recipe;
import io.jetfire.References;
import io.jetfire.RunId;
import io.jetfire.SsdAnchors;
import io.jetfire.TensorType;
import io.jetfire.Training;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.time.format.DateTimeParseException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Writes descriptions as JSON and reads them back.
 *
 * <p>The mapping is written out by hand, so that renaming something in the code never changes what
 * is stored. Keys are never renamed; a new key is optional when read.
 */
public final class DescriptionJson {
  private DescriptionJson() {}

  /**
   * Writes a description.
   *
   * @param description the description
   * @return its tree
   */
  public static ObjectNode write(Description description) {
    if (description instanceof Experiment e) {
      return experiment(e);
    }
    if (description instanceof Converter c) {
      return converter(c);
    }
    if (description instanceof DeviceRun r) {
      return deviceRun(r);
    }
    return evaluation((Evaluation) description);
  }

  /**
   * Hashes a description. Where a file lies does not matter, only what is in it.
   *
   * @param description the description
   * @return 64 hexadecimal digits
   */
  public static String fingerprint(Description description) {
    ObjectNode tree = write(description);
    for (String file : new String[] {"model", "baseline"}) {
      if (tree.get(file) instanceof ObjectNode o) {
        o.remove("path");
      }
    }
    try {
      MessageDigest sha = MessageDigest.getInstance("SHA-256");
      return HexFormat.of()
          .formatHex(sha.digest(Json.compact(tree).getBytes(StandardCharsets.UTF_8)));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("Every Java platform has SHA-256", e);
    }
  }

  /**
   * Reads a description.
   *
   * @param type what it describes
   * @param json the JSON
   * @param references what it refers to
   * @param <T> what it describes
   * @return the description
   */
  public static <T extends Description> T read(Class<T> type, String json, References references) {
    JsonFields fields = new JsonFields(Json.read(json), "the root");
    String expected =
        type == Experiment.class
            ? "experiment"
            : type == Converter.class
                ? "converter"
                : type == DeviceRun.class ? "device-run" : "evaluation";
    if (!fields.text("type").equals(expected)) {
      throw fields.error(
          "has the type '" + fields.text("type") + "', but a " + expected + " was asked for");
    }
    Reader reader = new Reader(references);
    Description result =
        switch (expected) {
          case "experiment" -> reader.experiment(fields);
          case "converter" -> reader.converter(fields);
          case "device-run" -> reader.deviceRun(fields);
          default -> reader.evaluation(fields);
        };
    return type.cast(result);
  }

  // --- Writing

  private static ObjectNode experiment(Experiment e) {
    ObjectNode o = typed("experiment").put("name", e.name());
    e.training().ifPresent(t -> o.set("training", training(t)));
    e.model().ifPresent(m -> o.set("model", model(m)));
    o.set("preprocessing", preprocessing(e.preprocessing()));
    e.decoding().ifPresent(d -> o.set("decoding", decoder(d)));
    e.evaluation().ifPresent(v -> o.set("evaluation", evaluation(v)));
    ArrayNode converters = o.putArray("converters");
    e.converters().forEach(c -> converters.add(converter(c)));
    ArrayNode runs = o.putArray("deviceRuns");
    e.deviceRuns().forEach(r -> runs.add(deviceRun(r)));
    ObjectNode tiers = o.putObject("tiers");
    e.tiers().forEach((tier, query) -> tiers.put(tier, query.toString()));
    ArrayNode gates = o.putArray("gates");
    e.gates().forEach(g -> gates.add(GateJson.write(g)));
    e.baseline().ifPresent(b -> o.set("baseline", baseline(b)));
    return o.put("recordTo", e.metadataStore());
  }

  private static ObjectNode baseline(Baseline b) {
    ObjectNode o =
        typed(
            switch (b.kind()) {
              case REPORT -> "report";
              case RUN -> "run";
              case LAST_RUN -> "last-run";
            });
    b.report().ifPresent(p -> o.put("path", p.toString()));
    b.sha256().ifPresent(h -> o.put("sha256", h));
    b.run().ifPresent(r -> o.put("run", r.value()));
    b.experiment().ifPresent(e -> o.put("experiment", e));
    return o.put("margin", b.margin());
  }

  private static ObjectNode training(Training t) {
    ObjectNode o = Json.object().put("backend", t.backend()).put("name", t.name());
    o.set("dataset", dataset(t.dataset()));
    ObjectNode settings = o.putObject("settings");
    t.settings().forEach(settings::put);
    return o;
  }

  private static ObjectNode model(Model m) {
    return Json.object()
        .put("path", m.path().toString())
        .put("format", m.format())
        .put("sizeBytes", m.sizeBytes())
        .put("sha256", m.sha256());
  }

  private static ObjectNode dataset(Dataset d) {
    return Json.object().put("name", d.name()).put("fingerprint", d.fingerprint());
  }

  private static ArrayNode preprocessing(Preprocessing p) {
    ArrayNode steps = Json.object().arrayNode();
    for (Preprocessing.Step step : p.steps()) {
      if (step instanceof Preprocessing.Resize r) {
        steps.add(typed("resize").put("width", r.width()).put("height", r.height()));
      } else if (step instanceof Preprocessing.CenterCrop c) {
        steps.add(typed("center-crop").put("width", c.width()).put("height", c.height()));
      } else if (step instanceof Preprocessing.Color c) {
        steps.add(typed("color").put("to", c.to().name()));
      } else if (step instanceof Preprocessing.Normalize n) {
        ObjectNode o = typed("normalize");
        ArrayNode mean = o.putArray("mean");
        n.mean().forEach(mean::add);
        ArrayNode std = o.putArray("std");
        n.std().forEach(std::add);
        steps.add(o);
      } else if (step instanceof Preprocessing.Function f) {
        steps.add(typed("function").put("name", f.name()));
      }
    }
    return steps;
  }

  private static ObjectNode decoder(OutputDecoder d) {
    if (d instanceof OutputDecoder.Classes c) {
      return typed("classes").put("softmax", c.softmax());
    }
    if (d instanceof OutputDecoder.Ssd s) {
      ObjectNode o = typed("ssd");
      o.set("anchors", anchors(s.anchors()));
      return o.put("scoreThreshold", s.scoreThreshold())
          .put("iouThreshold", s.iouThreshold())
          .put("maxDetections", s.maxDetections());
    }
    return typed("function").put("name", ((OutputDecoder.Custom) d).name());
  }

  private static ArrayNode anchors(SsdAnchors anchors) {
    ArrayNode levels = Json.object().arrayNode();
    for (SsdAnchors.Level level : anchors.levels()) {
      ObjectNode o = levels.addObject().put("rows", level.rows()).put("columns", level.columns());
      ArrayNode scales = o.putArray("scales");
      level.scales().forEach(scales::add);
      ArrayNode ratios = o.putArray("aspectRatios");
      level.aspectRatios().forEach(ratios::add);
    }
    return levels;
  }

  private static ObjectNode loss(Loss l) {
    if (l instanceof Loss.CrossEntropy c) {
      return typed("cross-entropy").put("logits", c.logits());
    }
    if (l instanceof Loss.Ssd s) {
      ObjectNode o = typed("ssd");
      o.set("anchors", anchors(s.anchors()));
      return o.put("matchThreshold", s.matchThreshold())
          .put("negativesPerPositive", s.negativesPerPositive());
    }
    return typed("function").put("name", ((Loss.Custom) l).name());
  }

  private static ObjectNode evaluation(Evaluation e) {
    ObjectNode o = typed("evaluation").put("task", e.task().name());
    o.set("dataset", dataset(e.dataset()));
    ArrayNode thresholds = o.putArray("iouThresholds");
    e.iouThresholds().forEach(thresholds::add);
    e.loss().ifPresent(l -> o.set("loss", loss(l)));
    o.set("delegates", delegates(e.delegates()));
    return o;
  }

  private static ArrayNode delegates(List<Delegate> delegates) {
    ArrayNode list = Json.object().arrayNode();
    delegates.forEach(d -> list.add(d.name()));
    return list;
  }

  private static ObjectNode converter(Converter c) {
    ObjectNode o = typed("converter").put("backend", c.backend());
    o.set("recipe", recipe(c.recipe()));
    c.calibration().ifPresent(d -> o.set("calibration", dataset(d)));
    o.put("calibrationSamples", c.calibrationSamples());
    c.preprocessing().ifPresent(p -> o.set("preprocessing", preprocessing(p)));
    c.edgeLayout().ifPresent(l -> o.put("edgeLayout", l.name()));
    // Left out where nothing was asked for: earlier converters keep their fingerprints.
    if (!c.dimensions().isEmpty()) {
      ObjectNode sizes = o.putObject("dimensions");
      c.dimensions().forEach(sizes::put);
    }
    if (!c.customOperators().isEmpty()) {
      ArrayNode names = o.putArray("customOperators");
      c.customOperators().forEach(names::add);
    }
    return o.put("targetRuntime", c.targetRuntime());
  }

  /**
   * Writes a recipe.
   *
   * @param r the recipe
   * @return its tree
   */
  public static ObjectNode recipe(Recipe r) {
    ObjectNode o =
        Json.object()
            .put("name", r.name())
            .put("precision", r.precision().name())
            .put("edgeType", r.edgeType().name())
            .put("weightBits", r.weightBits());
    // Left out where they are the defaults: recipes from before keep their fingerprints.
    if (r.weightBlockSize() != 0) {
      o.put("weightBlockSize", r.weightBlockSize());
    }
    if (r.activationRange().method() != ActivationRange.Method.AUTOMATIC) {
      o.putObject("activationRange")
          .put("method", r.activationRange().method().name())
          .put("percentile", r.activationRange().percentile());
    }
    ArrayNode rules = o.putArray("rules");
    r.rules()
        .forEach(
            rule ->
                rules
                    .addObject()
                    .put("selector", rule.selector())
                    .put("precision", rule.precision().name()));
    ArrayNode without = o.putArray("withoutMethods");
    r.withoutMethods().forEach(without::add);
    return o;
  }

  private static ObjectNode deviceRun(DeviceRun r) {
    ObjectNode o = typed("device-run").put("farm", r.farm());
    ArrayNode devices = o.putArray("devices");
    r.devices().forEach(d -> devices.add(d.toString()));
    ArrayNode variants = o.putArray("variants");
    r.variants().forEach(variants::add);
    o.set("delegates", delegates(r.delegates()));
    ArrayNode threads = o.putArray("threads");
    r.threads().forEach(threads::add);
    o.put("warmupRuns", r.warmupRuns())
        .put("runs", r.runs())
        .put("sessions", r.sessions())
        .put("interleaved", r.interleaved());
    r.frames().ifPresent(d -> o.set("frames", dataset(d)));
    o.put("frameCount", r.frameCount())
        .put("timeLimit", r.timeLimit().toString())
        .put("queueLimit", r.queueLimit().toString())
        .put("attempts", r.attempts());
    r.maxCost().ifPresent(c -> o.put("maxCost", c.toPlainString()));
    if (r.confirmRegressions()) {
      o.put("confirmRegressions", true);
    }
    return o;
  }

  private static ObjectNode typed(String type) {
    return Json.object().put("type", type);
  }

  // --- Reading

  private static final class Reader {
    private final References references;
    private final List<String> missing = new ArrayList<>();

    Reader(References references) {
      this.references = references;
    }

    Experiment experiment(JsonFields f) {
      Experiment.Builder b = Experiment.builder(f.text("name"));
      if (f.has("training")) {
        Training training = training(f.object("training"));
        if (training != null) {
          b.training(training);
        }
      }
      if (f.has("model")) {
        b.model(model(f.object("model")));
      }
      b.preprocessing(preprocessing(f));
      if (f.has("decoding")) {
        OutputDecoder decoder = decoder(f.object("decoding"));
        if (decoder != null) {
          b.decoding(decoder);
        }
      }
      if (f.has("evaluation")) {
        Evaluation evaluation = readEvaluation(f.object("evaluation"));
        if (evaluation != null) {
          b.evaluation(evaluation);
        }
      }
      f.objects("converters").forEach(c -> optional(readConverter(c)).ifPresent(b::convert));
      f.objects("deviceRuns").forEach(r -> optional(readDeviceRun(r)).ifPresent(b::deviceRun));
      JsonFields tiers = f.object("tiers");
      tiers.names().forEach(t -> b.tier(t, DeviceQuery.parse(tiers.text(t))));
      f.objects("gates").forEach(g -> b.gate(GateJson.read(g)));
      if (f.has("baseline")) {
        b.baseline(baseline(f.object("baseline")));
      }
      b.recordTo(f.text("recordTo"));
      raiseMissing();
      return b.build();
    }

    Converter converter(JsonFields f) {
      return present(readConverter(f));
    }

    DeviceRun deviceRun(JsonFields f) {
      return present(readDeviceRun(f));
    }

    Evaluation evaluation(JsonFields f) {
      return present(readEvaluation(f));
    }

    private static <T> Optional<T> optional(@Nullable T value) {
      return Optional.ofNullable(value);
    }

    /** Nothing is null unless something is missing, which is said here. */
    private <T> T present(@Nullable T value) {
      raiseMissing();
      return Objects.requireNonNull(value);
    }

    private void raiseMissing() {
      if (!missing.isEmpty()) {
        throw new ConfigurationException(
            "The description refers to what the references lack: "
                + String.join("; ", missing)
                + ". Add them with References.builder()");
      }
    }

    private @Nullable Training training(JsonFields f) {
      String name = f.text("name");
      Training training = references.training(name).orElse(null);
      if (training == null) {
        missing.add("training '" + name + "'");
        return null;
      }
      ObjectNode found = DescriptionJson.training(training);
      JsonNode wanted = f.node();
      if (!found.equals(wanted)) {
        missing.add(
            "training '"
                + name
                + "' as it was: "
                + wanted
                + " (the references have "
                + found
                + ")");
        return null;
      }
      return training;
    }

    private static Baseline baseline(JsonFields f) {
      Baseline baseline =
          switch (f.text("type")) {
            case "report" -> saved(f);
            case "run" -> Baseline.run(new RunId(f.text("run")));
            case "last-run" -> Baseline.lastRunOf(f.text("experiment"));
            default -> throw f.error("has an unknown type '" + f.text("type") + "'");
          };
      return baseline.margin(f.number("margin"));
    }

    private static Baseline saved(JsonFields f) {
      Path path = path(f);
      if (!Files.isRegularFile(path)) {
        throw new ConfigurationException(
            "The baseline's report " + path + ", which the description names, is not there");
      }
      Baseline baseline = Baseline.report(path);
      if (!baseline.sha256().orElse("").equals(f.text("sha256"))) {
        throw new ConfigurationException(
            "The baseline's report "
                + path
                + " has changed: its SHA-256 is "
                + baseline.sha256().orElse("")
                + ", the description says "
                + f.text("sha256"));
      }
      return baseline;
    }

    private static Path path(JsonFields f) {
      try {
        return Path.of(f.text("path"));
      } catch (InvalidPathException e) {
        throw f.error("has a path that is none on this system (" + e.getMessage() + ")");
      }
    }

    private static Model model(JsonFields f) {
      Path path = path(f);
      if (!Files.exists(path)) {
        throw new ConfigurationException(
            "The model file " + path + ", which the description names, is not there");
      }
      Model model = Model.of(path, f.text("format"));
      if (!model.sha256().equals(f.text("sha256"))) {
        throw new ConfigurationException(
            "The model file "
                + model.path()
                + " has changed: its SHA-256 is "
                + model.sha256()
                + ", the description says "
                + f.text("sha256"));
      }
      return model;
    }

    private @Nullable Dataset dataset(JsonFields f) {
      String name = f.text("name");
      Dataset dataset = references.dataset(name).orElse(null);
      if (dataset == null) {
        missing.add("dataset '" + name + "'");
        return null;
      }
      if (!dataset.fingerprint().equals(f.text("fingerprint"))) {
        missing.add(
            "dataset '"
                + name
                + "' with the fingerprint "
                + f.text("fingerprint")
                + " (the references have one of that name with "
                + dataset.fingerprint()
                + ")");
        return null;
      }
      return dataset;
    }

    private Preprocessing preprocessing(JsonFields owner) {
      List<Preprocessing.Step> steps = new ArrayList<>();
      for (JsonFields f : owner.objects("preprocessing")) {
        switch (f.text("type")) {
          case "resize" ->
              steps.add(new Preprocessing.Resize(f.integer("width"), f.integer("height")));
          case "center-crop" ->
              steps.add(new Preprocessing.CenterCrop(f.integer("width"), f.integer("height")));
          case "color" ->
              steps.add(new Preprocessing.Color(f.constant("to", Preprocessing.ColorOrder.class)));
          case "normalize" ->
              steps.add(
                  new Preprocessing.Normalize(
                      f.numbers("mean").stream().map(Double::floatValue).toList(),
                      f.numbers("std").stream().map(Double::floatValue).toList()));
          case "function" ->
              references
                  .preprocessing(f.text("name"))
                  .ifPresentOrElse(
                      fn -> steps.add(new Preprocessing.Function(f.text("name"), fn)),
                      () -> missing.add("preprocessing function '" + f.text("name") + "'"));
          default -> throw f.error("has an unknown type '" + f.text("type") + "'");
        }
      }
      return Preprocessing.of(steps);
    }

    private @Nullable OutputDecoder decoder(JsonFields f) {
      switch (f.text("type")) {
        case "classes" -> {
          return new OutputDecoder.Classes(f.bool("softmax"));
        }
        case "ssd" -> {
          return new OutputDecoder.Ssd(
              anchors(f),
              f.number("scoreThreshold"),
              f.number("iouThreshold"),
              f.integer("maxDetections"));
        }
        case "function" -> {
          String name = f.text("name");
          var function = references.decoding(name).orElse(null);
          if (function == null) {
            missing.add("decoding function '" + name + "'");
            return null;
          }
          return OutputDecoder.function(name, function);
        }
        default -> throw f.error("has an unknown type '" + f.text("type") + "'");
      }
    }

    private static SsdAnchors anchors(JsonFields owner) {
      List<SsdAnchors.Level> levels = new ArrayList<>();
      for (JsonFields f : owner.objects("anchors")) {
        levels.add(
            new SsdAnchors.Level(
                f.integer("rows"),
                f.integer("columns"),
                f.numbers("scales"),
                f.numbers("aspectRatios")));
      }
      return SsdAnchors.of(levels);
    }

    private @Nullable Loss loss(JsonFields f) {
      switch (f.text("type")) {
        case "cross-entropy" -> {
          return Loss.crossEntropy(f.bool("logits"));
        }
        case "ssd" -> {
          return new Loss.Ssd(
              anchors(f), f.number("matchThreshold"), f.integer("negativesPerPositive"));
        }
        case "function" -> {
          String name = f.text("name");
          Loss.Function function = references.loss(name).orElse(null);
          if (function == null) {
            missing.add("loss function '" + name + "'");
            return null;
          }
          return Loss.function(name, function);
        }
        default -> throw f.error("has an unknown type '" + f.text("type") + "'");
      }
    }

    private @Nullable Evaluation readEvaluation(JsonFields f) {
      Dataset dataset = dataset(f.object("dataset"));
      Loss loss = f.has("loss") ? loss(f.object("loss")) : null;
      if (dataset == null) {
        return null;
      }
      Evaluation.Task task = f.constant("task", Evaluation.Task.class);
      Evaluation.Builder b =
          task == Evaluation.Task.CLASSIFICATION
              ? Evaluation.classification(dataset)
              : Evaluation.detection(dataset);
      if (loss != null) {
        b.loss(loss);
      }
      b.iouThresholds(f.numbers("iouThresholds").stream().mapToDouble(d -> d).toArray());
      return b.delegates(delegates(f)).build();
    }

    private static Delegate[] delegates(JsonFields f) {
      return f.texts("delegates").stream().map(Delegate::of).toArray(Delegate[]::new);
    }

    private @Nullable Converter readConverter(JsonFields f) {
      Converter.Builder b = Converter.with(f.text("backend")).recipe(recipe(f.object("recipe")));
      boolean complete = true;
      if (f.has("calibration")) {
        Dataset dataset = dataset(f.object("calibration"));
        complete = dataset != null;
        if (dataset != null) {
          b.calibration(dataset);
        }
      }
      b.calibrationSamples(f.integer("calibrationSamples"));
      if (f.has("preprocessing")) {
        b.preprocessing(preprocessing(f));
      }
      if (f.has("edgeLayout")) {
        b.edgeLayout(f.constant("edgeLayout", Layout.class));
      }
      if (f.has("dimensions")) {
        JsonFields sizes = f.object("dimensions");
        sizes.names().forEach(n -> b.dimension(n, sizes.integer(n)));
      }
      if (f.has("customOperators")) {
        b.customOperators(f.texts("customOperators").toArray(String[]::new));
      }
      b.targetRuntime(f.text("targetRuntime"));
      return complete ? b.build() : null;
    }

    private @Nullable DeviceRun readDeviceRun(JsonFields f) {
      DeviceRun.Builder b = DeviceRun.on(f.text("farm"));
      f.texts("devices").forEach(q -> b.devices(DeviceQuery.parse(q)));
      f.texts("variants").forEach(b::variants);
      b.delegates(delegates(f))
          .threads(f.integers("threads"))
          .warmupRuns(f.integer("warmupRuns"))
          .runs(f.integer("runs"))
          .sessions(f.integer("sessions"))
          .interleaved(f.bool("interleaved"))
          .frameCount(f.integer("frameCount"))
          .attempts(f.integer("attempts"))
          .confirmRegressions(f.has("confirmRegressions") && f.bool("confirmRegressions"));
      try {
        b.timeLimit(Duration.parse(f.text("timeLimit")));
        f.optionalText("queueLimit").ifPresent(q -> b.queueLimit(Duration.parse(q)));
        f.optionalText("maxCost").ifPresent(c -> b.maxCost(new BigDecimal(c)));
      } catch (DateTimeParseException | NumberFormatException e) {
        throw f.error("has a time limit or a cost limit of another form (" + e.getMessage() + ")");
      }
      if (f.has("frames")) {
        Dataset frames = dataset(f.object("frames"));
        if (frames == null) {
          return null;
        }
        b.frames(frames, f.integer("frameCount"));
      }
      return b.build();
    }
  }

  /**
   * Reads a recipe.
   *
   * @param f its fields
   * @return the recipe
   */
  static Recipe recipe(JsonFields f) {
    Recipe.Builder b =
        Recipe.builder(f.constant("precision", Recipe.Precision.class))
            .name(f.text("name"))
            .edgeType(f.constant("edgeType", TensorType.class))
            .weightBits(f.integer("weightBits"));
    if (f.has("weightBlockSize")) {
      b.weightBlockSize(f.integer("weightBlockSize"));
    }
    if (f.has("activationRange")) {
      JsonFields range = f.object("activationRange");
      b.activationRange(
          new ActivationRange(
              range.constant("method", ActivationRange.Method.class), range.number("percentile")));
    }
    for (JsonFields rule : f.objects("rules")) {
      b.rule(rule.text("selector"), rule.constant("precision", Recipe.Precision.class));
    }
    f.texts("withoutMethods").forEach(b::without);
    return b.build();
  }

  /**
   * Reads a recipe.
   *
   * @param tree what {@link #recipe(Recipe)} wrote
   * @return the recipe
   */
  public static Recipe recipe(JsonNode tree) {
    return recipe(new JsonFields(tree, "the recipe"));
  }
}
