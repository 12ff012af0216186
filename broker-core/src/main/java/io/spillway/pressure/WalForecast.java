package io.spillway.pressure;

import io.spillway.wal.WalConfig;
import java.util.Locale;
import java.util.OptionalLong;

/**
 * How full the write-ahead log is, and how long it lasts.
 *
 * @param fill of what clients may use of it: 0 empty, 1 full
 * @param appendBytesPerSecond written to it lately
 * @param uploadBytesPerSecond of it uploaded lately; 0 while the object store does not answer
 * @param secondsUntilFull at this rate; empty when it does not fill
 */
public record WalForecast(
    double fill,
    long appendBytesPerSecond,
    long uploadBytesPerSecond,
    boolean storeReachable,
    OptionalLong secondsUntilFull) {

  private static final long MIB = 1 << 20;

  /** Before anything is known. */
  public static final WalForecast NONE = new WalForecast(0, 0, 0, true, OptionalLong.empty());

  /** Of what clients may use: the rest of the capacity is for internal topics (P35). */
  static double fill(long usedBytes, long capacityBytes) {
    long forClients = clientCapacity(capacityBytes);
    return forClients <= 0 ? 0 : Math.min(1, (double) usedBytes / forClients);
  }

  static long clientCapacity(long capacityBytes) {
    return capacityBytes - capacityBytes / WalConfig.INTERNAL_SHARE_DIVISOR;
  }

  /** For a person, in one line. */
  public String inWords() {
    String lasts =
        secondsUntilFull.isPresent()
            ? "lasts " + secondsUntilFull.getAsLong() + " s"
            : "does not fill";
    return String.format(
        Locale.ROOT,
        "the write-ahead log is %.0f %% full and %s at %.1f MiB/s in, %.1f MiB/s out%s",
        fill * 100,
        lasts,
        (double) appendBytesPerSecond / MIB,
        (double) uploadBytesPerSecond / MIB,
        storeReachable ? "" : "; the object store does not answer");
  }
}
