package io.spillway.peers;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** The broker as a process of its own, to be killed and started again on the same directory. */
public final class BrokerProcess implements AutoCloseable {

  /** A frame of ten bytes: API key 18 in version 0, correlation id 0, no client id. */
  private static final byte[] API_VERSIONS = {0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 0, -1, -1};

  private final ChildProcess process;
  private final String bootstrapServers;

  private BrokerProcess(ChildProcess process) {
    this.process = process;
    String ready = process.awaitLine(line -> line.startsWith("spillway ready "), Peers.PATIENCE);
    this.bootstrapServers = ready.replaceAll(".*bootstrap=([^ ]*).*", "$1");
  }

  /** Starts and waits for the ready line; settings are {@code key=value}. */
  public static BrokerProcess start(Path workDirectory, List<String> settings) {
    return new BrokerProcess(launch(workDirectory, settings));
  }

  /** As above, with variables added to the environment. */
  public static BrokerProcess start(
      Path workDirectory, List<String> settings, Map<String, String> environment) {
    return new BrokerProcess(run(List.of(), workDirectory, serve(settings), environment));
  }

  /**
   * As above, by another program, which becomes the broker: one that gives it other surroundings.
   *
   * @param wrapper with its arguments; the broker's command follows them
   */
  public static BrokerProcess startBy(
      List<String> wrapper,
      Path workDirectory,
      List<String> settings,
      Map<String, String> environment) {
    return new BrokerProcess(run(wrapper, workDirectory, serve(settings), environment));
  }

  /** Starts without waiting: for a broker that is expected to refuse. */
  public static ChildProcess launch(Path workDirectory, List<String> settings) {
    return run(List.of(), workDirectory, serve(settings), Map.of());
  }

  /** As {@link #launch}, on a class path that lacks the jars whose names begin so. */
  public static ChildProcess launchWithout(
      String jarName, Path workDirectory, List<String> settings) {
    String classPath =
        Stream.of(System.getProperty("java.class.path").split(":", -1))
            .filter(entry -> !Path.of(entry).getFileName().toString().startsWith(jarName))
            .collect(Collectors.joining(":"));
    return run(List.of(), classPath, workDirectory, serve(settings), Map.of());
  }

  /** Why a start was refused: waits for code 2, and demands one line for whoever started it. */
  public static String refusal(ChildProcess refused) {
    assertThat(refused.awaitExit(Peers.PATIENCE)).as(refused.output()).isEqualTo(2);
    assertThat(refused.stdout()).isEmpty();
    assertThat(refused.stderr())
        .as("no stack trace")
        .noneMatch(line -> line.startsWith("\tat ") || line.startsWith("Caused by"));
    assertThat(refused.stderr().stream().filter(line -> line.startsWith("spillway: ")))
        .as(refused.output())
        .hasSize(1);
    return refused.stderr().get(refused.stderr().size() - 1);
  }

  /** A broker that was launched, once it is ready. */
  public static BrokerProcess awaitReady(ChildProcess launched) {
    return new BrokerProcess(launched);
  }

  private static List<String> serve(List<String> settings) {
    List<String> arguments = new ArrayList<>(List.of("serve"));
    for (String setting : settings) {
      arguments.addAll(List.of("--set", setting));
    }
    return arguments;
  }

  /** Runs any command of the program. */
  public static ChildProcess command(Path workDirectory, List<String> arguments) {
    return run(List.of(), workDirectory, arguments, Map.of());
  }

  private static ChildProcess run(
      List<String> wrapper,
      Path workDirectory,
      List<String> arguments,
      Map<String, String> environment) {
    String classPath = System.getProperty("java.class.path");
    return run(wrapper, classPath, workDirectory, arguments, environment);
  }

  private static ChildProcess run(
      List<String> wrapper,
      String classPath,
      Path workDirectory,
      List<String> arguments,
      Map<String, String> environment) {
    List<String> command = new ArrayList<>(wrapper);
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"));
    command.addAll(ChildProcess.LEAK_DETECTION);
    command.addAll(List.of("-cp", classPath));
    command.add("io.spillway.main.Main");
    command.addAll(arguments);
    return ChildProcess.start("spillway", workDirectory, environment, command);
  }

  /** A port nobody listens on now. */
  public static int freePort() {
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return socket.getLocalPort();
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }

  /** Body of a page of the metrics port. */
  public static String http(int port, String path) {
    HttpRequest request =
        HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + path))
            .timeout(Duration.ofSeconds(20))
            .build();
    try {
      return HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString()).body();
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  /** The sum of the series of {@code /metrics} whose names begin so. */
  public static double metric(int port, String name) {
    return http(port, "/metrics")
        .lines()
        .filter(line -> line.startsWith(name))
        .mapToDouble(line -> Double.parseDouble(line.substring(line.lastIndexOf(' ') + 1)))
        .sum();
  }

  public String bootstrapServers() {
    return bootstrapServers;
  }

  public ChildProcess process() {
    return process;
  }

  public void kill() {
    process.kill();
  }

  /** SIGTERM; demands exit code 0, and that no buffer was leaked. */
  public void stop() {
    tellLeaks();
    process.terminate();
    process.awaitSuccess(Peers.PATIENCE);
  }

  /** Leaks are told of at the first allocation after they were collected: here are both. */
  private void tellLeaks() {
    String jcmd = Path.of(System.getProperty("java.home"), "bin", "jcmd").toString();
    List<String> collect = List.of(jcmd, Long.toString(process.pid()), "GC.run");
    ChildProcess.start("jcmd", Path.of("."), Map.of(), collect).awaitSuccess(Peers.PATIENCE);
    int colon = bootstrapServers.indexOf(':');
    String port = bootstrapServers.substring(colon + 1).replaceAll(",.*", "");
    try (Socket socket = new Socket(bootstrapServers.substring(0, colon), Integer.parseInt(port))) {
      socket.getOutputStream().write(API_VERSIONS);
      socket.getInputStream().read();
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(process.output(), e);
    }
  }

  @Override
  public void close() {
    process.close();
  }
}
