package io.spillway.request.data;

import io.spillway.partition.BrokerPartition;
import io.spillway.partition.EpochEnd;
import io.spillway.protocol.codec.RecordSlices;
import io.spillway.stream.FetchedData;
import java.util.List;
import org.apache.kafka.common.message.FetchResponseData.AbortedTransaction;
import org.apache.kafka.common.message.FetchResponseData.EpochEndOffset;
import org.apache.kafka.common.message.FetchResponseData.PartitionData;
import org.apache.kafka.common.protocol.Errors;
import org.jspecify.annotations.Nullable;

/**
 * One partition of one round of a fetch: what was asked, what was found. Owns the data it holds
 * until {@link #takeData}. Guarded by its operation.
 */
final class FetchSlot {

  /** More than anybody asks for, and more of them are not too many for a long. */
  private static final long UNKNOWN_BYTES = Integer.MAX_VALUE;

  final FetchTarget target;
  final PartitionLocator.Located located;

  /** Null when the partition is not served here. */
  final @Nullable BrokerPartition partition;

  Errors error;
  EpochEnd diverging = EpochEnd.UNDEFINED;
  long highWatermark = -1;
  long lastStableOffset = -1;
  long logStartOffset = -1;

  /** The partition's count of durable bytes before its high watermark was taken. */
  long durableBytesBefore;

  boolean isOpening;
  boolean isReading;

  /** What is there could not be read now: the error is told when the client's wait is over. */
  boolean isUnreadable;

  private @Nullable FetchedData data;

  FetchSlot(FetchTarget target, PartitionLocator.Located located) {
    this.target = target;
    this.located = located;
    this.partition = located.partition();
    this.error = located.error();
  }

  /**
   * Takes the partition's watermarks and checks the request against them.
   *
   * @return whether there is something to read
   */
  boolean check(boolean readCommitted) {
    BrokerPartition served = partition;
    if (served == null || error != Errors.NONE) {
      return false;
    }
    isOpening = !served.isOpen();
    durableBytesBefore = served.durableBytes();
    if (isOpening) {
      error = served.unavailability();
      return false;
    }
    error = PartitionLocator.checkLeaderEpoch(served, target.currentLeaderEpoch());
    if (error != Errors.NONE) {
      return false;
    }
    highWatermark = served.highWatermark();
    lastStableOffset = Math.min(served.lastStableOffset(), highWatermark);
    logStartOffset = served.logStartOffset();
    if (target.lastFetchedEpoch() >= 0 && !isOnOurBranch(served)) {
      return false;
    }
    if (target.fetchOffset() < logStartOffset || target.fetchOffset() > served.logEndOffset()) {
      refuse(Errors.OFFSET_OUT_OF_RANGE);
      return false;
    }
    if (target.fetchOffset() >= endOffset(readCommitted)) {
      return false;
    }
    if (target.maxBytes() < 0) {
      refuse(Errors.UNKNOWN_SERVER_ERROR); // as Kafka answers what it cannot read
      return false;
    }
    return true;
  }

  /** KIP-320: whether what the client has last is what this log has there. */
  private boolean isOnOurBranch(BrokerPartition served) {
    EpochEnd end = served.endOfEpoch(target.lastFetchedEpoch());
    if (end.equals(EpochEnd.UNDEFINED)) {
      refuse(Errors.OFFSET_OUT_OF_RANGE);
      return false;
    }
    if (end.leaderEpoch() < target.lastFetchedEpoch() || end.endOffset() < target.fetchOffset()) {
      diverging = end;
      return false;
    }
    return true;
  }

  long endOffset(boolean readCommitted) {
    return readCommitted ? lastStableOffset : highWatermark;
  }

  void refuse(Errors why) {
    error = why;
    highWatermark = -1;
    lastStableOffset = -1;
    logStartOffset = -1;
  }

  void hold(FetchedData read) {
    data = read;
  }

  int dataBytes() {
    FetchedData held = data;
    return held == null ? 0 : held.sizeBytes();
  }

  /** Gives the memory back. */
  void drop() {
    FetchedData held = data;
    data = null;
    if (held != null) {
      held.close();
    }
  }

  /** The caller closes it. */
  @Nullable FetchedData takeData() {
    FetchedData held = data;
    data = null;
    return held;
  }

  /**
   * Bytes that a new round would find, about. What an open transaction holds back counts when its
   * end is news, and then all of it: nobody knows how much that is.
   */
  long availableBytes(int bytesRead, boolean readCommitted) {
    BrokerPartition served = partition;
    if (served == null || isOpening || isUnreadable) {
      return 0;
    }
    if (readCommitted && lastStableOffset < highWatermark) {
      return served.lastStableOffset() > lastStableOffset ? UNKNOWN_BYTES : bytesRead;
    }
    return bytesRead + served.durableBytes() - durableBytesBefore;
  }

  /**
   * Those that have something in the data held: every marker of what is stable is known by then.
   */
  private List<AbortedTransaction> abortedTransactions() {
    BrokerPartition served = partition;
    FetchedData held = data;
    if (served == null || held == null) {
      return List.of();
    }
    return served.abortedTransactions(target.fetchOffset(), held.nextOffset()).stream()
        .map(
            each ->
                new AbortedTransaction()
                    .setProducerId(each.producerId())
                    .setFirstOffset(each.firstOffset()))
        .toList();
  }

  /** The answer, the records aside. */
  PartitionData answer(boolean readCommitted) {
    PartitionData answer =
        new PartitionData()
            .setPartitionIndex(target.partition())
            .setErrorCode(error.code())
            .setHighWatermark(highWatermark)
            .setLastStableOffset(lastStableOffset)
            .setLogStartOffset(logStartOffset)
            .setAbortedTransactions(readCommitted ? abortedTransactions() : null)
            .setRecords(RecordSlices.EMPTY);
    if (!diverging.equals(EpochEnd.UNDEFINED)) {
      answer.setDivergingEpoch(
          new EpochEndOffset()
              .setEpoch(diverging.leaderEpoch())
              .setEndOffset(diverging.endOffset()));
    }
    return answer;
  }
}
