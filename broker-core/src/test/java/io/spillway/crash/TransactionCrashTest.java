package io.spillway.crash;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.peers.BrokerProcess;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * G5: the broker is killed in the middle of transactions, again and again. What was said to be
 * committed is read, whole, in every partition; what was not is in none, and nothing stays open.
 */
@Timeout(value = 5, unit = TimeUnit.MINUTES)
class TransactionCrashTest {

  private static final String TOPIC = "orders";
  private static final int PARTITIONS = 3;
  private static final int KILLS = 4;
  private static final int BETWEEN_KILLS = 40;

  @TempDir Path work;

  private final AtomicInteger commits = new AtomicInteger();
  private final Set<String> committed = ConcurrentHashMap.newKeySet();
  private final Set<String> notCommitted = ConcurrentHashMap.newKeySet();
  private final List<Throwable> failures = new CopyOnWriteArrayList<>();
  private volatile boolean stopping;

  @Test
  void transactionsAreWholeAfterKills() throws Exception {
    String bootstrap = "127.0.0.1:" + BrokerProcess.freePort();
    List<String> settings =
        List.of(
            "listeners=PLAINTEXT://" + bootstrap,
            "metrics.listener=off",
            "transaction.abort.timed.out.transaction.cleanup.interval.ms=500",
            "data.dir=" + work.resolve("data"));
    BrokerProcess broker = BrokerProcess.start(work, settings);
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", bootstrap))) {
      admin.createTopics(Set.of(new NewTopic(TOPIC, PARTITIONS, (short) 1))).all().get();
    }
    List<Thread> threads = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      String id = "writer-" + i;
      Thread thread = new Thread(() -> write(bootstrap, id), id);
      thread.start();
      threads.add(thread);
    }
    for (int kill = 1; kill <= KILLS; kill++) {
      awaitCommits(kill * BETWEEN_KILLS);
      broker.kill();
      broker.close();
      broker = BrokerProcess.start(work, settings);
    }
    awaitCommits((KILLS + 1) * BETWEEN_KILLS);
    stopping = true;
    for (Thread thread : threads) {
      thread.join();
    }
    assertThat(failures).isEmpty();
    check(bootstrap);
    broker.stop();
    broker.close();
  }

  private void awaitCommits(int count) {
    while (commits.get() < count && failures.isEmpty()) {
      LockSupport.parkNanos(5_000_000);
    }
  }

  private void write(String bootstrap, String id) {
    int number = 0;
    try {
      while (!stopping) {
        try (KafkaProducer<String, String> producer = producer(bootstrap, id)) {
          producer.initTransactions();
          while (!stopping) {
            transaction(producer, id + "-" + number++);
          }
        } catch (KafkaException e) {
          // Fatal for this session: the next one fences it.
          number++;
        }
      }
    } catch (Throwable t) {
      failures.add(t);
    }
  }

  private void transaction(KafkaProducer<String, String> producer, String name) {
    boolean commit = !name.endsWith("7");
    producer.beginTransaction();
    for (int p = 0; p < PARTITIONS; p++) {
      producer.send(new ProducerRecord<>(TOPIC, p, "k", name));
    }
    if (!commit) {
      notCommitted.add(name);
      producer.abortTransaction();
      return;
    }
    try {
      producer.commitTransaction();
    } catch (org.apache.kafka.common.errors.TimeoutException e) {
      producer.commitTransaction(); // the same request: its outcome is not known
    }
    committed.add(name);
    commits.incrementAndGet();
  }

  private static KafkaProducer<String, String> producer(String bootstrap, String id) {
    return new KafkaProducer<>(
        Map.of("bootstrap.servers", bootstrap, "transactional.id", id, "linger.ms", 0),
        new StringSerializer(),
        new StringSerializer());
  }

  private void check(String bootstrap) {
    // A last session of each aborts what is open.
    for (int i = 0; i < 3; i++) {
      try (KafkaProducer<String, String> last = producer(bootstrap, "writer-" + i)) {
        last.initTransactions();
      }
    }
    Map<String, Set<Integer>> read = new HashMap<>();
    List<TopicPartition> all = new ArrayList<>();
    for (int p = 0; p < PARTITIONS; p++) {
      all.add(new TopicPartition(TOPIC, p));
    }
    try (KafkaConsumer<String, String> consumer = consumer(bootstrap, "read_committed");
        KafkaConsumer<String, String> raw = consumer(bootstrap, "read_uncommitted")) {
      Map<TopicPartition, Long> ends = raw.endOffsets(all);
      assertThat(consumer.endOffsets(all)).as("nothing is open").isEqualTo(ends);
      consumer.assign(all);
      consumer.seekToBeginning(all);
      while (!all.stream().allMatch(tp -> consumer.position(tp) >= ends.get(tp))) {
        consumer
            .poll(Duration.ofMillis(200))
            .forEach(
                record ->
                    assertThat(
                            read.computeIfAbsent(record.value(), name -> new HashSet<>())
                                .add(record.partition()))
                        .as("%s is read once in %s", record.value(), record.partition())
                        .isTrue());
      }
    }
    assertThat(read.keySet()).containsAll(committed).doesNotContainAnyElementsOf(notCommitted);
    assertThat(read).allSatisfy((name, partitions) -> assertThat(partitions).hasSize(PARTITIONS));
  }

  private static KafkaConsumer<String, String> consumer(String bootstrap, String isolation) {
    return new KafkaConsumer<>(
        Map.of(
            "bootstrap.servers",
            bootstrap,
            "isolation.level",
            isolation,
            "enable.auto.commit",
            false),
        new StringDeserializer(),
        new StringDeserializer());
  }
}
