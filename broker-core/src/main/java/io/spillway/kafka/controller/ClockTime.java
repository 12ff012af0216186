package io.spillway.kafka.controller;

import io.spillway.runtime.Clock;
import org.apache.kafka.common.utils.Time;

/** Our clock for Kafka's classes. Their own event queues do the waiting; nothing else sleeps. */
public final class ClockTime implements Time {

  private final Clock clock;

  public ClockTime(Clock clock) {
    this.clock = clock;
  }

  @Override
  public long milliseconds() {
    return clock.currentTimeMillis();
  }

  @Override
  public long nanoseconds() {
    return clock.nanoTime();
  }

  @Override
  public long hiResClockMs() {
    return clock.nanoTime() / 1_000_000;
  }

  @Override
  public void sleep(long ms) {
    throw new UnsupportedOperationException("no thread of this broker sleeps");
  }
}
