package io.spillway.sim;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.partition.AbortedTransaction;
import io.spillway.partition.BrokerPartition;
import io.spillway.partition.Partition;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Predicate;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.message.ProduceRequestData;
import org.apache.kafka.common.message.ProduceRequestData.PartitionProduceData;
import org.apache.kafka.common.message.ProduceRequestData.TopicProduceData;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.Record;
import org.apache.kafka.common.record.internal.RecordBatch;
import org.apache.kafka.common.record.internal.SimpleRecord;
import org.jspecify.annotations.Nullable;

/**
 * What a partition holds as far as anybody was told of it, by an acknowledgement or by a read: the
 * naive model. Whatever is learnt has to fit what was known: one batch at each offset, and of each
 * producer each record at most once, in the order of its numbers (G5).
 */
final class ProducedLog {

  /** A batch with its place. The records are those of one producer, numbered without a gap. */
  record Stored(
      long baseOffset,
      long endOffset,
      int producer,
      long producerId,
      short producerEpoch,
      int firstSequence,
      boolean isTransactional,
      long firstNumber,
      long endNumber) {

    /** The same batch once more. */
    ProduceRequestData request(TopicPartition tp) {
      SimpleRecord[] records = new SimpleRecord[(int) (endNumber - firstNumber)];
      for (int i = 0; i < records.length; i++) {
        records[i] = new SimpleRecord(new SimProducer.Numbered(producer, firstNumber + i).value(0));
      }
      MemoryRecords again =
          MemoryRecords.withIdempotentRecords(
              Compression.NONE, producerId, producerEpoch, firstSequence, records);
      TopicProduceData topic = new TopicProduceData().setName(tp.topic());
      topic
          .partitionData()
          .add(new PartitionProduceData().setIndex(tp.partition()).setRecords(again));
      ProduceRequestData request = new ProduceRequestData().setAcks((short) -1).setTimeoutMs(5_000);
      request.topicData().add(topic);
      return request;
    }

    @Override
    public String toString() {
      return "[%d, %d) holds records [%d, %d) of producer %d (id %d epoch %d sequence %d)"
          .formatted(
              baseOffset,
              endOffset,
              firstNumber,
              endNumber,
              producer,
              producerId,
              producerEpoch,
              firstSequence);
    }
  }

  final TopicPartition tp;
  private final TreeMap<Long, Stored> batches = new TreeMap<>();
  private final Map<Integer, TreeMap<Long, Stored>> byProducer = new HashMap<>();
  private final TreeMap<Long, Integer> leaderEpochs = new TreeMap<>();

  /** Producer ids of markers, by offset, as far as they were read. */
  private final TreeMap<Long, Long> markers = new TreeMap<>();

  private long knownEnd;
  private long knownStable;
  private int openedEpoch = -1;

  ProducedLog(TopicPartition tp) {
    this.tp = tp;
  }

  /** The newest epoch in which anybody led. */
  int openedEpoch() {
    return openedEpoch;
  }

  /** Batches as a producer made them. */
  static List<Stored> parse(ByteBuffer records, long baseOffset) {
    List<Stored> found = new ArrayList<>();
    for (RecordBatch batch : MemoryRecords.readableRecords(records.duplicate()).batches()) {
      if (batch.isControlBatch()) {
        continue;
      }
      long base = baseOffset >= 0 ? baseOffset : batch.baseOffset();
      long first = -1;
      long next = -1;
      int producer = -1;
      for (Record each : batch) {
        SimProducer.Numbered numbered = SimProducer.Numbered.of(each.value());
        if (first < 0) {
          first = numbered.number();
          next = first;
          producer = numbered.producer();
        }
        assertThat(numbered.number()).as("numbers in a batch").isEqualTo(next++);
      }
      found.add(
          new Stored(
              base,
              base + batch.lastOffset() - batch.baseOffset() + 1,
              producer,
              batch.producerId(),
              batch.producerEpoch(),
              batch.baseSequence(),
              batch.isTransactional(),
              first,
              next));
    }
    return found;
  }

  /** A batch was acknowledged, or read; whether that is news. */
  boolean learn(Stored batch) {
    Stored same = batches.get(batch.baseOffset);
    if (same != null) {
      assertThat(batch).as("G2, G5 %s: the batch at %d", tp, batch.baseOffset).isEqualTo(same);
      return false;
    }
    Map.Entry<Long, Stored> before = batches.lowerEntry(batch.baseOffset);
    if (before != null) {
      assertThat(batch.baseOffset)
          .as("G2 %s: %s, %s", tp, batch, before.getValue())
          .isGreaterThanOrEqualTo(before.getValue().endOffset);
    }
    Map.Entry<Long, Stored> after = batches.higherEntry(batch.baseOffset);
    if (after != null) {
      assertThat(batch.endOffset)
          .as("G2 %s: %s, %s", tp, batch, after.getValue())
          .isLessThanOrEqualTo(after.getKey());
    }
    learnOrder(batch);
    batches.put(batch.baseOffset, batch);
    knownEnd = Math.max(knownEnd, batch.endOffset);
    return true;
  }

  private void learnOrder(Stored batch) {
    TreeMap<Long, Stored> own = byProducer.computeIfAbsent(batch.producer, any -> new TreeMap<>());
    Map.Entry<Long, Stored> before = own.lowerEntry(batch.baseOffset);
    if (before != null) {
      assertThat(batch.firstNumber)
          .as("G5 %s: once and in order: %s, before it %s", tp, batch, before.getValue())
          .isGreaterThanOrEqualTo(before.getValue().endNumber);
    }
    Map.Entry<Long, Stored> after = own.higherEntry(batch.baseOffset);
    if (after != null) {
      assertThat(batch.endNumber)
          .as("G5 %s: once and in order: %s, after it %s", tp, batch, after.getValue())
          .isLessThanOrEqualTo(after.getValue().firstNumber);
    }
    own.put(batch.baseOffset, batch);
  }

  /**
   * What was read from {@code offset} on, all of it durable, has no hole and fits what is known.
   */
  long read(long offset, long endOffset, ByteBuffer records) {
    long next = offset;
    for (RecordBatch batch : MemoryRecords.readableRecords(records.duplicate()).batches()) {
      if (next > offset) {
        assertThat(batch.baseOffset()).as("G2 %s: no hole", tp).isEqualTo(next);
      } else {
        assertThat(batch.baseOffset()).as("%s: first batch", tp).isLessThanOrEqualTo(next);
      }
      next = batch.nextOffset();
      assertThat(next)
          .as("P31 %s: read below the high watermark", tp)
          .isLessThanOrEqualTo(endOffset);
      learnEpoch(batch);
      if (batch.isControlBatch()) {
        markers.put(batch.baseOffset(), batch.producerId());
      }
    }
    parse(records, -1).forEach(this::learn);
    return next;
  }

  /** KIP-101: epochs do not go back along the log, and a batch keeps its own. */
  private void learnEpoch(RecordBatch batch) {
    int epoch = batch.partitionLeaderEpoch();
    Integer known = leaderEpochs.putIfAbsent(batch.baseOffset(), epoch);
    assertThat(epoch)
        .as("KIP-101 %s: epoch at %d", tp, batch.baseOffset())
        .isEqualTo(known == null ? epoch : known);
    Map.Entry<Long, Integer> before = leaderEpochs.lowerEntry(batch.baseOffset());
    if (before != null) {
      assertThat(epoch).as("KIP-101 %s: epochs", tp).isGreaterThanOrEqualTo(before.getValue());
    }
    Map.Entry<Long, Integer> after = leaderEpochs.higherEntry(batch.baseOffset());
    if (after != null) {
      assertThat(epoch).as("KIP-101 %s: epochs", tp).isLessThanOrEqualTo(after.getValue());
    }
  }

  /**
   * What a leader says of where an epoch ends is what the batches say: all of that epoch and of
   * older ones lie below, all of newer ones do not.
   */
  void checkEpochEnd(int requested, int foundEpoch, long foundEnd, long logStart) {
    if (foundEpoch < 0) {
      return;
    }
    assertThat(foundEpoch)
        .as("KIP-101 %s: epoch found for %d", tp, requested)
        .isLessThanOrEqualTo(requested);
    leaderEpochs
        .tailMap(logStart)
        .forEach(
            (baseOffset, epoch) -> {
              if (epoch <= requested) {
                assertThat(baseOffset)
                    .as("KIP-101 %s: end of %d, a batch of %d", tp, requested, epoch)
                    .isLessThan(foundEnd);
              } else {
                assertThat(baseOffset)
                    .as("KIP-101 %s: end of %d, a batch of %d", tp, requested, epoch)
                    .isGreaterThanOrEqualTo(foundEnd);
              }
            });
  }

  /** The epoch of the batch that holds the offset, if a read showed it. */
  @Nullable Integer epochAt(long offset) {
    Map.Entry<Long, Stored> batch = batches.floorEntry(offset);
    return batch == null || batch.getValue().endOffset <= offset
        ? null
        : leaderEpochs.get(batch.getKey());
  }

  /** Somebody leads in that epoch. */
  void onLeader(int epoch) {
    openedEpoch = Math.max(openedEpoch, epoch);
  }

  /** G1, G3: the newest leader, from its first moment on, has all that anybody was told of. */
  void checkLeader(Partition partition) {
    if (partition.leaderEpoch() == openedEpoch) {
      assertThat(partition.highWatermark())
          .as("G1 %s: high watermark in epoch %d, known up to %d", tp, openedEpoch, knownEnd)
          .isGreaterThanOrEqualTo(knownEnd);
    }
  }

  /** P31: committed data is stable for ever, and an open transaction never is. */
  void checkStable(BrokerPartition partition, long firstUndecided) {
    if (partition.leaderEpoch() != openedEpoch) {
      return;
    }
    long stable = partition.lastStableOffset();
    assertThat(stable)
        .as("G2 %s: last stable offset in epoch %d", tp, openedEpoch)
        .isGreaterThanOrEqualTo(knownStable);
    knownStable = stable;
    assertThat(stable)
        .as("P31 %s: last stable offset, with a transaction open at %d", tp, firstUndecided)
        .isLessThanOrEqualTo(Math.max(firstUndecided, partition.logStartOffset()));
  }

  /** Reads as a consumer does that is told of aborted transactions; all transactions have ended. */
  void checkCommitted(BrokerPartition partition, Predicate<Stored> isCommitted) {
    long start = partition.logStartOffset();
    long end = partition.highWatermark();
    assertThat(partition.lastStableOffset()).as("%s: no transaction hangs", tp).isEqualTo(end);
    Deque<AbortedTransaction> told = new ArrayDeque<>();
    partition.abortedTransactions(start, end).stream()
        .sorted(Comparator.comparingLong(AbortedTransaction::firstOffset))
        .forEach(told::add);
    Set<Long> aborting = new HashSet<>();
    TreeMap<Long, Object> all = new TreeMap<>(batches.tailMap(start));
    all.putAll(markers.tailMap(start));
    all.forEach(
        (offset, entry) -> {
          long last = entry instanceof Stored batch ? batch.endOffset - 1 : offset;
          while (!told.isEmpty() && told.getFirst().firstOffset() <= last) {
            aborting.add(told.removeFirst().producerId());
          }
          if (entry instanceof Stored batch) {
            boolean visible = !batch.isTransactional || !aborting.contains(batch.producerId);
            assertThat(visible)
                .as("G5 %s: whether a reader of committed data sees %s", tp, batch)
                .isEqualTo(!batch.isTransactional || isCommitted.test(batch));
          } else {
            aborting.remove((Long) entry);
          }
        });
  }

  /** An application was told that its record is at that offset. */
  void checkAcknowledged(int producer, long number, long offset) {
    Stored batch =
        Objects.requireNonNull(batches.floorEntry(offset), () -> "batch at " + offset).getValue();
    assertThat(batch.producer).as("%s at %d: %s", tp, offset, batch).isEqualTo(producer);
    assertThat(batch.firstNumber + offset - batch.baseOffset)
        .as("%s at %d: %s", tp, offset, batch)
        .isEqualTo(number);
  }

  /** The newest batches of a producer, newest first, all of one id and epoch. */
  List<Stored> newest(int producer, int atMost) {
    List<Stored> found = new ArrayList<>();
    for (Stored batch :
        byProducer.getOrDefault(producer, new TreeMap<>()).descendingMap().values()) {
      boolean another =
          !found.isEmpty()
              && (found.get(0).producerEpoch != batch.producerEpoch
                  || found.get(0).producerId != batch.producerId);
      if (found.size() == atMost || another) {
        break;
      }
      found.add(batch);
    }
    return found;
  }
}
