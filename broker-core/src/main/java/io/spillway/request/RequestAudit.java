package io.spillway.request;

import org.apache.kafka.common.protocol.Errors;

/**
 * Sees the outcome of every request, refused ones included, once, before the answer leaves. Called
 * from any thread; must not block.
 */
@FunctionalInterface
public interface RequestAudit {

  /**
   * @param error the error the whole request was answered with, or {@code NONE}; errors of single
   *     partitions or topics are inside the response
   * @param requestBytes of the received frame
   * @param latencyNanos from the last byte of the frame to the answer
   */
  void onRequest(RequestContext context, Errors error, int requestBytes, long latencyNanos);
}
