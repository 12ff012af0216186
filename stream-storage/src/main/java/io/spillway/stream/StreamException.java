package io.spillway.stream;

import java.io.Serial;
import org.jspecify.annotations.Nullable;

/** Why a stream operation failed; the kind says what the caller does. */
public sealed class StreamException extends RuntimeException {
  @Serial private static final long serialVersionUID = 1L;

  StreamException(String message, @Nullable Throwable cause) {
    super(message, cause);
  }

  /** Another broker owns the stream, or a newer epoch does. Refresh the leader. */
  public static final class Fenced extends StreamException {
    @Serial private static final long serialVersionUID = 1L;

    public Fenced(String message) {
      super(message, null);
    }
  }

  /** The offset is below the log start or above the end: both values are in the message. */
  public static final class OutOfRange extends StreamException {
    @Serial private static final long serialVersionUID = 1L;

    public OutOfRange(String message) {
      super(message, null);
    }
  }

  /** The store cannot be reached now; a later try may work. */
  public static final class Unavailable extends StreamException {
    @Serial private static final long serialVersionUID = 1L;

    public Unavailable(String message, @Nullable Throwable cause) {
      super(message, cause);
    }
  }

  /** What is stored is damaged: names the object or WAL position. The rest stays readable. */
  public static final class Corrupt extends StreamException {
    @Serial private static final long serialVersionUID = 1L;

    public Corrupt(String message, @Nullable Throwable cause) {
      super(message, cause);
    }
  }

  /** The broker is stopping. */
  public static final class Closed extends StreamException {
    @Serial private static final long serialVersionUID = 1L;

    public Closed(String message) {
      super(message, null);
    }
  }
}
