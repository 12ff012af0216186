package io.spillway.protocol.server;

import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ApiMessage;
import org.jspecify.annotations.Nullable;

/**
 * One request, waiting for its answer.
 *
 * <p>Records in the body are slices of the received frame: they stay valid until the request is
 * answered, and longer only with {@link #retain}. Every request is answered exactly once by {@link
 * #reply}, {@link #replyNothing} or {@link #close}, also when its connection is gone: only that
 * frees the frame.
 */
public interface KafkaRequest {

  ConnectionInfo connection();

  ApiKeys apiKey();

  short apiVersion();

  int correlationId();

  /** From the header; null when the client sent none. */
  @Nullable String clientId();

  /** The parsed request data, e.g. {@code ProduceRequestData}. */
  ApiMessage body();

  /** Bytes of the frame, without its length prefix. */
  int sizeBytes();

  /** When the frame was complete, by the injected clock. */
  long receivedNanos();

  /**
   * Answers. Any thread; once. The response leaves after those of earlier requests of the
   * connection.
   *
   * @param response e.g. {@code FetchResponseData}; records in it may be {@link
   *     io.spillway.protocol.codec.RecordSlices}
   * @param release run exactly once, on any thread, when the response's bytes have left, or never
   *     will
   * @throws IllegalStateException when the request was answered before; {@code release} has run
   */
  void reply(ApiMessage response, Runnable release);

  default void reply(ApiMessage response) {
    reply(response, () -> {});
  }

  /** Answers with silence, as {@code acks=0} wants. Frees the frame and its budget. */
  void replyNothing();

  /**
   * Keeps the request's frame and its budget beyond the answer, for a batch that the write-ahead
   * log still reads (P34). Call before the answer.
   *
   * @return to be run once, from any thread; the frame is freed when it has run and the answer is
   *     given
   */
  Runnable retain();

  /**
   * KIP-219: reads nothing more from the connection for a while, and hands over nothing more: from
   * now, when called while the request is being handed over, else from its answer. Call before
   * {@link #reply}; the response itself is not delayed.
   */
  void mute(long durationNanos);

  /** Gives up on the client: closes the connection; earlier answers are dropped. */
  void close(String reason);
}
