package io.spillway.benchmarks;

import io.spillway.runtime.AmbientRuntime;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * From the launcher's start to the ready line with many partitions, each with records in it: after
 * clean stops, and after kills with records that only the WAL has.
 *
 * <p>Arguments: the checkout, partitions, restarts of each kind. Prints a table in Markdown.
 */
@AmbientRuntime
public final class RestartBenchmark {

  private static final int RECORDS_PER_PARTITION = 20;

  private final Path root;
  private final Path data;
  private final int partitions;

  private RestartBenchmark(Path root, Path data, int partitions) {
    this.root = root;
    this.data = data;
    this.partitions = partitions;
  }

  public static void main(String[] arguments) throws Exception {
    Path root = Path.of(arguments[0]).toAbsolutePath().normalize();
    int restarts = Integer.parseInt(arguments[2]);
    try (WorkDirectory work = WorkDirectory.create(root, "restart")) {
      new RestartBenchmark(root, work.path(), Integer.parseInt(arguments[1])).run(restarts);
    }
  }

  private void run(int restarts) throws Exception {
    try (ReadyBroker first = start()) {
      try (Admin admin = Admin.create(Map.of("bootstrap.servers", first.bootstrapServers()))) {
        admin.createTopics(Set.of(new NewTopic("many", partitions, (short) 1))).all().get();
      }
      produce(first);
      first.stop();
    }
    System.out.printf("%d partitions; median (least-most) of %d%n%n", partitions, restarts);
    System.out.println("| restart | s to the ready line | CPU-s | resident MiB |");
    System.out.println("|---|---|---|---|");
    measure("after a clean stop", restarts, false);
    measure("after kill -9", restarts, true);
  }

  private void measure(String name, int restarts, boolean kill) throws Exception {
    List<double[]> rows = new ArrayList<>();
    if (kill) {
      leaveBehind(true); // the stop before was a clean one
    }
    for (int i = 0; i < restarts; i++) {
      try (ReadyBroker broker = start()) {
        rows.add(broker.atReady());
        produce(broker);
        broker.end(kill);
      }
    }
    System.out.printf(
        "| %s | %s | %s | %s |%n",
        name, Spread.of(rows, 0, "%.2f"), Spread.of(rows, 1, "%.2f"), Spread.of(rows, 2, "%.0f"));
  }

  private void leaveBehind(boolean kill) throws Exception {
    try (ReadyBroker broker = start()) {
      produce(broker);
      broker.end(kill);
    }
  }

  private void produce(ReadyBroker broker) {
    try (KafkaProducer<byte[], byte[]> producer =
        new KafkaProducer<>(
            Map.of("bootstrap.servers", broker.bootstrapServers(), "acks", "all", "linger.ms", 20),
            new ByteArraySerializer(),
            new ByteArraySerializer())) {
      for (int i = 0; i < partitions * RECORDS_PER_PARTITION; i++) {
        producer.send(new ProducerRecord<>("many", i % partitions, null, new byte[100]));
      }
    }
  }

  private ReadyBroker start() throws IOException {
    return ReadyBroker.start(root, data, List.of("metrics.listener=off"));
  }
}
