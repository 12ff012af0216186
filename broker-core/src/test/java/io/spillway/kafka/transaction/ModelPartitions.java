package io.spillway.kafka.transaction;

import io.spillway.partition.MarkerWriter;
import io.spillway.partition.TransactionMarker;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.protocol.Errors;
import org.jspecify.annotations.Nullable;

/**
 * Partitions as the coordinator is to see them: epochs of producers, one open transaction each, and
 * what became of those that ended. They outlive brokers.
 */
final class ModelPartitions implements MarkerWriter {

  /** How a transaction ended in a partition. */
  record Outcome(String transaction, boolean committed) {}

  /** What a producer has in a partition. */
  private static final class Producer {
    private short epoch = -1;
    private int coordinatorEpoch = -1;
    private int generation;
    private @Nullable String open;
    private @Nullable TransactionMarker last;
  }

  final List<Outcome> outcomes = new ArrayList<>();
  private final Map<TopicPartition, Map<Long, Producer>> partitions = new HashMap<>();
  private final Random random;
  double refusals;
  double losses;

  ModelPartitions(Random random) {
    this.random = random;
  }

  private Producer producer(TopicPartition tp, long id) {
    return partitions
        .computeIfAbsent(tp, key -> new HashMap<>())
        .computeIfAbsent(id, key -> new Producer());
  }

  /** To be given to {@link #append}: no marker may come between. */
  int guard(TopicPartition tp, long producerId) {
    return producer(tp, producerId).generation;
  }

  boolean isOpen(TopicPartition tp, long producerId, short epoch) {
    Producer producer = producer(tp, producerId);
    return producer.open != null && producer.epoch == epoch;
  }

  Errors append(TopicPartition tp, long producerId, short epoch, int guard, String transaction) {
    Producer producer = producer(tp, producerId);
    if (epoch < producer.epoch) {
      return Errors.INVALID_PRODUCER_EPOCH;
    }
    if (!isOpen(tp, producerId, epoch)) {
      if (producer.open != null) {
        throw new AssertionError(
            tp + ": " + transaction + " begins while " + producer.open + " is open");
      }
      if (guard != producer.generation) {
        return Errors.INVALID_TXN_STATE;
      }
    }
    if (producer.open != null && !producer.open.equals(transaction)) {
      throw new AssertionError(tp + ": " + transaction + " writes into " + producer.open);
    }
    producer.epoch = epoch;
    producer.open = transaction;
    return Errors.NONE;
  }

  @Override
  public CompletionStage<Errors> write(TopicPartition tp, TransactionMarker marker) {
    if (random.nextDouble() < refusals) {
      return CompletableFuture.completedFuture(Errors.NOT_LEADER_OR_FOLLOWER);
    }
    Errors error = close(tp, marker);
    // Written, but the answer says that it may not be.
    return CompletableFuture.completedFuture(
        random.nextDouble() < losses ? Errors.REQUEST_TIMED_OUT : error);
  }

  private Errors close(TopicPartition tp, TransactionMarker marker) {
    Producer producer = producer(tp, marker.producerId());
    if (marker.coordinatorEpoch() < producer.coordinatorEpoch) {
      return Errors.TRANSACTION_COORDINATOR_FENCED;
    }
    boolean repeated =
        producer.last != null
            && producer.last.producerEpoch() == marker.producerEpoch()
            && producer.last.committed() == marker.committed()
            && producer.open == null;
    if (marker.producerEpoch() < producer.epoch
        || (marker.transactionVersion() >= 2
            && marker.producerEpoch() == producer.epoch
            && !repeated)) {
      throw new AssertionError(
          tp + ": " + marker + " comes at epoch " + producer.epoch + ", open " + producer.open);
    }
    producer.generation++;
    producer.coordinatorEpoch = marker.coordinatorEpoch();
    producer.epoch = marker.producerEpoch();
    producer.last = marker;
    if (producer.open != null) {
      outcomes.add(new Outcome(producer.open, marker.committed()));
      producer.open = null;
    }
    return Errors.NONE;
  }

  List<String> open() {
    List<String> open = new ArrayList<>();
    partitions.forEach(
        (tp, producers) ->
            producers.forEach(
                (id, producer) -> {
                  if (producer.open != null) {
                    open.add(tp + " " + producer.open);
                  }
                }));
    return open;
  }
}
