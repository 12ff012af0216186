package io.spillway.protocol.server;

import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * A server's settings.
 *
 * @param listeners at least one
 * @param networkThreads event loops ({@code num.network.threads})
 * @param threadName its threads are called {@code <threadName>-<loop>-<n>}
 * @param transport how sockets are driven
 * @param sendBufferBytes of sockets ({@code socket.send.buffer.bytes}); -1 for the system's own
 * @param receiveBufferBytes of sockets ({@code socket.receive.buffer.bytes}); -1 for the system's
 * @param backlog connections the kernel keeps until they are accepted
 * @param limits what clients may cost
 */
public record KafkaServerConfig(
    List<ListenerConfig> listeners,
    int networkThreads,
    String threadName,
    Transport transport,
    int sendBufferBytes,
    int receiveBufferBytes,
    int backlog,
    ServerLimits limits) {

  private static final int DEFAULT_BACKLOG = 512;

  public KafkaServerConfig {
    listeners = List.copyOf(listeners);
    if (listeners.isEmpty()) {
      throw new IllegalArgumentException("a server needs a listener");
    }
    Set<String> names = new HashSet<>();
    for (ListenerConfig listener : listeners) {
      if (!names.add(listener.name())) {
        throw new IllegalArgumentException("two listeners are called " + listener.name());
      }
    }
    if (networkThreads < 1) {
      throw new IllegalArgumentException("networkThreads=" + networkThreads);
    }
  }

  /** The system's own socket buffers, the best transport there is. */
  public static KafkaServerConfig of(
      List<ListenerConfig> listeners, int networkThreads, ServerLimits limits) {
    return new KafkaServerConfig(
        listeners,
        networkThreads,
        "spillway-network",
        Transport.AUTO,
        -1,
        -1,
        DEFAULT_BACKLOG,
        limits);
  }
}
