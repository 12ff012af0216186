package io.spillway.metrics;

/** Knows some metrics; asked at each scrape, on a thread that may block for a short while. */
@FunctionalInterface
public interface MetricsSource {

  void collect(MetricsSink sink);
}
