package io.spillway.partition;

/**
 * @param validateRecords {@code broker.validate.records}: the body of every batch is checked
 * @param producerIdExpirationMs {@code producer.id.expiration.ms}
 * @param parkedBytes per partition, of batches that wait for it to open or for room (P15)
 * @param parkMs how long a batch waits for its partition to open, or for room in the WAL
 * @param concurrentReplays partitions whose producer state is rebuilt at the same time
 */
public record PartitionSettings(
    boolean validateRecords,
    long producerIdExpirationMs,
    int parkedBytes,
    long parkMs,
    int concurrentReplays) {

  private static final long DAY_MS = 24L * 60 * 60 * 1000;

  public static final PartitionSettings DEFAULTS =
      new PartitionSettings(false, DAY_MS, 16 << 20, 5_000, 8);

  public PartitionSettings {
    if (producerIdExpirationMs < 1 || parkedBytes < 0 || parkMs < 0 || concurrentReplays < 1) {
      throw new IllegalArgumentException(
          "partition settings out of range: producerIdExpirationMs=%d parkedBytes=%d parkMs=%d concurrentReplays=%d"
              .formatted(producerIdExpirationMs, parkedBytes, parkMs, concurrentReplays));
    }
  }
}
