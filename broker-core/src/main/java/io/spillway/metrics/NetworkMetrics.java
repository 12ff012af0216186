package io.spillway.metrics;

import io.spillway.protocol.server.ServerStats;
import java.util.Locale;
import java.util.function.Supplier;

/** Connections, memory for requests, and why clients are slowed or closed. */
public final class NetworkMetrics implements MetricsSource {

  private final Supplier<ServerStats> server;

  public NetworkMetrics(Supplier<ServerStats> server) {
    this.server = server;
  }

  @Override
  public void collect(MetricsSink sink) {
    ServerStats stats = server.get();
    stats
        .connectionsByListener()
        .forEach(
            (listener, count) ->
                sink.gauge(
                    "spillway_connections", "Open connections", count, "listener", listener));
    sink.counter("spillway_connections_accepted", "Connections accepted", stats.acceptedTotal());
    stats
        .closed()
        .forEach(
            (reason, count) ->
                sink.counter(
                    "spillway_connections_closed",
                    "Connections ended or refused",
                    count,
                    "reason",
                    lower(reason)));
    stats
        .pauses()
        .forEach(
            (cause, count) ->
                sink.counter(
                    "spillway_throttles",
                    "Times that reading from a connection was stopped",
                    count,
                    "cause",
                    lower(cause)));
    sink.counter("spillway_network_received_bytes", "From clients", stats.bytesIn());
    sink.counter("spillway_network_sent_bytes", "To clients", stats.bytesOut());
    sink.gauge(
        "spillway_requests_in_flight", "Handed over, not answered", stats.requestsInFlight());
    sink.gauge(
        "spillway_request_budget_capacity_bytes",
        "Memory that requests may take",
        stats.budget().capacityBytes());
    sink.gauge(
        "spillway_request_budget_used_bytes",
        "Memory that requests take",
        stats.budget().usedBytes());
    sink.counter(
        "spillway_request_budget_waits",
        "Requests that waited for memory",
        stats.budget().waitsTotal());
    sink.gauge(
        "spillway_network_buffer_bytes",
        "Direct memory of requests and responses",
        stats.pooledBytes());
  }

  private static String lower(Enum<?> value) {
    return value.name().toLowerCase(Locale.ROOT);
  }
}
