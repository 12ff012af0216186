package io.spillway.kafka.transaction;

import io.spillway.request.transaction.ProducerOutcome;
import org.apache.kafka.common.protocol.Errors;

/** What a request makes of the state of its transactional id. */
sealed interface Decision {

  /** The answer, once what it stands on is durable. */
  ProducerOutcome outcome();

  /** Nothing changes. */
  record Keep(ProducerOutcome outcome) implements Decision {}

  /**
   * @param next takes effect with its record
   */
  record Change(Transaction next, ProducerOutcome outcome) implements Decision {}

  /** Nothing changes before the rule is asked again, with a fresh producer id. */
  record NeedsProducerId() implements Decision {
    @Override
    public ProducerOutcome outcome() {
      throw new IllegalStateException("a rule wants a second producer id");
    }
  }

  static Decision refuse(Errors error) {
    return new Keep(ProducerOutcome.refused(error));
  }
}
