package io.spillway.config;

import java.util.Optional;

/**
 * A place to listen, and what clients are told about it.
 *
 * @param name as in {@code listeners}, upper case
 * @param bind where to listen
 * @param advertisedHost never a wildcard
 * @param advertisedPort empty: the port that was bound
 */
public record ListenerConfig(
    String name, HostPort bind, String advertisedHost, Optional<Integer> advertisedPort) {

  /** What clients are told once the listener is bound. */
  public HostPort advertised(int boundPort) {
    return new HostPort(advertisedHost, advertisedPort.orElse(boundPort));
  }
}
