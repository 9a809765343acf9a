package io.jetfire.adapter.djl.internal.training;

import io.jetfire.DataException;
import io.jetfire.Dataset;
import io.jetfire.JetFireException;
import io.jetfire.RunCancelledException;
import io.jetfire.Sample;
import io.jetfire.Tensor;
import io.jetfire.TensorSpec;
import io.jetfire.TensorType;
import io.jetfire.adapter.djl.DjlAugmentation;
import io.jetfire.adapter.djl.DjlTraining;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.random.RandomGenerator;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * One pass over a dataset in batches, prepared by a thread of its own while the caller works.
 *
 * <p>Order and augmentation follow from the seed alone. To be closed, after which the thread ends.
 */
final class Batches implements Iterator<Batch>, AutoCloseable {
  private static final int AHEAD = 2;

  private final DjlTraining training;
  private final Dataset dataset;
  private final List<TensorSpec> specs;
  private final boolean learning;
  private final SplittableRandom random;
  private final BlockingQueue<Item> queue = new ArrayBlockingQueue<>(AHEAD);
  private final Thread producer;
  private volatile boolean closed;
  private @Nullable Item next;

  /** A batch, an error, or with neither the end. */
  private record Item(@Nullable Batch batch, @Nullable Throwable error) {}

  /**
   * Starts a pass.
   *
   * @param learning whether samples are shuffled and augmented
   * @param pass the number of the pass, from which its chance derives
   */
  Batches(
      DjlTraining training, Dataset dataset, List<TensorSpec> specs, boolean learning, int pass) {
    this.training = training;
    this.dataset = dataset;
    this.specs = specs;
    this.learning = learning;
    this.random = new SplittableRandom(training.seed() * 0x9E3779B97F4A7C15L + pass);
    this.producer = new Thread(this::produce, "jetfire-djl-batches");
    producer.setDaemon(true);
    producer.setContextClassLoader(Thread.currentThread().getContextClassLoader());
    producer.start();
  }

  @Override
  public boolean hasNext() {
    if (next == null) {
      try {
        next = queue.take();
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new RunCancelledException("The training's thread was interrupted", e);
      }
    }
    if (next.error instanceof JetFireException known) {
      throw known;
    } else if (next.error != null) {
      throw new DataException(
          "Dataset "
              + dataset.name()
              + " failed while its samples were prepared: "
              + next.error
              + ". Correct the dataset, or the preprocessing or augmentation of the training.",
          next.error);
    }
    return next.batch != null;
  }

  @Override
  public Batch next() {
    if (!hasNext() || next == null || next.batch == null) {
      throw new NoSuchElementException();
    }
    Batch batch = next.batch;
    next = null;
    return batch;
  }

  @Override
  public void close() {
    closed = true;
    producer.interrupt();
    boolean interrupted = false;
    while (producer.isAlive()) {
      queue.clear();
      try {
        producer.join(20);
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  // ---- the producer's side -----------------------------------------------------------------

  private void produce() {
    try (Stream<Sample> samples = dataset.samples()) {
      Iterator<Sample> order =
          learning && training.shuffleBuffer() > 1
              ? new Shuffle(samples.iterator(), training.shuffleBuffer(), random)
              : samples.iterator();
      boolean any = false;
      while (order.hasNext() && !closed) {
        List<Sample> chosen = take(order, training.batchSize());
        boolean lonely = learning && any && chosen.size() == 1 && training.batchSize() > 1;
        if (!lonely) {
          offer(new Item(batch(chosen), null));
        }
        any = true;
      }
      offer(new Item(null, null));
    } catch (Throwable e) {
      offer(new Item(null, e));
    }
  }

  private void offer(Item item) {
    boolean interrupted = false;
    try {
      while (!closed) {
        try {
          if (queue.offer(item, 50, TimeUnit.MILLISECONDS)) {
            return;
          }
        } catch (InterruptedException e) {
          interrupted = true;
        }
      }
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  private List<Sample> take(Iterator<Sample> order, int count) {
    Optional<DjlAugmentation> augmentation = learning ? training.augmentation() : Optional.empty();
    List<Sample> chosen = new ArrayList<>();
    while (chosen.size() < count && order.hasNext()) {
      Sample sample = order.next();
      RandomGenerator own = random.split();
      chosen.add(augmentation.isPresent() ? augmentation.get().of(sample, own) : sample);
    }
    return chosen;
  }

  private Batch batch(List<Sample> samples) {
    return prepare(training, samples, specs);
  }

  /** Prepares samples: preprocessing, layout, type, and a check that every number is finite. */
  static Batch prepare(DjlTraining training, List<Sample> samples, List<TensorSpec> specs) {
    List<ByteBuffer> buffers = new ArrayList<>();
    for (TensorSpec spec : specs) {
      int bytes = spec.type().bytes();
      for (int dimension : spec.shape()) {
        bytes = Math.multiplyExact(bytes, dimension);
      }
      buffers.add(
          ByteBuffer.allocateDirect(Math.multiplyExact(bytes, samples.size()))
              .order(ByteOrder.nativeOrder()));
    }
    for (Sample sample : samples) {
      List<Tensor> inputs = training.preprocessing().apply(sample, specs);
      for (int i = 0; i < inputs.size(); i++) {
        requireFinite(sample, specs.get(i), inputs.get(i));
        ByteBuffer data = inputs.get(i).data();
        if (data.remaining() > buffers.get(i).remaining()) {
          throw new DataException(
              "Sample "
                  + sample.id()
                  + " gives "
                  + inputs.get(i)
                  + " for the input "
                  + specs.get(i)
                  + ". All samples of a training have the same shapes.");
        }
        buffers.get(i).put(data);
      }
    }
    buffers.forEach(ByteBuffer::rewind);
    return new Batch(samples, specs, buffers);
  }

  private static void requireFinite(Sample sample, TensorSpec spec, Tensor input) {
    if (input.type() != TensorType.FLOAT32) {
      return;
    }
    ByteBuffer data = input.data();
    for (int i = 0; i < data.limit(); i += Float.BYTES) {
      if (!Float.isFinite(data.getFloat(i))) {
        throw new DataException(
            "Sample "
                + sample.id()
                + " has "
                + data.getFloat(i)
                + " at element "
                + i / Float.BYTES
                + " of the input "
                + spec
                + ". Nothing can be learnt from numbers that are not finite; correct the sample or"
                + " the preprocessing.");
      }
    }
  }
}
