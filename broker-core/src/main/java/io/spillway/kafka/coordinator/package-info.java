/**
 * What Apache Kafka's coordinators, and ours on its runtime, stand on: partitions as their logs,
 * elections one change at a time, and a start by what first needs them.
 */
@NullMarked
package io.spillway.kafka.coordinator;

import org.jspecify.annotations.NullMarked;
