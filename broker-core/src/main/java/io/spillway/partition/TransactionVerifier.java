package io.spillway.partition;

import java.util.concurrent.CompletionStage;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.protocol.Errors;

/**
 * Asks the coordinator of a transaction whether a partition belongs to it, before the first batch
 * of that transaction gets offsets there (KIP-890, P29): so that no late batch opens a transaction
 * that nobody will end. Safe for any thread; nothing blocks.
 */
public interface TransactionVerifier {

  /** What is asked of the coordinator. */
  enum Question {
    /** Whether the client has added the partition: clients before KIP-890's second part. */
    IS_ADDED,
    /** To add it: clients of transaction version 2, which add nothing themselves. */
    ADD
  }

  /**
   * @return NONE, or the coordinator's error in the partition's terms; never fails
   */
  CompletionStage<Errors> verify(
      String transactionalId,
      long producerId,
      short producerEpoch,
      TopicPartition partition,
      Question question);
}
