package io.spillway.clients;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.embed.Broker;
import io.spillway.peers.ChildProcess;
import io.spillway.peers.KafkaTools;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Kafka's command-line tools, as an operator runs them. */
class KafkaToolsTest {

  @TempDir Path work;
  private Broker broker;
  private KafkaTools tools;

  @BeforeEach
  void start() {
    broker = Broker.builder().temporaryDirectory().start();
    tools = new KafkaTools(work, broker.bootstrapServers());
  }

  @AfterEach
  void stop() {
    broker.close();
  }

  @Test
  void topicsAreCreatedDescribedAlteredAndDeleted() {
    ok(tools.topics("--create", "--topic", "t", "--partitions", "3", "--replication-factor", "3"));
    assertThat(ok(tools.topics("--list")).stdout()).contains("t");
    assertThat(ok(tools.topics("--describe", "--topic", "t")).output())
        .contains("PartitionCount: 3")
        .contains("Leader: 1")
        .contains("Isr: 1");
    ok(tools.topics("--alter", "--topic", "t", "--partitions", "5"));
    assertThat(ok(tools.topics("--describe", "--topic", "t")).output())
        .contains("PartitionCount: 5");
    ok(tools.topics("--delete", "--topic", "t"));
    assertThat(ok(tools.topics("--list")).stdout()).doesNotContain("t");
    assertThat(tools.topics("--describe", "--topic", "t").output()).contains("does not exist");
  }

  @Test
  @Tag("full")
  void configsAreSetShownAndRefused() {
    ok(tools.topics("--create", "--topic", "c", "--config", "retention.ms=60000"));
    String[] topic = {"--entity-type", "topics", "--entity-name", "c"};
    assertThat(ok(configs(topic, "--describe")).output()).contains("retention.ms=60000");
    ok(configs(topic, "--alter", "--add-config", "max.message.bytes=2000000"));
    assertThat(ok(configs(topic, "--describe")).output()).contains("max.message.bytes=2000000");
    ok(configs(topic, "--alter", "--delete-config", "retention.ms"));
    assertThat(ok(configs(topic, "--describe")).output()).doesNotContain("retention.ms=60000");
    ChildProcess refused = configs(topic, "--alter", "--add-config", "retention.ms=soon");
    assertThat(refused.output()).contains("retention.ms");
    assertThat(ok(configs(topic, "--describe")).output()).doesNotContain("soon");
    String[] node = {"--entity-type", "brokers", "--entity-name", "1"};
    assertThat(ok(configs(node, "--describe", "--all")).output()).contains("num.partitions=1");
  }

  @Test
  @Tag("full")
  void recordsArePerfTestedCountedGroupedAndDeleted() throws Exception {
    ok(tools.topics("--create", "--topic", "p", "--partitions", "2"));
    assertThat(
            ok(tools.producerPerf(
                    "--topic", "p",
                    "--num-records", "20000",
                    "--record-size", "100",
                    "--throughput", "-1",
                    "--command-property", "bootstrap.servers=" + broker.bootstrapServers()))
                .output())
        .contains("20000 records sent");
    ok(
        tools.consumerPerf(
            "--topic", "p", "--num-records", "20000", "--group", "perf", "--timeout", "60000"));
    assertThat(sumOfOffsets()).isEqualTo(20_000);
    assertThat(ok(tools.groups("--list")).stdout()).contains("perf");
    assertThat(ok(tools.groups("--describe", "--group", "perf")).output()).contains("perf");
    ok(
        tools.groups(
            "--reset-offsets", "--group", "perf", "--topic", "p", "--to-earliest", "--execute"));
    ok(tools.groups("--delete", "--group", "perf"));
    assertThat(ok(tools.groups("--list")).stdout()).doesNotContain("perf");

    Path file = work.resolve("delete.json");
    Files.writeString(
        file, "{\"partitions\":[{\"topic\":\"p\",\"partition\":0,\"offset\":-1}],\"version\":1}");
    assertThat(ok(tools.deleteRecords("--offset-json-file", file.toString())).output())
        .contains("low_watermark");
    assertThat(ok(tools.offsets("--topic", "p", "--time", "earliest")).stdout())
        .anyMatch(line -> line.startsWith("p:0:") && !line.equals("p:0:0"))
        .contains("p:1:0");
    assertThat(ok(tools.logDirs("--describe", "--topic-list", "p")).output()).contains("\"p-0\"");
  }

  @Test
  @Tag("full")
  void theApiVersionsToolUnderstandsTheBroker() {
    assertThat(ok(tools.brokerApiVersions()).output())
        .contains("Produce(0): ")
        .doesNotContain("WriteTxnMarkers(27): 0");
  }

  private long sumOfOffsets() {
    return ok(tools.offsets("--topic", "p")).stdout().stream()
        .filter(line -> line.startsWith("p:"))
        .mapToLong(line -> Long.parseLong(line.substring(line.lastIndexOf(':') + 1)))
        .sum();
  }

  private ChildProcess configs(String[] entity, String... action) {
    String[] all = new String[entity.length + action.length];
    System.arraycopy(action, 0, all, 0, action.length);
    System.arraycopy(entity, 0, all, action.length, entity.length);
    return tools.configs(all);
  }

  private static ChildProcess ok(ChildProcess ended) {
    return ended.awaitSuccess(java.time.Duration.ofSeconds(1));
  }
}
