package io.spillway.partition;

import java.io.Serial;
import java.util.List;
import org.apache.kafka.common.protocol.Errors;

/** A batch that changes nothing (G6), with the answer its client gets. Carries no stack trace. */
final class BatchRefusedException extends RuntimeException {
  @Serial private static final long serialVersionUID = 1L;

  private final Errors error;
  private final transient List<ProduceCallback.RecordError> recordErrors;

  BatchRefusedException(Errors error, String message) {
    this(error, message, List.of());
  }

  BatchRefusedException(
      Errors error, String message, List<ProduceCallback.RecordError> recordErrors) {
    super(message, null, false, false);
    this.error = error;
    this.recordErrors = recordErrors;
  }

  Errors error() {
    return error;
  }

  List<ProduceCallback.RecordError> recordErrors() {
    return recordErrors;
  }

  String text() {
    return String.valueOf(getMessage());
  }
}
