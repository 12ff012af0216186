package io.spillway.object;

import java.util.Map;

/** What is known of the requests that were sent to a store, each attempt counted. */
public interface RequestMeter {

  /** Requests since start by {@code kind/outcome}, a snapshot. */
  Map<String, Long> requests();

  /** Whether the request that ended last was answered by the store; true before the first. */
  boolean reachable();
}
