package io.spillway.request.data;

import io.spillway.runtime.Cancellable;
import io.spillway.runtime.Clock;
import io.spillway.runtime.Scheduler;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Many timeouts of which few ever fire: a hashed wheel (Varghese and Lauck, 1987) with ticks of 10
 * ms, so that setting and cancelling cost a list link each. It asks the scheduler for the next
 * timeout only, so an idle broker does not tick. Any thread; tasks run on the scheduler.
 */
final class TimerWheel {

  static final long TICK_NANOS = TimeUnit.MILLISECONDS.toNanos(10);

  private static final int SLOTS = 512;
  private static final long NOT_ARMED = Long.MAX_VALUE;

  private final Clock clock;
  private final Scheduler scheduler;
  private final long originNanos;
  private final Timeout[] slots = new Timeout[SLOTS];
  private int count;
  private long currentTick;
  private long armedTick = NOT_ARMED;
  private @Nullable Cancellable armed;

  TimerWheel(Clock clock, Scheduler scheduler) {
    this.clock = clock;
    this.scheduler = scheduler;
    this.originNanos = clock.nanoTime();
    for (int i = 0; i < SLOTS; i++) {
      slots[i] = new Timeout(this, 0, () -> {});
    }
  }

  /** Runs the task once, at most one tick later than {@code delayNanos} from now. */
  Timeout schedule(long delayNanos, Runnable task) {
    long now = tickNow();
    long dueNanos = clock.nanoTime() - originNanos + Math.max(0, delayNanos);
    long dueTick = (dueNanos + TICK_NANOS - 1) / TICK_NANOS;
    Timeout timeout = new Timeout(this, Math.max(now + 1, dueTick), task);
    synchronized (this) {
      if (count == 0) {
        currentTick = now;
      }
      slotOf(timeout.deadlineTick).append(timeout);
      count++;
      armFor(timeout.deadlineTick);
    }
    return timeout;
  }

  /** How many are set; for tests and metrics. */
  synchronized int size() {
    return count;
  }

  private long tickNow() {
    return (clock.nanoTime() - originNanos) / TICK_NANOS;
  }

  private Timeout slotOf(long tick) {
    return slots[(int) (tick % SLOTS)];
  }

  private void armFor(long tick) {
    if (tick >= armedTick) {
      return;
    }
    if (armed != null) {
      armed.cancel();
    }
    armedTick = tick;
    long delayNanos = originNanos + tick * TICK_NANOS - clock.nanoTime();
    armed = scheduler.schedule(Math.max(0, delayNanos), this::fire);
  }

  private void fire() {
    List<Timeout> due = new ArrayList<>();
    synchronized (this) {
      armed = null;
      armedTick = NOT_ARMED;
      long now = tickNow();
      long first = Math.max(currentTick, now - SLOTS + 1);
      for (long tick = first; tick <= now; tick++) {
        slotOf(tick).takeDue(now, due);
      }
      count -= due.size();
      currentTick = now;
      if (count > 0) {
        armFor(nextTick(now));
      }
    }
    for (Timeout timeout : due) {
      timeout.task.run();
    }
  }

  /** The next tick with something due in this round, or the round's end. */
  private long nextTick(long now) {
    for (long tick = now + 1; tick < now + SLOTS; tick++) {
      if (slotOf(tick).holds(tick)) {
        return tick;
      }
    }
    return now + SLOTS;
  }

  private synchronized void remove(Timeout timeout) {
    if (timeout.isLinked()) {
      timeout.unlink();
      count--;
    }
  }

  /** A set timeout; as a slot's head it is the end of a ring. */
  static final class Timeout {
    private final TimerWheel wheel;
    private final long deadlineTick;
    private final Runnable task;
    private @Nullable Timeout previous;
    private @Nullable Timeout next;

    private Timeout(TimerWheel wheel, long deadlineTick, Runnable task) {
      this.wheel = wheel;
      this.deadlineTick = deadlineTick;
      this.task = task;
    }

    /** Prevents the task from starting, if it has not started. */
    void cancel() {
      wheel.remove(this);
    }

    private boolean isLinked() {
      return previous != null;
    }

    private void append(Timeout timeout) {
      Timeout last = previous == null ? this : previous;
      timeout.previous = last;
      timeout.next = this;
      last.next = timeout;
      previous = timeout;
    }

    private void unlink() {
      Timeout before = previous;
      Timeout after = next;
      if (before != null && after != null) {
        before.next = after;
        after.previous = before;
      }
      previous = null;
      next = null;
    }

    private void takeDue(long nowTick, List<Timeout> due) {
      Timeout timeout = next;
      while (timeout != null && timeout != this) {
        Timeout following = timeout.next;
        if (timeout.deadlineTick <= nowTick) {
          timeout.unlink();
          due.add(timeout);
        }
        timeout = following;
      }
    }

    private boolean holds(long tick) {
      for (Timeout timeout = next; timeout != null && timeout != this; timeout = timeout.next) {
        if (timeout.deadlineTick == tick) {
          return true;
        }
      }
      return false;
    }
  }
}
