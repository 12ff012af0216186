package io.spillway.request;

import java.io.Serial;
import org.apache.kafka.common.errors.UnknownServerException;

/**
 * A request that makes no sense, where Apache Kafka answers {@code UNKNOWN_SERVER_ERROR} because it
 * fails over it. The client gets the same; nothing failed here, so nothing is logged.
 */
public final class UnreadableRequestException extends UnknownServerException {
  @Serial private static final long serialVersionUID = 1L;

  public UnreadableRequestException(String message) {
    super(message);
  }
}
