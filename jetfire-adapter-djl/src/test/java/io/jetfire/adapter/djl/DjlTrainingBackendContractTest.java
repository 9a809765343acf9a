package io.jetfire.adapter.djl;

import io.jetfire.Dataset;
import io.jetfire.Training;
import io.jetfire.spi.TrainingBackendProvider;
import io.jetfire.testkit.TrainingBackendContract;

class DjlTrainingBackendContractTest extends TrainingBackendContract {
  @Override
  protected TrainingBackendProvider provider() {
    return new DjlTrainingBackendProvider();
  }

  @Override
  protected Dataset dataset() {
    return Toys.halves("train", 40, 1);
  }

  @Override
  protected Training training(Dataset dataset, long seed) {
    return Toys.training().dataset(dataset).seed((int) seed).epochs(3).build();
  }
}
