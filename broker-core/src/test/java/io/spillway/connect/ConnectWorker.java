package io.spillway.connect;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.spillway.peers.BrokerProcess;
import io.spillway.peers.ChildProcess;
import io.spillway.peers.Peers;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;

/** A distributed worker: stock but for addresses, names and converters, and what is asked for. */
public final class ConnectWorker implements AutoCloseable {

  /** Where every worker of a cluster stores offsets. */
  static final String OFFSETS_TOPIC = "connect-offsets";

  private static final ObjectMapper JSON = new ObjectMapper();

  private final HttpClient http = HttpClient.newHttpClient();
  private final int port;
  private final ChildProcess process;

  private ConnectWorker(int port, ChildProcess process) {
    this.port = port;
    this.process = process;
  }

  /** A worker with stock settings; waits until it answers. */
  static ConnectWorker start(Path work, String bootstrapServers) {
    return start(work, bootstrapServers, Map.of());
  }

  /** As above, with settings beyond the stock ones. */
  static ConnectWorker start(
      Path work, String bootstrapServers, Map<String, String> furtherSettings) {
    ConnectWorker worker = launch(work, bootstrapServers, furtherSettings);
    worker.awaitHealthy();
    return worker;
  }

  /** Does not wait. */
  static ConnectWorker launch(
      Path work, String bootstrapServers, Map<String, String> furtherSettings) {
    Path lib = Peers.moduleDirectory().resolve("peers/kafka-connect/target/lib");
    int port = BrokerProcess.freePort();
    Path properties = work.resolve("worker-" + port + ".properties");
    List<String> lines =
        new ArrayList<>(
            List.of(
                "bootstrap.servers=" + bootstrapServers,
                "group.id=connect-cluster",
                "key.converter=org.apache.kafka.connect.json.JsonConverter",
                "value.converter=org.apache.kafka.connect.json.JsonConverter",
                "offset.storage.topic=" + OFFSETS_TOPIC,
                "config.storage.topic=connect-configs",
                "status.storage.topic=connect-status",
                "listeners=http://127.0.0.1:" + port));
    furtherSettings.forEach((name, value) -> lines.add(name + "=" + value));
    try {
      lines.add("plugin.path=" + pluginJar(lib));
      Files.write(properties, lines);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return new ConnectWorker(
        port,
        Peers.java(
            "kafka-connect",
            work,
            List.of("-Xmx256m"),
            "org.apache.kafka.connect.cli.ConnectDistributed",
            List.of(properties.toString())));
  }

  /** A worker that somebody else started, with its REST port on the loopback address. */
  public static ConnectWorker of(ChildProcess process, int restPort) {
    return new ConnectWorker(restPort, process);
  }

  private static Path pluginJar(Path lib) throws IOException {
    try (var files = Files.list(lib)) {
      return files
          .filter(file -> file.getFileName().toString().startsWith("connect-file-"))
          .findFirst()
          .orElseThrow();
    }
  }

  /** Waits until the worker says that it is in its group and has read its topics. */
  public void awaitHealthy() {
    await("healthy", () -> isHealthy() ? Optional.of(true) : Optional.empty());
  }

  /** What {@code GET /health} says now. */
  public boolean isHealthy() {
    try {
      return send(HttpRequest.newBuilder(uri("/health")).GET()).statusCode() == 200;
    } catch (IOException e) {
      return false;
    }
  }

  /** Creates or replaces a connector. */
  public void put(String name, Map<String, String> config) {
    call("PUT", "/connectors/" + name + "/config", config);
  }

  void delete(String name) {
    call("DELETE", "/connectors/" + name, null);
  }

  void pause(String name) {
    call("PUT", "/connectors/" + name + "/pause", null);
  }

  void resume(String name) {
    call("PUT", "/connectors/" + name + "/resume", null);
  }

  void stop(String name) {
    call("PUT", "/connectors/" + name + "/stop", null);
  }

  /** {@code {"offsets": [{"partition": …, "offset": …}]}}. */
  JsonNode offsets(String name) {
    return call("GET", "/connectors/" + name + "/offsets", null);
  }

  void patchOffsets(String name, Map<String, ?> partition, Map<String, ?> offset) {
    call(
        "PATCH",
        "/connectors/" + name + "/offsets",
        Map.of("offsets", List.of(Map.of("partition", partition, "offset", offset))));
  }

  void deleteOffsets(String name) {
    call("DELETE", "/connectors/" + name + "/offsets", null);
  }

  /** {@code {"connector": {"state": …}, "tasks": [{"id": …, "state": …, "worker_id": …}]}}. */
  JsonNode status(String name) {
    return call("GET", "/connectors/" + name + "/status", null);
  }

  /** Waits until the connector and at least one task run, and all tasks do. */
  public void awaitRunning(String name) {
    awaitState(name, "RUNNING", 1);
  }

  /** Waits until the connector, and all its tasks, of which there are at least so many, are so. */
  void awaitState(String name, String state, int leastTasks) {
    await(
        name + " to be " + state,
        () -> {
          JsonNode status = request("GET", "/connectors/" + name + "/status", null);
          boolean all = status.path("connector").path("state").asText().equals(state);
          for (JsonNode task : status.path("tasks")) {
            all &= task.path("state").asText().equals(state);
          }
          return all && status.path("tasks").size() >= leastTasks
              ? Optional.of(true)
              : Optional.empty();
        });
  }

  /** Worker ids that run the tasks of these connectors. */
  List<String> workersOfTasks(List<String> connectors) {
    List<String> workers = new ArrayList<>();
    for (String connector : connectors) {
      for (JsonNode task : status(connector).path("tasks")) {
        if (task.path("state").asText().equals("RUNNING")) {
          workers.add(task.path("worker_id").asText());
        }
      }
    }
    return workers;
  }

  /** As other workers know this one. */
  String id() {
    return "127.0.0.1:" + port;
  }

  /** Repeats while the cluster rebalances, which answers 409, or a worker is gone. */
  private JsonNode call(String method, String path, Object body) {
    return await(
        method + " " + path,
        () -> {
          JsonNode answer = request(method, path, body);
          int code = answer.path("error_code").asInt(200);
          if (code == 409 || code >= 500) {
            return Optional.empty();
          }
          if (code != 200) {
            throw new AssertionError(method + " " + path + ": " + answer + "\n" + output());
          }
          return Optional.of(answer);
        });
  }

  /** Empty object when nobody answers, or the answer is empty. */
  private JsonNode request(String method, String path, Object body) {
    try {
      HttpRequest.BodyPublisher publisher =
          body == null
              ? HttpRequest.BodyPublishers.noBody()
              : HttpRequest.BodyPublishers.ofString(JSON.writeValueAsString(body));
      HttpResponse<String> response =
          send(
              HttpRequest.newBuilder(uri(path))
                  .header("Content-Type", "application/json")
                  .method(method, publisher));
      return response.body().isEmpty() ? JSON.createObjectNode() : JSON.readTree(response.body());
    } catch (IOException e) {
      if (!process.isAlive()) {
        throw new AssertionError("the worker ended:\n" + output(), e);
      }
      return JSON.createObjectNode().put("error_code", 503);
    }
  }

  private <T> T await(String what, Supplier<Optional<T>> attempt) {
    long deadline = System.nanoTime() + Peers.PATIENCE.toNanos();
    while (System.nanoTime() < deadline) {
      Optional<T> result = attempt.get();
      if (result.isPresent()) {
        return result.get();
      }
      if (!process.isAlive()) {
        break;
      }
      pause();
    }
    throw new AssertionError("awaited in vain: " + what + "\n" + output());
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

  /** Everything the worker said. */
  public String output() {
    return process.output();
  }

  /** SIGKILL. */
  public void kill() {
    process.kill();
  }

  @Override
  public void close() {
    process.close();
  }
}
