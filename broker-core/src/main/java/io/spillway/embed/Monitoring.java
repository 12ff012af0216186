package io.spillway.embed;

import io.spillway.config.MetricsConfig;
import io.spillway.metrics.MetricsSink;
import io.spillway.metrics.MetricsSource;
import io.spillway.metrics.MonitoringPort;
import io.spillway.metrics.RequestMetrics;
import io.spillway.metrics.TrafficMetrics;
import io.spillway.pressure.WalOutlook;
import io.spillway.runtime.Threads;
import java.util.List;
import java.util.OptionalInt;
import java.util.concurrent.CopyOnWriteArrayList;
import org.jspecify.annotations.Nullable;

/** What a broker says of itself: metrics of the parts there are so far, and whether it serves. */
final class Monitoring implements AutoCloseable {

  private final RequestMetrics requests = new RequestMetrics();
  private final TrafficMetrics traffic;
  private final List<MetricsSource> sources = new CopyOnWriteArrayList<>();
  private final List<String> faults = new CopyOnWriteArrayList<>();
  private final MonitoringPort port;
  private volatile String notServing = "starting";
  private volatile @Nullable WalOutlook outlook;

  Monitoring(MetricsConfig config, Threads threads) {
    this.traffic = new TrafficMetrics(config.maxTopics(), config.maxClients());
    sources.add(requests);
    sources.add(traffic);
    this.port =
        MonitoringPort.open(
            config, List.of(this::collect), () -> faults, this::whyNotReady, this::notes, threads);
  }

  private void collect(MetricsSink sink) {
    sources.forEach(source -> source.collect(sink));
  }

  private List<String> whyNotReady() {
    if (!notServing.isEmpty()) {
      return List.of(notServing);
    }
    WalOutlook known = outlook;
    if (known != null && known.isFull()) {
      return List.of("producers are refused: " + known.forecast().inWords());
    }
    return faults;
  }

  private List<String> notes() {
    WalOutlook known = outlook;
    return known == null ? List.of() : List.of(known.forecast().inWords());
  }

  void add(MetricsSource source) {
    sources.add(source);
  }

  /** From now on {@code /readyz} says how long the write-ahead log lasts. */
  void outlook(WalOutlook walOutlook) {
    outlook = walOutlook;
    sources.add(walOutlook);
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
