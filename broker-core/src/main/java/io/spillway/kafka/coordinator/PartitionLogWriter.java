package io.spillway.kafka.coordinator;

import io.spillway.metadata.TopicConfig;
import io.spillway.metadata.TopicConfigs;
import io.spillway.partition.Partition;
import io.spillway.partition.Partition.HighWatermarkListener;
import io.spillway.partition.TransactionGuard;
import io.spillway.partition.TransactionVerifier.Question;
import java.util.Collections;
import java.util.Map;
import java.util.WeakHashMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.ApiException;
import org.apache.kafka.common.errors.KafkaStorageException;
import org.apache.kafka.common.errors.NotEnoughReplicasException;
import org.apache.kafka.common.errors.NotLeaderOrFollowerException;
import org.apache.kafka.common.errors.RetriableException;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.coordinator.common.runtime.PartitionWriter;
import org.apache.kafka.storage.internals.log.LogConfig;
import org.apache.kafka.storage.internals.log.VerificationGuard;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The coordinator's way to append (P32): synchronous under the coordinator's lock, the bytes copied
 * by the partition before it returns, durable when the high watermark says so. It throws only
 * before an offset is assigned, and then an error that the coordinator turns into a retriable one:
 * no client hears anything final because the WAL is full.
 */
public final class PartitionLogWriter implements PartitionWriter {

  private static final Logger LOG = LoggerFactory.getLogger(PartitionLogWriter.class);

  /** TxnOffsetCommit from here on: the client adds nothing itself (KIP-890). */
  private static final int FIRST_VERSION_THAT_ADDS = 5;

  private static final int FIRST_VERSION_WITH_ABORTABLE_ERROR = 4;

  private final LedPartitions led;
  private final TopicConfigs topicConfigs;
  private final ConcurrentMap<Listener, Registration> registrations = new ConcurrentHashMap<>();

  /** What Kafka's guards stand for, as long as the coordinator holds them. */
  private final Map<VerificationGuard, TransactionGuard> guards =
      Collections.synchronizedMap(new WeakHashMap<>());

  private volatile LogConfig logConfig = logConfig(TopicConfig.DEFAULTS.maxMessageBytes());

  public PartitionLogWriter(LedPartitions led, TopicConfigs topicConfigs) {
    this.led = led;
    this.topicConfigs = topicConfigs;
  }

  @Override
  public void registerListener(TopicPartition tp, Listener listener) {
    led.find(tp)
        .ifPresent(
            owner -> {
              HighWatermarkListener relay =
                  (partition, highWatermark) ->
                      listener.onHighWatermarkUpdated(partition, highWatermark);
              registrations.put(listener, new Registration(owner.partition(), relay));
              owner.partition().addHighWatermarkListener(relay);
            });
  }

  @Override
  public void deregisterListener(TopicPartition tp, Listener listener) {
    Registration registration = registrations.remove(listener);
    if (registration != null) {
      registration.partition().removeHighWatermarkListener(registration.relay());
    }
  }

  /** The coordinator asks for the largest batch only. */
  @Override
  public LogConfig config(TopicPartition tp) {
    int maxBytes = topicConfigs.topic(tp.topic()).maxMessageBytes();
    LogConfig current = logConfig;
    if (current.maxMessageSize() != maxBytes) {
      current = logConfig(maxBytes);
      logConfig = current;
    }
    return current;
  }

  @Override
  public long append(
      TopicPartition tp, VerificationGuard guard, MemoryRecords records, short transactionVersion) {
    LedPartition owner = led.require(tp);
    if (owner.voided()) {
      throw new NotLeaderOrFollowerException(tp + " was truncated; its coordinator is reloading");
    }
    try {
      return owner
          .partition()
          .appendInternal(
              records.buffer().duplicate(),
              guards.getOrDefault(guard, TransactionGuard.NONE),
              transactionVersion);
    } catch (RuntimeException e) {
      throw forCoordinator(tp, e);
    }
  }

  /**
   * The coordinator makes {@code NOT_COORDINATOR} of "not leader" and "storage error", {@code
   * COORDINATOR_NOT_AVAILABLE} of "not enough replicas" and time-outs, and hands on what it does
   * not know, which clients do not know either.
   */
  private static ApiException forCoordinator(TopicPartition tp, RuntimeException e) {
    if (e instanceof NotLeaderOrFollowerException
        || e instanceof KafkaStorageException
        || (e instanceof ApiException && !(e instanceof RetriableException))) {
      return (ApiException) e;
    }
    if (e instanceof RetriableException) {
      return new NotEnoughReplicasException("cannot append to " + tp + " now", e);
    }
    LOG.error("a coordinator's records could not be appended to {}", tp, e);
    return new KafkaStorageException("cannot append to " + tp, e);
  }

  /**
   * @param apiVersion of TxnOffsetCommit
   */
  @Override
  public CompletableFuture<VerificationGuard> maybeStartTransactionVerification(
      TopicPartition tp, String transactionalId, long producerId, short epoch, int apiVersion) {
    Question question = apiVersion >= FIRST_VERSION_THAT_ADDS ? Question.ADD : Question.IS_ADDED;
    return led.find(tp)
        .map(
            owner ->
                owner
                    .partition()
                    .verifyTransaction(transactionalId, producerId, epoch, question)
                    .handle((guard, failure) -> guarded(guard, failure, apiVersion)))
        .orElseGet(
            () ->
                CompletableFuture.failedFuture(
                    new NotLeaderOrFollowerException("this broker does not lead " + tp)));
  }

  /** The coordinator keeps the guard and brings it back with the batch. */
  private VerificationGuard guarded(
      TransactionGuard guard, @Nullable Throwable failure, int apiVersion) {
    if (failure != null) {
      Errors error = Errors.forException(failure);
      throw error == Errors.TRANSACTION_ABORTABLE && apiVersion < FIRST_VERSION_WITH_ABORTABLE_ERROR
          ? Errors.INVALID_TXN_STATE.exception()
          : error.exception(failure.getMessage());
    }
    if (guard == TransactionGuard.NONE) {
      return VerificationGuard.SENTINEL;
    }
    VerificationGuard handed = new VerificationGuard();
    guards.put(handed, guard);
    return handed;
  }

  @Override
  public CompletableFuture<Void> deleteRecords(TopicPartition tp, long beforeOffset) {
    return led.require(tp).partition().deleteRecords(beforeOffset).thenAccept(logStartOffset -> {});
  }

  private static LogConfig logConfig(int maxMessageBytes) {
    return new LogConfig(
        Map.of(
            org.apache.kafka.common.config.TopicConfig.MAX_MESSAGE_BYTES_CONFIG, maxMessageBytes));
  }

  private record Registration(Partition partition, HighWatermarkListener relay) {}
}
