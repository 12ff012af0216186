package io.spillway.partition;

/**
 * Waits for something to happen to a partition: the high watermark moved, it opened, it is gone.
 * Called on the thread that made it happen, often: must be cheap and never block.
 */
@FunctionalInterface
public interface Waiter {
  void onProgress();
}
