package io.spillway.kafka.transaction;

import io.spillway.kafka.transaction.Decision.Change;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.function.BiPredicate;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.coordinator.common.runtime.CoordinatorMetadataImage;
import org.apache.kafka.coordinator.common.runtime.CoordinatorResult;
import org.apache.kafka.coordinator.common.runtime.CoordinatorShard;
import org.apache.kafka.timeline.SnapshotRegistry;
import org.apache.kafka.timeline.TimelineHashMap;
import org.jspecify.annotations.Nullable;

/**
 * The transactional ids of one partition of {@code __transaction_state}, between its load and the
 * end of that. The runtime calls it, one call at a time, and takes back what did not become
 * durable.
 *
 * <p>Requests see the newest state and are answered when it is durable; so no state is needed for
 * "a step is being written". What leaves the shard - markers - stands on durable state: an ending
 * is handed over when its record is durable, or by {@link #resume}.
 */
final class TransactionShard implements CoordinatorShard<TransactionRecord> {

  private final TopicPartition partition;
  private final TimelineHashMap<String, Transaction> transactions;
  private final Endings endings;

  /**
   * @param endings of this load of the partition
   */
  TransactionShard(TopicPartition partition, SnapshotRegistry registry, Endings endings) {
    this.partition = partition;
    this.transactions = new TimelineHashMap<>(registry, 16);
    this.endings = endings;
  }

  TopicPartition partition() {
    return partition;
  }

  // ---- told by the runtime

  @Override
  public void replay(long offset, long producerId, short producerEpoch, TransactionRecord step) {
    Transaction transaction = step.transaction();
    if (transaction == null) {
      transactions.remove(step.transactionalId());
    } else {
      transactions.put(step.transactionalId(), transaction);
    }
  }

  /** Whatever was decided before is durable, and goes on. */
  @Override
  public void onLoaded(CoordinatorMetadataImage image) {
    transactions.forEach(this::resume);
  }

  @Override
  public void onUnloaded() {
    endings.close();
  }

  // ---- steps

  CoordinatorResult<Decision, TransactionRecord> decide(
      String id, Rule rule, OptionalLong freshId) {
    Decision decision = rule.decide(transactions.get(id), freshId);
    if (!(decision instanceof Change change)) {
      return new CoordinatorResult<>(List.of(), decision);
    }
    CompletableFuture<@Nullable Void> durable = new CompletableFuture<>();
    durable.thenRun(() -> resume(id, change.next()));
    return new CoordinatorResult<>(
        List.of(new TransactionRecord(id, change.next())), decision, durable, true, true);
  }

  /**
   * Which of the partitions belong to the producer's transaction. Not among what is durable alone:
   * a decision that is being written must be seen, lest a batch comes behind its marker.
   */
  CoordinatorResult<Map<TopicPartition, Errors>, TransactionRecord> verify(
      String id, long producerId, short producerEpoch, Set<TopicPartition> asked) {
    Transaction current = transactions.get(id);
    Errors error = PartitionsRule.mayAsk(current, producerId, producerEpoch);
    Map<TopicPartition, Errors> errors = new HashMap<>();
    for (TopicPartition tp : asked) {
      boolean added = current != null && current.partitions().contains(tp);
      errors.put(tp, error == Errors.NONE && !added ? Errors.TRANSACTION_ABORTABLE : error);
    }
    return new CoordinatorResult<>(List.of(), errors);
  }

  /**
   * Every marker of the ending is durable.
   *
   * @param ending as it was handed over: that very object, since before version 2 the next
   *     transaction may look the same, and its markers are not written
   */
  @SuppressWarnings("ReferenceEquality")
  CoordinatorResult<@Nullable Void, TransactionRecord> complete(
      String id, Transaction ending, long nowMs) {
    CompletableFuture<@Nullable Void> durable = new CompletableFuture<>();
    durable.thenRun(() -> endings.onComplete(id));
    boolean due = transactions.get(id) == ending;
    return new CoordinatorResult<>(
        due ? List.of(new TransactionRecord(id, ending.complete(nowMs))) : List.of(),
        null,
        durable,
        true,
        true);
  }

  /** Forgets ids that were not used since {@code lastUseMs}. */
  CoordinatorResult<Integer, TransactionRecord> expire(long lastUseMs) {
    List<TransactionRecord> tombstones = new ArrayList<>();
    transactions.forEach(
        (id, transaction) -> {
          if (transaction.state().isExpirationAllowed()
              && transaction.lastUpdateMs() <= lastUseMs) {
            tombstones.add(new TransactionRecord(id, null));
          }
        });
    return new CoordinatorResult<>(tombstones, tombstones.size(), null, true, false);
  }

  // ---- questions about what is durable

  @Nullable Transaction find(String id, long committedOffset) {
    return transactions.get(id, committedOffset);
  }

  Map<String, Transaction> select(
      BiPredicate<String, Transaction> wanted, int atMost, long committedOffset) {
    Map<String, Transaction> found = new HashMap<>();
    for (Map.Entry<String, Transaction> entry : transactions.entrySet(committedOffset)) {
      if (found.size() == atMost) {
        break;
      }
      if (wanted.test(entry.getKey(), entry.getValue())) {
        found.put(entry.getKey(), entry.getValue());
      }
    }
    return found;
  }

  /**
   * Goes on with every durable ending that nobody sees to: its record became durable when whoever
   * waited for it had given up.
   */
  void resumeAll(long committedOffset) {
    transactions
        .entrySet(committedOffset)
        .forEach(entry -> resume(entry.getKey(), entry.getValue()));
  }

  private void resume(String id, Transaction transaction) {
    if (transaction.isEnding()) {
      endings.begin(id, transaction);
    }
  }
}
