package io.spillway.sim;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.partition.TransactionMarker;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.message.ProduceRequestData;
import org.apache.kafka.common.message.ProduceRequestData.PartitionProduceData;
import org.apache.kafka.common.message.ProduceRequestData.TopicProduceData;
import org.apache.kafka.common.message.ProduceResponseData;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.SimpleRecord;
import org.jspecify.annotations.Nullable;

/**
 * An application that writes in transactions of version 2 (KIP-890), and its coordinator, which
 * never fails: each transaction has an epoch of its own, so that what became of a batch is known by
 * its epoch. It aborts with batches still on their way; these may arrive long after the end.
 */
final class SimTransactor {

  private static final int FIRST_INDEX = 10;
  private static final int RETRY_MS = 100;
  private static final int PATIENCE_MS = 6_000;
  private static final int SMALL_BYTES = 120;
  private static final short VERSION = 2;

  private static final Set<Errors> COME_AGAIN =
      Set.of(
          Errors.UNKNOWN_TOPIC_OR_PARTITION, // by a broker that has not heard of it yet
          Errors.NOT_LEADER_OR_FOLLOWER,
          Errors.NOT_ENOUGH_REPLICAS,
          Errors.KAFKA_STORAGE_ERROR,
          Errors.REQUEST_TIMED_OUT);

  private final PartitionSimulation world;
  private final int index;
  final long producerId;
  private short epoch;
  private final Map<TopicPartition, Long> numbers = new HashMap<>();
  private final Map<Short, Boolean> committed = new HashMap<>();

  // This transaction.
  private final Set<TopicPartition> added = new LinkedHashSet<>();
  private final Map<TopicPartition, Sending> sending = new LinkedHashMap<>();
  private final Map<TopicPartition, Integer> sequences = new HashMap<>();
  private final Map<TopicPartition, Long> firstOffsets = new HashMap<>();

  /**
   * Partitions whose markers are not known to be durable, with how often they were written: the
   * next transaction waits for them.
   */
  private final Map<TopicPartition, Integer> ending = new LinkedHashMap<>();

  private boolean wantsToEnd;

  /**
   * A batch until it is acknowledged; each try is a connection of its own. Only identity counts.
   */
  private static final class Sending {
    private final TopicPartition tp;
    private final int endSequence;
    private final ProduceRequestData request;
    private int tries;

    Sending(TopicPartition tp, int endSequence, ProduceRequestData request) {
      this.tp = tp;
      this.endSequence = endSequence;
      this.request = request;
    }
  }

  SimTransactor(PartitionSimulation world, int index) {
    this.world = world;
    this.index = FIRST_INDEX + index;
    this.producerId = world.controller.newProducerId();
  }

  // The coordinator.

  /** What a partition asks before the first batch of a transaction. */
  Errors verify(short batchEpoch, TopicPartition tp) {
    if (batchEpoch != epoch) {
      world.coverage.count("late batch kept out");
      return Errors.INVALID_PRODUCER_EPOCH;
    }
    if (!ending.isEmpty()) {
      return Errors.CONCURRENT_TRANSACTIONS;
    }
    added.add(tp);
    return Errors.NONE;
  }

  private void end() {
    boolean commits = sending.isEmpty() && world.random.nextInt(3) > 0;
    world.note("transaction " + producerId + "/" + epoch + (commits ? " commits" : " aborts"));
    world.coverage.count(commits ? "transaction committed" : "transaction aborted");
    committed.put(epoch, commits);
    epoch++;
    added.forEach(tp -> ending.put(tp, 0));
    added.clear();
    sending.clear();
    sequences.clear();
    firstOffsets.clear();
    TransactionMarker marker = new TransactionMarker(producerId, epoch, commits, 0, VERSION);
    new ArrayList<>(ending.keySet()).forEach(tp -> mark(tp, marker, 0));
  }

  /** To whoever leads, until one says that it is durable. Answers get lost. */
  private void mark(TopicPartition tp, TransactionMarker marker, int after) {
    if (marker.producerEpoch() != epoch || ending.getOrDefault(tp, -1) != after) {
      return;
    }
    int thisOne = after + 1;
    ending.put(tp, thisOne);
    PartitionServer server = leader(tp);
    if (server != null) {
      server.mark(
          tp, marker, error -> world.later(RETRY_MS, () -> onMarked(tp, marker, thisOne, error)));
    }
    world.later(PATIENCE_MS, () -> mark(tp, marker, thisOne));
  }

  private void onMarked(TopicPartition tp, TransactionMarker marker, int attempt, Errors error) {
    if (marker.producerEpoch() != epoch || !ending.containsKey(tp)) {
      return;
    }
    if (error == Errors.NONE && world.random.nextInt(10) > 0) {
      ending.remove(tp);
    } else {
      world.coverage.count("marker written again");
      world.checked(
          () ->
              assertThat(error)
                  .as("answer to the marker of %d/%d in %s", producerId, epoch, tp)
                  .isIn(
                      Errors.NONE,
                      Errors.NOT_LEADER_OR_FOLLOWER,
                      Errors.NOT_ENOUGH_REPLICAS,
                      Errors.KAFKA_STORAGE_ERROR));
      mark(tp, marker, attempt);
    }
  }

  // The application.

  void act() {
    if (!ending.isEmpty()) {
      return;
    }
    if (wantsToEnd ? sending.isEmpty() : world.random.nextInt(5) == 0) {
      end();
      return;
    }
    List<TopicPartition> all = world.controller.partitions();
    send(all.get(world.random.nextInt(all.size())));
  }

  private void send(TopicPartition tp) {
    if (wantsToEnd || sending.containsKey(tp)) {
      return;
    }
    int sequence = sequences.getOrDefault(tp, 0);
    SimpleRecord[] records = new SimpleRecord[1 + world.random.nextInt(3)];
    for (int i = 0; i < records.length; i++) {
      long number = numbers.merge(tp, 1L, Long::sum) - 1;
      records[i] =
          new SimpleRecord(
              new SimProducer.Numbered(index, number).value(world.random.nextInt(SMALL_BYTES)));
    }
    Sending batch = new Sending(tp, sequence + records.length, request(tp, sequence, records));
    sending.put(tp, batch);
    attempt(batch, 0);
  }

  private ProduceRequestData request(TopicPartition tp, int sequence, SimpleRecord[] records) {
    MemoryRecords batch =
        MemoryRecords.withTransactionalRecords(
            Compression.NONE, producerId, epoch, sequence, records);
    TopicProduceData topic = new TopicProduceData().setName(tp.topic());
    topic
        .partitionData()
        .add(new PartitionProduceData().setIndex(tp.partition()).setRecords(batch));
    ProduceRequestData request =
        new ProduceRequestData()
            .setTransactionalId("tx-" + index)
            .setAcks((short) -1)
            .setTimeoutMs(5_000);
    request.topicData().add(topic);
    return request;
  }

  /** One try at a time: whoever wants another one says which it thinks is the newest. */
  private void attempt(Sending batch, int after) {
    if (sending.get(batch.tp) != batch || batch.tries != after) {
      return;
    }
    int thisOne = ++batch.tries;
    PartitionServer server = leader(batch.tp);
    if (server != null) {
      SimConnection connection =
          server.connect("tx-" + index, answer -> onAnswer(batch, thisOne, answer), () -> {});
      connection.send(batch.request);
      if (world.random.nextInt(10) == 0) {
        connection.breakSoon();
      }
    }
    world.later(PATIENCE_MS, () -> attempt(batch, thisOne));
  }

  private void onAnswer(Sending batch, int attempt, ProduceResponseData response) {
    if (sending.get(batch.tp) != batch) {
      return;
    }
    var answer = response.responses().iterator().next().partitionResponses().get(0);
    Errors error = Errors.forCode(answer.errorCode());
    if (error == Errors.NONE) {
      sending.remove(batch.tp);
      sequences.put(batch.tp, batch.endSequence);
      firstOffsets.putIfAbsent(batch.tp, answer.baseOffset());
      return;
    }
    world.checked(
        () ->
            assertThat(error)
                .as("answer to a batch of %d/%d for %s", producerId, epoch, batch.tp)
                .isIn(COME_AGAIN));
    world.later(RETRY_MS, () -> attempt(batch, attempt));
  }

  private @Nullable PartitionServer leader(TopicPartition tp) {
    return world.server(world.controller.partition(tp).leader());
  }

  /** Begins no more transactions, and ends the one that is open. */
  boolean isQuietAtLast() {
    wantsToEnd = true;
    if (ending.isEmpty() && sending.isEmpty() && !added.isEmpty()) {
      end();
    }
    return ending.isEmpty() && sending.isEmpty() && added.isEmpty();
  }

  // What is known.

  /** Whether the transaction of that epoch was committed. */
  boolean isCommitted(short ofEpoch) {
    return committed.getOrDefault(ofEpoch, false);
  }

  /** P31: nobody may read committed data beyond this while the transaction is open. */
  long firstUndecided(TopicPartition tp) {
    return firstOffsets.getOrDefault(tp, Long.MAX_VALUE);
  }
}
