package io.spillway.partition;

import io.spillway.stream.StreamException;
import io.spillway.stream.StreamHandle;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.common.errors.RetriableException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Opens partitions: claims the stream (P9), reads the producers' state back (P22), and lets the
 * partition serve; again and again while the store cannot be reached. Gives the stream up when
 * somebody else leads by then.
 */
final class PartitionOpener {

  private static final Logger LOG = LoggerFactory.getLogger(PartitionOpener.class);

  private static final long RETRY_NANOS = TimeUnit.MILLISECONDS.toNanos(250);

  /** Whose partitions they are. Asked and told on any thread. */
  interface Owner {
    /** Whether this broker still leads the partition in that epoch. */
    boolean isCurrent(BrokerPartition partition, int leaderEpoch);

    /** The partition serves from now on. */
    void onOpen(BrokerPartition partition, int leaderEpoch);

    boolean isClosed();
  }

  private final PartitionRuntime runtime;
  private final AsyncPermits replays;
  private final Owner owner;

  PartitionOpener(PartitionRuntime runtime, Owner owner) {
    this.runtime = runtime;
    this.replays = new AsyncPermits(runtime.settings().concurrentReplays());
    this.owner = owner;
  }

  /**
   * Begins. Never in the call: what a claim sets off must not run under the caller's lock.
   *
   * @param imageOffset of the view that says so (P20)
   */
  void openSoon(BrokerPartition partition, int leaderEpoch, long imageOffset) {
    runtime.scheduler().execute(() -> claim(partition, leaderEpoch, imageOffset));
  }

  private void claim(BrokerPartition partition, int leaderEpoch, long imageOffset) {
    if (!owner.isCurrent(partition, leaderEpoch)) {
      return;
    }
    CompletableFuture<StreamHandle> claim =
        runtime
            .store()
            .claim(partition.streamId(), leaderEpoch, imageOffset, partition::checkpoint);
    partition.onClaiming(claim);
    claim.whenComplete(
        (handle, failure) -> {
          if (failure == null) {
            onClaimed(partition, leaderEpoch, handle);
          } else {
            onClaimFailed(partition, leaderEpoch, imageOffset, unwrap(failure));
          }
        });
  }

  private void onClaimed(BrokerPartition partition, int leaderEpoch, StreamHandle handle) {
    if (!owner.isCurrent(partition, leaderEpoch)) {
      giveUp(handle); // P12: whoever leads by now waits for it
      return;
    }
    if (partition.hasProducerState()) {
      open(partition, leaderEpoch, handle, null);
      return;
    }
    replays
        .run(() -> ProducerReplay.run(handle, runtime.clock().currentTimeMillis()))
        .whenComplete(
            (states, failure) -> {
              if (failure == null) {
                open(partition, leaderEpoch, handle, states);
              } else {
                onReplayFailed(partition, leaderEpoch, handle, unwrap(failure));
              }
            });
  }

  private void open(
      BrokerPartition partition,
      int leaderEpoch,
      StreamHandle handle,
      @Nullable ProducerStates states) {
    if (!owner.isCurrent(partition, leaderEpoch)) {
      return;
    }
    partition.open(handle, states);
    LOG.debug("partition {} is open at offset {}", partition, handle.highWatermark());
    owner.onOpen(partition, leaderEpoch);
  }

  private void onClaimFailed(
      BrokerPartition partition, int leaderEpoch, long imageOffset, Throwable failure) {
    if (failure instanceof StreamException.Fenced) {
      LOG.info("partition {} belongs to a newer leader: {}", partition, failure.getMessage());
    } else if (isTransient(failure)) {
      LOG.warn("partition {} cannot be claimed yet: {}", partition, failure.getMessage());
      runtime.scheduler().schedule(RETRY_NANOS, () -> claim(partition, leaderEpoch, imageOffset));
    } else {
      fail(partition, failure);
    }
  }

  private void onReplayFailed(
      BrokerPartition partition, int leaderEpoch, StreamHandle handle, Throwable failure) {
    if (isTransient(failure)) {
      LOG.warn("partition {} cannot be read yet: {}", partition, failure.getMessage());
      runtime.scheduler().schedule(RETRY_NANOS, () -> onClaimed(partition, leaderEpoch, handle));
    } else {
      fail(partition, failure);
    }
  }

  private void fail(BrokerPartition partition, Throwable failure) {
    if (!owner.isClosed()) {
      LOG.error("partition {} cannot be served", partition, failure);
      partition.fail();
    }
  }

  private static boolean isTransient(Throwable failure) {
    return failure instanceof StreamException.Unavailable || failure instanceof RetriableException;
  }

  private static void giveUp(StreamHandle handle) {
    handle
        .close()
        .whenComplete(
            (done, failure) -> {
              if (failure != null) {
                LOG.warn("stream {} was not closed", handle.id(), failure);
              }
            });
  }

  private static Throwable unwrap(Throwable failure) {
    return failure instanceof CompletionException && failure.getCause() != null
        ? failure.getCause()
        : failure;
  }
}
