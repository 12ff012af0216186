package io.spillway.request;

import io.spillway.protocol.server.ConnectionInfo;
import org.apache.kafka.common.protocol.ApiMessage;

/** A request on its way through the pipeline, and the way back. */
public interface Exchange {

  RequestContext context();

  ConnectionInfo connection();

  /** The request data, cast to what the handler knows it to be. */
  <T extends ApiMessage> T request(Class<T> type);

  /** When the frame was complete, by the injected clock. */
  long receivedNanos();

  /** Answers; the pipeline audits, throttles and sends. Any thread, once. */
  void reply(ApiMessage response);

  /**
   * As {@link #reply(ApiMessage)}.
   *
   * @param release run when the response's bytes have left, or never will
   */
  void reply(ApiMessage response, Runnable release);

  /** Answers with silence, as {@code acks=0} wants. */
  void replyNothing();

  /**
   * Keeps the request's bytes beyond the answer, for a batch that the write-ahead log still reads
   * (P34). Call before the answer.
   *
   * @return to be run once, from any thread
   */
  Runnable retain();

  /** Answers with the request kind's own error response for the exception. */
  void fail(Throwable cause);

  /** Closes the connection; for what has no answer. */
  void close(String reason);
}
