package io.spillway.request.transaction;

import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.record.internal.RecordBatch;

/**
 * What a producer is told: who it is from now on, or what is wrong.
 *
 * @param producerId -1 with an error, and where the producer stays who it is
 * @param producerEpoch -1 likewise
 */
public record ProducerOutcome(Errors error, long producerId, short producerEpoch) {

  /** Done, and the producer stays who it is. */
  public static final ProducerOutcome UNCHANGED = refused(Errors.NONE);

  public static ProducerOutcome refused(Errors error) {
    return new ProducerOutcome(error, RecordBatch.NO_PRODUCER_ID, RecordBatch.NO_PRODUCER_EPOCH);
  }

  public static ProducerOutcome identity(long producerId, short producerEpoch) {
    return new ProducerOutcome(Errors.NONE, producerId, producerEpoch);
  }
}
