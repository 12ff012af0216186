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
 *
 * <p>It is one process itself; {@link #newProcess} makes more, which crash, stall and misread the
 * clock each on their own.
 */
public final class SimulatedThreads implements Threads {

  private final Random random;
  private final SimulatedClock clock = new SimulatedClock();
  private final SimProcess self = new SimProcess();
  private final SimProcess world = new SimProcess();
  private final PriorityQueue<Event> events = new PriorityQueue<>();
  private final List<Throwable> faults = new ArrayList<>();
  private final long maxJitterNanos;
  private long sequence;
  private String running = "";

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

  /** Another process, with a clock that starts right. */
  public SimProcess newProcess() {
    return new SimProcess();
  }

  /** Runs a task of the world around the processes at that time exactly; nothing drops it. */
  public void at(long nanos, Runnable task) {
    enqueue(nanos - clock.nanoTime(), "world", task, world, 0);
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
    return self.newScheduler(name);
  }

  @Override
  public Executor newPool(String name, int size) {
    return self.newPool(name, size);
  }

  /** Runs the next event; false when there is none. */
  public boolean step() {
    Event event = events.poll();
    while (event != null && !mayRun(event)) {
      event = events.poll();
    }
    if (event == null) {
      return false;
    }
    run(event);
    return true;
  }

  private void run(Event event) {
    clock.advanceTo(event.atNanos);
    running = event.name;
    try {
      event.task.run();
    } catch (Throwable t) {
      faults.add(t);
    }
    running = "";
  }

  /** Drops it when its process is gone; puts it off when its process stalls. */
  private boolean mayRun(Event event) {
    if (event.cancelled || event.epoch != event.process.epoch) {
      return false;
    }
    if (event.atNanos < event.process.stalledUntilNanos) {
      event.atNanos = event.process.stalledUntilNanos;
      events.add(event);
      return false;
    }
    return true;
  }

  /** Runs events until none is due within {@code nanos} from now, then moves the clock there. */
  public void runFor(long nanos) {
    long until = clock.nanoTime() + nanos;
    Event next = events.peek();
    while (next != null && next.atNanos <= until) {
      events.poll();
      if (mayRun(next)) { // stepping over one would run what comes after, maybe much later
        run(next);
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
    self.crash();
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
    self.crash();
  }

  private long jitter() {
    return maxJitterNanos == 0 ? 0 : (long) (random.nextDouble() * maxJitterNanos);
  }

  private Event enqueue(
      long delayNanos, String name, Runnable task, SimProcess process, int epochOfTask) {
    Event event =
        new Event(
            clock.nanoTime() + Math.max(0, delayNanos),
            sequence++,
            name,
            task,
            process,
            epochOfTask);
    events.add(event);
    return event;
  }

  /** One process: its threads and its clock. */
  public final class SimProcess implements Threads {
    private final SkewedClock skewed = new SkewedClock();
    private int epoch;
    private long stalledUntilNanos;

    private SimProcess() {}

    @Override
    public Clock clock() {
      return this == self ? clock : skewed;
    }

    @Override
    public Scheduler newScheduler(String name) {
      return new SimulatedScheduler(name, this);
    }

    @Override
    public Executor newPool(String name, int size) {
      int bornIn = epoch;
      return task -> enqueue(jitter(), name, task, this, bornIn);
    }

    /** Forgets every task: the process is gone, the world around it is not. */
    public void crash() {
      epoch++;
      stalledUntilNanos = 0;
    }

    /** Runs nothing for so long, then goes on where it was: a long collection, a frozen machine. */
    public void stall(long nanos) {
      stalledUntilNanos = Math.max(stalledUntilNanos, clock.nanoTime() + nanos);
    }

    public boolean isStalled() {
      return clock.nanoTime() < stalledUntilNanos;
    }

    /** Ends a stall. */
    public void wake() {
      stalledUntilNanos = 0;
    }

    /** The wall clock jumps; backwards, too. */
    public void jumpWallClock(long millis) {
      skewed.wallOffsetMs += millis;
    }

    /** The clock of intervals jumps, as over a suspend. Never backwards. */
    public void jumpNanoTime(long nanos) {
      skewed.nanosOffset += nanos;
    }

    @Override
    public void close() {
      crash();
    }
  }

  private final class SkewedClock implements Clock {
    private long wallOffsetMs;
    private long nanosOffset;

    @Override
    public long nanoTime() {
      return clock.nanoTime() + nanosOffset;
    }

    @Override
    public long currentTimeMillis() {
      return clock.currentTimeMillis() + wallOffsetMs;
    }
  }

  private final class SimulatedScheduler implements Scheduler {
    private final String name;
    private final SimProcess process;
    private final int bornIn;
    private long lastAtNanos;

    SimulatedScheduler(String name, SimProcess process) {
      this.name = name;
      this.process = process;
      this.bornIn = process.epoch;
    }

    @Override
    public void execute(Runnable task) {
      long at = Math.max(lastAtNanos, clock.nanoTime() + jitter());
      lastAtNanos = at;
      enqueue(at - clock.nanoTime(), name, task, process, bornIn);
    }

    @Override
    public Cancellable schedule(long delayNanos, Runnable task) {
      Event event = enqueue(delayNanos + jitter(), name, task, process, bornIn);
      return () -> event.cancelled = true;
    }

    @Override
    public Clock clock() {
      return process.clock();
    }
  }

  private static final class Event implements Comparable<Event> {
    private final long sequence;
    private final String name;
    private final Runnable task;
    private final SimProcess process;
    private final int epoch;
    private long atNanos;
    private boolean cancelled;

    Event(long atNanos, long sequence, String name, Runnable task, SimProcess process, int epoch) {
      this.atNanos = atNanos;
      this.sequence = sequence;
      this.name = name;
      this.task = task;
      this.process = process;
      this.epoch = epoch;
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
