package io.spillway.sharedlog;

import io.spillway.object.ObjectStore;
import io.spillway.object.Retry;
import io.spillway.runtime.RandomSource;
import io.spillway.runtime.Scheduler;
import io.spillway.sharedlog.LogObject.Kind;
import io.spillway.sharedlog.SharedLog.Start;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CompletionException;

/**
 * What a log comes to at one moment: the newest checkpoint and every record after it. Read without
 * changing anything, while others may be writing.
 *
 * @param checkpoint empty for a log that never had one
 * @param firstNumber number of the first record
 * @param records without gap, from {@code firstNumber} on
 */
public record LogContents(
    UUID clusterId, Optional<ByteBuffer> checkpoint, long firstNumber, List<ByteBuffer> records) {

  private static final int RECORDS_PER_READ = 256;

  /**
   * Blocks; waits for a store that does not answer.
   *
   * @param name folder of the log
   * @return empty when there is no such log
   * @throws SharedLogException when an object of it is damaged, or of a newer format
   */
  public static Optional<LogContents> read(
      ObjectStore store, String name, Scheduler scheduler, RandomSource random) {
    while (true) {
      try (ObjectSharedLog log =
          new ObjectSharedLog(store, name, Optional.empty(), scheduler, random)) {
        return readOnce(log);
      } catch (CompletionException e) {
        // Overtaken: what came after the checkpoint that was read is in a newer one.
        if (!(Retry.unwrap(e) instanceof SharedLogException.Overtaken)) {
          throw Retry.unwrap(e) instanceof RuntimeException cause ? cause : e;
        }
      }
    }
  }

  private static Optional<LogContents> readOnce(SharedLog log) {
    Start start = log.open().join();
    List<ByteBuffer> records = new ArrayList<>();
    List<ByteBuffer> more;
    do {
      more = log.readFrom(start.nextNumber() + records.size(), RECORDS_PER_READ).join();
      records.addAll(more);
    } while (!more.isEmpty());
    return start.checkpoint().isEmpty() && records.isEmpty()
        ? Optional.empty()
        : Optional.of(
            new LogContents(log.clusterId(), start.checkpoint(), start.nextNumber(), records));
  }

  /** Number of the last record, part of the checkpoint or not. */
  public long lastNumber() {
    return firstNumber + records.size() - 1;
  }

  /**
   * Writes the same log into another folder, where there is none. Blocks.
   *
   * @param cluster that it shall belong to
   */
  public void write(ObjectStore store, String name, UUID cluster, RandomSource random) {
    LogKeys keys = new LogKeys(name);
    for (int i = 0; i < records.size(); i++) {
      long number = firstNumber + i;
      List<ByteBuffer> body = List.of(records.get(i));
      store
          .put(
              keys.record(number),
              LogObject.encode(Kind.RECORD, number, cluster, newId(random), body))
          .join();
    }
    checkpoint.ifPresent(
        state -> writeCheckpoint(store, name, firstNumber - 1, cluster, List.of(state), random));
  }

  /** Writes a checkpoint, which alone is a whole log. Blocks. */
  public static void writeCheckpoint(
      ObjectStore store,
      String name,
      long number,
      UUID cluster,
      List<ByteBuffer> state,
      RandomSource random) {
    store
        .put(
            new LogKeys(name).checkpoint(number),
            LogObject.encode(Kind.CHECKPOINT, number, cluster, newId(random), state))
        .join();
  }

  private static UUID newId(RandomSource random) {
    return new UUID(random.nextLong(), random.nextLong());
  }
}
