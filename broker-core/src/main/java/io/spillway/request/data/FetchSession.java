package io.spillway.request.data;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.message.FetchResponseData.PartitionData;
import org.apache.kafka.common.protocol.Errors;

/**
 * An incremental fetch session (KIP-227): the partitions a consumer follows, and what it was told
 * of each, so that requests and responses carry changes only. Partitions that gave data go to the
 * end, so that all get their turn. Guarded by its own monitor.
 */
final class FetchSession {

  private final int id;
  private final boolean usesTopicIds;
  private final long createdMs;
  private final Map<FetchTarget.Key, Followed> partitions = new LinkedHashMap<>();
  private int epoch = 1;
  private long lastUsedMs;

  FetchSession(int id, boolean usesTopicIds, long nowMs) {
    this.id = id;
    this.usesTopicIds = usesTopicIds;
    this.createdMs = nowMs;
    this.lastUsedMs = nowMs;
  }

  int id() {
    return id;
  }

  boolean usesTopicIds() {
    return usesTopicIds;
  }

  long createdMs() {
    return createdMs;
  }

  synchronized long lastUsedMs() {
    return lastUsedMs;
  }

  synchronized int size() {
    return partitions.size();
  }

  /** The epoch the next request must have. */
  synchronized int epoch() {
    return epoch;
  }

  synchronized void follow(FetchTarget target, PartitionData told) {
    Followed followed = new Followed(target);
    followed.remember(told);
    partitions.put(target.key(), followed);
  }

  /** Takes a request's changes. */
  synchronized void update(List<FetchTarget> asked, List<FetchTarget.Key> forgotten, long nowMs) {
    for (FetchTarget target : asked) {
      Followed followed = partitions.get(target.key());
      if (followed == null) {
        partitions.put(target.key(), new Followed(target));
      } else {
        followed.target = target;
      }
    }
    forgotten.forEach(partitions::remove);
    lastUsedMs = nowMs;
  }

  synchronized void nextEpoch() {
    epoch = epochAfter(epoch);
  }

  /** Epochs go from 1 to 2^31-1 and round again: 0 would mean a new session. */
  static int epochAfter(int epoch) {
    return epoch == Integer.MAX_VALUE ? 1 : epoch + 1;
  }

  /** What to read, in the order of whose turn it is. */
  synchronized List<FetchTarget> targets() {
    List<FetchTarget> targets = new ArrayList<>(partitions.size());
    partitions.values().forEach(followed -> targets.add(followed.target));
    return targets;
  }

  /**
   * Whether the response must hold the partition; remembers what it says. A topic that was there
   * when the session asked before, and is deleted, is no unknown id any more but a partition that
   * is gone: the data is made to say so.
   */
  synchronized boolean mustTell(FetchTarget target, PartitionData data, int recordBytes) {
    Followed followed = partitions.get(target.key());
    if (followed == null) {
      return true;
    }
    if (followed.wasThere && data.errorCode() == Errors.UNKNOWN_TOPIC_ID.code()) {
      data.setErrorCode(Errors.UNKNOWN_TOPIC_OR_PARTITION.code());
    }
    boolean changed =
        recordBytes > 0
            || followed.highWatermark != data.highWatermark()
            || followed.logStartOffset != data.logStartOffset()
            || data.errorCode() != Errors.NONE.code()
            || data.divergingEpoch().epoch() >= 0;
    followed.remember(data);
    if (recordBytes > 0) {
      partitions.remove(target.key());
      partitions.put(target.key(), followed);
    }
    return changed;
  }

  private static final class Followed {
    private FetchTarget target;
    private long highWatermark = -1;
    private long logStartOffset = -1;
    private boolean wasThere;

    Followed(FetchTarget target) {
      this.target = target;
    }

    /** After an error the partition is told anew when the error is gone. */
    void remember(PartitionData told) {
      highWatermark = told.errorCode() == Errors.NONE.code() ? told.highWatermark() : -1;
      logStartOffset = told.logStartOffset();
      wasThere |= told.errorCode() != Errors.UNKNOWN_TOPIC_ID.code();
    }
  }
}
