package io.jetfire.adapter.djl;

import io.jetfire.spi.ModelRuntime;
import io.jetfire.spi.ModelRuntimeProvider;
import io.jetfire.spi.ProviderContext;

/**
 * Registers the model runtime {@code djl}, which executes trained models of the format {@code
 * djl-trace} on DJL's PyTorch engine, without the code that they were trained with.
 *
 * <p>Settings as for {@link DjlTrainingBackendProvider}.
 */
public final class DjlModelRuntimeProvider implements ModelRuntimeProvider {

  /** Creates the provider; does nothing. */
  public DjlModelRuntimeProvider() {}

  @Override
  public String id() {
    return "djl";
  }

  @Override
  public ModelRuntime create(ProviderContext context) {
    return new DjlModelRuntime(context);
  }
}
