package io.spillway.metrics;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.spillway.config.BrokerConfig;
import io.spillway.config.HostPort;
import io.spillway.config.MetricsConfig;
import io.spillway.config.StartRefusedException;
import io.spillway.protocol.frame.InflightBudget;
import io.spillway.protocol.frame.ReadPause;
import io.spillway.protocol.server.CloseReason;
import io.spillway.protocol.server.ServerStats;
import io.spillway.request.RequestContext;
import io.spillway.request.group.GroupLag;
import io.spillway.runtime.SystemClock;
import io.spillway.runtime.SystemThreads;
import io.spillway.stream.CatchUpStats;
import io.spillway.stream.StorageStats;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.security.auth.KafkaPrincipal;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class MonitoringPortTest {

  private final List<String> faults = new CopyOnWriteArrayList<>();
  private final SystemThreads threads =
      new SystemThreads("monitoring-test", new SystemClock(), (part, t) -> faults.add(part + t));

  @AfterEach
  void leavesNoThreadAndNoFault() throws InterruptedException {
    threads.close();
    assertThat(faults).isEmpty();
    for (Thread thread : Thread.getAllStackTraces().keySet()) {
      if (thread.getName().startsWith("monitoring-test")) {
        // Its executor has ended; the thread itself is a few instructions behind.
        thread.join(10_000);
        assertThat(thread.isAlive()).as(thread.getName()).isFalse();
      }
    }
  }

  @Test
  void showsWhatTheSourcesKnow() throws IOException {
    try (MonitoringPort port = open(sources(), List.of())) {
      String page = get(port, "/metrics");

      assertThat(page)
          .startsWith("HTTP/1.1 200 OK\r\n")
          .contains("Content-Type: text/plain; version=0.0.4; charset=utf-8")
          .contains("\nspillway_wal_used_bytes 7.0\n")
          .contains("\nspillway_unuploaded_age_seconds 1.5\n")
          .contains("spillway_store_requests_total{kind=\"put\",outcome=\"ok\"} 3.0")
          .contains("spillway_batch_reads_total{source=\"tail\"} 4.0")
          .contains("spillway_cache_lookups_total{cache=\"block\",outcome=\"hit\"} 31.0")
          .contains("spillway_cache_lookups_total{cache=\"index\",outcome=\"miss\"} 34.0")
          .contains("spillway_cache_bytes{cache=\"index\"} 35.0")
          .contains("spillway_read_budget_used_bytes 36.0")
          .contains("spillway_read_ahead_bytes_total{outcome=\"used\"} 37.0")
          .contains("spillway_read_ahead_bytes_total{outcome=\"wasted\"} 38.0")
          .contains("spillway_merged_reads_total 39.0")
          .contains("spillway_read_budget_waits_total 40.0")
          .contains("spillway_checked_blocks_total 41.0")
          .contains("spillway_throttles_total{cause=\"muted\"} 5.0")
          .contains("spillway_connections_closed_total{reason=\"slow_frame\"} 6.0")
          .contains("spillway_connections{listener=\"PLAINTEXT\"} 2.0")
          .contains("spillway_group_lag{group=\"g\",partition=\"3\",topic=\"t\"} 42.0")
          .contains("spillway_topic_produced_bytes_total{topic=\"t\"} 100.0")
          .contains("spillway_client_fetched_bytes_total{client_id=\"c\\\"\\n\"} 50.0")
          .contains("spillway_request_duration_seconds_bucket{api=\"Produce\",le=\"0.001\"} 0")
          .contains("spillway_request_duration_seconds_bucket{api=\"Produce\",le=\"0.002\"} 1")
          .contains("spillway_request_duration_seconds_bucket{api=\"Produce\",le=\"+Inf\"} 2")
          .contains("spillway_request_duration_seconds_count{api=\"Produce\"} 2")
          .contains("spillway_request_errors_total{api=\"Produce\",error=\"NOT_CONTROLLER\"} 1.0")
          .contains("jvm_memory_used_bytes");
    }
  }

  @Test
  void everyNameIsDocumented() throws IOException {
    String documentation = Files.readString(Path.of("../docs/operations.md"));
    try (MonitoringPort port = open(sources(), List.of())) {
      TreeSet<String> names = new TreeSet<>();
      get(port, "/metrics")
          .lines()
          .filter(line -> line.startsWith("# TYPE spillway_"))
          .forEach(line -> names.add(line.split(" ", -1)[2]));

      assertThat(names).hasSizeGreaterThan(25).allMatch(name -> documentation.contains(name));
    }
  }

  @Test
  void saysWhyItIsNotReady() throws IOException {
    List<String> reasons = new CopyOnWriteArrayList<>(List.of("the object store does not answer"));
    try (MonitoringPort port = open(List.of(), reasons)) {
      assertThat(get(port, "/readyz"))
          .startsWith("HTTP/1.1 503 ")
          .endsWith("\r\n\r\nnot ready\nthe object store does not answer\na note\n");
      reasons.clear();
      assertThat(get(port, "/readyz"))
          .startsWith("HTTP/1.1 200 ")
          .endsWith("\r\n\r\nready\na note\n");
      assertThat(get(port, "/livez?verbose")).startsWith("HTTP/1.1 200 ").endsWith("alive\n");
    }
  }

  @Test
  void answersWhatItDoesNotServe() throws IOException {
    try (MonitoringPort port = open(List.of(), List.of())) {
      assertThat(get(port, "/nothing")).startsWith("HTTP/1.1 404 ").contains("/metrics");
      assertThat(send(port, "POST /metrics HTTP/1.1\r\n\r\n")).startsWith("HTTP/1.1 405 ");
      assertThat(send(port, "HEAD /livez HTTP/1.1\r\n\r\n"))
          .startsWith("HTTP/1.1 200 ")
          .endsWith("\r\n\r\n");
      assertThat(send(port, "no http\r\n\r\n")).startsWith("HTTP/1.1 400 ");
      assertThat(send(port, "x".repeat(8 << 10))).startsWith("HTTP/1.1 400 ");
      assertThat(get(port, "/livez")).startsWith("HTTP/1.1 200 ");
    }
  }

  @Test
  void closesConnectionsThatWait() throws IOException {
    try (MonitoringPort port = open(List.of(), List.of());
        Socket silent = connect(port)) {
      get(port, "/livez");
      port.close();
      assertThat(silent.getInputStream().read()).isEqualTo(-1);
    }
  }

  @Test
  void doesWithoutADefaultPortThatIsTaken() throws IOException {
    try (ServerSocket taken = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      MetricsConfig config =
          new MetricsConfig(
              Optional.of(new HostPort("127.0.0.1", taken.getLocalPort())), false, 1, 1);
      try (MonitoringPort port =
          MonitoringPort.open(config, List.of(), List::of, List::of, List::of, threads)) {
        assertThat(port.port()).isEmpty();
      }
    }
  }

  @Test
  void refusesAnAddressThatWasSetAndIsTaken() throws IOException {
    try (ServerSocket taken = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      String address = "127.0.0.1:" + taken.getLocalPort();
      MetricsConfig config = BrokerConfig.of(Map.of("metrics.listener", address)).metrics();

      assertThatThrownBy(
              () -> MonitoringPort.open(config, List.of(), List::of, List::of, List::of, threads))
          .isInstanceOf(StartRefusedException.class)
          .hasMessageContaining("metrics.listener=" + address + " is in use")
          .hasMessageContaining("--set metrics.listener=127.0.0.1:0");
    }
  }

  @Test
  void isOffWhenTold() {
    MetricsConfig config = BrokerConfig.of(Map.of("metrics.listener", "off")).metrics();
    try (MonitoringPort port =
        MonitoringPort.open(config, List.of(), List::of, List::of, List::of, threads)) {
      assertThat(port.port()).isEmpty();
    }
  }

  @Test
  void countsOnlySoManyNamesApart() throws IOException {
    TrafficMetrics traffic = new TrafficMetrics(2, 1);
    for (int i = 0; i < 5; i++) {
      traffic.onProduced("topic-" + i, "client-" + i, 1, 10);
    }
    traffic.onFetched("topic-1", "c".repeat(32_000), 7);
    try (MonitoringPort port = open(List.of(traffic), List.of())) {
      assertThat(get(port, "/metrics"))
          .contains("spillway_topic_produced_bytes_total{topic=\"topic-1\"} 10.0")
          .contains("spillway_topic_produced_bytes_total{topic=\"other\"} 30.0")
          .contains("spillway_client_produced_bytes_total{client_id=\"other\"} 40.0")
          .contains("spillway_client_fetched_bytes_total{client_id=\"other\"} 7.0")
          .doesNotContain("topic-2")
          .doesNotContain("client-1");
    }
  }

  private MonitoringPort open(List<MetricsSource> sources, List<String> whyNotReady) {
    MetricsConfig config = BrokerConfig.of(Map.of("metrics.listener", "127.0.0.1:0")).metrics();
    return MonitoringPort.open(
        config, sources, List::of, () -> whyNotReady, () -> List.of("a note"), threads);
  }

  private static List<MetricsSource> sources() {
    StorageStats storage =
        new StorageStats(
            9,
            7,
            2,
            8,
            5,
            1500,
            1,
            1,
            Map.of("tail", 4L),
            Map.of("put/ok", 3L),
            1,
            1,
            1,
            1,
            0,
            0,
            true,
            new CatchUpStats(31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41),
            new StorageStats.Merges(6, 2, 5, 1, true),
            new StorageStats.Rewrites(0, 0, 0, 0, false));
    ServerStats server =
        new ServerStats(
            Map.of("PLAINTEXT", 2),
            2,
            0,
            9,
            new InflightBudget.Snapshot(1, 0, 0, 0, 0),
            Map.of(ReadPause.MUTED, 5L),
            1,
            1,
            Map.of(CloseReason.SLOW_FRAME, 6L),
            0);
    GroupLag lag =
        max ->
            CompletableFuture.completedFuture(
                new GroupLag.Report(List.of(new GroupLag.Entry("g", "t", 3, 8, 42)), 0));
    RequestMetrics requests = new RequestMetrics();
    RequestContext context =
        new RequestContext(
            KafkaPrincipal.ANONYMOUS,
            "PLAINTEXT",
            "c",
            "",
            InetAddress.getLoopbackAddress(),
            "1",
            ApiKeys.PRODUCE,
            (short) 12,
            1);
    requests.onRequest(context, Errors.NONE, 10, 1_500_000);
    requests.onRequest(context, Errors.NOT_CONTROLLER, 10, 60_000_000_000L);
    TrafficMetrics traffic = new TrafficMetrics(10, 10);
    traffic.onProduced("t", "c\"\n", 2, 100);
    traffic.onFetched("t", "c\"\n", 50);
    return List.of(
        new StorageMetrics(() -> storage),
        new NetworkMetrics(() -> server),
        new GroupMetrics(lag),
        requests,
        traffic);
  }

  private static String get(MonitoringPort port, String path) throws IOException {
    return send(port, "GET " + path + " HTTP/1.1\r\nHost: x\r\n\r\n");
  }

  private static String send(MonitoringPort port, String request) throws IOException {
    try (Socket socket = connect(port)) {
      socket.getOutputStream().write(request.getBytes(StandardCharsets.ISO_8859_1));
      return new String(socket.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    }
  }

  private static Socket connect(MonitoringPort port) throws IOException {
    Socket socket = new Socket(InetAddress.getLoopbackAddress(), port.port().orElseThrow());
    socket.setSoTimeout(30_000);
    return socket;
  }
}
