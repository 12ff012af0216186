package io.spillway.kafka.metadata;

import io.spillway.kafka.controller.ClockTime;
import io.spillway.kafka.controller.SnapshotCodec;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Optional;
import org.apache.kafka.common.utils.internals.LogContext;
import org.apache.kafka.image.MetadataDelta;
import org.apache.kafka.image.MetadataImage;
import org.apache.kafka.image.MetadataProvenance;
import org.apache.kafka.image.loader.MetadataBatchLoader;
import org.apache.kafka.metadata.SupportedConfigChecker;
import org.apache.kafka.raft.BatchReader;
import org.apache.kafka.raft.LeaderAndEpoch;
import org.apache.kafka.raft.RaftClient;
import org.apache.kafka.server.common.ApiMessageAndVersion;
import org.apache.kafka.server.fault.FaultHandler;
import org.apache.kafka.snapshot.SnapshotReader;

/**
 * From the metadata log to images: Kafka's batch loader does the replay (metadata transactions
 * included), this class publishes each image in the call that brought the records. So whoever is
 * told of a commit after this listener finds it in the image already.
 *
 * <p>On the log's thread only.
 */
final class MetadataImages
    implements RaftClient.Listener<ApiMessageAndVersion>, SnapshotCodec.Source {

  private final ClockTime time;
  private final KafkaImageSubscriber publisher;
  private final LeaderListener leaderListener;
  private final MetadataBatchLoader loader;
  private MetadataImage image = MetadataImage.EMPTY;
  private LeaderAndEpoch leader = LeaderAndEpoch.UNKNOWN;

  /** Told of each change of the metadata log's leadership. */
  @FunctionalInterface
  interface LeaderListener {
    void onLeader(LeaderAndEpoch leader);
  }

  MetadataImages(
      ClockTime time,
      FaultHandler faults,
      KafkaImageSubscriber publisher,
      LeaderListener leaderListener) {
    this.time = time;
    this.publisher = publisher;
    this.leaderListener = leaderListener;
    this.loader =
        new MetadataBatchLoader(
            new LogContext("[metadata] "),
            time,
            faults,
            (delta, newImage, manifest) -> publish(delta, newImage),
            SupportedConfigChecker.TRUE);
    loader.resetToImage(image);
  }

  @Override
  public void handleCommit(BatchReader<ApiMessageAndVersion> reader) {
    try (reader) {
      while (reader.hasNext()) {
        loader.loadBatch(reader.next(), leader);
      }
      loader.maybeFlushBatches(leader, true);
    }
  }

  @Override
  public void handleLoadSnapshot(SnapshotReader<ApiMessageAndVersion> reader) {
    MetadataDelta delta = new MetadataDelta.Builder().setImage(image).build();
    try (reader) {
      while (reader.hasNext()) {
        for (ApiMessageAndVersion record : reader.next().records()) {
          delta.replay(record.message());
        }
      }
      delta.finishSnapshot();
      MetadataImage loaded =
          delta.apply(
              new MetadataProvenance(
                  reader.lastContainedLogOffset(),
                  reader.lastContainedLogEpoch(),
                  reader.lastContainedLogTimestamp(),
                  true));
      loader.resetToImage(loaded);
      publish(delta, loaded);
    }
  }

  @Override
  public void handleLoadBootstrap(SnapshotReader<ApiMessageAndVersion> reader) {
    throw new UnsupportedOperationException("the controller writes its own bootstrap records");
  }

  @Override
  public void handleLeaderChange(LeaderAndEpoch newLeader) {
    leader = newLeader;
    leaderListener.onLeader(newLeader);
  }

  private void publish(MetadataDelta delta, MetadataImage newImage) {
    image = newImage;
    publisher.onImage(delta, newImage);
  }

  @Override
  public Optional<List<ByteBuffer>> stateAt(long endOffset) {
    if (image.provenance().lastContainedOffset() != endOffset - 1) {
      return Optional.empty();
    }
    return Optional.of(SnapshotCodec.encode(image, time));
  }
}
