package io.spillway.merge;

import io.spillway.rewrite.RewritePace;
import java.util.concurrent.TimeUnit;

/**
 * What merging may use, and what it aims at.
 *
 * @param bytesPerSecond read and written together; 0 turns merging off
 * @param requestsPerSecond sent to the store, one at a time
 * @param bufferBytes memory: half of it for what is written, a quarter for what is read, a quarter
 *     for indexes of what is read
 * @param largeBytes an extent of that size or more is left alone
 * @param fanIn so many extents, or objects, of about one size become one
 * @param intervalMs how often to look for something to merge, as long as the catalog moves
 * @param pauseMs how long to leave the store alone after it failed or throttled a request of
 *     anybody
 */
public record MergeConfig(
    long bytesPerSecond,
    int requestsPerSecond,
    long bufferBytes,
    long largeBytes,
    int fanIn,
    long intervalMs,
    long pauseMs) {

  private static final long MIB = 1024 * 1024;

  public MergeConfig {
    require(bytesPerSecond >= 0, "bytesPerSecond", bytesPerSecond);
    require(requestsPerSecond > 0, "requestsPerSecond", requestsPerSecond);
    require(bufferBytes > 0, "bufferBytes", bufferBytes);
    require(largeBytes > 0 && largeBytes <= Long.MAX_VALUE / 1024, "largeBytes", largeBytes);
    require(fanIn >= 2 && fanIn <= 64, "fanIn", fanIn);
    require(intervalMs > 0, "intervalMs", intervalMs);
    require(pauseMs > 0, "pauseMs", pauseMs);
  }

  public static MergeConfig defaults() {
    return new MergeConfig(
        16 * MIB,
        20,
        32 * MIB,
        32 * MIB,
        8,
        TimeUnit.MINUTES.toMillis(1),
        TimeUnit.SECONDS.toMillis(10));
  }

  /** No merging at all. */
  public static MergeConfig off() {
    MergeConfig standard = defaults();
    return new MergeConfig(
        0,
        standard.requestsPerSecond,
        standard.bufferBytes,
        standard.largeBytes,
        standard.fanIn,
        standard.intervalMs,
        standard.pauseMs);
  }

  RewritePace pace() {
    return new RewritePace(bytesPerSecond, requestsPerSecond, pauseMs);
  }

  public boolean isOn() {
    return bytesPerSecond > 0;
  }

  private static void require(boolean condition, String name, long value) {
    if (!condition) {
      throw new IllegalArgumentException("merge setting " + name + " cannot be " + value);
    }
  }
}
