/**
 * Apache Kafka's own group coordinator on our partitions: its writer, loader, time and elections.
 */
@NullMarked
package io.spillway.kafka.group;

import org.jspecify.annotations.NullMarked;
