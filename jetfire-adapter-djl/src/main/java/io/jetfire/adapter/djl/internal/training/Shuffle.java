package io.jetfire.adapter.djl.internal.training;

import io.jetfire.Sample;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.random.RandomGenerator;

/**
 * Draws samples at random from a buffer that is refilled from a stream, so that a dataset need not
 * fit into memory; with a buffer as large as the dataset every order is equally likely.
 */
final class Shuffle implements Iterator<Sample> {
  private final Iterator<Sample> source;
  private final int capacity;
  private final RandomGenerator random;
  private final List<Sample> buffer = new ArrayList<>();

  Shuffle(Iterator<Sample> source, int capacity, RandomGenerator random) {
    this.source = source;
    this.capacity = capacity;
    this.random = random;
  }

  @Override
  public boolean hasNext() {
    while (buffer.size() < capacity && source.hasNext()) {
      buffer.add(source.next());
    }
    return !buffer.isEmpty();
  }

  @Override
  public Sample next() {
    if (!hasNext()) {
      throw new NoSuchElementException();
    }
    int chosen = random.nextInt(buffer.size());
    Sample last = buffer.remove(buffer.size() - 1);
    return chosen == buffer.size() ? last : buffer.set(chosen, last);
  }
}
