/** Apache Kafka's own group coordinator on our partitions. */
@NullMarked
package io.spillway.kafka.group;

import org.jspecify.annotations.NullMarked;
