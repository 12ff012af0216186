package io.spillway.objectwal;

/**
 * When the next block goes. At once when nothing is under way and there is a token: an idle line
 * answers fast. Else when the oldest batch has waited long enough, or a block is full, but not
 * sooner after the block before than the spacing: then blocks grow with the load and requests do
 * not.
 *
 * <p>So over any time of {@code t}, whatever is offered, there are at most {@code t/spacing +
 * t/token} requests and {@code maxTokens + 1} more. Few tokens are kept, because each is a request
 * over the rate: enough for the short exchanges that an idle line sees (a commit, a record of a
 * connector's state), not for a burst, which has to wait for company soon anyway. No answer takes
 * longer than the linger and the request for it.
 *
 * <p>Pure; times are from one monotonic clock.
 */
final class PutPacer {

  /** Send now. */
  static final long NOW = Long.MIN_VALUE;

  /** Nothing to be done before a block under way has ended. */
  static final long WHEN_ONE_ENDS = Long.MAX_VALUE;

  private final ObjectWalConfig config;
  private long tokens;
  private long tokensAtNanos;
  private long lastSentNanos;

  PutPacer(ObjectWalConfig config, long nowNanos) {
    this.config = config;
    this.tokens = config.maxTokens();
    this.tokensAtNanos = nowNanos;
    this.lastSentNanos = nowNanos - config.spacingNanos();
  }

  /**
   * Decides about what waits; takes a token when that is what sends it.
   *
   * @param waitingBytes of batches that wait, {@code > 0}
   * @param waitingSinceNanos since when the oldest waits
   * @param inFlight blocks under way
   * @param stopping nothing more will come: waiting for company is of no use
   * @return {@link #NOW}, {@link #WHEN_ONE_ENDS}, or when to ask again at the latest
   */
  long decide(
      long nowNanos, long waitingBytes, long waitingSinceNanos, int inFlight, boolean stopping) {
    if (inFlight >= config.maxInFlight()) {
      return WHEN_ONE_ENDS;
    }
    if (stopping) {
      return sent(nowNanos);
    }
    addTokens(nowNanos);
    if (inFlight == 0 && tokens > 0) {
      tokens--;
      return sent(nowNanos);
    }
    boolean isFull = waitingBytes >= config.closeBytes();
    long due = isFull ? waitingSinceNanos : waitingSinceNanos + config.lingerNanos();
    long at = later(due, lastSentNanos + config.spacingNanos());
    if (at - nowNanos <= 0) {
      return sent(nowNanos);
    }
    // With nothing under way the next token may come first.
    long token = tokensAtNanos + config.tokenNanos();
    return inFlight == 0 && token - at < 0 ? token : at;
  }

  private long sent(long nowNanos) {
    lastSentNanos = nowNanos;
    return NOW;
  }

  private void addTokens(long nowNanos) {
    long come = (nowNanos - tokensAtNanos) / config.tokenNanos();
    tokens = Math.min(config.maxTokens(), tokens + come);
    // None is on its way while all are there: the next comes a whole time after one was taken.
    tokensAtNanos =
        tokens == config.maxTokens() ? nowNanos : tokensAtNanos + come * config.tokenNanos();
  }

  private static long later(long a, long b) {
    return a - b > 0 ? a : b;
  }
}
