package io.spillway.benchmarks;

import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Requests to an object store by kind, read off a broker's metrics page: each attempt counts,
 * whatever its outcome. What Amazon asks for a request stands here too.
 */
record StoreRequests(Map<String, Double> byKind) {

  /**
   * Amazon S3 Standard, us-east-1, list price in US dollars of 1,000 PUT, COPY, POST and LIST
   * requests, and of 1,000 GET and all others; as of 2025. DELETE costs nothing.
   */
  static final double DOLLARS_PER_1000_PUTS = 0.005;

  static final double DOLLARS_PER_1000_GETS = 0.0004;

  private static final Pattern LINE =
      Pattern.compile(
          "^spillway_store_requests_total\\{(?:.*,)?kind=\"(\\w+)\".*} (\\S+)$", Pattern.MULTILINE);

  static StoreRequests of(String metricsPage) {
    Map<String, Double> counts = new TreeMap<>();
    Matcher matcher = LINE.matcher(metricsPage);
    while (matcher.find()) {
      counts.merge(matcher.group(1), Double.valueOf(matcher.group(2)), Double::sum);
    }
    return new StoreRequests(counts);
  }

  StoreRequests minus(StoreRequests before) {
    Map<String, Double> difference = new TreeMap<>();
    byKind.forEach(
        (kind, count) -> {
          double more = count - before.byKind.getOrDefault(kind, 0.0);
          if (more != 0) {
            difference.put(kind, more);
          }
        });
    return new StoreRequests(difference);
  }

  double total() {
    return byKind.values().stream().mapToDouble(Double::doubleValue).sum();
  }

  /**
   * PUT, POST and LIST: plain puts, creates, parts, listings, and what begins, ends or aborts an
   * upload in parts (an abort is free, but not told apart here).
   */
  double putClass() {
    return sum("put", "create", "part", "multipart", "list");
  }

  double getsAndHeads() {
    return sum("get", "head");
  }

  double dollars() {
    return (putClass() * DOLLARS_PER_1000_PUTS + getsAndHeads() * DOLLARS_PER_1000_GETS) / 1_000;
  }

  private double sum(String... kinds) {
    double sum = 0;
    for (String kind : kinds) {
      sum += byKind.getOrDefault(kind, 0.0);
    }
    return sum;
  }

  /** As {@code create 12, put 3}. */
  @Override
  public String toString() {
    StringBuilder shown = new StringBuilder();
    byKind.forEach(
        (kind, count) ->
            shown.append(
                String.format(Locale.ROOT, "%s%s %.0f", shown.isEmpty() ? "" : ", ", kind, count)));
    return shown.isEmpty() ? "none" : shown.toString();
  }
}
