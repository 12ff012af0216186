package io.spillway.main;

/** How the process ends. */
final class ExitCode {

  /** Did what it was asked to, or was stopped. */
  static final int OK = 0;

  /** A failure nobody expected; the log has it. */
  static final int FAILED = 1;

  /** Somebody has to do something first; one line on stderr says what. */
  static final int REFUSED = 2;

  /** The WAL's device, or an invariant, failed: start again, into recovery. */
  static final int FAULT = 3;

  private ExitCode() {}
}
