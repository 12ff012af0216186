package io.spillway.request.data;

import io.spillway.request.ApiHandler;
import io.spillway.request.Exchange;
import java.util.Set;
import org.apache.kafka.common.errors.CoordinatorLoadInProgressException;
import org.apache.kafka.common.errors.InvalidRequestException;
import org.apache.kafka.common.errors.TransactionalIdAuthorizationException;
import org.apache.kafka.common.message.InitProducerIdRequestData;
import org.apache.kafka.common.message.InitProducerIdResponseData;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.record.internal.RecordBatch;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * InitProducerId for idempotent producers: a fresh id with epoch 0 each time. A transactional id
 * gets {@code TRANSACTIONAL_ID_AUTHORIZATION_FAILED}, which every client takes as final, until
 * transactions are served.
 */
final class InitProducerIdHandler implements ApiHandler {

  private static final Logger LOG = LoggerFactory.getLogger(InitProducerIdHandler.class);

  private final ProducerIds ids;

  InitProducerIdHandler(ProducerIds ids) {
    this.ids = ids;
  }

  @Override
  public Set<ApiKeys> apis() {
    return Set.of(ApiKeys.INIT_PRODUCER_ID);
  }

  @Override
  public void handle(Exchange exchange) {
    InitProducerIdRequestData request = exchange.request(InitProducerIdRequestData.class);
    String transactionalId = request.transactionalId();
    if (transactionalId != null) {
      exchange.fail(
          transactionalId.isEmpty()
              ? new InvalidRequestException("transactional.id is empty")
              : new TransactionalIdAuthorizationException(
                  "transactions are not served by this broker"));
      return;
    }
    boolean hasId = request.producerId() != RecordBatch.NO_PRODUCER_ID;
    boolean hasEpoch = request.producerEpoch() != RecordBatch.NO_PRODUCER_EPOCH;
    if (hasId != hasEpoch) {
      exchange.fail(
          new InvalidRequestException(
              "producerId %d and epoch %d do not fit"
                  .formatted(request.producerId(), request.producerEpoch())));
      return;
    }
    ids.next()
        .whenComplete(
            (id, failure) -> {
              if (failure == null) {
                exchange.reply(
                    new InitProducerIdResponseData().setProducerId(id).setProducerEpoch((short) 0));
              } else {
                LOG.warn("no producer ids from the controller: {}", failure.toString());
                exchange.fail(
                    new CoordinatorLoadInProgressException("no producer ids now; try again"));
              }
            });
  }
}
