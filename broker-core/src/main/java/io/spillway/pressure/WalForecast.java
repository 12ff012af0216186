package io.spillway.pressure;

import java.time.Duration;
import java.util.Locale;
import java.util.OptionalLong;

/**
 * How full the write-ahead log is, and how long it lasts.
 *
 * @param fill of what clients may use of it: 0 empty, 1 full
 * @param bound whose fill that is: the one that is met first
 * @param appendBytesPerSecond written to it lately
 * @param uploadBytesPerSecond of it uploaded lately; 0 while the object store does not answer
 * @param secondsUntilFull at this rate; empty when it does not fill
 */
public record WalForecast(
    double fill,
    WalBound bound,
    long appendBytesPerSecond,
    long uploadBytesPerSecond,
    boolean storeReachable,
    OptionalLong secondsUntilFull) {

  private static final long MIB = 1 << 20;

  /** Before anything is known. */
  public static final WalForecast NONE =
      new WalForecast(0, WalBound.CAPACITY, 0, 0, true, OptionalLong.empty());

  /** For a person, in one line. */
  public String inWords() {
    String lasts =
        secondsUntilFull.isPresent()
            ? "lasts " + inWords(Duration.ofSeconds(secondsUntilFull.getAsLong()))
            : "does not fill";
    return String.format(
        Locale.ROOT,
        "the write-ahead log is %.0f %% full (%s) and %s at %.1f MiB/s in, %.1f MiB/s out%s",
        fill * 100,
        bound.setting(),
        lasts,
        (double) appendBytesPerSecond / MIB,
        (double) uploadBytesPerSecond / MIB,
        storeReachable ? "" : "; the object store does not answer");
  }

  /** About, as a person would say it: a rate of this moment says nothing about next week. */
  private static String inWords(Duration left) {
    if (left.compareTo(Duration.ofDays(1)) > 0) {
      return "more than a day";
    }
    if (left.compareTo(Duration.ofHours(2)) >= 0) {
      return left.toHours() + " h";
    }
    return left.compareTo(Duration.ofMinutes(2)) >= 0
        ? left.toMinutes() + " min"
        : left.toSeconds() + " s";
  }
}
