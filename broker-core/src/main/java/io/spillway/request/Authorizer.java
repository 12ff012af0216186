package io.spillway.request;

/**
 * Decides whether a caller may use an API at all. Called for every request before its handler, on
 * the connection's event loop; must not block.
 */
@FunctionalInterface
public interface Authorizer {

  /** Everybody may do everything: a broker without an authorizer, as in Kafka. */
  Authorizer ALLOW_ALL = context -> true;

  boolean isAllowed(RequestContext context);
}
