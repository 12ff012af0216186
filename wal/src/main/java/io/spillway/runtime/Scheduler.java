package io.spillway.runtime;

import java.util.concurrent.Executor;

/**
 * Runs tasks one at a time, in the order of submission; a delayed task takes its place when its
 * time has come. State that only one scheduler's tasks touch needs no lock.
 *
 * <p>A task that throws is reported to the {@link FaultHandler} the scheduler was made with; the
 * scheduler goes on.
 */
public interface Scheduler extends Executor {

  /** Runs the task after the tasks submitted before it. Any thread. Never runs it in the call. */
  @Override
  void execute(Runnable task);

  /** Runs the task once, no earlier than {@code delayNanos} from now. Any thread. */
  Cancellable schedule(long delayNanos, Runnable task);

  /** The time that delays are counted in. */
  Clock clock();
}
