package io.spillway.runtime;

/** Time. Main code never reads the process clock itself, so that a simulation can own it. */
public interface Clock {

  /** Monotonic nanoseconds from an arbitrary origin; only differences mean something. */
  long nanoTime();

  /** Wall-clock milliseconds since 1970. May jump; never used to decide an order of operations. */
  long currentTimeMillis();
}
