package io.spillway.upload;

import io.spillway.runtime.Cancellable;
import io.spillway.runtime.Clock;
import io.spillway.runtime.Scheduler;
import io.spillway.wal.WriteAheadLog;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Has the pipeline look whether an upload is due: when enough waits, now and then while the WAL
 * fills, and when something has waited long enough. Safe for any thread, but for what is said to
 * belong to the upload scheduler.
 */
final class UploadTrigger {

  private final UploadLimits limits;
  private final WriteAheadLog wal;
  private final Clock clock;
  private final Scheduler scheduler;
  private final BooleanSupplier isCutting;
  private final Runnable look;
  private final AtomicLong bytesSinceFillCheck = new AtomicLong();
  private final AtomicBoolean signalled = new AtomicBoolean();
  private final AtomicBoolean aging = new AtomicBoolean();
  private volatile long agingSinceNanos;

  // Confined to the scheduler.
  private @Nullable Cancellable ageTimer;
  private boolean overdue;

  /**
   * @param look run on the scheduler
   */
  UploadTrigger(
      UploadLimits limits,
      WriteAheadLog wal,
      Clock clock,
      Scheduler scheduler,
      BooleanSupplier isCutting,
      Runnable look) {
    this.limits = limits;
    this.wal = wal;
    this.clock = clock;
    this.scheduler = scheduler;
    this.isCutting = isCutting;
    this.look = look;
  }

  /**
   * @param pendingBytes that wait now, the batch's included
   */
  void onDurable(long pendingBytes, int batchBytes) {
    if (!aging.get() && aging.compareAndSet(false, true)) {
      agingSinceNanos = clock.nanoTime();
      scheduler.execute(this::startAging);
    }
    if (pendingBytes >= limits.triggerBytes()
        || bytesSinceFillCheck.addAndGet(batchBytes) >= fillCheckBytes()) {
      bytesSinceFillCheck.set(0);
      signal();
    }
  }

  private long fillCheckBytes() {
    return Math.max(64 * 1024, wal.usage().capacityBytes() / 128);
  }

  void signal() {
    if (!isCutting.getAsBoolean() && signalled.compareAndSet(false, true)) {
      scheduler.execute(
          () -> {
            signalled.set(false);
            look.run();
          });
    }
  }

  private void startAging() {
    if (ageTimer != null) {
      ageTimer.cancel();
    }
    ageTimer = scheduler.schedule(limits.intervalNanos(), this::onOverdue);
  }

  /** What waits has waited long enough. On the scheduler. */
  void onOverdue() {
    overdue = true;
    look.run();
  }

  /** On the scheduler. */
  boolean isOverdue() {
    return overdue;
  }

  /**
   * Everything that waits is looked at: what comes later begins to age anew. On the scheduler.
   *
   * @return since when the oldest has waited
   */
  long onCut() {
    long sinceNanos = aging.get() ? agingSinceNanos : clock.nanoTime();
    overdue = false;
    aging.set(false);
    return sinceNanos;
  }

  /** How long the oldest batch since the last cut has waited. */
  long agingNanos() {
    return aging.get() ? clock.nanoTime() - agingSinceNanos : 0;
  }

  /** On the scheduler. */
  void close() {
    if (ageTimer != null) {
      ageTimer.cancel();
    }
  }
}
