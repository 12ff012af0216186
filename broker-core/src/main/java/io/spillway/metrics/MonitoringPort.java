package io.spillway.metrics;

import io.spillway.config.HostPort;
import io.spillway.config.MetricsConfig;
import io.spillway.config.StartRefusedException;
import io.spillway.http.HttpPage;
import io.spillway.http.HttpPort;
import io.spillway.runtime.Threads;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * {@code /metrics}, {@code /livez} and {@code /readyz}. Opened first at a start and closed last, so
 * that {@code /readyz} can say why the broker does not serve.
 */
public final class MonitoringPort implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(MonitoringPort.class);

  private final MetricsPage metrics;
  private final @Nullable HttpPort port;

  private MonitoringPort(MetricsPage metrics, @Nullable HttpPort port) {
    this.metrics = metrics;
    this.port = port;
  }

  /**
   * Opens the port unless it is off. A default port that somebody else has is done without; one
   * that was asked for is not.
   *
   * @param whyNotAlive what broke for good, one line each; empty while all is well
   * @param whyNotReady what keeps the broker from serving now, one line each; empty while it serves
   * @param notes what a person should know while it serves, one line each
   * @throws StartRefusedException when an address that was set cannot be listened on
   */
  public static MonitoringPort open(
      MetricsConfig config,
      List<MetricsSource> sources,
      Supplier<List<String>> whyNotAlive,
      Supplier<List<String>> whyNotReady,
      Supplier<List<String>> notes,
      Threads threads) {
    MetricsPage metrics = new MetricsPage(sources);
    if (config.listener().isEmpty()) {
      return new MonitoringPort(metrics, null);
    }
    HostPort address = config.listener().get();
    Map<String, HttpPage> pages =
        Map.of(
            "/metrics",
            metrics,
            "/livez",
            () -> health("alive", whyNotAlive.get(), List.of()),
            "/readyz",
            () -> health("ready", whyNotReady.get(), notes.get()));
    try {
      return new MonitoringPort(metrics, HttpPort.open(address, pages, threads));
    } catch (IOException e) {
      if (config.mustBind()) {
        throw new StartRefusedException(
            "metrics.listener="
                + address
                + " is in use or not of this machine ("
                + e.getMessage()
                + "): stop what uses it, or take another, as in --set metrics.listener="
                + new HostPort(address.host(), 0)
                + " for any free port",
            e);
      }
      LOG.warn(
          "serving without metrics: {} is taken ({}); set metrics.listener to a free address, or to"
              + " off",
          address,
          e.getMessage());
      return new MonitoringPort(metrics, null);
    }
  }

  /** The port that was bound; empty when there is none. */
  public OptionalInt port() {
    return port == null ? OptionalInt.empty() : OptionalInt.of(port.port());
  }

  /** To be called before the threads are closed. */
  @Override
  public void close() {
    if (port != null) {
      port.close();
    }
    metrics.close();
  }

  private static HttpPage.Answer health(String well, List<String> reasons, List<String> notes) {
    List<String> lines = new ArrayList<>();
    lines.add(reasons.isEmpty() ? well : "not " + well);
    lines.addAll(reasons);
    lines.addAll(notes);
    return HttpPage.Answer.text(reasons.isEmpty() ? 200 : 503, String.join("\n", lines) + "\n");
  }
}
