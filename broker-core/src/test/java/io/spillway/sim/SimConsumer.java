package io.spillway.sim;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.partition.BrokerPartition;
import io.spillway.partition.EpochEnd;
import io.spillway.stream.FetchedData;
import io.spillway.stream.StreamException;
import io.spillway.upload.Failures;
import java.nio.ByteBuffer;
import java.util.concurrent.CompletableFuture;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.NotLeaderOrFollowerException;
import org.apache.kafka.common.errors.OffsetOutOfRangeException;
import org.jspecify.annotations.Nullable;

/**
 * Reads a partition to its end and goes on as it grows, from whoever leads it. With each new leader
 * it makes sure that what it has read is still there (KIP-320).
 */
final class SimConsumer {

  private final PartitionSimulation world;
  private final ProducedLog log;
  private final TopicPartition tp;
  private long position;
  private int validatedEpoch = -1;
  private @Nullable PartitionServer readingFrom;

  SimConsumer(PartitionSimulation world, ProducedLog log) {
    this.world = world;
    this.log = log;
    this.tp = log.tp;
  }

  TopicPartition partition() {
    return tp;
  }

  long position() {
    return position;
  }

  @Override
  public String toString() {
    return "consumer of %s at %d, reading %s".formatted(tp, position, readingFrom != null);
  }

  void rewind() {
    position = 0;
  }

  void poll(PartitionServer server) {
    BrokerPartition partition = server.open(tp);
    if (partition == null || (readingFrom != null && !readingFrom.isGone())) {
      return;
    }
    if (partition.leaderEpoch() > validatedEpoch) {
      validate(partition);
      validatedEpoch = partition.leaderEpoch();
    }
    checkEpochs(partition);
    int maxBytes = 1 + world.random.nextInt(8_000);
    readingFrom = server;
    long from = position;
    CompletableFuture<FetchedData> fetch = partition.read(from, maxBytes);
    fetch.whenComplete(
        (data, failure) -> {
          if (readingFrom == server) {
            readingFrom = null;
          }
          world.checked(
              () -> {
                if (failure == null) {
                  onFetched(partition, from, data);
                } else {
                  onFailed(server, partition, from, Failures.cause(failure));
                }
              });
        });
  }

  private void onFetched(BrokerPartition partition, long from, FetchedData data) {
    try (data) {
      ByteBuffer records = ByteBuffer.allocate(data.sizeBytes());
      data.buffers().forEach(buffer -> records.put(buffer.duplicate()));
      long next = log.read(from, partition.highWatermark(), records.flip());
      assertThat(next).as("%s: next offset", tp).isEqualTo(data.nextOffset());
      world.coverage.count("fetch");
      if (position == from) {
        position = next;
      }
    }
  }

  private void onFailed(
      PartitionServer server, BrokerPartition partition, long from, Throwable failure) {
    boolean outOfRange =
        failure instanceof OffsetOutOfRangeException
            || failure instanceof StreamException.OutOfRange;
    if (outOfRange && from < partition.logStartOffset()) {
      world.coverage.count("read below the log start");
      position = Math.max(position, partition.logStartOffset());
      return;
    }
    boolean zombie = outOfRange && partition.leaderEpoch() < log.openedEpoch();
    assertThat(
            zombie
                || failure instanceof NotLeaderOrFollowerException
                || failure instanceof StreamException.Unavailable
                || failure instanceof StreamException.Closed
                || failure instanceof StreamException.Fenced)
        .as("read of %s at %d from %s, %s: %s", tp, from, server.broker, partition, failure)
        .isTrue();
  }

  /** No leader may say that the log was cut below what was read. */
  private void validate(BrokerPartition partition) {
    Integer lastEpoch = position == 0 ? null : log.epochAt(position - 1);
    if (lastEpoch == null || position - 1 < partition.logStartOffset()) {
      return;
    }
    EpochEnd end = partition.endOfEpoch(lastEpoch);
    world.coverage.count("position validated");
    assertThat(end.leaderEpoch()).as("KIP-320 %s: epoch %d", tp, lastEpoch).isEqualTo(lastEpoch);
    assertThat(end.endOffset())
        .as("KIP-320 %s: end of epoch %d, read up to %d", tp, lastEpoch, position)
        .isGreaterThanOrEqualTo(position);
  }

  private void checkEpochs(BrokerPartition partition) {
    if (partition.leaderEpoch() < log.openedEpoch()) {
      return;
    }
    int requested = world.random.nextInt(partition.leaderEpoch() + 2);
    EpochEnd end = partition.endOfEpoch(requested);
    long logStart = Math.max(partition.logStartOffset(), world.catalogLogStart(tp));
    log.checkEpochEnd(requested, end.leaderEpoch(), end.endOffset(), logStart);
    Integer epoch = position <= logStart ? null : log.epochAt(position - 1);
    if (epoch != null) {
      assertThat(partition.epochOf(position - 1))
          .as("KIP-101 %s: epoch at %d", tp, position - 1)
          .isEqualTo(epoch);
    }
  }
}
