package io.spillway.kafka.transaction;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.message.DescribeTransactionsResponseData;
import org.apache.kafka.common.message.DescribeTransactionsResponseData.TopicData;
import org.apache.kafka.common.message.ListTransactionsResponseData;
import org.apache.kafka.common.protocol.Errors;

/** Transactions as administrators see them. */
final class TransactionReports {

  private TransactionReports() {}

  static DescribeTransactionsResponseData.TransactionState error(String id, Errors error) {
    return new DescribeTransactionsResponseData.TransactionState()
        .setTransactionalId(id)
        .setErrorCode(error.code());
  }

  static DescribeTransactionsResponseData.TransactionState describe(
      String id, Optional<Transaction> found) {
    if (found.isEmpty()) {
      return error(id, Errors.TRANSACTIONAL_ID_NOT_FOUND);
    }
    Transaction transaction = found.get();
    DescribeTransactionsResponseData.TransactionState state =
        error(id, Errors.NONE)
            .setProducerId(transaction.producerId())
            .setProducerEpoch(transaction.producerEpoch())
            .setTransactionState(transaction.state().stateName())
            .setTransactionTimeoutMs(transaction.timeoutMs())
            .setTransactionStartTimeMs(transaction.startMs());
    for (TopicPartition tp : transaction.partitions()) {
      TopicData topic = state.topics().find(tp.topic());
      if (topic == null) {
        topic = new TopicData().setTopic(tp.topic());
        state.topics().add(topic);
      }
      topic.partitions().add(tp.partition());
    }
    return state;
  }

  /** In the order of ids. */
  static ListTransactionsResponseData list(
      TransactionFilter filter, Map<String, Transaction> found) {
    List<ListTransactionsResponseData.TransactionState> states = new ArrayList<>(found.size());
    new TreeMap<>(found)
        .forEach(
            (id, transaction) ->
                states.add(
                    new ListTransactionsResponseData.TransactionState()
                        .setTransactionalId(id)
                        .setProducerId(transaction.producerId())
                        .setTransactionState(transaction.state().stateName())));
    return new ListTransactionsResponseData()
        .setUnknownStateFilters(filter.unknownStates())
        .setTransactionStates(states);
  }
}
