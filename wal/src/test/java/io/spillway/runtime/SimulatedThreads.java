package io.spillway.runtime;

import java.util.ArrayList;
import java.util.List;
import java.util.PriorityQueue;
import java.util.Random;
import java.util.concurrent.Executor;

/**
 * Threads, clock and randomness from one seed: every task is an event on one queue, and {@link
 * #step} runs the next. Serial schedulers keep their order; between schedulers and pools the seed
 * decides who goes first. A {@link #crash} drops what has not run, as kill -9 does.
 */
public final class SimulatedThreads implements Threads {

  private final Random random;
  private final SimulatedClock clock = new SimulatedClock();
  private final PriorityQueue<Event> events = new PriorityQueue<>();
  private final List<Throwable> faults = new ArrayList<>();
  private final long maxJitterNanos;
  private long sequence;
  private String running = "";
  private int epoch;

  /**
   * @param maxJitterNanos how late a task may run, at most; 0 runs tasks in order of submission
   */
  public SimulatedThreads(long seed, long maxJitterNanos) {
    this.random = new Random(seed);
    this.maxJitterNanos = maxJitterNanos;
  }

  @Override
  public Clock clock() {
    return clock;
  }

  /** Randomness from the same seed. */
  public RandomSource randomSource() {
    return new RandomSource() {
      @Override
      public long nextLong() {
        return random.nextLong();
      }

      @Override
      public int nextInt(int bound) {
        return random.nextInt(bound);
      }
    };
  }

  @Override
  public Scheduler newScheduler(String name) {
    return new SimulatedScheduler(name);
  }

  @Override
  public Executor newPool(String name, int size) {
    return task -> enqueue(jitter(), name, task, epoch);
  }

  /** Runs the next event; false when there is none. */
  public boolean step() {
    Event event = events.poll();
    while (event != null && event.isDead(epoch)) {
      event = events.poll();
    }
    if (event == null) {
      return false;
    }
    clock.advanceTo(event.atNanos);
    running = event.name;
    try {
      event.task.run();
    } catch (Throwable t) {
      faults.add(t);
    }
    running = "";
    return true;
  }

  /** Runs events until none is due within {@code nanos} from now, then moves the clock there. */
  public void runFor(long nanos) {
    long until = clock.nanoTime() + nanos;
    Event next = events.peek();
    while (next != null && next.atNanos <= until) {
      if (next.isDead(epoch)) {
        events.poll(); // stepping over it would run what comes after, maybe much later
      } else {
        step();
      }
      next = events.peek();
    }
    clock.advanceTo(until);
  }

  /** Runs events until none is left or {@code limit} ran; the number that ran. */
  public int runAll(int limit) {
    int ran = 0;
    while (ran < limit && step()) {
      ran++;
    }
    return ran;
  }

  /** Forgets every task: the process is gone, the world around it is not. */
  public void crash() {
    epoch++;
  }

  /** Name of the scheduler or pool whose task runs; empty between tasks. */
  public String running() {
    return running;
  }

  /** What tasks threw. */
  public List<Throwable> faults() {
    return faults;
  }

  @Override
  public void close() {
    epoch++;
  }

  private long jitter() {
    return maxJitterNanos == 0 ? 0 : (long) (random.nextDouble() * maxJitterNanos);
  }

  private Event enqueue(long delayNanos, String name, Runnable task, int epochOfTask) {
    Event event =
        new Event(clock.nanoTime() + Math.max(0, delayNanos), sequence++, name, task, epochOfTask);
    events.add(event);
    return event;
  }

  private final class SimulatedScheduler implements Scheduler {
    private final String name;
    private final int bornIn = epoch;
    private long lastAtNanos;

    SimulatedScheduler(String name) {
      this.name = name;
    }

    @Override
    public void execute(Runnable task) {
      long at = Math.max(lastAtNanos, clock.nanoTime() + jitter());
      lastAtNanos = at;
      enqueue(at - clock.nanoTime(), name, task, bornIn);
    }

    @Override
    public Cancellable schedule(long delayNanos, Runnable task) {
      Event event = enqueue(delayNanos + jitter(), name, task, bornIn);
      return () -> event.cancelled = true;
    }
  }

  private static final class Event implements Comparable<Event> {
    private final long atNanos;
    private final long sequence;
    private final String name;
    private final Runnable task;
    private final int epoch;
    private boolean cancelled;

    Event(long atNanos, long sequence, String name, Runnable task, int epoch) {
      this.atNanos = atNanos;
      this.sequence = sequence;
      this.name = name;
      this.task = task;
      this.epoch = epoch;
    }

    boolean isDead(int currentEpoch) {
      return cancelled || epoch != currentEpoch;
    }

    @Override
    public int compareTo(Event other) {
      int byTime = Long.compare(atNanos, other.atNanos);
      return byTime != 0 ? byTime : Long.compare(sequence, other.sequence);
    }

    @Override
    public String toString() {
      return name + "@" + atNanos;
    }
  }

  private static final class SimulatedClock implements Clock {
    private static final long WALL_ORIGIN_MS = 1_700_000_000_000L;
    private long nanos;

    @Override
    public long nanoTime() {
      return nanos;
    }

    @Override
    public long currentTimeMillis() {
      return WALL_ORIGIN_MS + nanos / 1_000_000;
    }

    void advanceTo(long to) {
      nanos = Math.max(nanos, to);
    }
  }
}
