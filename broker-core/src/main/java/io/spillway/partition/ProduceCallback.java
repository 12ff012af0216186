package io.spillway.partition;

import java.util.List;
import org.apache.kafka.common.protocol.Errors;

/**
 * Told once what became of a produced batch: in the call, on the WAL's thread, or on a worker. Must
 * not block.
 */
public interface ProduceCallback {

  /**
   * The batch is durable (P31), now or, for a duplicate, since before.
   *
   * @param logAppendTimeMs what the topic stamped, or -1; of a duplicate, as with Kafka, the
   *     largest timestamp of what it repeats
   */
  void onAppended(long baseOffset, long logAppendTimeMs, long logStartOffset);

  /** The batch is not in the log, and will not be (G6). */
  void onRefused(Errors error, String message, List<RecordError> recordErrors);

  /**
   * Asked when a parked batch's turn comes (P15): false when the client was told of a timeout, so
   * that the batch is dropped rather than appended behind its back.
   */
  default boolean isWanted() {
    return true;
  }

  /** KIP-467: which record of the batch is at fault, counted from 0. */
  record RecordError(int batchIndex, String message) {}
}
