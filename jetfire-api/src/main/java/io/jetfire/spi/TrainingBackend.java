package io.jetfire.spi;

import io.jetfire.TrainedModel;
import io.jetfire.Training;
import java.nio.file.Path;
import java.util.function.Consumer;

/**
 * Trains models. Implementations are thread-safe, though trainings may queue.
 *
 * <p>The same description with the same seed gives the same model on the same machine.
 */
public interface TrainingBackend {

  /**
   * Trains a model and writes it to a file that can be evaluated and converted without the user's
   * code.
   *
   * @param request what to train
   * @return the model file and the training record
   * @throws io.jetfire.DataException if the dataset cannot be learnt from
   * @throws io.jetfire.RunCancelledException if it was cancelled
   */
  TrainedModel train(Request request);

  /**
   * One training.
   *
   * @param training the description, of the kind that this backend's module offers
   * @param directory an existing folder for the model file
   * @param onEpoch is told of each epoch when it ends
   * @param cancellation is asked between batches
   */
  record Request(
      Training training,
      Path directory,
      Consumer<TrainedModel.Epoch> onEpoch,
      Cancellation cancellation) {}
}
