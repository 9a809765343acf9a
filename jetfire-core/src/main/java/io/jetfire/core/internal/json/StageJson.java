package io.jetfire.core.internal.json;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.jetfire.ConvertedModel;
import io.jetfire.Evaluation;
import io.jetfire.EvaluationResult;
import io.jetfire.Model;
import io.jetfire.TrainedModel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;

/** Results of stages as JSON: for checkpoints, which are read back, and for reports. */
public final class StageJson {
  private StageJson() {}

  /**
   * Writes a model.
   *
   * @param m the model
   * @return its tree
   */
  public static ObjectNode model(Model m) {
    return Json.object()
        .put("path", m.path().toString())
        .put("format", m.format())
        .put("sizeBytes", m.sizeBytes())
        .put("sha256", m.sha256());
  }

  /**
   * Reads a model, if its file is still there and unchanged.
   *
   * @param node its tree
   * @return empty if the step must be done again
   */
  public static Optional<Model> model(JsonNode node) {
    JsonFields f = new JsonFields(node, "the model");
    Path path = Path.of(f.text("path"));
    if (!Files.exists(path)) {
      return Optional.empty();
    }
    Model model = Model.of(path, f.text("format"));
    return model.sha256().equals(f.text("sha256")) ? Optional.of(model) : Optional.empty();
  }

  /**
   * Writes a trained model.
   *
   * @param t the trained model
   * @return its tree
   */
  public static ObjectNode trained(TrainedModel t) {
    ObjectNode o = Json.object();
    o.set("model", model(t.model()));
    ArrayNode epochs = o.putArray("epochs");
    for (TrainedModel.Epoch e : t.epochs()) {
      ObjectNode epoch = epochs.addObject().put("number", e.number());
      put(epoch, "loss", e.loss());
      doubles(epoch.putObject("metrics"), e.metrics());
    }
    ObjectNode properties = o.putObject("properties");
    t.properties().forEach(properties::put);
    return o;
  }

  /**
   * Reads a trained model.
   *
   * @param node its tree
   * @return empty if the training must be done again
   */
  public static Optional<TrainedModel> trained(JsonNode node) {
    JsonFields f = new JsonFields(node, "the trained model");
    return model(f.required("model")).map(m -> trained(node, m));
  }

  /**
   * Reads a trained model whose file need not be there.
   *
   * @param node its tree
   * @param model the model
   * @return the trained model
   */
  public static TrainedModel trained(JsonNode node, Model model) {
    JsonFields f = new JsonFields(node, "the trained model");
    List<TrainedModel.Epoch> epochs = new ArrayList<>();
    for (JsonFields e : f.objects("epochs")) {
      epochs.add(
          new TrainedModel.Epoch(e.integer("number"), number(e, "loss"), doubles(e, "metrics")));
    }
    return new TrainedModel(model, epochs, texts(f, "properties"));
  }

  /**
   * Writes a converted model.
   *
   * @param c the converted model
   * @return its tree
   */
  public static ObjectNode converted(ConvertedModel c) {
    ObjectNode o = Json.object().put("variant", c.variant());
    o.set("recipe", DescriptionJson.recipe(c.recipe()));
    o.set("model", model(c.model()));
    o.put("sourceSha256", c.sourceSha256());
    ArrayNode notes = o.putArray("notes");
    c.notes().forEach(notes::add);
    ObjectNode properties = o.putObject("properties");
    c.properties().forEach(properties::put);
    return o;
  }

  /**
   * Reads a converted model.
   *
   * @param node its tree
   * @return empty if the conversion must be done again
   */
  public static Optional<ConvertedModel> converted(JsonNode node) {
    JsonFields f = new JsonFields(node, "the converted model");
    return model(f.required("model")).map(m -> converted(node, m));
  }

  /**
   * Reads a converted model whose file need not be there.
   *
   * @param node its tree
   * @param model the model
   * @return the converted model
   */
  public static ConvertedModel converted(JsonNode node, Model model) {
    JsonFields f = new JsonFields(node, "the converted model");
    return new ConvertedModel(
        f.text("variant"),
        DescriptionJson.recipe(f.required("recipe")),
        model,
        f.text("sourceSha256"),
        f.texts("notes"),
        texts(f, "properties"));
  }

  /**
   * Writes an evaluation's result.
   *
   * @param r the result
   * @return its tree
   */
  public static ObjectNode evaluation(EvaluationResult r) {
    ObjectNode o =
        Json.object()
            .put("task", r.task().name())
            .put("executor", r.executor())
            .put("dataset", r.dataset())
            .put("datasetFingerprint", r.datasetFingerprint())
            .put("samples", r.samples())
            .put("primaryMetric", r.primaryMetric());
    doubles(o.putObject("metrics"), r.metrics());
    ArrayNode classes = o.putArray("classes");
    for (EvaluationResult.ClassResult c : r.classes()) {
      ObjectNode node = classes.addObject().put("label", c.label()).put("samples", c.samples());
      c.precision().ifPresent(v -> node.put("precision", v));
      c.recall().ifPresent(v -> node.put("recall", v));
      c.averagePrecision().ifPresent(v -> node.put("averagePrecision", v));
    }
    ArrayNode confusion = o.putArray("confusion");
    for (List<Long> row : r.confusion()) {
      ArrayNode cells = confusion.addArray();
      row.forEach(cells::add);
    }
    return o;
  }

  /**
   * Reads an evaluation's result.
   *
   * @param node its tree
   * @return the result
   */
  public static EvaluationResult evaluation(JsonNode node) {
    JsonFields f = new JsonFields(node, "the evaluation");
    List<EvaluationResult.ClassResult> classes = new ArrayList<>();
    for (JsonFields c : f.objects("classes")) {
      classes.add(
          new EvaluationResult.ClassResult(
              c.text("label"),
              c.longInteger("samples"),
              optional(c, "precision"),
              optional(c, "recall"),
              optional(c, "averagePrecision")));
    }
    List<List<Long>> confusion = new ArrayList<>();
    for (JsonNode row : f.required("confusion")) {
      List<Long> cells = new ArrayList<>();
      row.forEach(v -> cells.add(v.longValue()));
      confusion.add(cells);
    }
    return new EvaluationResult(
        f.constant("task", Evaluation.Task.class),
        f.text("executor"),
        f.text("dataset"),
        f.text("datasetFingerprint"),
        f.longInteger("samples"),
        f.text("primaryMetric"),
        doubles(f, "metrics"),
        classes,
        confusion);
  }

  /**
   * Puts a number; JSON has no NaN and no infinity, which are put as texts.
   *
   * @param o the object
   * @param name the field
   * @param value the number
   */
  static void put(ObjectNode o, String name, double value) {
    if (Double.isFinite(value)) {
      o.put(name, value);
    } else {
      o.put(name, Double.toString(value));
    }
  }

  private static double number(JsonFields f, String name) {
    return f.required(name).isTextual() ? Double.parseDouble(f.text(name)) : f.number(name);
  }

  private static OptionalDouble optional(JsonFields f, String name) {
    return f.has(name) ? OptionalDouble.of(f.number(name)) : OptionalDouble.empty();
  }

  private static void doubles(ObjectNode o, Map<String, Double> values) {
    values.forEach((k, v) -> put(o, k, v));
  }

  private static Map<String, Double> doubles(JsonFields owner, String name) {
    JsonFields f = owner.object(name);
    Map<String, Double> map = new LinkedHashMap<>();
    f.names().forEach(n -> map.put(n, number(f, n)));
    return map;
  }

  private static Map<String, String> texts(JsonFields owner, String name) {
    JsonFields f = owner.object(name);
    Map<String, String> map = new LinkedHashMap<>();
    f.names().forEach(n -> map.put(n, f.text(n)));
    return map;
  }
}
