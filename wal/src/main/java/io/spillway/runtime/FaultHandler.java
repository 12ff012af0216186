package io.spillway.runtime;

/**
 * Where broken invariants and failed devices are reported. The handler decides what becomes of the
 * process; the reporter stops serving whatever the fault concerns.
 */
@FunctionalInterface
public interface FaultHandler {

  /**
   * Called once per fault, from any thread.
   *
   * @param component the part that stopped, for a person: {@code wal 7f3a}, {@code catalog}
   */
  void onFault(String component, Throwable cause);
}
