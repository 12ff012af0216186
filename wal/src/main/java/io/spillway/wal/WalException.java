package io.spillway.wal;

import java.io.Serial;

/** What a WAL can answer; the kind says what the caller does. */
public sealed class WalException extends RuntimeException {
  @Serial private static final long serialVersionUID = 1L;

  WalException(String message) {
    super(message);
  }

  WalException(String message, Throwable cause) {
    super(message, cause);
  }

  /** No room now: refuse retriably, or wait for uploads to free some. Only from {@code reserve}. */
  public static final class Full extends WalException {
    @Serial private static final long serialVersionUID = 1L;

    public Full(String message) {
      super(message);
    }
  }

  /** Closed or failed: this incarnation accepts nothing more. */
  public static final class Unavailable extends WalException {
    @Serial private static final long serialVersionUID = 1L;

    public Unavailable(String message) {
      super(message);
    }

    public Unavailable(String message, Throwable cause) {
      super(message, cause);
    }
  }

  /** Another writer owns the WAL now (object mode). */
  public static final class Fenced extends WalException {
    @Serial private static final long serialVersionUID = 1L;

    public Fenced(String message) {
      super(message);
    }
  }

  /** What is stored is not what was written: names the file and position. Never skipped. */
  public static final class Corrupt extends WalException {
    @Serial private static final long serialVersionUID = 1L;

    public Corrupt(String message) {
      super(message);
    }
  }

  /** Another process, or another WAL of this one, has the directory open: names it. Give up. */
  public static final class InUse extends WalException {
    @Serial private static final long serialVersionUID = 1L;

    public InUse(String message) {
      super(message);
    }
  }

  /** The WAL was written by another node: names both. Give up. */
  public static final class Foreign extends WalException {
    @Serial private static final long serialVersionUID = 1L;

    public Foreign(String message) {
      super(message);
    }
  }

  /** The WAL was written in a format newer than this build reads: names both versions. Give up. */
  public static final class NewerFormat extends WalException {
    @Serial private static final long serialVersionUID = 1L;

    public NewerFormat(String message) {
      super(message);
    }
  }
}
