package io.spillway.kafka.group;

import io.spillway.runtime.Clock;
import org.apache.kafka.common.utils.Time;

/** Kafka's view of our clock. */
record ClockTime(Clock clock) implements Time {

  @Override
  public long milliseconds() {
    return clock.currentTimeMillis();
  }

  @Override
  public long nanoseconds() {
    return clock.nanoTime();
  }

  /** No part of the coordinator sleeps. */
  @Override
  public void sleep(long ms) {
    throw new UnsupportedOperationException("sleep(" + ms + ")");
  }
}
