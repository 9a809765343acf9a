package io.jetfire.core.internal.fake;

import io.jetfire.core.internal.run.Sleeper;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/** A clock that only sleeping moves. */
public final class FakeTime extends Clock implements Sleeper {
  private Instant now = Instant.parse("2026-11-01T10:00:00Z");
  private final List<Duration> sleeps = new ArrayList<>();
  private Consumer<Instant> onSleep = i -> {};

  /** Is told of the time after each sleep. */
  public void onSleep(Consumer<Instant> action) {
    onSleep = action;
  }

  /** How long has been slept in all. */
  public synchronized Duration slept() {
    return sleeps.stream().reduce(Duration.ZERO, Duration::plus);
  }

  @Override
  public void sleep(Duration duration) throws InterruptedException {
    if (Thread.interrupted()) {
      throw new InterruptedException();
    }
    Instant after;
    synchronized (this) {
      sleeps.add(duration);
      now = now.plus(duration);
      after = now;
    }
    onSleep.accept(after);
  }

  @Override
  public synchronized Instant instant() {
    return now;
  }

  @Override
  public ZoneId getZone() {
    return ZoneOffset.UTC;
  }

  @Override
  public Clock withZone(ZoneId zone) {
    throw new UnsupportedOperationException();
  }
}
