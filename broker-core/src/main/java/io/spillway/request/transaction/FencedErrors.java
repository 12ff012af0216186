package io.spillway.request.transaction;

import org.apache.kafka.common.protocol.Errors;

/**
 * {@code PRODUCER_FENCED} came late (KIP-588): before, clients know that a producer is fenced by
 * {@code INVALID_PRODUCER_EPOCH}.
 */
final class FencedErrors {

  private FencedErrors() {}

  /**
   * @param sinceVersion of the request, that knows the new error
   */
  static Errors forVersion(Errors error, short version, int sinceVersion) {
    return error == Errors.PRODUCER_FENCED && version < sinceVersion
        ? Errors.INVALID_PRODUCER_EPOCH
        : error;
  }
}
