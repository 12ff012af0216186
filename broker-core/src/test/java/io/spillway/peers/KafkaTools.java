package io.spillway.peers;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Kafka's command-line tools, run as users run them: {@code kafka-topics.sh --create ...}. */
public final class KafkaTools {

  private final Path workDirectory;
  private final String bootstrapServers;

  public KafkaTools(Path workDirectory, String bootstrapServers) {
    this.workDirectory = workDirectory;
    this.bootstrapServers = bootstrapServers;
  }

  public ChildProcess topics(String... arguments) {
    return tool("org.apache.kafka.tools.TopicCommand", arguments);
  }

  public ChildProcess configs(String... arguments) {
    return tool("kafka.admin.ConfigCommand", arguments);
  }

  public ChildProcess groups(String... arguments) {
    return tool("org.apache.kafka.tools.consumer.group.ConsumerGroupCommand", arguments);
  }

  public ChildProcess offsets(String... arguments) {
    return tool("org.apache.kafka.tools.GetOffsetShell", arguments);
  }

  public ChildProcess deleteRecords(String... arguments) {
    return tool("org.apache.kafka.tools.DeleteRecordsCommand", arguments);
  }

  public ChildProcess logDirs(String... arguments) {
    return tool("org.apache.kafka.tools.LogDirsCommand", arguments);
  }

  public ChildProcess brokerApiVersions() {
    return tool("org.apache.kafka.tools.BrokerApiVersionsCommand");
  }

  public ChildProcess producerPerf(String... arguments) {
    return run("org.apache.kafka.tools.ProducerPerformance", List.of(arguments));
  }

  public ChildProcess consumerPerf(String... arguments) {
    return tool("org.apache.kafka.tools.ConsumerPerformance", arguments);
  }

  private ChildProcess tool(String mainClass, String... arguments) {
    List<String> all = new ArrayList<>(List.of("--bootstrap-server", bootstrapServers));
    all.addAll(List.of(arguments));
    return run(mainClass, all);
  }

  /** Waits for the end; the exit code is the test's to judge. */
  private ChildProcess run(String mainClass, List<String> arguments) {
    ChildProcess process =
        Peers.java("kafka-connect", workDirectory, List.of(), mainClass, arguments);
    process.awaitExit(Peers.PATIENCE);
    return process;
  }
}
