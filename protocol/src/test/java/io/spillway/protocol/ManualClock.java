package io.spillway.protocol;

import io.spillway.runtime.Clock;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicLong;

/** A clock that moves when it is told to. */
public final class ManualClock implements Clock {

  private final AtomicLong nanos = new AtomicLong(1_000_000_000);

  @Override
  public long nanoTime() {
    return nanos.get();
  }

  @Override
  public long currentTimeMillis() {
    return nanos.get() / 1_000_000;
  }

  public void advance(Duration duration) {
    nanos.addAndGet(duration.toNanos());
  }
}
