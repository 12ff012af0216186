package io.spillway.rewrite;

/** What is read is not what was written, or cannot be rewritten as it is. */
public final class Unreadable extends RuntimeException {
  private static final long serialVersionUID = 1L;
  private final String objectKey;

  Unreadable(String objectKey, Throwable cause) {
    super(String.valueOf(cause.getMessage()), cause);
    this.objectKey = objectKey;
  }

  public String objectKey() {
    return objectKey;
  }
}
