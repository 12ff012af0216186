package io.spillway.request.transaction;

import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.message.DescribeTransactionsResponseData.TransactionState;
import org.apache.kafka.common.message.InitProducerIdRequestData;
import org.apache.kafka.common.message.ListTransactionsRequestData;
import org.apache.kafka.common.message.ListTransactionsResponseData;
import org.apache.kafka.common.protocol.Errors;

/**
 * The coordinator of the transactional ids whose partitions of {@code __transaction_state} this
 * broker leads. Answers complete when what they say is durable, on any thread. Whatever is wrong is
 * an error code in the answer, "no coordinator here" included; a future fails only by a fault. Safe
 * for any thread; nothing blocks.
 *
 * <p>Errors are those of the newest request versions: what older clients are told instead is up to
 * the handlers.
 */
public interface TransactionService {

  /** Ends transactions with the epoch they began with. */
  short VERSION_WITHOUT_EPOCHS = 0;

  /** Each transaction has an epoch of its own (KIP-890). */
  short VERSION_WITH_EPOCHS = 2;

  /**
   * A producer begins; whoever used its transactional id before is fenced.
   *
   * @param request with a transactional id; producer id and epoch are both there or both not
   */
  CompletableFuture<ProducerOutcome> initProducerId(InitProducerIdRequestData request);

  /**
   * Adds partitions to the producer's transaction: all or none.
   *
   * @param partitions that exist
   * @param transactionVersion one of those above: what the client works with
   */
  CompletableFuture<Errors> addPartitions(
      String transactionalId,
      long producerId,
      short producerEpoch,
      Set<TopicPartition> partitions,
      short transactionVersion);

  /** Which of the partitions belong to the producer's open transaction; changes nothing. */
  CompletableFuture<Map<TopicPartition, Errors>> verifyPartitions(
      String transactionalId, long producerId, short producerEpoch, Set<TopicPartition> partitions);

  /**
   * Decides the producer's transaction. The markers are written later, by the coordinator.
   *
   * @param transactionVersion one of those above: what the client works with
   * @return with the version with epochs, who the producer is from now on
   */
  CompletableFuture<ProducerOutcome> endTransaction(
      String transactionalId,
      long producerId,
      short producerEpoch,
      boolean committed,
      short transactionVersion);

  CompletableFuture<TransactionState> describe(String transactionalId);

  /** Of this broker alone. */
  CompletableFuture<ListTransactionsResponseData> list(ListTransactionsRequestData request);
}
