package io.spillway.protocol.server;

import java.net.InetAddress;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/** How many connections there are, and from where; lets no more in than allowed. Any thread. */
final class ConnectionCounts {

  private final ServerLimits limits;
  private final AtomicInteger all = new AtomicInteger();
  private final Map<InetAddress, Integer> byAddress = new ConcurrentHashMap<>();

  ConnectionCounts(ServerLimits limits) {
    this.limits = limits;
  }

  /** Counts a connection in; or says why not, and counts nothing. */
  @Nullable CloseReason admit(InetAddress address) {
    if (all.incrementAndGet() > limits.maxConnections()) {
      all.decrementAndGet();
      return CloseReason.TOO_MANY_CONNECTIONS;
    }
    if (byAddress.merge(address, 1, Integer::sum) > limits.maxConnectionsFrom(address)) {
      countOut(address);
      return CloseReason.TOO_MANY_CONNECTIONS_PER_IP;
    }
    return null;
  }

  /** A connection that was counted in is gone. */
  void countOut(InetAddress address) {
    all.decrementAndGet();
    byAddress.computeIfPresent(address, (ip, count) -> count == 1 ? null : count - 1);
  }

  int open() {
    return all.get();
  }
}
