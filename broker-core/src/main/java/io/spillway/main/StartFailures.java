package io.spillway.main;

import io.spillway.failure.Explanation;
import java.io.PrintStream;

/** How a command that failed ends. */
final class StartFailures {

  private StartFailures() {}

  /** Says on stderr what failed: one line, or all there is of what nobody expected. */
  static int report(Throwable failure, PrintStream err) {
    Explanation.of(failure)
        .ifPresentOrElse(
            explained -> err.println("spillway: " + explained.line()),
            () -> {
              err.println("spillway: failed, please report this: " + failure);
              failure.printStackTrace(err);
            });
    return exitCode(failure);
  }

  static int exitCode(Throwable failure) {
    return Explanation.of(failure)
        .map(
            explained ->
                switch (explained.kind()) {
                  case REFUSED -> ExitCode.REFUSED;
                  case DEVICE -> ExitCode.FAULT;
                })
        .orElse(ExitCode.FAILED);
  }
}
