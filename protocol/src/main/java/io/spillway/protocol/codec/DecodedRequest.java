package io.spillway.protocol.codec;

import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ApiMessage;
import org.jspecify.annotations.Nullable;

/** What a frame turned out to be. */
public sealed interface DecodedRequest {

  /**
   * A request that is served.
   *
   * @param clientId from the header; null when the client sent none
   * @param body records in it are slices of the frame
   */
  record Served(
      ApiKeys api, short version, int correlationId, @Nullable String clientId, ApiMessage body)
      implements DecodedRequest {}

  /** ApiVersions in a version that is not served: the one mistake that gets an answer (KIP-35). */
  record UnknownApiVersions(short version, int correlationId, @Nullable String clientId)
      implements DecodedRequest {}

  /** An API or version that is not served; there is no answer the client could read. */
  record NotServed(short apiKey, short version, @Nullable String clientId)
      implements DecodedRequest {}

  /** Bytes that are not what their header says. */
  record Malformed(short apiKey, short version, @Nullable String clientId, RuntimeException cause)
      implements DecodedRequest {}
}
