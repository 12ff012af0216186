package io.spillway.request;

/**
 * Decides how long a client has to wait after a request (KIP-219). Called for every request that
 * was authorized, on the connection's event loop; must not block.
 */
@FunctionalInterface
public interface Throttle {

  /** No quotas. */
  Throttle NONE = (context, requestBytes) -> 0;

  /**
   * Records the request.
   *
   * @return how long to read nothing more from the connection, in nanoseconds; 0 when the client is
   *     within its quotas
   */
  long onRequest(RequestContext context, int requestBytes);
}
