package io.spillway.embed;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.spillway.config.BrokerConfig;
import io.spillway.config.InvalidSettingException;
import io.spillway.config.NetworkConfig;
import io.spillway.protocol.server.KafkaServerConfig;
import io.spillway.protocol.server.ServerLimits;
import java.lang.reflect.RecordComponent;
import java.net.InetAddress;
import java.time.Duration;
import java.util.Arrays;
import java.util.Map;
import java.util.function.Function;
import org.junit.jupiter.api.Test;

/** No setting of the network is read and then forgotten. */
class NetworkSettingsTest {

  private record Way(String setting, String value, Function<BrokerConfig, Object> destination) {}

  private static Way server(
      String setting, String value, Function<KafkaServerConfig, Object> destination) {
    return new Way(
        setting, value, config -> destination.apply(Listening.serverConfig(config, "test")));
  }

  private static Way limit(
      String setting, String value, Function<ServerLimits, Object> destination) {
    return server(setting, value, config -> destination.apply(config.limits()));
  }

  private static final Map<String, Way> WAYS =
      Map.ofEntries(
          Map.entry(
              "networkThreads",
              server("num.network.threads", "5", KafkaServerConfig::networkThreads)),
          Map.entry(
              "ioThreads",
              new Way("num.io.threads", "5", config -> Storage.engineConfig(config).readThreads())),
          Map.entry(
              "maxRequestBytes",
              limit("socket.request.max.bytes", "4096", ServerLimits::maxRequestBytes)),
          Map.entry(
              "sendBufferBytes",
              server("socket.send.buffer.bytes", "9000", KafkaServerConfig::sendBufferBytes)),
          Map.entry(
              "receiveBufferBytes",
              server("socket.receive.buffer.bytes", "9000", KafkaServerConfig::receiveBufferBytes)),
          Map.entry(
              "backlog", server("socket.listen.backlog.size", "7", KafkaServerConfig::backlog)),
          Map.entry("maxConnections", limit("max.connections", "0", ServerLimits::maxConnections)),
          Map.entry(
              "maxConnectionsPerIp",
              limit("max.connections.per.ip", "3", ServerLimits::maxConnectionsPerIp)),
          Map.entry(
              "maxConnectionsPerIpOverrides",
              limit(
                  "max.connections.per.ip.overrides",
                  "127.0.0.7:2",
                  limits -> limits.maxConnectionsFrom(address("127.0.0.7")))),
          Map.entry("maxIdleMs", limit("connections.max.idle.ms", "-1", ServerLimits::idleTimeout)),
          Map.entry(
              "receiveTimeoutMs",
              limit("request.receive.timeout.ms", "2000", ServerLimits::progressWindow)),
          Map.entry(
              "minReceiveBytesPerSecond",
              limit("request.receive.min.bytes.per.second", "0", ServerLimits::minProgressBytes)),
          Map.entry(
              "maxFetchBytes",
              new Way("fetch.max.bytes", "4096", config -> BrokerNode.dataSettings(config))),
          Map.entry(
              "fetchSessionSlots",
              new Way(
                  "max.incremental.fetch.session.cache.slots",
                  "3",
                  config -> BrokerNode.dataSettings(config))),
          // The handler takes it from here; AdminHandlersTest shows that it keeps to it.
          Map.entry(
              "maxDescribedPartitions",
              new Way(
                  "max.request.partition.size.limit",
                  "3",
                  config -> config.network().maxDescribedPartitions())));

  @Test
  void everySettingOfTheNetworkArrivesWhereItActs() {
    assertThat(Arrays.stream(NetworkConfig.class.getRecordComponents()))
        .extracting(RecordComponent::getName)
        .containsExactlyInAnyOrderElementsOf(WAYS.keySet());
    WAYS.forEach(
        (component, way) ->
            assertThat(way.destination().apply(config(way.setting(), way.value())))
                .as(way.setting())
                .isNotEqualTo(way.destination().apply(BrokerConfig.defaults())));
  }

  @Test
  void aRequestMakesItsProgressInEachWindowHoweverLongItTakes() {
    ServerLimits limits =
        Listening.serverConfig(
                BrokerConfig.of(
                    Map.of(
                        "request.receive.timeout.ms", "500",
                        "request.receive.min.bytes.per.second", "1000")),
                "test")
            .limits();

    assertThat(limits.progressWindow()).isEqualTo(Duration.ofMillis(500));
    assertThat(limits.minProgressBytes()).isEqualTo(500);
    assertThat(limits.frameTimeout()).isGreaterThan(Duration.ofDays(365));
  }

  @Test
  void theLargestTimesAreNever() {
    BrokerConfig config =
        BrokerConfig.of(
            Map.of(
                "connections.max.idle.ms", Long.toString(Long.MAX_VALUE),
                "request.receive.timeout.ms", Long.toString(Long.MAX_VALUE)));

    assertThat(Listening.serverConfig(config, "test").limits().idleTimeout())
        .isGreaterThan(Duration.ofDays(365));
  }

  @Test
  void anOverrideOfAnUnknownHostIsRefusedByName() {
    BrokerConfig config = config("max.connections.per.ip.overrides", "no such host.invalid:4");

    assertThatThrownBy(() -> Listening.serverConfig(config, "test"))
        .isInstanceOf(InvalidSettingException.class)
        .hasMessageContaining("max.connections.per.ip.overrides")
        .hasMessageContaining("no such host.invalid");
  }

  private static BrokerConfig config(String setting, String value) {
    return BrokerConfig.of(Map.of(setting, value));
  }

  private static InetAddress address(String literal) {
    try {
      return InetAddress.getByName(literal);
    } catch (java.net.UnknownHostException e) {
      throw new AssertionError(e);
    }
  }
}
