package io.spillway.request.transaction;

import io.spillway.request.ApiHandler;
import io.spillway.request.Exchange;
import io.spillway.request.Replies;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import org.apache.kafka.common.message.DescribeTransactionsRequestData;
import org.apache.kafka.common.message.DescribeTransactionsResponseData;
import org.apache.kafka.common.message.DescribeTransactionsResponseData.TransactionState;
import org.apache.kafka.common.message.ListTransactionsRequestData;
import org.apache.kafka.common.protocol.ApiKeys;

/** What administrators ask about transactions (KIP-664, KIP-994): list, describe. */
public final class TransactionAdminHandler implements ApiHandler {

  private final TransactionService transactions;

  public TransactionAdminHandler(TransactionService transactions) {
    this.transactions = transactions;
  }

  @Override
  public Set<ApiKeys> apis() {
    return Set.of(ApiKeys.LIST_TRANSACTIONS, ApiKeys.DESCRIBE_TRANSACTIONS);
  }

  @Override
  public void handle(Exchange exchange) {
    switch (exchange.context().apiKey()) {
      case LIST_TRANSACTIONS ->
          Replies.send(
              exchange, transactions.list(exchange.request(ListTransactionsRequestData.class)));
      case DESCRIBE_TRANSACTIONS -> describe(exchange);
      default -> throw new IllegalArgumentException("not served: " + exchange.context().apiKey());
    }
  }

  private void describe(Exchange exchange) {
    DescribeTransactionsRequestData request =
        exchange.request(DescribeTransactionsRequestData.class);
    List<CompletableFuture<TransactionState>> states =
        request.transactionalIds().stream().map(transactions::describe).toList();
    Replies.send(
        exchange,
        CompletableFuture.allOf(states.toArray(new CompletableFuture<?>[0]))
            .thenApply(
                done ->
                    new DescribeTransactionsResponseData()
                        .setTransactionStates(
                            states.stream().map(CompletableFuture::join).toList())));
  }
}
