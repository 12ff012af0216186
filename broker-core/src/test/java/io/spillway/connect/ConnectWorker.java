package io.spillway.connect;

import io.spillway.peers.BrokerProcess;
import io.spillway.peers.ChildProcess;
import io.spillway.peers.Peers;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/** A distributed worker with stock settings: only addresses, names and converters are set. */
final class ConnectWorker implements AutoCloseable {

  private final HttpClient http = HttpClient.newHttpClient();
  private final int port = BrokerProcess.freePort();
  private final ChildProcess process;

  ConnectWorker(Path work, String bootstrapServers) throws IOException {
    Path lib = Peers.moduleDirectory().resolve("peers/kafka-connect/target/lib");
    Path properties = work.resolve("worker-" + port + ".properties");
    Files.writeString(
        properties,
        String.join(
            "\n",
            "bootstrap.servers=" + bootstrapServers,
            "group.id=connect-cluster",
            "key.converter=org.apache.kafka.connect.json.JsonConverter",
            "value.converter=org.apache.kafka.connect.json.JsonConverter",
            "offset.storage.topic=connect-offsets",
            "config.storage.topic=connect-configs",
            "status.storage.topic=connect-status",
            "listeners=http://127.0.0.1:" + port,
            "plugin.path=" + pluginJar(lib)));
    process =
        Peers.java(
            "kafka-connect",
            work,
            List.of("-Xmx512m"),
            "org.apache.kafka.connect.cli.ConnectDistributed",
            List.of(properties.toString()));
    awaitRest();
  }

  private static Path pluginJar(Path lib) throws IOException {
    try (var files = Files.list(lib)) {
      return files
          .filter(file -> file.getFileName().toString().startsWith("connect-file-"))
          .findFirst()
          .orElseThrow();
    }
  }

  private void awaitRest() {
    long deadline = System.nanoTime() + Peers.PATIENCE.toNanos();
    while (System.nanoTime() < deadline) {
      if (!process.isAlive()) {
        throw new AssertionError("the worker ended:\n" + process.output());
      }
      try {
        if (get("/connectors").statusCode() == 200) {
          return;
        }
      } catch (IOException e) {
        // Not listening yet.
      }
      pause();
    }
    throw new AssertionError("the worker's REST port does not answer:\n" + process.output());
  }

  /** Creates or replaces a connector. */
  void put(String name, Map<String, String> config) throws IOException {
    String json =
        config.entrySet().stream()
            .map(entry -> '"' + entry.getKey() + "\":\"" + entry.getValue() + '"')
            .collect(Collectors.joining(",", "{", "}"));
    HttpResponse<String> response =
        send(
            HttpRequest.newBuilder(uri("/connectors/" + name + "/config"))
                .header("Content-Type", "application/json")
                .PUT(HttpRequest.BodyPublishers.ofString(json)));
    if (response.statusCode() / 100 != 2) {
      throw new AssertionError("PUT " + name + ": " + response.body() + "\n" + process.output());
    }
  }

  void awaitRunning(String name) throws IOException {
    long deadline = System.nanoTime() + Peers.PATIENCE.toNanos();
    String last = "";
    while (System.nanoTime() < deadline) {
      last = get("/connectors/" + name + "/status").body();
      if (last.split("\"RUNNING\"", -1).length == 3) {
        return;
      }
      pause();
    }
    throw new AssertionError(name + " does not run: " + last + "\n" + process.output());
  }

  private HttpResponse<String> get(String path) throws IOException {
    return send(HttpRequest.newBuilder(uri(path)).GET());
  }

  private URI uri(String path) {
    return URI.create("http://127.0.0.1:" + port + path);
  }

  private HttpResponse<String> send(HttpRequest.Builder request) throws IOException {
    try {
      return http.send(
          request.timeout(Duration.ofSeconds(90)).build(), HttpResponse.BodyHandlers.ofString());
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  static void pause() {
    try {
      Thread.sleep(100);
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  String output() {
    return process.output();
  }

  void kill() {
    process.kill();
  }

  @Override
  public void close() {
    process.close();
  }
}
