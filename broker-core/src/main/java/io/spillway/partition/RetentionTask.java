package io.spillway.partition;

import io.spillway.metadata.TopicConfig;
import io.spillway.runtime.Clock;
import io.spillway.runtime.Scheduler;
import io.spillway.stream.StreamHandle.Part;
import java.time.Duration;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Housekeeping of the partitions led here: drops what {@code retention.ms} and {@code
 * retention.bytes} let go, forgets silent producers, and deletes streams whose deletion failed
 * before.
 *
 * <p>Data goes part by part, as Kafka's goes segment by segment: a part goes when all of it may,
 * and only from the start. What is in the WAL alone stays until it is uploaded. Topics that are
 * only compacted keep everything.
 */
public final class RetentionTask implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(RetentionTask.class);

  private final PartitionManager partitions;
  private final Clock clock;
  private final Scheduler scheduler;
  private final Duration interval;
  private volatile boolean closed;

  /**
   * @param interval {@code log.retention.check.interval.ms}
   */
  public RetentionTask(
      PartitionManager partitions, Clock clock, Scheduler scheduler, Duration interval) {
    this.partitions = partitions;
    this.clock = clock;
    this.scheduler = scheduler;
    this.interval = interval;
  }

  public void start() {
    scheduler.schedule(interval.toNanos(), this::runAndReschedule);
  }

  @Override
  public void close() {
    closed = true;
  }

  private void runAndReschedule() {
    if (closed) {
      return;
    }
    try {
      run();
    } finally {
      scheduler.schedule(interval.toNanos(), this::runAndReschedule);
    }
  }

  /** One round, now. */
  void run() {
    partitions.expireProducers();
    partitions.reconcile();
    for (Partition partition : partitions.partitions()) {
      if (partition instanceof BrokerPartition led && led.isOpen()) {
        trim(led);
      }
    }
  }

  private void trim(BrokerPartition partition) {
    TopicConfig config = partition.config();
    long before = partition.logStartOffset();
    long after =
        newLogStart(
            partition.parts(),
            before,
            partition.committedEndOffset(),
            partition.sizeBytes(),
            config,
            clock.currentTimeMillis());
    if (after > before) {
      partition
          .trim(after)
          .whenComplete(
              (done, failure) -> {
                if (failure == null) {
                  LOG.info(
                      "retention moved the log start of partition {} from {} to {}",
                      partition.topicPartition(),
                      before,
                      after);
                } else {
                  LOG.warn("partition {} was not trimmed", partition, failure);
                }
              });
    }
  }

  /** Where the log may start by the topic's retention; the old log start when nothing may go. */
  static long newLogStart(
      List<Part> parts,
      long logStartOffset,
      long committedEndOffset,
      long sizeBytes,
      TopicConfig config,
      long nowMs) {
    long start = logStartOffset;
    if (!config.deletes()) {
      return start;
    }
    long excessBytes = config.retentionBytes() < 0 ? -1 : sizeBytes - config.retentionBytes();
    for (Part part : parts) {
      boolean tooMuch = excessBytes >= part.sizeBytes() && part.sizeBytes() > 0;
      boolean tooOld =
          config.retentionMs() >= 0
              && part.maxTimestampMs() >= 0
              && nowMs - part.maxTimestampMs() > config.retentionMs();
      if (part.endOffset() > committedEndOffset) {
        break;
      }
      if (tooMuch || tooOld) {
        start = Math.max(start, part.endOffset());
      } else if (part.maxTimestampMs() >= 0) {
        break;
      } // else it goes with what is behind it: compaction left no record in it
      excessBytes -= part.sizeBytes();
    }
    return start;
  }
}
