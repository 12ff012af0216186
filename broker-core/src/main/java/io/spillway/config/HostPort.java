package io.spillway.config;

import java.util.Optional;

/**
 * An address as somebody wrote it.
 *
 * @param host name or address, IPv6 without brackets; empty means every address of this machine
 * @param port 0 means any free one
 */
public record HostPort(String host, int port) {

  /** Parses {@code HOST:PORT}, {@code [IPV6]:PORT} and {@code :PORT}; empty when it is neither. */
  public static Optional<HostPort> parse(String text) {
    int colon = text.lastIndexOf(':');
    if (colon < 0) {
      return Optional.empty();
    }
    String host = text.substring(0, colon);
    if (host.startsWith("[") && host.endsWith("]")) {
      host = host.substring(1, host.length() - 1);
    } else if (host.indexOf(':') >= 0) {
      return Optional.empty();
    }
    int port = port(text.substring(colon + 1));
    boolean valid = port >= 0 && host.chars().noneMatch(c -> c <= ' ' || c == '/');
    return valid ? Optional.of(new HostPort(host, port)) : Optional.empty();
  }

  private static int port(String text) {
    try {
      int port = Integer.parseInt(text);
      return port > 0xFFFF ? -1 : port;
    } catch (NumberFormatException e) {
      return -1;
    }
  }

  /** Whether it stands for every address, which nobody can connect to. */
  public boolean isWildcard() {
    return host.isEmpty()
        || host.equals("0.0.0.0")
        || host.equals("::")
        || host.equals("0:0:0:0:0:0:0:0");
  }

  @Override
  public String toString() {
    return (host.indexOf(':') >= 0 ? "[" + host + "]" : host) + ":" + port;
  }
}
