package io.spillway.protocol.server;

/**
 * Where clients connect.
 *
 * @param name as in {@code listeners}, unique in a server
 * @param host address or name to bind; empty for every address
 * @param port 0 for any free one
 */
public record ListenerConfig(String name, String host, int port) {
  private static final int MAX_PORT = 65_535;

  public ListenerConfig {
    if (name.isBlank()) {
      throw new IllegalArgumentException("a listener needs a name");
    }
    if (port < 0 || port > MAX_PORT) {
      throw new IllegalArgumentException("port " + port + " of listener " + name);
    }
  }
}
