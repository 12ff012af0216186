package io.spillway.main;

import io.spillway.catalog.CatalogException;
import io.spillway.config.StartRefusedException;
import io.spillway.object.ObjectStoreException;
import io.spillway.sharedlog.SharedLogException;
import io.spillway.wal.WalException;
import java.io.PrintStream;
import java.util.Optional;
import org.apache.kafka.common.config.ConfigException;
import org.jspecify.annotations.Nullable;

/** What a failed start means to whoever started it. */
final class StartFailures {

  /**
   * @param line for stderr, without line breaks
   */
  record Failure(int exitCode, String line) {}

  private StartFailures() {}

  /** Says on stderr what failed: one line, or all there is of what nobody expected. */
  static int report(Throwable failure, PrintStream err) {
    explain(failure)
        .ifPresentOrElse(
            explained -> err.println("spillway: " + explained.line()),
            () -> {
              err.println("spillway: failed, please report this: " + failure);
              failure.printStackTrace(err);
            });
    return exitCode(failure);
  }

  static int exitCode(Throwable failure) {
    return explain(failure).map(Failure::exitCode).orElse(ExitCode.FAILED);
  }

  /** Empty for a failure that nobody expected: a bug, or a machine out of memory. */
  static Optional<Failure> explain(Throwable failure) {
    Throwable cause = failure;
    for (int depth = 0; depth < 16 && cause != null; depth++) {
      Optional<Failure> explained = explainOne(cause);
      if (explained.isPresent()) {
        return explained;
      }
      cause = cause.getCause();
    }
    return Optional.empty();
  }

  private static Optional<Failure> explainOne(Throwable cause) {
    if (cause instanceof StartRefusedException) {
      return failure(ExitCode.REFUSED, cause.getMessage());
    }
    if (cause instanceof ConfigException) {
      return failure(ExitCode.REFUSED, "invalid setting: " + cause.getMessage());
    }
    if (cause instanceof io.spillway.engine.StartRefusedException
        || cause instanceof CatalogException.TooNew
        || cause instanceof CatalogException.Missing
        || cause instanceof SharedLogException.Foreign
        || cause instanceof WalException.NewerFormat
        || cause instanceof WalException.Foreign
        || cause instanceof ObjectStoreException.Refused) {
      return failure(ExitCode.REFUSED, cause.getMessage());
    }
    if (cause instanceof WalException.InUse) {
      return failure(
          ExitCode.REFUSED,
          cause.getMessage() + ": stop it, or take another, as in --set wal.url=file:DIR");
    }
    if (cause instanceof WalException.Corrupt) {
      return failure(
          ExitCode.REFUSED,
          "the write-ahead log is damaged: "
              + cause.getMessage()
              + ": restore the file, or give up what only this log holds: spillway wal abandon;"
              + " spillway inspect wal shows its id and the damage");
    }
    if (cause instanceof CatalogException.Damaged || cause instanceof SharedLogException.Corrupt) {
      return failure(
          ExitCode.REFUSED,
          "the object store is damaged: " + cause.getMessage() + ": restore that object");
    }
    if (cause instanceof LinkageError) {
      return failure(
          ExitCode.REFUSED,
          "a class or native library cannot be loaded: "
              + cause
              + ": install this version anew; libraries are unpacked under data.dir, which must allow"
              + " execution");
    }
    if (cause instanceof WalException.Unavailable) {
      return failure(ExitCode.FAULT, "the write-ahead log failed: " + cause.getMessage());
    }
    return Optional.empty();
  }

  private static Optional<Failure> failure(int exitCode, @Nullable String message) {
    String line = String.valueOf(message);
    return Optional.of(new Failure(exitCode, line.replaceAll("\\s*\\R\\s*", " ")));
  }
}
