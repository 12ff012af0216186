package io.spillway.protocol.server;

import java.net.InetSocketAddress;
import org.jspecify.annotations.Nullable;

/**
 * A client's connection. Identity comparison tells connections apart.
 *
 * @see KafkaRequest
 */
public interface ConnectionInfo {

  /** Unique in this server, for a person and for Kafka's request contexts. */
  String id();

  /** Name of the listener the client came through. */
  String listener();

  InetSocketAddress remoteAddress();

  InetSocketAddress localAddress();

  /** KIP-511, from ApiVersions; empty until the client said it. */
  String clientSoftwareName();

  String clientSoftwareVersion();

  /** State of the layer above (fetch sessions, authentication); set on the event loop. */
  @Nullable Object attachment();

  void attach(@Nullable Object attachment);

  /**
   * Runs a task on the connection's event loop: wake-ups of many requests are coalesced there.
   * Dropped when the connection is gone.
   */
  void execute(Runnable task);

  /** Whether the client can still be answered. */
  boolean isOpen();

  /** Closes the connection; one rate-limited log line gives the reason. */
  void close(String reason);
}
