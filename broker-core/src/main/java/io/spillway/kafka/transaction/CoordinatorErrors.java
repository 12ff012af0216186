package io.spillway.kafka.transaction;

import java.util.concurrent.CompletionException;
import org.apache.kafka.common.protocol.Errors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** What the coordinator's clients are told of a failure below it. */
final class CoordinatorErrors {

  private static final Logger log = LoggerFactory.getLogger(CoordinatorErrors.class);

  private CoordinatorErrors() {}

  /** Clients of coordinators know some retriable errors only: find it again, or wait. */
  static Errors of(Throwable failure) {
    Throwable cause =
        failure instanceof CompletionException && failure.getCause() != null
            ? failure.getCause()
            : failure;
    Errors error = Errors.forException(cause);
    return switch (error) {
      case NOT_LEADER_OR_FOLLOWER, KAFKA_STORAGE_ERROR -> Errors.NOT_COORDINATOR;
      case UNKNOWN_TOPIC_OR_PARTITION,
          NOT_ENOUGH_REPLICAS,
          NOT_ENOUGH_REPLICAS_AFTER_APPEND,
          REQUEST_TIMED_OUT ->
          Errors.COORDINATOR_NOT_AVAILABLE;
      case MESSAGE_TOO_LARGE, RECORD_LIST_TOO_LARGE, INVALID_FETCH_SIZE, UNKNOWN_SERVER_ERROR -> {
        log.error("the coordinator of transactions failed", cause);
        yield Errors.UNKNOWN_SERVER_ERROR;
      }
      default -> error;
    };
  }
}
