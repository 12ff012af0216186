package io.spillway.pressure;

import io.spillway.wal.WalConfig;
import io.spillway.wal.WriteAheadLog.WalUsage;

/** What the write-ahead log can run out of. */
public enum WalBound {

  /** Room for what is not uploaded. */
  CAPACITY("wal.capacity.bytes"),

  /** Memory for what waits for the bucket, where the log is in it. */
  BUFFER("wal.buffer.bytes");

  private final String setting;

  WalBound(String setting) {
    this.setting = setting;
  }

  /** The setting that says how much there is. */
  public String setting() {
    return setting;
  }

  /** The bound that is met first. */
  static WalBound nearest(WalUsage usage) {
    return BUFFER.fill(usage) > CAPACITY.fill(usage) ? BUFFER : CAPACITY;
  }

  /** Of what clients may use, of the bound that is met first. */
  static double nearestFill(WalUsage usage) {
    return nearest(usage).fill(usage);
  }

  /** Of what clients may use: 0 empty, 1 full. */
  double fill(WalUsage usage) {
    long forClients = forClients(usage);
    return forClients <= 0 ? 0 : Math.min(1, (double) used(usage) / forClients);
  }

  /** What clients may still use. */
  long left(WalUsage usage) {
    return Math.max(0, forClients(usage) - used(usage));
  }

  private long used(WalUsage usage) {
    return this == BUFFER ? usage.waitingBytes() : usage.usedBytes();
  }

  /** The rest is for internal topics (P35). */
  private long forClients(WalUsage usage) {
    long all = this == BUFFER ? usage.waitingCapacityBytes() : usage.capacityBytes();
    return all - all / WalConfig.INTERNAL_SHARE_DIVISOR;
  }
}
