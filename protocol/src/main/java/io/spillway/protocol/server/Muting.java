package io.spillway.protocol.server;

import io.netty.channel.EventLoop;
import io.spillway.protocol.frame.ReadGate;
import io.spillway.protocol.frame.ReadPause;
import io.spillway.runtime.Clock;
import java.util.concurrent.TimeUnit;

/**
 * KIP-219: a client that is throttled is not read until its time is over; a longer time replaces a
 * shorter one. Of the connection's event loop.
 */
final class Muting {

  private final ReadGate gate;
  private final Clock clock;
  private final EventLoop loop;
  private final Runnable onEnd;
  private long untilNanos;
  private boolean isStopped;

  /**
   * @param onEnd run when the client may be heard again
   */
  Muting(ReadGate gate, Clock clock, EventLoop loop, Runnable onEnd) {
    this.gate = gate;
    this.clock = clock;
    this.loop = loop;
    this.onEnd = onEnd;
  }

  boolean isMuted() {
    return gate.isPausedBy(ReadPause.MUTED);
  }

  /** Mutes from now on; nothing when there is no time to. */
  void mute(long durationNanos) {
    if (durationNanos <= 0) {
      return;
    }
    long until = clock.nanoTime() + durationNanos;
    if (isMuted() && untilNanos - until >= 0) {
      return;
    }
    boolean wakes = isMuted();
    untilNanos = until;
    gate.pause(ReadPause.MUTED);
    if (!wakes) {
      endAfter(durationNanos);
    }
  }

  /** The connection is closed: it stays muted. */
  void stop() {
    isStopped = true;
  }

  private void endAfter(long nanos) {
    loop.schedule(this::endIfDue, nanos, TimeUnit.NANOSECONDS);
  }

  private void endIfDue() {
    if (isStopped) {
      return;
    }
    long left = untilNanos - clock.nanoTime();
    if (left > 0) {
      endAfter(left);
    } else {
      gate.resume(ReadPause.MUTED);
      onEnd.run();
    }
  }
}
