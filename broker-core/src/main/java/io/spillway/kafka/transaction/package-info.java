/**
 * The coordinator of transactions: a state machine of our own as a shard on Apache Kafka's
 * coordinator runtime, with Kafka's records in {@code __transaction_state}.
 */
@NullMarked
package io.spillway.kafka.transaction;

import org.jspecify.annotations.NullMarked;
