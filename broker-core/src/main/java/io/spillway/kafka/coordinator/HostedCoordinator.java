package io.spillway.kafka.coordinator;

import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.image.MetadataDelta;
import org.apache.kafka.image.MetadataImage;

/**
 * A coordinator that runs: what {@link CoordinatorHost} and {@link Elections} tell it. Calls about
 * one partition come one after the other; {@link #elect} only after the load before it has ended.
 */
public interface HostedCoordinator extends AutoCloseable {

  void elect(LedPartition partition);

  /** Unloads whatever is loaded of the partition, whichever epoch it has. */
  void resign(TopicPartition tp);

  /** Each image after the one it was started with, in order; may wait, for seconds at most. */
  void onImage(MetadataDelta delta, MetadataImage image);

  /** Whoever waits for an answer is told that the coordinator is gone. Ends every thread. */
  @Override
  void close();
}
