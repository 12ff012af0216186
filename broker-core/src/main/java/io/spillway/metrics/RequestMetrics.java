package io.spillway.metrics;

import io.spillway.request.RequestAudit;
import io.spillway.request.RequestContext;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.LongAdder;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.Errors;

/**
 * Latency, size and errors of requests per API. Counts in plain adders, so that recording neither
 * allocates nor needs the metrics library, which is loaded at the first scrape.
 */
public final class RequestMetrics implements RequestAudit, MetricsSource {

  private static final double NANOS_PER_SECOND = 1e9;

  /** 0.5 ms to 10 s; below is a tail read or a small produce, above is a client's own long poll. */
  private static final long[] UPPER_BOUNDS_NANOS = {
    500_000L,
    1_000_000L,
    2_000_000L,
    5_000_000L,
    10_000_000L,
    25_000_000L,
    50_000_000L,
    100_000_000L,
    250_000_000L,
    500_000_000L,
    1_000_000_000L,
    2_500_000_000L,
    10_000_000_000L,
    Long.MAX_VALUE
  };

  private final Map<ApiKeys, PerApi> byApi = new ConcurrentHashMap<>();

  @Override
  public void onRequest(RequestContext context, Errors error, int requestBytes, long latencyNanos) {
    byApi
        .computeIfAbsent(context.apiKey(), api -> new PerApi())
        .record(error, requestBytes, Math.max(0, latencyNanos));
  }

  @Override
  public void collect(MetricsSink sink) {
    double[] bounds = new double[UPPER_BOUNDS_NANOS.length];
    for (int i = 0; i < bounds.length - 1; i++) {
      bounds[i] = UPPER_BOUNDS_NANOS[i] / NANOS_PER_SECOND;
    }
    bounds[bounds.length - 1] = Double.POSITIVE_INFINITY;
    byApi.forEach((api, counts) -> counts.collect(sink, api.name, bounds));
  }

  private static final class PerApi {
    private final LongAdder[] buckets = new LongAdder[UPPER_BOUNDS_NANOS.length];
    private final LongAdder nanos = new LongAdder();
    private final LongAdder bytes = new LongAdder();
    private final Map<Errors, LongAdder> errors = new ConcurrentHashMap<>();

    PerApi() {
      for (int i = 0; i < buckets.length; i++) {
        buckets[i] = new LongAdder();
      }
    }

    void record(Errors error, int requestBytes, long latencyNanos) {
      int bucket = 0;
      while (latencyNanos > UPPER_BOUNDS_NANOS[bucket]) {
        bucket++;
      }
      buckets[bucket].increment();
      nanos.add(latencyNanos);
      bytes.add(requestBytes);
      if (error != Errors.NONE) {
        errors.computeIfAbsent(error, e -> new LongAdder()).increment();
      }
    }

    void collect(MetricsSink sink, String api, double[] bounds) {
      long[] counts = new long[buckets.length];
      for (int i = 0; i < counts.length; i++) {
        counts[i] = buckets[i].sum();
      }
      sink.histogram(
          "spillway_request_duration_seconds",
          "From the last byte of a request to its answer, long polls included",
          bounds,
          counts,
          nanos.sum() / NANOS_PER_SECOND,
          "api",
          api);
      sink.counter("spillway_request_bytes", "Size of requests", bytes.sum(), "api", api);
      errors.forEach(
          (error, count) ->
              sink.counter(
                  "spillway_request_errors",
                  "Requests answered with an error as a whole",
                  count.sum(),
                  "api",
                  api,
                  "error",
                  error.name()));
    }
  }
}
