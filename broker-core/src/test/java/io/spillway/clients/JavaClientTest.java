package io.spillway.clients;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.spillway.embed.Broker;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.function.Consumer;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ListOffsetsResult.ListOffsetsResultInfo;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.errors.InvalidConfigurationException;
import org.apache.kafka.common.errors.InvalidTopicException;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.apache.kafka.common.errors.TopicExistsException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;
import org.apache.kafka.common.message.ProduceRequestData;
import org.apache.kafka.common.message.ProduceRequestData.PartitionProduceData;
import org.apache.kafka.common.message.ProduceRequestData.TopicProduceData;
import org.apache.kafka.common.message.ProduceRequestData.TopicProduceDataCollection;
import org.apache.kafka.common.message.ProduceResponseData;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.SimpleRecord;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** The Java client of our own Kafka version, and what it is refused. */
class JavaClientTest {

  private static Broker broker;
  private static Admin admin;

  @BeforeAll
  static void start() {
    broker = Broker.builder().temporaryDirectory().start();
    admin = Admin.create(Map.of("bootstrap.servers", broker.bootstrapServers()));
  }

  @AfterAll
  static void stop() {
    admin.close();
    broker.close();
  }

  @Test
  void recordsFromOneByteToTheMaximumComeBackWhole() throws Exception {
    create("sizes");
    int[] sizes = {1, 2, 100, 4_095, 4_096, 4_097, 65_536, 1_000_000, 1_048_000};
    try (KafkaProducer<byte[], byte[]> producer = producer(Map.of("max.request.size", 2_000_000))) {
      for (int size : sizes) {
        producer.send(new ProducerRecord<>("sizes", filled(size))).get();
      }
    }
    assertThat(readAll("sizes", sizes.length))
        .extracting(record -> record.value().length)
        .containsExactlyElementsOf(Arrays.stream(sizes).boxed().toList());
  }

  @Test
  void aRecordAboveTheTopicsMaximumIsRefusedAndChangesNothing() throws Exception {
    create("too-large");
    try (KafkaProducer<byte[], byte[]> producer = producer(Map.of("max.request.size", 8_000_000))) {
      assertThatThrownBy(
              () -> producer.send(new ProducerRecord<>("too-large", filled(2_000_000))).get())
          .hasCauseInstanceOf(RecordTooLargeException.class);
      assertThat(producer.send(new ProducerRecord<>("too-large", filled(10))).get().offset())
          .isZero();
    }
  }

  @Test
  void aBatchWithAWrongChecksumIsRefusedAndChangesNothing() throws Exception {
    create("corrupt");
    Errors error = produceRaw("corrupt", records -> records.buffer().put(70, (byte) 99));
    assertThat(error).isEqualTo(Errors.CORRUPT_MESSAGE);
    assertThat(endOffset("corrupt")).isZero();
  }

  @Test
  void anOldMagicIsRefusedAndChangesNothing() throws Exception {
    create("old-magic");
    MemoryRecords old =
        MemoryRecords.withRecords(
            (byte) 1,
            0L,
            Compression.NONE,
            TimestampType.CREATE_TIME,
            new SimpleRecord(1, "old".getBytes(java.nio.charset.StandardCharsets.UTF_8)));
    assertThat(produceRaw("old-magic", old)).isEqualTo(Errors.INVALID_RECORD);
    assertThat(endOffset("old-magic")).isZero();
  }

  @Test
  void anUnknownTopicIsNamedUnknownAndNotCreatedByAProduce() throws Exception {
    assertThat(produceRaw("nobody-made-this", sound()))
        .isEqualTo(Errors.UNKNOWN_TOPIC_OR_PARTITION);
    assertThat(admin.listTopics().names().get()).doesNotContain("nobody-made-this");
  }

  @Test
  void anInvalidNameIsRefused() {
    assertThatThrownBy(() -> create("no spaces allowed"))
        .hasCauseInstanceOf(InvalidTopicException.class);
    try (KafkaProducer<byte[], byte[]> producer = producer(Map.of("max.block.ms", 10_000))) {
      assertThatThrownBy(
              () -> producer.send(new ProducerRecord<>("no spaces allowed", filled(1))).get())
          .hasRootCauseInstanceOf(InvalidTopicException.class);
    }
  }

  @Test
  void aTopicThatExistsIsNotMadeTwiceAndOneThatDoesNotIsNotDeleted() throws Exception {
    create("once");
    assertThatThrownBy(() -> create("once")).hasCauseInstanceOf(TopicExistsException.class);
    assertThatThrownBy(() -> admin.deleteTopics(Set.of("never")).all().get())
        .hasCauseInstanceOf(UnknownTopicOrPartitionException.class);
  }

  @Test
  void anInvalidConfigurationIsRefused() {
    assertThatThrownBy(
            () ->
                admin
                    .createTopics(
                        Set.of(
                            new NewTopic("bad-config", 1, (short) 1)
                                .configs(Map.of("cleanup.policy", "burn"))))
                    .all()
                    .get())
        .hasCauseInstanceOf(InvalidConfigurationException.class);
  }

  @Test
  void offsetsAreFoundByTimeAndByEnd() throws Exception {
    create("times");
    try (KafkaProducer<byte[], byte[]> producer = producer(Map.of("batch.size", 1))) {
      for (long timestamp : new long[] {1_000, 3_000, 2_000, 5_000}) {
        producer.send(new ProducerRecord<>("times", 0, timestamp, null, filled(3))).get();
      }
    }
    assertThat(offset("times", OffsetSpec.earliest()).offset()).isZero();
    assertThat(offset("times", OffsetSpec.latest()).offset()).isEqualTo(4);
    assertThat(offset("times", OffsetSpec.forTimestamp(1_500)).offset()).isEqualTo(1);
    assertThat(offset("times", OffsetSpec.forTimestamp(3_001)).offset()).isEqualTo(3);
    assertThat(offset("times", OffsetSpec.forTimestamp(9_000)).offset()).isEqualTo(-1);
    assertThat(offset("times", OffsetSpec.maxTimestamp()).offset()).isEqualTo(3);
  }

  @Test
  void aReaderMayStartInTheMiddleOfABatch() throws Exception {
    create("middle");
    try (KafkaProducer<byte[], byte[]> producer = producer(Map.of("linger.ms", 500))) {
      for (int i = 0; i < 100; i++) {
        producer.send(new ProducerRecord<>("middle", filled(i + 1)));
      }
    }
    try (KafkaConsumer<byte[], byte[]> consumer = consumer(Map.of())) {
      TopicPartition tp = new TopicPartition("middle", 0);
      consumer.assign(List.of(tp));
      consumer.seek(tp, 42);
      assertThat(poll(consumer, 58)).first().extracting(ConsumerRecord::offset).isEqualTo(42L);
    }
  }

  @Test
  void deletedRecordsAreGoneAndTheRestStays() throws Exception {
    create("trim");
    try (KafkaProducer<byte[], byte[]> producer = producer(Map.of("batch.size", 1))) {
      for (int i = 0; i < 10; i++) {
        producer.send(new ProducerRecord<>("trim", filled(i + 1))).get();
      }
    }
    TopicPartition tp = new TopicPartition("trim", 0);
    assertThat(
            admin
                .deleteRecords(Map.of(tp, RecordsToDelete.beforeOffset(4)))
                .lowWatermarks()
                .get(tp)
                .get()
                .lowWatermark())
        .isEqualTo(4);
    assertThat(offset("trim", OffsetSpec.earliest()).offset()).isEqualTo(4);
    assertThat(readAll("trim", 6)).first().extracting(ConsumerRecord::offset).isEqualTo(4L);
  }

  @Test
  void committedOffsetsAreKeptListedAndDeleted() throws Exception {
    create("offsets");
    TopicPartition tp = new TopicPartition("offsets", 0);
    admin
        .alterConsumerGroupOffsets("manual", Map.of(tp, new OffsetAndMetadata(7, "note")))
        .all()
        .get();
    assertThat(admin.listConsumerGroupOffsets("manual").partitionsToOffsetAndMetadata().get())
        .containsEntry(tp, new OffsetAndMetadata(7, "note"));
    admin.deleteConsumerGroupOffsets("manual", Set.of(tp)).all().get();
    assertThat(admin.listConsumerGroupOffsets("manual").partitionsToOffsetAndMetadata().get())
        .doesNotContainKey(tp);
  }

  @Test
  void aDeletedTopicCanBeMadeAgainAndIsEmpty() throws Exception {
    create("again");
    Uuid first = topicId("again");
    try (KafkaProducer<byte[], byte[]> producer = producer(Map.of())) {
      producer.send(new ProducerRecord<>("again", filled(5))).get();
    }
    admin.deleteTopics(Set.of("again")).all().get();
    create("again");
    assertThat(topicId("again")).isNotEqualTo(first);
    assertThat(endOffset("again")).isZero();
  }

  private static Uuid topicId(String topic) throws ExecutionException, InterruptedException {
    return admin.describeTopics(Set.of(topic)).allTopicNames().get().get(topic).topicId();
  }

  private static Errors produceRaw(String topic, Consumer<MemoryRecords> damage) throws Exception {
    MemoryRecords records = sound();
    damage.accept(records);
    return produceRaw(topic, records);
  }

  private static MemoryRecords sound() {
    return MemoryRecords.withRecords(
        Compression.NONE,
        new SimpleRecord(1, "key".getBytes(java.nio.charset.StandardCharsets.UTF_8), filled(100)));
  }

  private static Errors produceRaw(String topic, MemoryRecords records) throws Exception {
    ProduceRequestData request = new ProduceRequestData().setAcks((short) -1).setTimeoutMs(10_000);
    TopicProduceDataCollection topics = new TopicProduceDataCollection();
    topics.add(
        new TopicProduceData()
            .setName(topic)
            .setPartitionData(List.of(new PartitionProduceData().setIndex(0).setRecords(records))));
    request.setTopicData(topics);
    try (WireClient client = new WireClient(broker.bootstrapServers())) {
      ProduceResponseData response =
          client.call(ApiKeys.PRODUCE, 9, request, ProduceResponseData.class);
      return Errors.forCode(
          response.responses().iterator().next().partitionResponses().get(0).errorCode());
    }
  }

  private static void create(String topic) throws ExecutionException, InterruptedException {
    admin.createTopics(Set.of(new NewTopic(topic, 1, (short) 1))).all().get();
  }

  private static ListOffsetsResultInfo offset(String topic, OffsetSpec spec) throws Exception {
    TopicPartition tp = new TopicPartition(topic, 0);
    return admin.listOffsets(Map.of(tp, spec)).partitionResult(tp).get();
  }

  private static long endOffset(String topic) throws Exception {
    return offset(topic, OffsetSpec.latest()).offset();
  }

  private static List<ConsumerRecord<byte[], byte[]>> readAll(String topic, int count) {
    try (KafkaConsumer<byte[], byte[]> consumer =
        consumer(Map.of("auto.offset.reset", "earliest"))) {
      consumer.assign(List.of(new TopicPartition(topic, 0)));
      return poll(consumer, count);
    }
  }

  private static List<ConsumerRecord<byte[], byte[]>> poll(
      KafkaConsumer<byte[], byte[]> consumer, int count) {
    List<ConsumerRecord<byte[], byte[]>> records = new java.util.ArrayList<>();
    long deadline = System.nanoTime() + Duration.ofSeconds(60).toNanos();
    while (records.size() < count && System.nanoTime() < deadline) {
      consumer.poll(Duration.ofMillis(500)).forEach(records::add);
    }
    assertThat(records).hasSize(count);
    return records;
  }

  private static KafkaProducer<byte[], byte[]> producer(Map<String, Object> more) {
    Map<String, Object> settings = new java.util.HashMap<>(more);
    settings.put("bootstrap.servers", broker.bootstrapServers());
    return new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer());
  }

  private static KafkaConsumer<byte[], byte[]> consumer(Map<String, Object> more) {
    Map<String, Object> settings = new java.util.HashMap<>(more);
    settings.put("bootstrap.servers", broker.bootstrapServers());
    return new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer());
  }

  private static byte[] filled(int size) {
    byte[] bytes = new byte[size];
    Arrays.fill(bytes, (byte) size);
    return bytes;
  }
}
