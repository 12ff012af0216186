package io.spillway.kafka.transaction;

import io.spillway.partition.MarkerWriter;
import io.spillway.partition.TransactionMarker;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Executor;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.protocol.Errors;

/**
 * Partitions that remember their markers, beyond the life of a broker. A test may hold a marker
 * back or have it refused.
 */
final class FakeMarkers implements MarkerWriter {

  /** Durable ones, in order. */
  final Map<TopicPartition, List<TransactionMarker>> written = new LinkedHashMap<>();

  /** How often each partition was asked. */
  final Map<TopicPartition, Integer> asked = new HashMap<>();

  private final Map<TopicPartition, ArrayDeque<Errors>> refusals = new HashMap<>();
  private final Set<TopicPartition> held = new HashSet<>();
  private final Map<TopicPartition, List<Runnable>> waiting = new HashMap<>();
  private final Executor durability;
  int pending;
  int maxPending;

  /**
   * @param durability where writes become durable
   */
  FakeMarkers(Executor durability) {
    this.durability = durability;
  }

  /** The next write is answered with each of the errors, one after the other. */
  void refuse(TopicPartition tp, Errors... errors) {
    refusals.computeIfAbsent(tp, key -> new ArrayDeque<>()).addAll(List.of(errors));
  }

  /** From now on writes to the partition are neither durable nor answered. */
  void hold(TopicPartition tp) {
    held.add(tp);
  }

  void release(TopicPartition tp) {
    held.remove(tp);
    List<Runnable> writes = waiting.remove(tp);
    if (writes != null) {
      writes.forEach(Runnable::run);
    }
  }

  /** What was on its way is lost, or not: what was held is. */
  void crash() {
    held.clear();
    waiting.clear();
    pending = 0;
  }

  List<TransactionMarker> of(TopicPartition tp) {
    return written.getOrDefault(tp, List.of());
  }

  @Override
  public CompletionStage<Errors> write(TopicPartition tp, TransactionMarker marker) {
    CompletableFuture<Errors> result = new CompletableFuture<>();
    asked.merge(tp, 1, Integer::sum);
    maxPending = Math.max(maxPending, ++pending);
    ArrayDeque<Errors> errors = refusals.getOrDefault(tp, new ArrayDeque<>());
    Errors error = errors.isEmpty() ? Errors.NONE : errors.removeFirst();
    Runnable settle =
        () -> {
          pending--;
          if (error == Errors.NONE) {
            written.computeIfAbsent(tp, key -> new ArrayList<>()).add(marker);
          }
          result.complete(error);
        };
    if (held.contains(tp)) {
      waiting.computeIfAbsent(tp, key -> new ArrayList<>()).add(settle);
    } else {
      durability.execute(settle);
    }
    return result;
  }
}
