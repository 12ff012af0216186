package io.spillway.clients;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.spillway.embed.Broker;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.FeatureUpdate;
import org.apache.kafka.clients.admin.ListTransactionsOptions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.TransactionDescription;
import org.apache.kafka.clients.admin.TransactionListing;
import org.apache.kafka.clients.admin.TransactionState;
import org.apache.kafka.clients.admin.UpdateFeaturesOptions;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.InvalidProducerEpochException;
import org.apache.kafka.common.errors.ProducerFencedException;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Transactions of the Java client of our own Kafka version, whole: what is read is what counts. */
class TransactionsTest {

  private static final Duration PATIENCE = Duration.ofSeconds(60);

  private static Broker broker;
  private static Admin admin;

  @BeforeAll
  static void start() {
    broker =
        Broker.builder()
            .temporaryDirectory()
            .set("transaction.abort.timed.out.transaction.cleanup.interval.ms", "200")
            .start();
    admin = Admin.create(Map.of("bootstrap.servers", broker.bootstrapServers()));
  }

  @AfterAll
  static void stop() {
    admin.close();
    broker.close();
  }

  @Test
  void whatIsCommittedIsReadAndWhatIsAbortedIsNot() {
    create("orders", 3);
    try (KafkaProducer<String, String> producer = begun("orders-1")) {
      for (int i = 0; i < 20; i++) {
        boolean commit = i % 3 != 0;
        producer.beginTransaction();
        for (int p = 0; p < 3; p++) {
          producer.send(
              new ProducerRecord<>("orders", p, "k", (commit ? "yes-" : "no-") + i + "-" + p));
        }
        producer.flush();
        if (commit) {
          producer.commitTransaction();
        } else {
          producer.abortTransaction();
        }
      }
    }
    awaitEnded("orders-1");
    List<String> committed = read("orders", 3, "read_committed");
    assertThat(committed)
        .hasSize(39)
        .doesNotHaveDuplicates()
        .allMatch(value -> value.startsWith("yes-"));
    assertThat(read("orders", 3, "read_uncommitted")).hasSize(60);
  }

  @Test
  void anOpenTransactionHidesWhatComesBehindIt() {
    create("hidden", 1);
    try (KafkaProducer<String, String> open = begun("hidden-1");
        KafkaProducer<String, String> other = begun("hidden-2")) {
      open.beginTransaction();
      open.send(new ProducerRecord<>("hidden", "k", "open"));
      open.flush();
      other.beginTransaction();
      other.send(new ProducerRecord<>("hidden", "k", "behind"));
      other.commitTransaction();
      awaitEnded("hidden-2");
      assertThat(read("hidden", 1, "read_committed")).isEmpty();
      assertThat(read("hidden", 1, "read_uncommitted")).containsExactly("open", "behind");
      open.commitTransaction();
    }
    awaitEnded("hidden-1");
    assertThat(read("hidden", 1, "read_committed")).containsExactly("open", "behind");
  }

  @Test
  void aNewSessionFencesTheOneBeforeAndAbortsWhatItHadOpen() {
    create("fenced", 1);
    try (KafkaProducer<String, String> old = begun("fenced-1")) {
      old.beginTransaction();
      old.send(new ProducerRecord<>("fenced", "k", "old"));
      old.flush();
      try (KafkaProducer<String, String> young = begun("fenced-1")) {
        young.beginTransaction();
        young.send(new ProducerRecord<>("fenced", "k", "young"));
        assertThatThrownBy(
                () -> {
                  old.send(new ProducerRecord<>("fenced", "k", "late"));
                  old.commitTransaction();
                })
            .isInstanceOfAny(ProducerFencedException.class, InvalidProducerEpochException.class);
        young.commitTransaction();
      }
    }
    awaitEnded("fenced-1");
    assertThat(read("fenced", 1, "read_committed")).containsExactly("young");
  }

  @Test
  void anAdministratorFencesAProducer() throws Exception {
    create("put-out", 1);
    try (KafkaProducer<String, String> producer = begun("put-out-1")) {
      producer.beginTransaction();
      producer.send(new ProducerRecord<>("put-out", "k", "v"));
      producer.flush();
      admin.fenceProducers(Set.of("put-out-1")).all().get();
      assertThatThrownBy(producer::commitTransaction)
          .isInstanceOfAny(ProducerFencedException.class, InvalidProducerEpochException.class);
    }
    awaitEnded("put-out-1");
    assertThat(read("put-out", 1, "read_committed")).isEmpty();
  }

  @Test
  void offsetsCountWhenTheirTransactionDoes() throws Exception {
    create("in", 1);
    create("out", 1);
    try (KafkaProducer<String, String> plain =
        new KafkaProducer<>(
            Map.of("bootstrap.servers", broker.bootstrapServers()),
            new StringSerializer(),
            new StringSerializer())) {
      for (int i = 0; i < 10; i++) {
        plain.send(new ProducerRecord<>("in", "k", "v" + i)).get();
      }
    }
    TopicPartition in = new TopicPartition("in", 0);
    try (KafkaProducer<String, String> producer = begun("copy")) {
      copy(producer, in, 4, false);
      awaitEnded("copy");
      assertThat(committedOffset("copiers", in)).isZero();
      copy(producer, in, 4, true);
      awaitEnded("copy");
      assertThat(committedOffset("copiers", in)).isEqualTo(4);
      copy(producer, in, 6, true);
    }
    awaitEnded("copy");
    assertThat(committedOffset("copiers", in)).isEqualTo(10);
    assertThat(read("out", 1, "read_committed"))
        .containsExactly("v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9");
  }

  private static void copy(
      KafkaProducer<String, String> producer, TopicPartition in, int count, boolean commit) {
    try (KafkaConsumer<String, String> consumer = consumer("read_committed")) {
      consumer.assign(List.of(in));
      long offset = committedOffset("copiers", in);
      consumer.seek(in, offset);
      producer.beginTransaction();
      int copied = 0;
      while (copied < count) {
        for (var record : consumer.poll(Duration.ofMillis(500))) {
          if (copied < count) {
            producer.send(new ProducerRecord<>("out", record.key(), record.value()));
            copied++;
          }
        }
      }
      producer.sendOffsetsToTransaction(
          Map.of(in, new OffsetAndMetadata(offset + count)), consumer.groupMetadata());
      if (commit) {
        producer.commitTransaction();
      } else {
        producer.abortTransaction();
      }
    }
  }

  private static long committedOffset(String group, TopicPartition tp) {
    try {
      OffsetAndMetadata committed =
          admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get().get(tp);
      return committed == null ? 0 : committed.offset();
    } catch (InterruptedException | ExecutionException e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void aTransactionThatIsOpenForTooLongIsAbortedAndItsProducerMayGoOn() {
    create("slow", 1);
    try (KafkaProducer<String, String> producer =
        begun("slow-1", Map.of("transaction.timeout.ms", "1000"))) {
      producer.beginTransaction();
      producer.send(new ProducerRecord<>("slow", "k", "too late"));
      producer.flush();
      await(() -> state("slow-1") == TransactionState.COMPLETE_ABORT);
      assertThatThrownBy(producer::commitTransaction).isInstanceOf(KafkaException.class);
    }
    try (KafkaProducer<String, String> next = begun("slow-1")) {
      next.beginTransaction();
      next.send(new ProducerRecord<>("slow", "k", "in time"));
      next.commitTransaction();
    }
    awaitEnded("slow-1");
    assertThat(read("slow", 1, "read_committed")).containsExactly("in time");
  }

  @Test
  void aTimeoutAboveTheMaximumIsRefused() {
    assertThatThrownBy(() -> begun("eternal", Map.of("transaction.timeout.ms", "900001")))
        .isInstanceOf(KafkaException.class)
        .hasMessageContaining("transaction.max.timeout.ms");
  }

  @Test
  void anAdministratorSeesTransactions() throws Exception {
    create("seen", 2);
    try (KafkaProducer<String, String> producer = begun("seen-1")) {
      producer.beginTransaction();
      producer.send(new ProducerRecord<>("seen", 1, "k", "v"));
      producer.flush();
      TransactionDescription description =
          admin.describeTransactions(List.of("seen-1")).description("seen-1").get();
      assertThat(description.state()).isEqualTo(TransactionState.ONGOING);
      assertThat(description.topicPartitions()).containsExactly(new TopicPartition("seen", 1));
      assertThat(
              admin
                  .listTransactions(
                      new ListTransactionsOptions().filterStates(Set.of(TransactionState.ONGOING)))
                  .all()
                  .get())
          .extracting(TransactionListing::transactionalId)
          .contains("seen-1");
      assertThat(
              admin
                  .describeProducers(List.of(new TopicPartition("seen", 1)))
                  .partitionResult(new TopicPartition("seen", 1))
                  .get()
                  .activeProducers())
          .singleElement()
          .satisfies(active -> assertThat(active.currentTransactionStartOffset()).hasValue(0));
      producer.commitTransaction();
    }
  }

  /** Older protocols on a cluster of version 2: the client decides by what the cluster says. */
  @Test
  void theClientWorksWithVersion2() throws Exception {
    assertThat(
            admin
                .describeFeatures()
                .featureMetadata()
                .get()
                .finalizedFeatures()
                .get("transaction.version")
                .maxVersionLevel())
        .isEqualTo((short) 2);
    create("v2", 1);
    try (KafkaProducer<String, String> producer = begun("v2-1")) {
      for (int i = 0; i < 3; i++) {
        producer.beginTransaction();
        producer.send(new ProducerRecord<>("v2", "k", "v"));
        producer.commitTransaction();
      }
      TransactionDescription description =
          admin.describeTransactions(List.of("v2-1")).description("v2-1").get();
      assertThat(description.producerEpoch()).as("one for each transaction").isEqualTo(3);
    }
  }

  /** A cluster from before, and its upgrade while a producer works. */
  @Test
  void lowerLevelsWorkAndMayBeRaised() throws Exception {
    try (Broker own = Broker.builder().temporaryDirectory().start();
        Admin ownAdmin = Admin.create(Map.of("bootstrap.servers", own.bootstrapServers()))) {
      level(ownAdmin, 0, FeatureUpdate.UpgradeType.SAFE_DOWNGRADE);
      ownAdmin.createTopics(Set.of(new NewTopic("levels", 1, (short) 1))).all().get();
      Map<String, Object> settings =
          Map.of(
              "bootstrap.servers",
              own.bootstrapServers(),
              "transactional.id",
              "levels-1",
              "metadata.max.age.ms",
              1_000);
      try (KafkaProducer<String, String> producer =
          new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer())) {
        producer.initTransactions();
        transact(producer, 3);
        assertThat(epoch(ownAdmin)).as("one for the session").isZero();
        level(ownAdmin, 2, FeatureUpdate.UpgradeType.UPGRADE);
        transact(producer, 3);
      }
      try (KafkaProducer<String, String> producer =
          new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer())) {
        producer.initTransactions();
        int before = epoch(ownAdmin);
        transact(producer, 3);
        assertThat(epoch(ownAdmin)).as("one for each transaction").isEqualTo(before + 3);
      }
    }
  }

  private static void transact(KafkaProducer<String, String> producer, int count) {
    for (int i = 0; i < count; i++) {
      producer.beginTransaction();
      producer.send(new ProducerRecord<>("levels", "k", "v"));
      if (i == 1) {
        producer.abortTransaction();
      } else {
        producer.commitTransaction();
      }
    }
  }

  private static int epoch(Admin ofCluster) throws Exception {
    return ofCluster
        .describeTransactions(List.of("levels-1"))
        .description("levels-1")
        .get()
        .producerEpoch();
  }

  private static void level(Admin ofCluster, int level, FeatureUpdate.UpgradeType type)
      throws Exception {
    ofCluster
        .updateFeatures(
            Map.of("transaction.version", new FeatureUpdate((short) level, type)),
            new UpdateFeaturesOptions())
        .all()
        .get();
  }

  @Test
  void manyProducersAtOnceCommitWhatTheySay() throws Exception {
    create("many", 4);
    int producers = 8;
    int rounds = 25;
    List<Thread> threads = new ArrayList<>();
    List<Throwable> failures = java.util.Collections.synchronizedList(new ArrayList<>());
    for (int n = 0; n < producers; n++) {
      int number = n;
      Thread thread =
          new Thread(
              () -> {
                try (KafkaProducer<String, String> producer = begun("many-" + number)) {
                  for (int i = 0; i < rounds; i++) {
                    producer.beginTransaction();
                    for (int p = 0; p < 4; p++) {
                      producer.send(
                          new ProducerRecord<>("many", p, "k", number + "-" + i + "-" + p));
                    }
                    if (i % 5 == 4) {
                      producer.abortTransaction();
                    } else {
                      producer.commitTransaction();
                    }
                  }
                } catch (Throwable t) {
                  failures.add(t);
                }
              });
      thread.start();
      threads.add(thread);
    }
    for (Thread thread : threads) {
      thread.join();
    }
    assertThat(failures).isEmpty();
    for (int n = 0; n < producers; n++) {
      awaitEnded("many-" + n);
    }
    assertThat(read("many", 4, "read_committed"))
        .doesNotHaveDuplicates()
        .hasSize(producers * rounds * 4 * 4 / 5);
  }

  // ---- helpers

  private static void create(String topic, int partitions) {
    try {
      admin.createTopics(Set.of(new NewTopic(topic, partitions, (short) 1))).all().get();
    } catch (InterruptedException | ExecutionException e) {
      throw new AssertionError(e);
    }
  }

  private static KafkaProducer<String, String> begun(String id) {
    return begun(id, Map.of());
  }

  private static KafkaProducer<String, String> begun(String id, Map<String, String> settings) {
    Map<String, Object> all = new HashMap<>(settings);
    all.put("bootstrap.servers", broker.bootstrapServers());
    all.put("transactional.id", id);
    KafkaProducer<String, String> producer =
        new KafkaProducer<>(all, new StringSerializer(), new StringSerializer());
    try {
      producer.initTransactions();
    } catch (RuntimeException e) {
      producer.close(Duration.ZERO);
      throw e;
    }
    return producer;
  }

  private static KafkaConsumer<String, String> consumer(String isolation) {
    return new KafkaConsumer<>(
        Map.of(
            "bootstrap.servers",
            broker.bootstrapServers(),
            "isolation.level",
            isolation,
            "group.id",
            "copiers",
            "enable.auto.commit",
            false),
        new StringDeserializer(),
        new StringDeserializer());
  }

  /** Everything up to the end as that isolation level sees it. */
  private static List<String> read(String topic, int partitions, String isolation) {
    List<TopicPartition> all = new ArrayList<>();
    for (int i = 0; i < partitions; i++) {
      all.add(new TopicPartition(topic, i));
    }
    List<String> values = new ArrayList<>();
    try (KafkaConsumer<String, String> consumer = consumer(isolation)) {
      consumer.assign(all);
      consumer.seekToBeginning(all);
      Map<TopicPartition, Long> ends = consumer.endOffsets(all);
      while (!all.stream().allMatch(tp -> consumer.position(tp) >= ends.get(tp))) {
        consumer.poll(Duration.ofMillis(200)).forEach(record -> values.add(record.value()));
      }
    }
    return values;
  }

  /** The end is answered when it is decided; a moment later it is in the partitions. */
  private static void awaitEnded(String... ids) {
    for (String id : ids) {
      await(
          () ->
              state(id) == TransactionState.COMPLETE_COMMIT
                  || state(id) == TransactionState.COMPLETE_ABORT
                  || state(id) == TransactionState.EMPTY);
    }
  }

  private static TransactionState state(String id) {
    try {
      return admin.describeTransactions(List.of(id)).description(id).get().state();
    } catch (InterruptedException | ExecutionException e) {
      throw new AssertionError(e);
    }
  }

  private static void await(java.util.function.BooleanSupplier condition) {
    long deadline = System.nanoTime() + PATIENCE.toNanos();
    while (!condition.getAsBoolean()) {
      if (System.nanoTime() > deadline) {
        throw new AssertionError("did not come about");
      }
      java.util.concurrent.locks.LockSupport.parkNanos(20_000_000);
    }
  }
}
