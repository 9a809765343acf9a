package io.jetfire.core.internal.run;

import io.jetfire.ConfigurationException;
import io.jetfire.JetFireException;
import io.jetfire.QuotaException;
import io.jetfire.TransientException;
import io.jetfire.spi.Cancellation;
import java.time.Duration;
import java.util.SplittableRandom;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Repeats exchanges with a farm while they fail in a way that may pass, with back-off. */
final class Patience {
  private static final Logger LOG = LoggerFactory.getLogger(Patience.class);

  /** How often one exchange with the farm is tried in all before the farm counts as failed. */
  private static final int TRIES = 6;

  /** Waits between tries double from here, with jitter, up to {@link #LONGEST_WAIT}. */
  private static final Duration FIRST_WAIT = Duration.ofSeconds(2);

  private static final Duration LONGEST_WAIT = Duration.ofMinutes(2);

  /** How long a cancellation may go unnoticed. */
  private static final Duration SLICE = Duration.ofMillis(500);

  private final Sleeper sleeper;
  private final Cancellation cancellation;
  private final SplittableRandom jitter = new SplittableRandom();

  Patience(Sleeper sleeper, Cancellation cancellation) {
    this.sleeper = sleeper;
    this.cancellation = cancellation;
  }

  /**
   * Makes one exchange.
   *
   * @param exchange the exchange
   * @param afterCancel whether it is made although the run is cancelled
   * @param <T> what it gives
   * @return what it gave
   * @throws InterruptedException if the thread was interrupted while waiting
   */
  <T> T exchange(Supplier<T> exchange, boolean afterCancel) throws InterruptedException {
    Duration wait = FIRST_WAIT;
    for (int attempt = 1; ; attempt++) {
      try {
        return exchange.get();
      } catch (TransientException | QuotaException e) {
        if (attempt == TRIES) {
          throw e;
        }
        LOG.debug("Try {} of {} failed, waiting {}", attempt, TRIES, wait, e);
      } catch (JetFireException e) {
        throw e;
      } catch (RuntimeException e) {
        throw new ConfigurationException(
            "The adapter of this farm failed in a way that it should not ("
                + e
                + "); report it to the adapter's authors",
            e);
      }
      if (!afterCancel) {
        cancellation.check();
      }
      pause(wait);
      wait = wait.multipliedBy(2);
      if (wait.compareTo(LONGEST_WAIT) > 0) {
        wait = LONGEST_WAIT;
      }
    }
  }

  /** Waits about that long, in slices, so that a cancellation is noticed soon. */
  void pause(Duration wait) throws InterruptedException {
    Duration left =
        Duration.ofMillis((long) (wait.toMillis() * (0.75 + 0.5 * jitter.nextDouble())));
    while (!left.isNegative() && !left.isZero() && !cancellation.isRequested()) {
      Duration slice = left.compareTo(SLICE) < 0 ? left : SLICE;
      sleeper.sleep(slice);
      left = left.minus(slice);
    }
  }
}
