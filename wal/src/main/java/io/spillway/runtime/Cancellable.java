package io.spillway.runtime;

/** A task that has not run yet. */
@FunctionalInterface
public interface Cancellable {

  /** Prevents the task from starting, if it has not started; never interrupts it. Idempotent. */
  void cancel();
}
