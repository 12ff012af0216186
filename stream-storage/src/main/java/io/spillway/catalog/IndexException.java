package io.spillway.catalog;

import java.io.Serial;
import org.jspecify.annotations.Nullable;

/** An index cannot be read or written, or holds what was never written: it has to be rebuilt. */
public final class IndexException extends RuntimeException {
  @Serial private static final long serialVersionUID = 1L;

  public IndexException(String message, @Nullable Throwable cause) {
    super(message, cause);
  }
}
