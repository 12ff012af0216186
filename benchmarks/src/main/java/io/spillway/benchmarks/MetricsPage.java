package io.spillway.benchmarks;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;

/** Reads single values from a broker's metrics page. */
final class MetricsPage {

  private static final HttpClient CLIENT = HttpClient.newHttpClient();

  private MetricsPage() {}

  /** Sum of all lines of the metric. */
  static double value(int port, String metric) throws IOException, InterruptedException {
    return value(read(port), metric);
  }

  /** The page as it is now. */
  static String read(int port) throws IOException, InterruptedException {
    HttpRequest request =
        HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + "/metrics")).build();
    return CLIENT.send(request, HttpResponse.BodyHandlers.ofString()).body();
  }

  /**
   * Sum of all lines of a page that begin so.
   *
   * @param beginning a metric's name, perhaps with its first labels
   */
  static double value(String page, String beginning) {
    return page.lines()
        .filter(line -> line.startsWith(beginning))
        .mapToDouble(line -> Double.parseDouble(line.substring(line.lastIndexOf(' ') + 1)))
        .sum();
  }
}
