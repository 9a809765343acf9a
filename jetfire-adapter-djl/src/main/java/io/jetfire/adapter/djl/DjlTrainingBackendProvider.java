package io.jetfire.adapter.djl;

import io.jetfire.ConfigurationException;
import io.jetfire.TrainedModel;
import io.jetfire.adapter.djl.internal.engine.DjlEngine;
import io.jetfire.adapter.djl.internal.training.TrainingRun;
import io.jetfire.spi.ProviderContext;
import io.jetfire.spi.TrainingBackend;
import io.jetfire.spi.TrainingBackendProvider;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Registers the training backend {@code djl}: DJL's PyTorch engine, offline.
 *
 * <p>Settings: {@code jetfire.djl.threads} (threads per operation, 1 unless set) and {@code
 * jetfire.djl.cache} (folder of the unpacked native libraries, in JetFire's cache folder unless
 * set). Both count when the engine starts, once for the JVM. Trainings of one JVM queue.
 */
public final class DjlTrainingBackendProvider implements TrainingBackendProvider {

  // PyTorch has one source of random numbers for the process; two trainings would mix in it.
  private static final ReentrantLock ONE_AT_A_TIME = new ReentrantLock(true);

  /** Creates the provider; does nothing. */
  public DjlTrainingBackendProvider() {}

  @Override
  public String id() {
    return "djl";
  }

  @Override
  public TrainingBackend create(ProviderContext context) {
    return request -> train(context, request);
  }

  private static TrainedModel train(ProviderContext context, TrainingBackend.Request request) {
    if (!(request.training() instanceof DjlTraining training)) {
      throw new ConfigurationException(
          "The training backend djl executes DjlTraining, but was given "
              + request.training().getClass().getName()
              + " (backend "
              + request.training().backend()
              + "). Build the training with DjlTraining.of(...).");
    }
    DjlEngine engine = DjlEngine.start(context);
    ONE_AT_A_TIME.lock();
    try {
      request.cancellation().check();
      return TrainingRun.execute(engine, context.clock(), training, request);
    } finally {
      ONE_AT_A_TIME.unlock();
    }
  }
}
