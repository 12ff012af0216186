package io.spillway.config;

import java.util.HashMap;
import java.util.Map;

/**
 * Limits of connections and requests.
 *
 * @param sendBufferBytes -1: the operating system's choice
 * @param receiveBufferBytes -1: the operating system's choice
 * @param maxConnectionsPerIpOverrides count by host name or address
 * @param maxIdleMs -1: never
 * @param receiveTimeoutMs when a request that still arrives has to show progress
 * @param minReceiveBytesPerSecond that progress; 0 for a connection that is not idle
 */
public record NetworkConfig(
    int networkThreads,
    int ioThreads,
    int maxRequestBytes,
    int sendBufferBytes,
    int receiveBufferBytes,
    int backlog,
    int maxConnections,
    int maxConnectionsPerIp,
    Map<String, Integer> maxConnectionsPerIpOverrides,
    long maxIdleMs,
    long receiveTimeoutMs,
    long minReceiveBytesPerSecond,
    int maxFetchBytes,
    int fetchSessionSlots,
    int maxDescribedPartitions) {

  /** Its hosts are resolved when the broker starts. */
  public static final String OVERRIDES = "max.connections.per.ip.overrides";

  static NetworkConfig of(SettingValues values) {
    Map<String, Integer> overrides = new HashMap<>();
    for (String item : values.list(OVERRIDES)) {
      int colon = item.lastIndexOf(':');
      int count = colon <= 0 ? -1 : count(item.substring(colon + 1).strip());
      if (count < 0) {
        throw SettingValues.invalid(OVERRIDES, item, "HOST:COUNT, as in 10.0.0.7:100");
      }
      overrides.put(item.substring(0, colon).strip(), count);
    }
    if (values.intValue("max.connections.per.ip") == 0 && overrides.isEmpty()) {
      throw SettingValues.invalid(
          "max.connections.per.ip", "0", "at least 1, unless " + OVERRIDES + " is set");
    }
    return new NetworkConfig(
        values.intValue("num.network.threads"),
        values.intValue("num.io.threads"),
        values.intValue("socket.request.max.bytes"),
        values.intValue("socket.send.buffer.bytes"),
        values.intValue("socket.receive.buffer.bytes"),
        values.intValue("socket.listen.backlog.size"),
        values.intValue("max.connections"),
        values.intValue("max.connections.per.ip"),
        Map.copyOf(overrides),
        values.longValue("connections.max.idle.ms"),
        values.longValue("request.receive.timeout.ms"),
        values.longValue("request.receive.min.bytes.per.second"),
        values.intValue("fetch.max.bytes"),
        values.intValue("max.incremental.fetch.session.cache.slots"),
        values.intValue("max.request.partition.size.limit"));
  }

  private static int count(String text) {
    try {
      return Integer.parseInt(text);
    } catch (NumberFormatException e) {
      return -1;
    }
  }
}
