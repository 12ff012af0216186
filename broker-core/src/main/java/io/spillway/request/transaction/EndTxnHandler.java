package io.spillway.request.transaction;

import io.spillway.request.ApiHandler;
import io.spillway.request.Exchange;
import io.spillway.request.Replies;
import java.util.Set;
import org.apache.kafka.common.message.EndTxnRequestData;
import org.apache.kafka.common.message.EndTxnResponseData;
import org.apache.kafka.common.protocol.ApiKeys;

/** EndTxn: commits or aborts. The client's transaction version is in the request's version. */
public final class EndTxnHandler implements ApiHandler {

  private static final int KNOWS_FENCED = 2;
  private static final int WITH_EPOCHS = 5;

  private final TransactionService transactions;

  public EndTxnHandler(TransactionService transactions) {
    this.transactions = transactions;
  }

  @Override
  public Set<ApiKeys> apis() {
    return Set.of(ApiKeys.END_TXN);
  }

  @Override
  public void handle(Exchange exchange) {
    EndTxnRequestData request = exchange.request(EndTxnRequestData.class);
    short version = exchange.context().apiVersion();
    Replies.send(
        exchange,
        transactions
            .endTransaction(
                request.transactionalId(),
                request.producerId(),
                request.producerEpoch(),
                request.committed(),
                version >= WITH_EPOCHS
                    ? TransactionService.VERSION_WITH_EPOCHS
                    : TransactionService.VERSION_WITHOUT_EPOCHS)
            .thenApply(
                outcome ->
                    new EndTxnResponseData()
                        .setErrorCode(
                            FencedErrors.forVersion(outcome.error(), version, KNOWS_FENCED).code())
                        .setProducerId(outcome.producerId())
                        .setProducerEpoch(outcome.producerEpoch())));
  }
}
