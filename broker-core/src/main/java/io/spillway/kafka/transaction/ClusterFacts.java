package io.spillway.kafka.transaction;

import io.spillway.kafka.metadata.KafkaImageSubscriber;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.image.MetadataDelta;
import org.apache.kafka.image.MetadataImage;
import org.apache.kafka.image.TopicImage;
import org.apache.kafka.server.common.TransactionVersion;

/**
 * What the coordinator wants to know of the newest image, which is at least as new as the one that
 * made this broker a leader. Safe for any thread.
 */
final class ClusterFacts implements KafkaImageSubscriber {

  private volatile MetadataImage image = MetadataImage.EMPTY;

  @Override
  public void onImage(MetadataDelta delta, MetadataImage newImage) {
    image = newImage;
  }

  boolean exists(TopicPartition tp) {
    TopicImage topic = image.topics().getTopic(tp.topic());
    return topic != null && topic.partitions().containsKey(tp.partition());
  }

  /** The finalized {@code transaction.version}. */
  TransactionVersion transactionVersion() {
    short level =
        image
            .features()
            .finalizedVersions()
            .getOrDefault(TransactionVersion.FEATURE_NAME, (short) 0);
    return TransactionVersion.fromFeatureLevel(level);
  }
}
