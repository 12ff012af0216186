package io.spillway.embed;

import io.spillway.config.BrokerConfig;
import io.spillway.config.InvalidSettingException;
import io.spillway.config.ListenerConfig;
import io.spillway.config.ListenersConfig;
import io.spillway.config.NetworkConfig;
import io.spillway.config.StartRefusedException;
import io.spillway.metadata.ClusterMetadata.Endpoint;
import io.spillway.protocol.server.BindFailedException;
import io.spillway.protocol.server.KafkaServer;
import io.spillway.protocol.server.KafkaServerConfig;
import io.spillway.protocol.server.ServerLimits;
import io.spillway.protocol.server.Transport;
import io.spillway.runtime.Clock;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** What the settings of the network mean to the server. */
final class Listening {

  private static final Duration NEVER = Duration.ofDays(100 * 365);
  private static final long MILLIS_PER_SECOND = 1000;

  /** For a request of which no rate is asked. */
  private static final Duration LONGEST_REQUEST = Duration.ofDays(1);

  private Listening() {}

  /**
   * Takes the ports; serves nobody yet.
   *
   * @throws StartRefusedException when an address is taken
   */
  static KafkaServer bind(BrokerConfig config, String threadName, Clock clock) {
    try {
      return KafkaServer.bind(serverConfig(config, threadName), clock);
    } catch (BindFailedException e) {
      throw StartRefusedException.addressInUse(listenerOf(config.listeners(), e), e);
    }
  }

  static KafkaServerConfig serverConfig(BrokerConfig config, String threadName) {
    NetworkConfig network = config.network();
    List<io.spillway.protocol.server.ListenerConfig> listeners = new ArrayList<>();
    for (ListenerConfig listener : config.listeners().listeners()) {
      listeners.add(
          new io.spillway.protocol.server.ListenerConfig(
              listener.name(), listener.bind().host(), listener.bind().port()));
    }
    return new KafkaServerConfig(
        listeners,
        network.networkThreads(),
        threadName,
        Transport.AUTO,
        network.sendBufferBytes(),
        network.receiveBufferBytes(),
        network.backlog(),
        limits(network, config.budgets().inFlightBytes()));
  }

  private static ServerLimits limits(NetworkConfig network, long inFlightBytes) {
    ServerLimits.Builder limits =
        ServerLimits.DEFAULTS.toBuilder()
            .maxRequestBytes(network.maxRequestBytes())
            .inflightBytes(inFlightBytes)
            .maxConnections(network.maxConnections())
            .maxConnectionsPerIp(network.maxConnectionsPerIp())
            .maxConnectionsPerIpOverrides(resolved(network.maxConnectionsPerIpOverrides()))
            .idleTimeout(network.maxIdleMs() < 0 ? NEVER : duration(network.maxIdleMs()));
    return bounded(limits, network).build();
  }

  /**
   * A request may take as long as it makes its progress: how long it can hold its memory is then
   * bounded by its size. Where no rate is asked of it, it is an idle connection that ends it, as in
   * Kafka, whether or not those are closed otherwise; and a day is enough for any.
   */
  private static ServerLimits.Builder bounded(ServerLimits.Builder limits, NetworkConfig network) {
    long rate = network.minReceiveBytesPerSecond();
    if (rate == 0) {
      return limits
          .frameTimeout(LONGEST_REQUEST)
          .progressWindow(
              network.maxIdleMs() < 0
                  ? ServerLimits.DEFAULTS.idleTimeout()
                  : duration(network.maxIdleMs()))
          .minProgressBytes(1);
    }
    double windowSeconds = (double) network.receiveTimeoutMs() / MILLIS_PER_SECOND;
    return limits
        .frameTimeout(NEVER)
        .progressWindow(duration(network.receiveTimeoutMs()))
        .minProgressBytes(Math.max(1, (int) (rate * windowSeconds)));
  }

  private static Duration duration(long millis) {
    Duration duration = Duration.ofMillis(Math.max(1, millis));
    return duration.compareTo(NEVER) > 0 ? NEVER : duration;
  }

  private static Map<InetAddress, Integer> resolved(Map<String, Integer> countByHost) {
    Map<InetAddress, Integer> countByAddress = new HashMap<>();
    countByHost.forEach(
        (host, count) -> {
          try {
            for (InetAddress address : InetAddress.getAllByName(host)) {
              countByAddress.put(address, count);
            }
          } catch (UnknownHostException e) {
            throw new InvalidSettingException(
                NetworkConfig.OVERRIDES,
                NetworkConfig.OVERRIDES + ": host " + host + " is not known: " + e.getMessage());
          }
        });
    return countByAddress;
  }

  private static ListenerConfig listenerOf(ListenersConfig listeners, BindFailedException failure) {
    return listeners.listeners().stream()
        .filter(listener -> listener.name().equals(failure.listener()))
        .findFirst()
        .orElseThrow();
  }

  /** Where clients are told to connect; of a bound server, because a port may have been free. */
  static List<Endpoint> endpoints(ListenersConfig listeners, KafkaServer bound) {
    return listeners.listeners().stream()
        .map(
            listener -> {
              var advertised = listener.advertised(bound.boundPort(listener.name()));
              return new Endpoint(listener.name(), advertised.host(), advertised.port());
            })
        .toList();
  }
}
