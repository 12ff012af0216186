package io.spillway.partition;

import io.spillway.partition.ProducerStates.AppendedBatch;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import org.apache.kafka.common.protocol.Errors;

/** P31: a batch that repeats another is acknowledged when what it repeats is durable. */
final class RepeatedAppends {

  private final PartitionState state;
  private final ProducerGate producers;
  private final ArrayDeque<Repeat> waiting = new ArrayDeque<>();
  private volatile boolean any;

  private record Repeat(Append append, AppendedBatch original) {}

  RepeatedAppends(PartitionState state, ProducerGate producers) {
    this.state = state;
    this.producers = producers;
  }

  /** Under the lock. */
  void add(Append append, AppendedBatch original) {
    waiting.addLast(new Repeat(append, original));
    any = true;
  }

  void acknowledgeDurable() {
    if (!any) {
      return;
    }
    List<Repeat> due = new ArrayList<>(1);
    synchronized (state.lock) {
      long highWatermark = state.highWatermark();
      waiting.removeIf(
          repeat -> {
            boolean durable = repeat.original.endOffset() <= highWatermark;
            if (durable) {
              due.add(repeat);
            }
            return durable;
          });
      any = !waiting.isEmpty();
    }
    for (Repeat repeat : due) {
      repeat
          .append
          .batch
          .callback()
          .onAppended(
              repeat.original.baseOffset(),
              repeat.original.maxTimestampMs(),
              state.logStartOffset());
    }
  }

  /** What they repeat is lost, or nobody learns of it here any more. */
  void refuseAll() {
    List<Repeat> refused;
    synchronized (state.lock) {
      refused = new ArrayList<>(waiting);
      waiting.clear();
      any = false;
      for (Repeat repeat : refused) {
        producers.onRefused(repeat.append, Errors.KAFKA_STORAGE_ERROR);
      }
    }
    for (Repeat repeat : refused) {
      repeat.append.tellRefused(
          Errors.KAFKA_STORAGE_ERROR,
          "the batch that this one repeats was lost before it was durable");
    }
  }
}
