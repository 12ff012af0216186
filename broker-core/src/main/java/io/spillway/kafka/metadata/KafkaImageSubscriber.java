package io.spillway.kafka.metadata;

import org.apache.kafka.image.MetadataDelta;
import org.apache.kafka.image.MetadataImage;

/**
 * For adapters that hand Kafka's own image on to Kafka's own classes. Told of each new image, in
 * log order, on the metadata thread, before the {@link io.spillway.metadata.MetadataSubscriber}s;
 * must not block. The first call has a delta that holds everything.
 */
@FunctionalInterface
public interface KafkaImageSubscriber {

  void onImage(MetadataDelta delta, MetadataImage image);
}
