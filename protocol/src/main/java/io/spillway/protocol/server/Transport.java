package io.spillway.protocol.server;

/** How sockets are driven. */
public enum Transport {
  /** Epoll where its native library loads, else NIO. */
  AUTO,
  NIO
}
