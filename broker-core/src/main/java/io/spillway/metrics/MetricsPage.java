package io.spillway.metrics;

import io.micrometer.core.instrument.binder.jvm.JvmGcMetrics;
import io.micrometer.core.instrument.binder.jvm.JvmMemoryMetrics;
import io.micrometer.core.instrument.binder.jvm.JvmThreadMetrics;
import io.micrometer.core.instrument.binder.system.FileDescriptorMetrics;
import io.micrometer.core.instrument.binder.system.ProcessorMetrics;
import io.micrometer.core.instrument.binder.system.UptimeMetrics;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import io.prometheus.metrics.model.registry.MultiCollector;
import io.prometheus.metrics.model.snapshots.MetricSnapshots;
import io.spillway.http.HttpPage;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * {@code /metrics} in Prometheus' text format: the broker's own, from its sources, and the JVM's,
 * from Micrometer. The registry is made at the first scrape, so that a start does not pay for it.
 */
public final class MetricsPage implements HttpPage, AutoCloseable {

  private final List<MetricsSource> sources;
  private @Nullable PrometheusMeterRegistry registry;
  private @Nullable JvmGcMetrics gc;
  private boolean closed;

  public MetricsPage(List<MetricsSource> sources) {
    this.sources = List.copyOf(sources);
  }

  @Override
  public synchronized Answer answer() {
    if (closed) {
      return Answer.text(503, "stopping\n");
    }
    if (registry == null) {
      registry = newRegistry();
    }
    return new Answer(200, "text/plain; version=0.0.4; charset=utf-8", registry.scrape());
  }

  /** Frees what the JVM's metrics listen with. */
  @Override
  public synchronized void close() {
    closed = true;
    if (gc != null) {
      gc.close();
    }
    if (registry != null) {
      registry.close();
    }
  }

  private PrometheusMeterRegistry newRegistry() {
    PrometheusMeterRegistry made = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
    JvmGcMetrics gcMetrics = new JvmGcMetrics();
    gc = gcMetrics;
    gcMetrics.bindTo(made);
    new JvmMemoryMetrics().bindTo(made);
    new JvmThreadMetrics().bindTo(made);
    new ProcessorMetrics().bindTo(made);
    new FileDescriptorMetrics().bindTo(made);
    new UptimeMetrics().bindTo(made);
    made.getPrometheusRegistry().register((MultiCollector) this::collect);
    return made;
  }

  private MetricSnapshots collect() {
    MetricsSink sink = new MetricsSink();
    for (MetricsSource source : sources) {
      source.collect(sink);
    }
    return sink.snapshots();
  }
}
