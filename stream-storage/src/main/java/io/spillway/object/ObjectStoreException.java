package io.spillway.object;

import java.io.Serial;
import org.jspecify.annotations.Nullable;

/** What an object store can answer; the kind says what the caller does. */
public sealed class ObjectStoreException extends RuntimeException {
  @Serial private static final long serialVersionUID = 1L;

  ObjectStoreException(String message, @Nullable Throwable cause) {
    super(message, cause);
  }

  /** There is no such object, or no such upload. Not retried. */
  public static final class NotFound extends ObjectStoreException {
    @Serial private static final long serialVersionUID = 1L;

    public NotFound(String message) {
      super(message, null);
    }
  }

  /** Nothing was done and a later try may work: unreachable before sending, 5xx, throttled. */
  public static final class Unavailable extends ObjectStoreException {
    @Serial private static final long serialVersionUID = 1L;

    private final boolean throttled;

    public Unavailable(String message, @Nullable Throwable cause) {
      this(message, cause, false);
    }

    /**
     * @param throttled the store asks for fewer requests (429, 503 SlowDown)
     */
    public Unavailable(String message, @Nullable Throwable cause, boolean throttled) {
      super(message, cause);
      this.throttled = throttled;
    }

    public boolean throttled() {
      return throttled;
    }
  }

  /** The request may have been, or may still be, carried out: time-out, lost response (P5). */
  public static final class Ambiguous extends ObjectStoreException {
    @Serial private static final long serialVersionUID = 1L;

    public Ambiguous(String message, @Nullable Throwable cause) {
      super(message, cause);
    }
  }

  /** Configuration or permission: a retry will not help; an operator will. */
  public static final class Refused extends ObjectStoreException {
    @Serial private static final long serialVersionUID = 1L;

    public Refused(String message, @Nullable Throwable cause) {
      super(message, cause);
    }
  }
}
