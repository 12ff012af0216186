package io.spillway.sim;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.LongFunction;

/** Runs seeds, one world on one thread, several worlds at a time. */
final class Seeds {

  /** Of the script; the end of a run comes on top. */
  static final long EVENTS = 10_000;

  private Seeds() {}

  /** The seeds from 0, or the one that {@code -Dsim.seed} names. */
  static Coverage run(LongFunction<SimWorld> worlds, long count) {
    long single = Long.getLong("sim.seed", -1);
    long first = single >= 0 ? single : Long.getLong("sim.first", 0);
    return run(worlds, first, single >= 0 ? 1 : count);
  }

  /** Fails with the first seed, in order, that failed. */
  static Coverage run(LongFunction<SimWorld> worlds, long first, long count) {
    int workers = Math.min(2, Runtime.getRuntime().availableProcessors());
    ExecutorService pool = Executors.newFixedThreadPool(workers);
    AtomicBoolean failed = new AtomicBoolean();
    Coverage coverage = new Coverage();
    try {
      List<Future<Coverage>> runs = new ArrayList<>();
      for (long seed = first; seed < first + count; seed++) {
        long each = seed;
        runs.add(pool.submit(() -> failed.get() ? new Coverage() : run(worlds, each, failed)));
      }
      AssertionError failure = null;
      for (Future<Coverage> run : runs) {
        try {
          coverage.add(run.get());
        } catch (ExecutionException e) {
          Throwable cause = Objects.requireNonNull(e.getCause());
          if (failure == null) {
            failure = new AssertionError(cause.getMessage(), cause);
          }
          if (Boolean.getBoolean("sim.all")) {
            System.out.println(cause.getMessage() + ": " + root(cause));
          }
        }
      }
      if (failure != null) {
        throw failure;
      }
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    } finally {
      pool.shutdownNow();
    }
    System.out.println("simulated " + count + " seeds: " + coverage);
    return coverage;
  }

  private static Throwable root(Throwable failure) {
    Throwable cause = failure.getCause();
    return cause == null ? failure : root(cause);
  }

  private static Coverage run(LongFunction<SimWorld> worlds, long seed, AtomicBoolean failed) {
    try {
      Coverage coverage = worlds.apply(seed).run(EVENTS);
      coverage.count("seed");
      return coverage;
    } catch (Throwable failure) {
      failed.set(!Boolean.getBoolean("sim.all"));
      throw new AssertionError("seed " + seed + ": repeat with -Dsim.seed=" + seed, failure);
    }
  }
}
