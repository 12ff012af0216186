package io.spillway.protocol.server;

import java.util.function.BiConsumer;

/**
 * Whether the client still does anything: takes its responses, or sends something. Of the
 * connection's event loop; looks only when it is asked to.
 */
final class PeerWatch {

  private final ServerLimits limits;
  private final ResponseWriter responses;
  private final BiConsumer<CloseReason, String> onTimeout;
  private long activeNanos;
  private long seenReceivedBytes;
  private long seenWriteProgress;
  private long writeProgressNanos;

  /**
   * @param onTimeout told why the connection has to end
   */
  PeerWatch(
      ServerLimits limits,
      ResponseWriter responses,
      long nowNanos,
      BiConsumer<CloseReason, String> onTimeout) {
    this.limits = limits;
    this.responses = responses;
    this.onTimeout = onTimeout;
    this.activeNanos = nowNanos;
    this.writeProgressNanos = nowNanos;
  }

  /** Ends the connection if the client has left its responses unread for too long. */
  void checkWriteProgress(long nowNanos) {
    long progress = responses.progress();
    if (responses.unsentBytes() == 0 || progress != seenWriteProgress) {
      seenWriteProgress = progress;
      writeProgressNanos = nowNanos;
    } else if (nowNanos - writeProgressNanos >= limits.writeTimeout().toNanos()) {
      onTimeout.accept(
          CloseReason.SLOW_READER,
          "the client took no byte of its responses for " + limits.writeTimeout());
    }
  }

  /**
   * Ends the connection if nothing has happened for too long. Whoever still takes a response is
   * slow at worst, and judged as that.
   *
   * @param isBusy whether the connection has something to do, or the client does
   */
  void checkIdle(long nowNanos, boolean isBusy, long receivedBytes) {
    if (isBusy || responses.unsentBytes() > 0 || receivedBytes != seenReceivedBytes) {
      seenReceivedBytes = receivedBytes;
      activeNanos = nowNanos;
    } else if (nowNanos - activeNanos >= limits.idleTimeout().toNanos()) {
      onTimeout.accept(CloseReason.IDLE, "idle for " + limits.idleTimeout());
    }
  }
}
