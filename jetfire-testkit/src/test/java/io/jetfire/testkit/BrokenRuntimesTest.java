package io.jetfire.testkit;

import static org.assertj.core.api.Assertions.assertThat;

import io.jetfire.ConfigurationException;
import io.jetfire.DataException;
import io.jetfire.Delegate;
import io.jetfire.Model;
import io.jetfire.Tensor;
import io.jetfire.TensorSpec;
import io.jetfire.TensorType;
import io.jetfire.UnsupportedModelException;
import io.jetfire.spi.ModelRuntime;
import io.jetfire.spi.ModelRuntimeProvider;
import io.jetfire.spi.ProviderContext;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Each broken runtime fails the case that is about what it breaks. */
@SuppressWarnings("NullAway.Init") // Inputs are set before they are read.
final class BrokenRuntimesTest {
  /** What is broken, and the case that must notice. */
  enum Flaw {
    NONE(""),
    NO_VERSION("describesItself"),
    ANOTHER_RANK("specsMatchTheTensors"),
    WRONG_NUMBERS("givesTheKnownOutputs"),
    STATE_IS_KEPT("aSecondRunGivesTheSame"),
    OUTPUT_IS_SHARED("outputsAreCopies"),
    PIECES_OVERLAP("readsOutputsPieceByPiece"),
    A_DELEGATE_IS_OFF("everyDelegateThatItNamesWorks"),
    SESSIONS_SHARE_INPUTS("sessionsWorkSideBySide"),
    ANY_SHAPE("refusesAnInputOfAnotherShape"),
    ANY_TYPE("refusesAnInputOfAnotherType"),
    ANY_DELEGATE("refusesADelegateThatItDoesNotName"),
    ANY_FORMAT("refusesAForeignFormat"),
    ANY_FILE("refusesABrokenModel"),
    ANY_SIGNATURE("refusesASignatureThatTheModelLacks"),
    TAPS_WITHOUT_ASKING("tapsAndProfileAreOnlyThereWhenAskedFor"),
    WORKS_WHEN_CLOSED("aClosedSessionRefusesWork");

    private final String intended;

    Flaw(String intended) {
      this.intended = intended;
    }
  }

  /** The flaw of the runtime under test; cases run one after the other. */
  private static volatile Flaw flaw = Flaw.NONE;

  @ParameterizedTest
  @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "NONE")
  void aBrokenRuntimeFailsTheIntendedCase(Flaw broken) {
    flaw = broken;
    assertThat(Contracts.failures(BrokenRuntime.class)).contains(broken.intended);
  }

  @Test
  void theSameRuntimeWithoutAFlawFailsNone() {
    flaw = Flaw.NONE;
    assertThat(Contracts.failures(BrokenRuntime.class)).isEmpty();
  }

  /** Run by this test alone: its name is none that a build looks for. */
  static final class BrokenRuntime extends ModelRuntimeContract {
    @Override
    protected ModelRuntimeProvider provider() {
      return new ModelRuntimeProvider() {
        @Override
        public String id() {
          return "doubler";
        }

        @Override
        public ModelRuntime create(ProviderContext context) {
          return new Doubler(flaw);
        }
      };
    }

    @Override
    protected Known known(Path target) throws IOException {
      Path file = Files.writeString(target.resolve("m.double"), "double the input, please");
      return new Known(
          Model.of(file, "double"),
          List.of(Tensor.ofFloats(new float[] {1, 2}, 1, 2)),
          List.of(Tensor.ofFloats(new float[] {2, 4}, 1, 2)),
          0);
    }
  }

  /** Executes the "format" whose files say what to do. */
  private static final class Doubler implements ModelRuntime {
    private final Flaw flaw;
    private final AtomicInteger sessions = new AtomicInteger();

    Doubler(Flaw flaw) {
      this.flaw = flaw;
    }

    @Override
    public Set<String> formats() {
      return Set.of("double");
    }

    @Override
    public Set<Delegate> delegates() {
      return Set.of(Delegate.CPU, Delegate.XNNPACK);
    }

    @Override
    public String version() {
      return flaw == Flaw.NO_VERSION ? "" : "1";
    }

    @Override
    public Session open(Model model, Options options) {
      if (flaw != Flaw.ANY_FORMAT && !formats().contains(model.format())) {
        throw new ConfigurationException("no format " + model.format());
      }
      if (flaw != Flaw.ANY_DELEGATE && !delegates().contains(options.delegate())) {
        throw new ConfigurationException("no delegate " + options.delegate());
      }
      if (flaw != Flaw.ANY_SIGNATURE && options.signature().isPresent()) {
        throw new ConfigurationException("no signature " + options.signature().get());
      }
      try {
        boolean whole = Files.readString(model.path(), StandardCharsets.UTF_8).endsWith("please");
        if (flaw != Flaw.ANY_FILE && flaw != Flaw.ANY_FORMAT && !whole) {
          throw new UnsupportedModelException("broken");
        }
      } catch (IOException e) {
        throw new UnsupportedModelException("unreadable", e);
      }
      boolean second = sessions.incrementAndGet() > 1;
      float factor =
          flaw == Flaw.WRONG_NUMBERS
                  || (flaw == Flaw.A_DELEGATE_IS_OFF && options.delegate().equals(Delegate.CPU))
                  || (flaw == Flaw.SESSIONS_SHARE_INPUTS && second)
              ? 2.5f
              : 2;
      return new DoublerSession(flaw, factor);
    }
  }

  private static final class DoublerSession implements ModelRuntime.Session {
    private final Flaw flaw;
    private final float factor;
    private final ByteBuffer output = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN);
    private float[] input = {0, 0};
    private int runs;
    private boolean closed;

    DoublerSession(Flaw flaw, float factor) {
      this.flaw = flaw;
      this.factor = factor;
    }

    @Override
    public List<TensorSpec> inputs() {
      return List.of(
          flaw == Flaw.ANOTHER_RANK
              ? TensorSpec.of("x", TensorType.FLOAT32, 2)
              : TensorSpec.of("x", TensorType.FLOAT32, 1, 2));
    }

    @Override
    public List<TensorSpec> outputs() {
      return List.of(TensorSpec.of("y", TensorType.FLOAT32, 1, 2));
    }

    @Override
    public void input(int index, Tensor tensor) {
      if (closed && flaw != Flaw.WORKS_WHEN_CLOSED) {
        throw new IllegalStateException("closed");
      }
      boolean type = flaw == Flaw.ANY_TYPE || tensor.type() == TensorType.FLOAT32;
      if (!type || (flaw != Flaw.ANY_SHAPE && tensor.elementCount() != 2)) {
        throw new DataException("x is FLOAT32 [1, 2]");
      }
      input = tensor.toFloatArray();
    }

    @Override
    public void invoke() {
      runs++;
      for (int i = 0; i < 2; i++) {
        output.putFloat(4 * i, input[i] * factor + (flaw == Flaw.STATE_IS_KEPT ? runs - 1 : 0));
      }
    }

    @Override
    public Tensor output(int index) {
      ByteBuffer bytes = output;
      if (flaw != Flaw.OUTPUT_IS_SHARED) {
        bytes = ByteBuffer.wrap(output.array().clone());
      }
      return Tensor.of(TensorType.FLOAT32, bytes, 1, 2);
    }

    @Override
    public int read(int index, long position, ByteBuffer target) {
      long from = flaw == Flaw.PIECES_OVERLAP ? Math.max(0, position - 1) : position;
      return ModelRuntime.Session.super.read(index, from, target);
    }

    @Override
    public Map<Integer, TensorSpec> taps() {
      return flaw == Flaw.TAPS_WITHOUT_ASKING ? Map.of(0, outputs().get(0)) : Map.of();
    }

    @Override
    public void close() {
      closed = true;
    }
  }
}
