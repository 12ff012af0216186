package io.spillway.protocol.server;

import java.net.InetAddress;
import java.time.Duration;
import java.util.Map;

/**
 * What clients may cost the server.
 *
 * @param maxRequestBytes largest request ({@code socket.request.max.bytes})
 * @param inflightBytes memory for frames of all clients together; at least {@code maxRequestBytes}
 * @param maxConnections in all ({@code max.connections})
 * @param maxConnectionsPerIp from one address ({@code max.connections.per.ip})
 * @param maxConnectionsPerIpOverrides for some addresses instead ({@code
 *     max.connections.per.ip.overrides})
 * @param maxPipelinedProduces produce requests of one connection handed over at the same time
 * @param maxBufferedRequests requests of one connection that wait for their turn
 * @param writeHighWaterBytes unsent response bytes at which a connection is served no further
 * @param idleTimeout after which an unused connection is closed ({@code connections.max.idle.ms})
 * @param frameTimeout in which a request that was begun must have arrived
 * @param progressWindow how often progress inside a request is judged
 * @param minProgressBytes what must arrive of an unfinished request in one window; 0: nothing
 * @param writeTimeout after which a peer that takes no byte of its responses is closed
 * @param closeTimeout how long {@link KafkaServer#close} lets requests finish
 */
public record ServerLimits(
    int maxRequestBytes,
    long inflightBytes,
    int maxConnections,
    int maxConnectionsPerIp,
    Map<InetAddress, Integer> maxConnectionsPerIpOverrides,
    int maxPipelinedProduces,
    int maxBufferedRequests,
    int writeHighWaterBytes,
    Duration idleTimeout,
    Duration frameTimeout,
    Duration progressWindow,
    int minProgressBytes,
    Duration writeTimeout,
    Duration closeTimeout) {

  /** Kafka's defaults where Kafka has the setting. */
  public static final ServerLimits DEFAULTS =
      new ServerLimits(
          100 * 1024 * 1024,
          128L * 1024 * 1024,
          Integer.MAX_VALUE,
          Integer.MAX_VALUE,
          Map.of(),
          32,
          64,
          1024 * 1024,
          Duration.ofMinutes(10),
          Duration.ofMinutes(5),
          Duration.ofSeconds(30),
          1024,
          Duration.ofMinutes(1),
          Duration.ofSeconds(5));

  public ServerLimits {
    if (maxRequestBytes > inflightBytes) {
      throw new IllegalArgumentException(
          "inflightBytes=" + inflightBytes + " is below maxRequestBytes=" + maxRequestBytes);
    }
    requirePositive("maxRequestBytes", maxRequestBytes);
    requireNotNegative("maxConnections", maxConnections);
    requireNotNegative("maxConnectionsPerIp", maxConnectionsPerIp);
    maxConnectionsPerIpOverrides = Map.copyOf(maxConnectionsPerIpOverrides);
    requirePositive("maxPipelinedProduces", maxPipelinedProduces);
    requirePositive("maxBufferedRequests", maxBufferedRequests);
    requirePositive("writeHighWaterBytes", writeHighWaterBytes);
    requireNotNegative("minProgressBytes", minProgressBytes);
    requirePositive("idleTimeout", idleTimeout.toNanos());
    requirePositive("frameTimeout", frameTimeout.toNanos());
    requirePositive("progressWindow", progressWindow.toNanos());
    requirePositive("writeTimeout", writeTimeout.toNanos());
  }

  private static void requirePositive(String name, long value) {
    if (value <= 0) {
      throw new IllegalArgumentException(name + "=" + value + " must be positive");
    }
  }

  private static void requireNotNegative(String name, long value) {
    if (value < 0) {
      throw new IllegalArgumentException(name + "=" + value + " must not be negative");
    }
  }

  /** How many connections there may be from this address. */
  public int maxConnectionsFrom(InetAddress address) {
    return maxConnectionsPerIpOverrides.getOrDefault(address, maxConnectionsPerIp);
  }

  /** Limits that differ from these in some respects. */
  public Builder toBuilder() {
    return new Builder(this);
  }

  /** Makes limits; its methods are called as the components. */
  public static final class Builder {
    private int maxRequestBytes;
    private long inflightBytes;
    private int maxConnections;
    private int maxConnectionsPerIp;
    private Map<InetAddress, Integer> maxConnectionsPerIpOverrides;
    private int maxPipelinedProduces;
    private int maxBufferedRequests;
    private int writeHighWaterBytes;
    private Duration idleTimeout;
    private Duration frameTimeout;
    private Duration progressWindow;
    private int minProgressBytes;
    private Duration writeTimeout;
    private Duration closeTimeout;

    private Builder(ServerLimits limits) {
      this.maxRequestBytes = limits.maxRequestBytes;
      this.inflightBytes = limits.inflightBytes;
      this.maxConnections = limits.maxConnections;
      this.maxConnectionsPerIp = limits.maxConnectionsPerIp;
      this.maxConnectionsPerIpOverrides = limits.maxConnectionsPerIpOverrides;
      this.maxPipelinedProduces = limits.maxPipelinedProduces;
      this.maxBufferedRequests = limits.maxBufferedRequests;
      this.writeHighWaterBytes = limits.writeHighWaterBytes;
      this.idleTimeout = limits.idleTimeout;
      this.frameTimeout = limits.frameTimeout;
      this.progressWindow = limits.progressWindow;
      this.minProgressBytes = limits.minProgressBytes;
      this.writeTimeout = limits.writeTimeout;
      this.closeTimeout = limits.closeTimeout;
    }

    public Builder maxRequestBytes(int value) {
      maxRequestBytes = value;
      return this;
    }

    public Builder inflightBytes(long value) {
      inflightBytes = value;
      return this;
    }

    public Builder maxConnections(int value) {
      maxConnections = value;
      return this;
    }

    public Builder maxConnectionsPerIp(int value) {
      maxConnectionsPerIp = value;
      return this;
    }

    public Builder maxConnectionsPerIpOverrides(Map<InetAddress, Integer> value) {
      maxConnectionsPerIpOverrides = value;
      return this;
    }

    public Builder maxPipelinedProduces(int value) {
      maxPipelinedProduces = value;
      return this;
    }

    public Builder maxBufferedRequests(int value) {
      maxBufferedRequests = value;
      return this;
    }

    public Builder writeHighWaterBytes(int value) {
      writeHighWaterBytes = value;
      return this;
    }

    public Builder idleTimeout(Duration value) {
      idleTimeout = value;
      return this;
    }

    public Builder frameTimeout(Duration value) {
      frameTimeout = value;
      return this;
    }

    public Builder progressWindow(Duration value) {
      progressWindow = value;
      return this;
    }

    public Builder minProgressBytes(int value) {
      minProgressBytes = value;
      return this;
    }

    public Builder writeTimeout(Duration value) {
      writeTimeout = value;
      return this;
    }

    public Builder closeTimeout(Duration value) {
      closeTimeout = value;
      return this;
    }

    public ServerLimits build() {
      return new ServerLimits(
          maxRequestBytes,
          inflightBytes,
          maxConnections,
          maxConnectionsPerIp,
          maxConnectionsPerIpOverrides,
          maxPipelinedProduces,
          maxBufferedRequests,
          writeHighWaterBytes,
          idleTimeout,
          frameTimeout,
          progressWindow,
          minProgressBytes,
          writeTimeout,
          closeTimeout);
    }
  }
}
