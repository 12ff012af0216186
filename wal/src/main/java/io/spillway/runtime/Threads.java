package io.spillway.runtime;

import java.util.concurrent.Executor;

/**
 * Makes the threads of one broker. Everything that runs in the background comes from here, so that
 * closing it leaves no thread behind, and a simulation can hand out its own single loop instead.
 */
public interface Threads extends AutoCloseable {

  Clock clock();

  /** A new serial scheduler on a thread of its own, named {@code name}. */
  Scheduler newScheduler(String name);

  /**
   * A new pool of at most {@code size} threads for blocking work (disk, object store). Tasks may
   * run in any order and at the same time. Its queue is unbounded: the caller bounds what it
   * submits.
   */
  Executor newPool(String name, int size);

  /** Runs what was submitted, then ends every thread and waits for them. Idempotent. */
  @Override
  void close();
}
