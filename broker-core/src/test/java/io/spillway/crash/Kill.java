package io.spillway.crash;

/**
 * What a kill -9 found the broker at, and what the next start made of it.
 *
 * @param moment that was aimed at
 * @param inUpload whether an upload was between its first byte and its commit
 * @param unackedFrames that were durable in the write-ahead log, and of which no producer knew yet:
 *     the appends that a client has to send again and the broker must not take twice
 * @param replayedFrames that the next start recovered
 */
record Kill(Moment moment, boolean inUpload, long unackedFrames, long replayedFrames) {

  /** Which moment a kill is aimed at. */
  enum Moment {
    ANY,
    IN_UPLOAD,
    UNACKED
  }

  /** Whether it met what it was aimed at. */
  boolean isHit() {
    return switch (moment) {
      case ANY -> true;
      case IN_UPLOAD -> inUpload;
      case UNACKED -> unackedFrames > 0;
    };
  }
}
