package io.spillway.partition;

import java.util.LinkedHashMap;
import java.util.Map;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.OutOfOrderSequenceException;

/**
 * P15: batches of idempotent producers that were refused retriably. Kafka lets a producer it knows
 * nothing of begin at any sequence, so a later batch of a pipelining producer could be accepted
 * while an earlier one is on its way back, and then jam it forever. Until the refused batch
 * returns, later ones are out of order.
 *
 * <p>Bounded: the oldest note is dropped when there are too many. Safe for any thread.
 */
final class RefusedSequences {

  private final int capacity;
  private final Map<Key, Refused> notes = new LinkedHashMap<>();
  private volatile boolean any;

  RefusedSequences(int capacity) {
    this.capacity = capacity;
  }

  /** Notes a refusal; of several of one epoch the first sequence stands. */
  void onRefused(TopicPartition tp, long producerId, short epoch, int firstSequence) {
    synchronized (notes) {
      Key key = new Key(tp, producerId);
      Refused noted = notes.get(key);
      if (noted == null
          || noted.epoch < epoch
          || (noted.epoch == epoch && isAfter(noted.firstSequence, firstSequence))) {
        notes.put(key, new Refused(epoch, firstSequence));
      }
      if (notes.size() > capacity) {
        notes.remove(notes.keySet().iterator().next());
      }
      any = true;
    }
  }

  /**
   * @throws OutOfOrderSequenceException when an earlier batch of the producer was refused and has
   *     not returned
   */
  void requireReturned(TopicPartition tp, long producerId, short epoch, int firstSequence) {
    if (!any) {
      return;
    }
    synchronized (notes) {
      Refused noted = notes.get(new Key(tp, producerId));
      if (noted != null && noted.epoch == epoch && isAfter(firstSequence, noted.firstSequence)) {
        throw new OutOfOrderSequenceException(
            "Out of order sequence number for producer %d in partition %s: %d (incoming seq. number) while %d, refused before, has not returned"
                .formatted(producerId, tp, firstSequence, noted.firstSequence));
      }
    }
  }

  /** A batch was accepted: what was refused before it, or is it, has returned. */
  void onAccepted(TopicPartition tp, long producerId) {
    if (!any) {
      return;
    }
    synchronized (notes) {
      notes.remove(new Key(tp, producerId));
      any = !notes.isEmpty();
    }
  }

  /** Order of sequences on a ring of 2^31. */
  private static boolean isAfter(int a, int b) {
    int distance = (a - b) & Integer.MAX_VALUE;
    return distance != 0 && distance < (1 << 30);
  }

  private record Key(TopicPartition tp, long producerId) {}

  private record Refused(short epoch, int firstSequence) {}
}
