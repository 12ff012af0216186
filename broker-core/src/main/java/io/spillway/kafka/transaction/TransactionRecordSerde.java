package io.spillway.kafka.transaction;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Supplier;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.record.internal.RecordBatch;
import org.apache.kafka.coordinator.common.runtime.CoordinatorRecord;
import org.apache.kafka.coordinator.common.runtime.Deserializer;
import org.apache.kafka.coordinator.common.runtime.Serializer;
import org.apache.kafka.coordinator.transaction.TransactionCoordinatorRecordSerde;
import org.apache.kafka.coordinator.transaction.TransactionState;
import org.apache.kafka.coordinator.transaction.generated.TransactionLogKey;
import org.apache.kafka.coordinator.transaction.generated.TransactionLogValue;
import org.apache.kafka.coordinator.transaction.generated.TransactionLogValue.PartitionsSchema;
import org.apache.kafka.server.common.ApiMessageAndVersion;
import org.apache.kafka.server.common.TransactionVersion;
import org.jspecify.annotations.Nullable;

/** Between our values and Kafka's records, byte for byte those of Kafka's own coordinator. */
final class TransactionRecordSerde
    implements Serializer<TransactionRecord>, Deserializer<TransactionRecord> {

  /** The version that has producer ids before and after, and transaction versions. */
  private static final short FLEXIBLE_VERSION = 1;

  private final TransactionCoordinatorRecordSerde kafka = new TransactionCoordinatorRecordSerde();
  private final Supplier<TransactionVersion> clusterVersion;

  /**
   * @param clusterVersion the finalized {@code transaction.version}: at 0, records are those that
   *     every Kafka reads
   */
  TransactionRecordSerde(Supplier<TransactionVersion> clusterVersion) {
    this.clusterVersion = clusterVersion;
  }

  @Override
  public byte[] serializeKey(TransactionRecord step) {
    return kafka.serializeKey(toKafka(step));
  }

  @Override
  public byte @Nullable [] serializeValue(TransactionRecord step) {
    return kafka.serializeValue(toKafka(step));
  }

  @Override
  public TransactionRecord deserialize(ByteBuffer key, @Nullable ByteBuffer value) {
    CoordinatorRecord stored = kafka.deserialize(key, value);
    String id = ((TransactionLogKey) stored.key()).transactionalId();
    ApiMessageAndVersion state = stored.value();
    return new TransactionRecord(
        id, state == null ? null : fromKafka(id, (TransactionLogValue) state.message()));
  }

  private CoordinatorRecord toKafka(TransactionRecord step) {
    TransactionLogKey key = new TransactionLogKey().setTransactionalId(step.transactionalId());
    Transaction transaction = step.transaction();
    return transaction == null
        ? CoordinatorRecord.tombstone(key)
        : CoordinatorRecord.record(key, value(transaction));
  }

  private ApiMessageAndVersion value(Transaction transaction) {
    TransactionVersion version = clusterVersion.get();
    short valueVersion =
        transaction.clientVersion().supportsEpochBump()
            ? FLEXIBLE_VERSION
            : version.transactionLogValueVersion();
    TransactionLogValue value =
        new TransactionLogValue()
            .setProducerId(transaction.producerId())
            .setProducerEpoch(transaction.producerEpoch())
            .setTransactionTimeoutMs(transaction.timeoutMs())
            .setTransactionStatus(transaction.state().id())
            .setTransactionPartitions(
                transaction.state() == TransactionState.EMPTY
                    ? null
                    : byTopic(transaction.partitions()))
            .setTransactionStartTimestampMs(transaction.startMs())
            .setTransactionLastUpdateTimestampMs(transaction.lastUpdateMs());
    if (valueVersion >= FLEXIBLE_VERSION) {
      value
          .setPreviousProducerId(transaction.previousProducerId())
          .setNextProducerId(transaction.nextProducerId())
          .setClientTransactionVersion(transaction.clientVersion().featureLevel());
    }
    return new ApiMessageAndVersion(value, valueVersion);
  }

  private static List<PartitionsSchema> byTopic(Set<TopicPartition> partitions) {
    Map<String, List<Integer>> topics = new TreeMap<>();
    for (TopicPartition tp : partitions) {
      topics.computeIfAbsent(tp.topic(), name -> new ArrayList<>()).add(tp.partition());
    }
    List<PartitionsSchema> schemas = new ArrayList<>(topics.size());
    topics.forEach(
        (topic, ids) -> {
          ids.sort(null);
          schemas.add(new PartitionsSchema().setTopic(topic).setPartitionIds(ids));
        });
    return schemas;
  }

  private static Transaction fromKafka(String id, TransactionLogValue value) {
    Set<TopicPartition> partitions = new HashSet<>();
    List<PartitionsSchema> topics = value.transactionPartitions();
    if (topics != null) {
      for (PartitionsSchema topic : topics) {
        topic.partitionIds().forEach(p -> partitions.add(new TopicPartition(topic.topic(), p)));
      }
    }
    return new Transaction(
        value.producerId(),
        value.previousProducerId(),
        value.nextProducerId(),
        value.producerEpoch(),
        RecordBatch.NO_PRODUCER_EPOCH,
        value.transactionTimeoutMs(),
        storable(id, TransactionState.fromId(value.transactionStatus())),
        partitions,
        value.transactionStartTimestampMs(),
        value.transactionLastUpdateTimestampMs(),
        TransactionVersion.fromFeatureLevel(value.clientTransactionVersion()));
  }

  /** What Kafka's coordinator has in memory only is damage in a log. */
  private static TransactionState storable(String id, TransactionState state) {
    if (state == TransactionState.DEAD || state == TransactionState.PREPARE_EPOCH_FENCE) {
      throw new IllegalStateException("transactional id " + id + " is stored as " + state);
    }
    return state;
  }
}
