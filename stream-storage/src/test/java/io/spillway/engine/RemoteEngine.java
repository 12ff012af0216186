package io.spillway.engine;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.peers.ChildProcess;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** A test's hold on an {@link EngineProcess}. */
final class RemoteEngine implements AutoCloseable {

  private static final Duration PATIENCE = Duration.ofSeconds(90);

  private final ChildProcess process;
  private String walId = "";
  private int commands;

  private RemoteEngine(ChildProcess process) {
    this.process = process;
  }

  /** Starts without waiting. */
  static RemoteEngine starting(Path directory, int nodeId, String walUrl, String storeUrl) {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("-Xmx192m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"));
    command.addAll(ChildProcess.LEAK_DETECTION);
    command.addAll(List.of("-cp", System.getProperty("java.class.path")));
    command.add(EngineProcess.class.getName());
    command.addAll(List.of(Integer.toString(nodeId), walUrl, storeUrl));
    return new RemoteEngine(ChildProcess.start("engine-" + nodeId, directory, Map.of(), command));
  }

  RemoteEngine awaitReady() {
    walId = process.awaitLine(line -> line.startsWith("ready "), PATIENCE).substring(6);
    return this;
  }

  /** Why it did not start. */
  String awaitRefusal() {
    String refused = process.awaitLine(line -> line.startsWith("refused "), PATIENCE);
    assertThat(process.awaitExit(PATIENCE)).isEqualTo(1);
    return refused;
  }

  String walId() {
    return walId;
  }

  /** Sends a command; its number. */
  int send(String command) {
    commands++;
    process.say(commands + " " + command);
    return commands;
  }

  /** The answer to the command of that number. */
  String answer(int number) {
    String start = "#" + number + " ";
    return process.awaitLine(line -> line.startsWith(start), PATIENCE).substring(start.length());
  }

  boolean hasAnswered(int number) {
    return process.stdout().stream().anyMatch(line -> line.startsWith("#" + number + " "));
  }

  /** Sends a command and waits for its answer. */
  String tell(String command) {
    return answer(send(command));
  }

  /** Claims a stream and waits until it is this engine's; its high watermark. */
  long claim(int stream, int epoch) {
    return claimed(send("claim " + stream + " " + epoch));
  }

  /** The high watermark that a claim found. */
  long claimed(int number) {
    String answer = answer(number);
    assertThat(answer).startsWith("claimed ");
    return Long.parseLong(answer.substring("claimed ".length()));
  }

  /** Appends batches and demands that each is acknowledged. */
  void append(int stream, int count) {
    assertThat(tell("append " + stream + " " + count + " 0").strip())
        .isEqualTo("appended " + count + " 0");
  }

  /** Offsets of a stream that were acknowledged, in the order in which they were. */
  List<Long> acked(int stream) {
    String start = "acked " + stream + " ";
    return process.stdout().stream()
        .filter(line -> line.startsWith(start))
        .map(line -> Long.parseLong(line.substring(start.length())))
        .toList();
  }

  /** Waits until the batch at that offset is acknowledged. */
  void awaitAck(int stream, long offset) {
    String ack = "acked " + stream + " " + offset;
    process.awaitLine(ack::equals, PATIENCE);
  }

  /** What the engine was told when its WAL ended under it. */
  String awaitFault() {
    return process.awaitLine(line -> line.startsWith("fault "), PATIENCE);
  }

  /** What it said from the first fault on. */
  List<String> saidSinceFault() {
    return process.stdout().stream().dropWhile(line -> !line.startsWith("fault ")).toList();
  }

  void pause() {
    process.pause();
  }

  void resume() {
    process.resume();
  }

  void kill() {
    process.kill();
  }

  /** Stops in good order and demands that nothing stays behind in the WAL. */
  void stop() {
    assertThat(tell("stop")).isEqualTo("stopped 0");
    process.awaitSuccess(PATIENCE);
  }

  @Override
  public void close() {
    process.close();
  }
}
