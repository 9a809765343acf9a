package io.jetfire.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.within;

import io.jetfire.ConfigurationException;
import io.jetfire.DataException;
import io.jetfire.Delegate;
import io.jetfire.Model;
import io.jetfire.Tensor;
import io.jetfire.TensorSpec;
import io.jetfire.TensorType;
import io.jetfire.UnsupportedModelException;
import io.jetfire.spi.ModelRuntime;
import io.jetfire.spi.ModelRuntime.Options;
import io.jetfire.spi.ModelRuntime.Session;
import io.jetfire.spi.ModelRuntimeProvider;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * What every {@link ModelRuntime} must do. Extend it in the tests of an implementation and give it
 * a provider and a model whose outputs are known.
 */
@SuppressWarnings("NullAway.Init") // The runtime is there before each case.
public abstract class ModelRuntimeContract {
  private ModelRuntime runtime;
  private Known known;

  @TempDir private Path folder;

  /** For subclasses. */
  protected ModelRuntimeContract() {}

  /**
   * A model with what comes out of it.
   *
   * @param model the file; its first input must be {@link TensorType#FLOAT32} of at least rank 1
   * @param inputs one tensor per input
   * @param outputs one FLOAT32 tensor per output
   * @param tolerance how far an output may be off, absolutely
   */
  public record Known(Model model, List<Tensor> inputs, List<Tensor> outputs, float tolerance) {}

  /** Returns the provider under test. */
  protected abstract ModelRuntimeProvider provider();

  /**
   * Writes a model whose outputs are known.
   *
   * @param target an empty folder
   * @return the model
   * @throws IOException if it cannot be written
   */
  protected abstract Known known(Path target) throws IOException;

  /** Returns the options that sessions are opened with. */
  protected Options options() {
    return Options.defaults();
  }

  @BeforeEach
  final void create() throws IOException {
    runtime = provider().create(TestProviderContext.in(folder));
    known = known(Files.createDirectory(folder.resolve("model")));
  }

  @AfterEach
  final void close() {
    runtime.close();
  }

  @Test
  final void describesItself() {
    assertThat(provider().id()).matches("[a-z0-9-]+");
    assertThat(runtime.formats()).isNotEmpty().contains(known.model().format());
    assertThat(runtime.delegates()).isNotEmpty();
    assertThat(runtime.version()).isNotBlank();
  }

  @Test
  final void specsMatchTheTensors() {
    try (Session session = open()) {
      assertThat(session.inputs()).hasSameSizeAs(known.inputs());
      assertThat(session.outputs()).hasSameSizeAs(known.outputs());
      for (int i = 0; i < known.inputs().size(); i++) {
        TensorSpec spec = session.inputs().get(i);
        assertThat(spec.type()).isEqualTo(known.inputs().get(i).type());
        assertThat(spec.shape()).hasSameSizeAs(known.inputs().get(i).shape());
        assertThat(spec.name()).isNotBlank();
      }
    }
  }

  @Test
  final void givesTheKnownOutputs() {
    try (Session session = open()) {
      assertKnown(session.run(known.inputs()));
    }
  }

  @Test
  final void aSecondRunGivesTheSame() {
    try (Session session = open()) {
      List<Tensor> first = session.run(known.inputs());
      assertThat(session.run(known.inputs())).isEqualTo(first);
    }
  }

  @Test
  final void outputsAreCopies() {
    try (Session session = open()) {
      List<Tensor> outputs = session.run(known.inputs());
      Tensor first = known.inputs().get(0);
      float[] other = first.toFloatArray();
      for (int i = 0; i < other.length; i++) {
        other[i] = other[i] * -3 + 1;
      }
      List<Tensor> changed = new ArrayList<>(known.inputs());
      changed.set(0, Tensor.ofFloats(other, first.shape()));
      session.run(changed);
      assertKnown(outputs);
    }
  }

  @Test
  final void readsOutputsPieceByPiece() {
    try (Session session = open()) {
      Tensor whole = session.run(known.inputs()).get(0);
      ByteBuffer pieces = ByteBuffer.allocate(whole.data().remaining());
      while (pieces.hasRemaining()) {
        ByteBuffer piece = ByteBuffer.allocate(5);
        int count = session.read(0, pieces.position(), piece);
        assertThat(count).isEqualTo(Math.min(5, pieces.remaining()));
        assertThat(piece.position()).isEqualTo(count);
        pieces.put(piece.flip());
      }
      assertThat(pieces.flip()).isEqualTo(whole.data());
      assertThat(session.read(0, pieces.limit(), ByteBuffer.allocate(5))).isEqualTo(-1);
    }
  }

  @Test
  final void everyDelegateThatItNamesWorks() {
    for (Delegate delegate : runtime.delegates()) {
      try (Session session = runtime.open(known.model(), options().delegate(delegate))) {
        assertKnown(session.run(known.inputs()));
      }
    }
  }

  @Test
  final void sessionsWorkSideBySide() throws Exception {
    ExecutorService threads = Executors.newFixedThreadPool(3);
    try {
      List<Callable<List<Tensor>>> work = new ArrayList<>();
      for (int i = 0; i < 3; i++) {
        work.add(
            () -> {
              try (Session session = open()) {
                session.run(known.inputs());
                return session.run(known.inputs());
              }
            });
      }
      for (Future<List<Tensor>> outputs : threads.invokeAll(work)) {
        assertKnown(outputs.get());
      }
    } finally {
      threads.shutdownNow();
    }
  }

  @Test
  final void refusesAnInputOfAnotherShape() {
    try (Session session = open()) {
      assertThatExceptionOfType(DataException.class)
          .isThrownBy(() -> session.input(0, Tensor.ofFloats(new float[6], 1, 1, 1, 1, 1, 6, 1)))
          .withMessageContaining(session.inputs().get(0).name());
    }
  }

  @Test
  final void refusesAnInputOfAnotherType() {
    try (Session session = open()) {
      Tensor right = known.inputs().get(0);
      Tensor wrong = Tensor.ofInts(new int[right.elementCount()], right.shape());
      assertThatExceptionOfType(DataException.class)
          .isThrownBy(() -> session.input(0, wrong))
          .withMessageContaining(session.inputs().get(0).name());
    }
  }

  @Test
  final void refusesADelegateThatItDoesNotName() {
    assertThatExceptionOfType(ConfigurationException.class)
        .isThrownBy(() -> runtime.open(known.model(), options().delegate(Delegate.of("none"))))
        .withMessageContaining("NONE");
  }

  @Test
  final void refusesAForeignFormat() throws IOException {
    Path text = Files.writeString(folder.resolve("model.txt"), "not a model");
    assertThatExceptionOfType(ConfigurationException.class)
        .isThrownBy(() -> runtime.open(Model.of(text, "plain-text"), options()))
        .withMessageContaining("plain-text");
  }

  @Test
  final void refusesABrokenModel() throws IOException {
    byte[] bytes = Files.readAllBytes(known.model().path());
    Path half = folder.resolve("half");
    Files.write(half, java.util.Arrays.copyOf(bytes, bytes.length / 2));
    assertThatExceptionOfType(UnsupportedModelException.class)
        .isThrownBy(() -> runtime.open(Model.of(half, known.model().format()), options()));
  }

  @Test
  final void refusesASignatureThatTheModelLacks() {
    assertThatExceptionOfType(ConfigurationException.class)
        .isThrownBy(() -> runtime.open(known.model(), options().signature("no-such-signature")))
        .withMessageContaining("no-such-signature");
  }

  @Test
  final void tapsAndProfileAreOnlyThereWhenAskedFor() {
    try (Session session = open()) {
      session.run(known.inputs());
      assertThat(session.taps()).isEmpty();
      assertThat(session.profile()).isEmpty();
      assertThatExceptionOfType(ConfigurationException.class).isThrownBy(() -> session.tap(0));
    }
  }

  @Test
  final void aClosedSessionRefusesWork() {
    Session session = open();
    session.close();
    session.close();
    assertThatIllegalStateException().isThrownBy(() -> session.run(known.inputs()));
  }

  private Session open() {
    return runtime.open(known.model(), options());
  }

  private void assertKnown(List<Tensor> outputs) {
    assertThat(outputs).hasSameSizeAs(known.outputs());
    for (int i = 0; i < outputs.size(); i++) {
      Tensor expected = known.outputs().get(i);
      assertThat(outputs.get(i).shape()).isEqualTo(expected.shape());
      assertThat(outputs.get(i).toFloatArray())
          .containsExactly(expected.toFloatArray(), within(known.tolerance()));
    }
  }
}
