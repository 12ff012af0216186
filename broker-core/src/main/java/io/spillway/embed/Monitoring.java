package io.spillway.embed;

import io.spillway.config.MetricsConfig;
import io.spillway.metrics.MetricsSink;
import io.spillway.metrics.MetricsSource;
import io.spillway.metrics.MonitoringPort;
import io.spillway.metrics.RequestMetrics;
import io.spillway.metrics.TrafficMetrics;
import io.spillway.runtime.Threads;
import io.spillway.stream.StorageStats;
import java.util.List;
import java.util.OptionalInt;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** What a broker says of itself: metrics of the parts there are so far, and whether it serves. */
final class Monitoring implements AutoCloseable {

  /**
   * Above this the next burst is refused (P35 keeps the rest): whoever balances clients should
   * know.
   */
  private static final double FULL = 0.9;

  private final RequestMetrics requests = new RequestMetrics();
  private final TrafficMetrics traffic;
  private final List<MetricsSource> sources = new CopyOnWriteArrayList<>();
  private final List<String> faults = new CopyOnWriteArrayList<>();
  private final MonitoringPort port;
  private volatile String notServing = "starting";
  private volatile @Nullable Supplier<StorageStats> storage;

  Monitoring(MetricsConfig config, Threads threads) {
    this.traffic = new TrafficMetrics(config.maxTopics(), config.maxClients());
    sources.add(requests);
    sources.add(traffic);
    this.port =
        MonitoringPort.open(
            config, List.of(this::collect), () -> faults, this::whyNotReady, threads);
  }

  private void collect(MetricsSink sink) {
    sources.forEach(source -> source.collect(sink));
  }

  private List<String> whyNotReady() {
    if (!notServing.isEmpty()) {
      return List.of(notServing);
    }
    Supplier<StorageStats> known = storage;
    if (known != null) {
      StorageStats stats = known.get();
      if (stats.walUsedBytes() > stats.walCapacityBytes() * FULL) {
        return List.of(
            "the write-ahead log is full: "
                + stats.walUsedBytes()
                + " of "
                + stats.walCapacityBytes()
                + " bytes are not uploaded"
                + (stats.storeReachable() ? "" : ", and the object store does not answer"));
      }
    }
    return faults;
  }

  void add(MetricsSource source) {
    sources.add(source);
  }

  void storage(Supplier<StorageStats> stats) {
    storage = stats;
  }

  void onFault(String component, Throwable cause) {
    faults.add(component + " stopped: " + cause.getMessage());
  }

  /** The broker is not yet serving. */
  void starting(String what) {
    notServing = "starting: " + what;
  }

  /** From now on the broker serves. */
  void serving() {
    notServing = "";
  }

  /** From now on it does not. */
  void stopping() {
    notServing = "stopping";
  }

  RequestMetrics requests() {
    return requests;
  }

  TrafficMetrics traffic() {
    return traffic;
  }

  OptionalInt port() {
    return port.port();
  }

  @Override
  public void close() {
    port.close();
  }
}
