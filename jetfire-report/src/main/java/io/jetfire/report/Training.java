package io.jetfire.report;

import io.jetfire.TrainedModel;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.Set;

/** How the model was trained: a table of epochs. */
final class Training {
  private final TrainedModel trained;

  Training(TrainedModel trained) {
    this.trained = trained;
  }

  void write(Html html) {
    List<TrainedModel.Epoch> epochs = trained.epochs();
    if (epochs.isEmpty()) {
      return;
    }
    TrainedModel.Epoch last = epochs.get(epochs.size() - 1);
    html.open("details").open("summary");
    html.text(
        "Training: "
            + Numbers.plural(epochs.size(), "epoch")
            + ", last loss "
            + Numbers.metric("", last.loss()));
    html.close();
    Set<String> metrics = new LinkedHashSet<>();
    epochs.forEach(epoch -> metrics.addAll(epoch.metrics().keySet()));
    Table table = new Table("epochs", "Epochs of the training");
    table.number("epoch", "").number("loss", "Mean loss over the epoch's batches");
    metrics.forEach(metric -> table.number(metric, ""));
    for (TrainedModel.Epoch epoch : epochs) {
      List<Table.Cell> row = new ArrayList<>();
      row.add(Table.Cell.number(String.valueOf(epoch.number()), epoch.number()));
      row.add(metric("loss", OptionalDouble.of(epoch.loss())));
      for (String metric : metrics) {
        Double value = epoch.metrics().get(metric);
        row.add(metric(metric, value == null ? OptionalDouble.empty() : OptionalDouble.of(value)));
      }
      table.row(Map.of(), row);
    }
    table.write(html);
    html.close();
  }

  private static Table.Cell metric(String name, OptionalDouble value) {
    return value.isPresent()
        ? Table.Cell.number(Numbers.metric(name, value.getAsDouble()), value.getAsDouble())
        : Table.Cell.absent();
  }
}
