package io.spillway.partition;

import java.util.concurrent.CompletionStage;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.protocol.Errors;

/**
 * Writes markers to the partitions this broker leads: those of groups' offsets through their
 * coordinator, since any other writer would break the offsets it predicts (P33). Safe for any
 * thread; nothing blocks.
 */
@FunctionalInterface
public interface MarkerWriter {

  /**
   * @return NONE once the marker is durable, else the partition's error; never fails
   */
  CompletionStage<Errors> write(TopicPartition partition, TransactionMarker marker);
}
