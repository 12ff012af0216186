package io.spillway.failure;

import io.spillway.catalog.CatalogException;
import io.spillway.config.StartRefusedException;
import io.spillway.object.ObjectStoreException;
import io.spillway.sharedlog.SharedLogException;
import io.spillway.wal.WalException;
import java.util.Optional;
import org.apache.kafka.common.config.ConfigException;
import org.jspecify.annotations.Nullable;

/**
 * What a failed start, or the fault of a part, means to whoever has to do something about it.
 *
 * @param line what, where, and what to do; without line breaks
 */
public record Explanation(Kind kind, String line) {

  /** What helps. */
  public enum Kind {
    /** Something has to be put right first; the line says what. */
    REFUSED,
    /** The device of the write-ahead log failed: start again, to recover. */
    DEVICE
  }

  /** Empty for a failure that nobody expected: a bug, or a machine out of memory. */
  public static Optional<Explanation> of(Throwable failure) {
    Throwable cause = failure;
    for (int depth = 0; depth < 16 && cause != null; depth++) {
      Optional<Explanation> explained = ofOne(cause);
      if (explained.isPresent()) {
        return explained;
      }
      cause = cause.getCause();
    }
    return Optional.empty();
  }

  private static Optional<Explanation> ofOne(Throwable cause) {
    if (cause instanceof StartRefusedException) {
      return explained(Kind.REFUSED, cause.getMessage());
    }
    if (cause instanceof ConfigException) {
      return explained(Kind.REFUSED, "invalid setting: " + cause.getMessage());
    }
    if (cause instanceof io.spillway.engine.StartRefusedException
        || cause instanceof CatalogException.TooNew
        || cause instanceof CatalogException.Missing
        || cause instanceof SharedLogException.Foreign
        || cause instanceof WalException.NewerFormat
        || cause instanceof WalException.Foreign
        || cause instanceof ObjectStoreException.Refused) {
      return explained(Kind.REFUSED, cause.getMessage());
    }
    if (cause instanceof WalException.InUse) {
      return explained(
          Kind.REFUSED,
          cause.getMessage() + ": stop it, or take another, as in --set wal.url=file:DIR");
    }
    if (cause instanceof WalException.Corrupt) {
      return explained(
          Kind.REFUSED,
          "the write-ahead log is damaged: "
              + cause.getMessage()
              + ": restore the file; spillway inspect wal shows the damage");
    }
    if (cause instanceof CatalogException.Damaged || cause instanceof SharedLogException.Corrupt) {
      return explained(
          Kind.REFUSED,
          "the object store is damaged: " + cause.getMessage() + ": restore that object");
    }
    if (cause instanceof LinkageError) {
      return explained(
          Kind.REFUSED,
          "a class or native library cannot be loaded: "
              + cause
              + ": install this version anew; libraries are unpacked under data.dir, which must allow"
              + " execution");
    }
    if (cause instanceof WalException.Unavailable) {
      return explained(Kind.DEVICE, "the write-ahead log failed: " + cause.getMessage());
    }
    return Optional.empty();
  }

  private static Optional<Explanation> explained(Kind kind, @Nullable String message) {
    String line = String.valueOf(message);
    return Optional.of(new Explanation(kind, line.replaceAll("\\s*\\R\\s*", " ")));
  }
}
