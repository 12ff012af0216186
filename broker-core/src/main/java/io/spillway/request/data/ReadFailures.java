package io.spillway.request.data;

import io.spillway.runtime.Clock;
import io.spillway.stream.StreamException;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletionException;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.ApiException;
import org.apache.kafka.common.protocol.Errors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What a failed read tells the client, and, where it shows damage or a defect, the operator.
 *
 * <p>A client that meets damage asks again and again, so each place is reported once. Different
 * places are reported one at a time in an interval; one that is held back is reported when it is
 * read the next time. Any thread.
 */
final class ReadFailures {

  private static final Logger LOG = LoggerFactory.getLogger(ReadFailures.class);

  private static final int REMEMBERED_PLACES = 1000;
  private static final long INTERVAL_NANOS = TimeUnit.SECONDS.toNanos(1);

  /** Who is told of a place. */
  interface Report {

    /**
     * @param cause its message names the object or the WAL position
     * @param heldBack reads whose place could not be reported since the report before
     */
    void onUnreadable(TopicPartition tp, Throwable cause, long heldBack);
  }

  private final Clock clock;
  private final Report report;
  private final Set<String> reported =
      Collections.newSetFromMap(
          new LinkedHashMap<>() {
            private static final long serialVersionUID = 1L;

            @Override
            protected boolean removeEldestEntry(Map.Entry<String, Boolean> eldest) {
              return size() > REMEMBERED_PLACES;
            }
          });

  private boolean everReported;
  private long reportedNanos;
  private long heldBack;

  ReadFailures(Clock clock) {
    this(
        clock,
        (tp, cause, held) ->
            LOG.error(
                "partition {} cannot be read: {} [alsoHeldBack={}]",
                tp,
                cause.getMessage(),
                held,
                cause));
  }

  ReadFailures(Clock clock, Report report) {
    this.clock = clock;
    this.report = report;
  }

  /** The error for the client. */
  Errors errorOf(TopicPartition tp, Throwable failure) {
    Throwable cause =
        failure instanceof CompletionException && failure.getCause() != null
            ? failure.getCause()
            : failure;
    Errors error = errorOf(cause);
    if (error == Errors.CORRUPT_MESSAGE || error == Errors.UNKNOWN_SERVER_ERROR) {
      maybeReport(tp, cause);
    }
    return error;
  }

  private static Errors errorOf(Throwable cause) {
    if (cause instanceof ApiException) {
      return Errors.forException(cause);
    }
    if (cause instanceof StreamException.OutOfRange) {
      return Errors.OFFSET_OUT_OF_RANGE;
    }
    if (cause instanceof StreamException.Fenced || cause instanceof StreamException.Closed) {
      return Errors.NOT_LEADER_OR_FOLLOWER;
    }
    if (cause instanceof StreamException.Unavailable) {
      return Errors.KAFKA_STORAGE_ERROR;
    }
    if (cause instanceof StreamException.Corrupt) {
      return Errors.CORRUPT_MESSAGE;
    }
    return Errors.UNKNOWN_SERVER_ERROR;
  }

  private void maybeReport(TopicPartition tp, Throwable cause) {
    long held;
    synchronized (this) {
      String place = tp + ": " + cause;
      if (reported.contains(place)) {
        return;
      }
      long now = clock.nanoTime();
      if (everReported && now - reportedNanos < INTERVAL_NANOS) {
        heldBack++;
        return;
      }
      reported.add(place);
      everReported = true;
      reportedNanos = now;
      held = heldBack;
      heldBack = 0;
    }
    report.onUnreadable(tp, cause, held);
  }
}
