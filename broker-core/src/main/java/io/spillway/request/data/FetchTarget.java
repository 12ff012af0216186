package io.spillway.request.data;

import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.message.FetchRequestData.FetchPartition;

/**
 * What a fetch asks of one partition.
 *
 * @param topicId zero when the request speaks of names
 * @param topic empty when the request speaks of ids
 * @param maxBytes negative where it makes no sense; that is an error once there is data
 * @param currentLeaderEpoch the client's idea of it, or -1
 * @param lastFetchedEpoch epoch of the last record the client has, or -1 (KIP-595)
 */
record FetchTarget(
    Uuid topicId,
    String topic,
    int partition,
    long fetchOffset,
    int maxBytes,
    int currentLeaderEpoch,
    int lastFetchedEpoch) {

  /** Its identity in a session. */
  record Key(Uuid topicId, String topic, int partition) {}

  Key key() {
    return new Key(topicId, topic, partition);
  }

  /**
   * @param requestMaxBytes what the whole request may get
   */
  static FetchTarget of(Uuid topicId, String topic, FetchPartition asked, int requestMaxBytes) {
    return new FetchTarget(
        topicId,
        topic,
        asked.partition(),
        asked.fetchOffset(),
        requestMaxBytes < 0 ? requestMaxBytes : asked.partitionMaxBytes(),
        asked.currentLeaderEpoch(),
        asked.lastFetchedEpoch());
  }
}
