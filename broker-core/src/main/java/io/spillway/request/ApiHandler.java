package io.spillway.request;

import java.util.Set;
import org.apache.kafka.common.protocol.ApiKeys;

/**
 * Serves the requests of one API family. Called by the {@link RequestPipeline} only, after the
 * caller was authorized, on the connection's event loop; must not block.
 */
public interface ApiHandler {

  /** The APIs this handler serves; no two handlers share one. */
  Set<ApiKeys> apis();

  /**
   * Serves the request and answers through the exchange exactly once, from any thread. An exception
   * thrown here becomes the error response of the request's own kind.
   */
  void handle(Exchange exchange);
}
