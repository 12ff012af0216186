/** From Kafka's metadata records to images, and from images to our own view of the cluster. */
@NullMarked
package io.spillway.kafka.metadata;

import org.jspecify.annotations.NullMarked;
