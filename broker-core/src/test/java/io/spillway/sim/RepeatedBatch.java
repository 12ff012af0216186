package io.spillway.sim;

import static org.assertj.core.api.Assertions.assertThat;

import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.message.ProduceResponseData;
import org.apache.kafka.common.message.ProduceResponseData.PartitionProduceResponse;
import org.apache.kafka.common.protocol.Errors;

/**
 * A batch that was stored, sent once more to the leader of its partition until that has answered:
 * it must be known, with its offset.
 */
final class RepeatedBatch {

  private final PartitionSimulation world;
  private final TopicPartition tp;
  private final ProducedLog.Stored batch;
  private boolean answered;
  private boolean underWay;

  RepeatedBatch(PartitionSimulation world, TopicPartition tp, ProducedLog.Stored batch) {
    this.world = world;
    this.tp = tp;
    this.batch = batch;
  }

  /** Sends it when that has not been done, or was in vain. */
  boolean isAnswered() {
    PartitionServer server = world.server(world.controller.partition(tp).leader());
    if (!answered && !underWay && server != null) {
      underWay = true;
      server.connect("repeater", this::onAnswer, () -> underWay = false).send(batch.request(tp));
    }
    return answered;
  }

  private void onAnswer(ProduceResponseData response) {
    underWay = false;
    PartitionProduceResponse answer =
        response.responses().iterator().next().partitionResponses().get(0);
    Errors error = Errors.forCode(answer.errorCode());
    world.checked(() -> check(error, answer.baseOffset()));
  }

  private void check(Errors error, long baseOffset) {
    if (error == Errors.NONE) {
      answered = true;
      world.coverage.count("repeat known");
      assertThat(baseOffset)
          .as("P22 %s: offset of a repeat of %s", tp, batch)
          .isEqualTo(batch.baseOffset());
    } else {
      assertThat(error)
          .as("P22 %s: answer to a repeat of %s", tp, batch)
          .isIn(
              Errors.NOT_ENOUGH_REPLICAS, Errors.NOT_LEADER_OR_FOLLOWER, Errors.REQUEST_TIMED_OUT);
    }
  }
}
