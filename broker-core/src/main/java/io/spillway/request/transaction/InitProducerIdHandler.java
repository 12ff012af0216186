package io.spillway.request.transaction;

import io.spillway.request.ApiHandler;
import io.spillway.request.Exchange;
import io.spillway.request.Replies;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.function.Supplier;
import org.apache.kafka.common.errors.InvalidRequestException;
import org.apache.kafka.common.message.InitProducerIdRequestData;
import org.apache.kafka.common.message.InitProducerIdResponseData;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.record.internal.RecordBatch;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * InitProducerId: for an idempotent producer a fresh id with epoch 0 each time; a transactional one
 * is up to its coordinator.
 */
public final class InitProducerIdHandler implements ApiHandler {

  private static final Logger LOG = LoggerFactory.getLogger(InitProducerIdHandler.class);
  private static final int KNOWS_FENCED = 4;

  private final Supplier<CompletableFuture<Long>> ids;
  private final TransactionService transactions;

  /**
   * @param ids of producers, each once
   */
  public InitProducerIdHandler(
      Supplier<CompletableFuture<Long>> ids, TransactionService transactions) {
    this.ids = ids;
    this.transactions = transactions;
  }

  @Override
  public Set<ApiKeys> apis() {
    return Set.of(ApiKeys.INIT_PRODUCER_ID);
  }

  @Override
  public void handle(Exchange exchange) {
    InitProducerIdRequestData request = exchange.request(InitProducerIdRequestData.class);
    boolean hasId = request.producerId() != RecordBatch.NO_PRODUCER_ID;
    boolean hasEpoch = request.producerEpoch() != RecordBatch.NO_PRODUCER_EPOCH;
    if (hasId != hasEpoch) {
      throw new InvalidRequestException(
          "producerId %d and epoch %d do not fit"
              .formatted(request.producerId(), request.producerEpoch()));
    }
    short version = exchange.context().apiVersion();
    Replies.send(
        exchange,
        (request.transactionalId() == null ? fresh() : transactions.initProducerId(request))
            .thenApply(outcome -> response(outcome, version)));
  }

  private CompletableFuture<ProducerOutcome> fresh() {
    return ids.get()
        .handle(
            (id, failure) -> {
              if (failure == null) {
                return ProducerOutcome.identity(id, (short) 0);
              }
              LOG.warn("no producer ids from the controller: {}", failure.toString());
              return ProducerOutcome.refused(Errors.COORDINATOR_LOAD_IN_PROGRESS);
            });
  }

  private static InitProducerIdResponseData response(ProducerOutcome outcome, short version) {
    return new InitProducerIdResponseData()
        .setErrorCode(FencedErrors.forVersion(outcome.error(), version, KNOWS_FENCED).code())
        .setProducerId(outcome.producerId())
        .setProducerEpoch(outcome.producerEpoch());
  }
}
