package io.jetfire.adapter.djl.internal.training;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDScope;
import ai.djl.pytorch.engine.PtNDArray;
import java.lang.reflect.Field;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A scope of arrays that also keeps the Java memory which some of them stand on.
 *
 * <p>For {@code x.mul(0.5f)} DJL's PyTorch engine (0.35.1) makes an array on a direct buffer,
 * multiplies, and closes the array, with which the last reference to the buffer goes. PyTorch,
 * however, has saved that array for the backward pass. A garbage collection in between frees the
 * memory, and the backward pass multiplies by whatever was written there since: one step in
 * thousands goes anywhere. So this scope holds on to the buffer of every array that is made in it,
 * until the step is over.
 *
 * <p>DJL offers no way in, hence the reflection: a scope hears of each array when it is made, in a
 * map of its own, and the array keeps its buffer in a field.
 */
final class StepScope extends NDScope {
  private static final Logger LOG = LoggerFactory.getLogger(StepScope.class);

  private StepScope() {}

  /** Opens a scope for the current thread, to be closed by it. */
  static StepScope open() {
    StepScope scope = new StepScope();
    try {
      Field buffer = accessible(PtNDArray.class, "dataRef");
      accessible(NDScope.class, "resources").set(scope, new KeepingMap(buffer));
    } catch (ReflectiveOperationException | RuntimeException e) {
      LOG.warn(
          "This version of DJL does not let JetFire keep the memory of numbers in losses and"
              + " blocks until the backward pass ({}), so a training may go astray. Use DJL 0.35.1,"
              + " or arrays instead of numbers.",
          e.toString());
    }
    return scope;
  }

  private static Field accessible(Class<?> type, String name) throws ReflectiveOperationException {
    Field field = type.getDeclaredField(name);
    field.setAccessible(true);
    return field;
  }

  /** What the scope closes at its end, and what must live as long. */
  private static final class KeepingMap extends IdentityHashMap<NDArray, NDArray> {
    private static final long serialVersionUID = 1L;

    private final transient Field buffer;
    private final transient List<Object> kept = new ArrayList<>();

    KeepingMap(Field buffer) {
      this.buffer = buffer;
    }

    @Override
    public @Nullable NDArray put(NDArray array, NDArray same) {
      if (array instanceof PtNDArray) {
        try {
          Object memory = buffer.get(array);
          if (memory != null) {
            kept.add(memory);
          }
        } catch (IllegalAccessException e) {
          throw new IllegalStateException("The field was made accessible", e);
        }
      }
      return super.put(array, same);
    }
  }
}
