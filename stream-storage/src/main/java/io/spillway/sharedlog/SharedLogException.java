package io.spillway.sharedlog;

import java.io.Serial;

/** Why a shared log cannot go on. */
public sealed class SharedLogException extends RuntimeException {
  @Serial private static final long serialVersionUID = 1L;

  SharedLogException(String message) {
    super(message);
  }

  /** A record or checkpoint is not what was written: names the key and what is wrong. */
  public static final class Corrupt extends SharedLogException {
    @Serial private static final long serialVersionUID = 1L;

    public Corrupt(String message) {
      super(message);
    }
  }

  /** Written by a newer version, or by another cluster: names both. */
  public static final class Foreign extends SharedLogException {
    @Serial private static final long serialVersionUID = 1L;

    public Foreign(String message) {
      super(message);
    }
  }

  /** A checkpoint has passed the reader: open again and start from it. */
  public static final class Overtaken extends SharedLogException {
    @Serial private static final long serialVersionUID = 1L;

    public Overtaken(String message) {
      super(message);
    }
  }

  /** The log was closed. */
  public static final class Closed extends SharedLogException {
    @Serial private static final long serialVersionUID = 1L;

    public Closed(String message) {
      super(message);
    }
  }
}
