package io.spillway.kafka.transaction;

import io.spillway.kafka.transaction.MarkerSender.Marker;
import io.spillway.kafka.transaction.MarkerSender.Result;
import io.spillway.partition.TransactionMarker;
import io.spillway.runtime.Scheduler;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.kafka.common.TopicPartition;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The endings of one load of a partition: markers by the {@link MarkerSender}. */
final class ShardEndings implements Endings, MarkerSender.Load {

  private static final Logger log = LoggerFactory.getLogger(ShardEndings.class);
  private static final long RETRY_NANOS = TimeUnit.MILLISECONDS.toNanos(200);

  /** Writes the last record of an ending. */
  @FunctionalInterface
  interface Completer {

    /** Completes when the record is durable. Any thread; nothing blocks. */
    CompletableFuture<?> complete(TopicPartition coordinator, String id, Transaction ending);
  }

  private final TopicPartition partition;
  private final int coordinatorEpoch;
  private final MarkerSender sender;
  private final Completer completer;
  private final Scheduler scheduler;
  private final Set<String> underWay = ConcurrentHashMap.newKeySet();
  private volatile boolean over;

  /**
   * @param coordinatorEpoch leader epoch of the coordinator's partition
   * @param scheduler for what is tried again
   */
  ShardEndings(
      TopicPartition partition,
      int coordinatorEpoch,
      MarkerSender sender,
      Completer completer,
      Scheduler scheduler) {
    this.partition = partition;
    this.coordinatorEpoch = coordinatorEpoch;
    this.sender = sender;
    this.completer = completer;
    this.scheduler = scheduler;
  }

  @Override
  public TopicPartition partition() {
    return partition;
  }

  @Override
  public boolean isOver() {
    return over;
  }

  @Override
  public void close() {
    over = true;
  }

  @Override
  public void begin(String id, Transaction ending) {
    if (over || !underWay.add(id)) {
      return;
    }
    if (ending.partitions().isEmpty()) {
      complete(id, ending);
    } else {
      sendMarkers(id, ending);
    }
  }

  @Override
  public void onComplete(String id) {
    underWay.remove(id);
  }

  private void sendMarkers(String id, Transaction ending) {
    AtomicInteger left = new AtomicInteger(ending.partitions().size());
    TransactionMarker marker =
        new TransactionMarker(
            ending.producerId(),
            ending.producerEpoch(),
            ending.committed(),
            coordinatorEpoch,
            ending.clientVersion().featureLevel());
    for (TopicPartition target : ending.partitions()) {
      sender.send(
          new Marker(
              this,
              target,
              marker,
              result -> {
                // Refused: it stays as it is, as in Kafka, until whoever fenced it goes on.
                if (result == Result.DONE && left.decrementAndGet() == 0) {
                  complete(id, ending);
                }
              }));
    }
  }

  private void complete(String id, Transaction ending) {
    completer
        .complete(partition, id, ending)
        .whenComplete(
            (done, failure) -> {
              if (failure != null && !over) {
                log.debug("{}: the end of {} is not written yet", partition, id, failure);
                scheduler.schedule(RETRY_NANOS, () -> complete(id, ending));
              }
            });
  }
}
