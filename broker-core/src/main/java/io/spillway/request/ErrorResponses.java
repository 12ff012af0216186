package io.spillway.request;

import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.MessageUtil;
import org.apache.kafka.common.requests.AbstractRequest;
import org.jspecify.annotations.Nullable;

/**
 * The error response of a request's own kind. kafka-clients knows for each request class where its
 * response carries errors; those classes are made from the wire form only, so the request is
 * written out once more. Used for failures, never on a hot path.
 */
final class ErrorResponses {

  private ErrorResponses() {}

  /** Null when the kind of request has no answer (produce with {@code acks=0}). */
  static @Nullable ApiMessage of(
      ApiKeys apiKey, short apiVersion, ApiMessage request, Throwable cause) {
    AbstractRequest parsed =
        AbstractRequest.parseRequest(
                apiKey, apiVersion, MessageUtil.toByteBufferAccessor(request, apiVersion))
            .request;
    var response = parsed.getErrorResponse(0, unwrap(cause));
    return response == null ? null : response.data();
  }

  /** What a future wraps around its cause is of no interest to a client. */
  static Throwable unwrap(Throwable cause) {
    Throwable current = cause;
    while ((current instanceof CompletionException || current instanceof ExecutionException)
        && current.getCause() != null) {
      current = current.getCause();
    }
    return current;
  }
}
