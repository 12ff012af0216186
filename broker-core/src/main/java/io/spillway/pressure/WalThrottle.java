package io.spillway.pressure;

import io.spillway.metrics.MetricsSink;
import io.spillway.metrics.MetricsSource;
import io.spillway.request.RequestContext;
import io.spillway.request.Throttle;
import io.spillway.wal.WriteAheadLog.WalUsage;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Supplier;
import org.apache.kafka.common.protocol.ApiKeys;

/**
 * Slows producers down before they have to be refused (KIP-219): beyond a fill of the write-ahead
 * log, by whichever {@link WalBound} is nearer, that usual operation does not reach, each produce
 * request costs its client a pause that grows with the square of how far the fill is beyond, to
 * four seconds at a full log. A request smaller than {@link #FULL_PRICE_BYTES} pays its share: who
 * sends little is hardly slowed by who sends much. What internal topics need does not come this way
 * (P35).
 */
public final class WalThrottle implements Throttle, MetricsSource {

  /** Uploads by need begin at half; this leaves them room to win. */
  static final double BEGINS_AT = 0.7;

  static final long MAX_PAUSE_NANOS = TimeUnit.SECONDS.toNanos(4);

  /** A usual full batch of a busy producer, or several small ones. */
  static final int FULL_PRICE_BYTES = 256 * 1024;

  private final Supplier<WalUsage> usage;
  private final AtomicLong pauses = new AtomicLong();
  private final AtomicLong pausedNanos = new AtomicLong();

  /**
   * @param usage as it is now: at full speed a small log fills within a second
   */
  public WalThrottle(Supplier<WalUsage> usage) {
    this.usage = usage;
  }

  @Override
  public long onRequest(RequestContext context, int requestBytes) {
    if (context.apiKey() != ApiKeys.PRODUCE) {
      return 0;
    }
    double fill = WalBound.nearestFill(usage.get());
    if (fill <= BEGINS_AT) {
      return 0;
    }
    double beyond = (fill - BEGINS_AT) / (1 - BEGINS_AT);
    double price = Math.min(1, (double) requestBytes / FULL_PRICE_BYTES);
    long pause = (long) (MAX_PAUSE_NANOS * beyond * beyond * price);
    if (pause < TimeUnit.MILLISECONDS.toNanos(1)) {
      return 0; // clients are told in milliseconds
    }
    pauses.incrementAndGet();
    pausedNanos.addAndGet(pause);
    return pause;
  }

  @Override
  public void collect(MetricsSink sink) {
    sink.counter(
        "spillway_wal_throttles",
        "Produce requests whose client was slowed because the write-ahead log fills",
        pauses.get());
    sink.counter(
        "spillway_wal_throttle_milliseconds",
        "How long they were slowed for, together",
        TimeUnit.NANOSECONDS.toMillis(pausedNanos.get()));
  }
}
