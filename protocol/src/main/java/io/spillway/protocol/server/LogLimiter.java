package io.spillway.protocol.server;

import io.spillway.runtime.Clock;
import java.util.EnumMap;
import java.util.Map;

/**
 * Lets one line per reason through in a while, and counts the rest, so that no client can fill the
 * log. Any thread.
 */
final class LogLimiter {

  static final long SUPPRESSED = -1;

  private static final class State {
    boolean everPassed;
    long passedNanos;
    long held;
  }

  private final Clock clock;
  private final long intervalNanos;
  private final Map<CloseReason, State> states = new EnumMap<>(CloseReason.class);

  LogLimiter(Clock clock, long intervalNanos) {
    this.clock = clock;
    this.intervalNanos = intervalNanos;
  }

  /** {@link #SUPPRESSED}, or how many lines were held back since the last that passed. */
  synchronized long pass(CloseReason reason) {
    State state = states.computeIfAbsent(reason, any -> new State());
    long now = clock.nanoTime();
    if (state.everPassed && now - state.passedNanos < intervalNanos) {
      state.held++;
      return SUPPRESSED;
    }
    long held = state.held;
    state.everPassed = true;
    state.passedNanos = now;
    state.held = 0;
    return held;
  }
}
