package io.spillway.request.transaction;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.kafka.coordinator.WirePipeline;
import io.spillway.metadata.ControlPlane.ProducerIdBlock;
import io.spillway.runtime.SystemClock;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.message.DescribeTransactionsResponseData.TransactionState;
import org.apache.kafka.common.message.InitProducerIdRequestData;
import org.apache.kafka.common.message.InitProducerIdResponseData;
import org.apache.kafka.common.message.ListTransactionsRequestData;
import org.apache.kafka.common.message.ListTransactionsResponseData;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.Errors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class InitProducerIdHandlerTest {

  private final ArrayDeque<CompletableFuture<ProducerIdBlock>> blocks = new ArrayDeque<>();
  private final ProducerIds ids =
      new ProducerIds(
          () -> {
            CompletableFuture<ProducerIdBlock> block = new CompletableFuture<>();
            blocks.add(block);
            return block;
          });
  private final Coordinator coordinator = new Coordinator();
  private final WirePipeline pipeline =
      new WirePipeline(
          List.of(new InitProducerIdHandler(ids::next, coordinator)), new SystemClock());

  @Test
  void producerIdsAreTakenFromBlocksAndEachIsGivenOnce() {
    List<CompletableFuture<ApiMessage>> answers = new ArrayList<>();
    for (int i = 0; i < 5; i++) {
      answers.add(send(5, idempotent()));
    }
    assertThat(blocks).as("one block at a time").hasSize(1);
    blocks.removeFirst().complete(new ProducerIdBlock(100, 3));
    assertThat(blocks).hasSize(1);
    blocks.removeFirst().complete(new ProducerIdBlock(500, 3));
    assertThat(answers)
        .extracting(each -> response(each).producerId())
        .containsExactly(100L, 101L, 102L, 500L, 501L);
    assertThat(answers).extracting(each -> response(each).producerEpoch()).containsOnly((short) 0);
  }

  @Test
  void aControllerThatGivesNoIdsIsARetriableError() {
    CompletableFuture<ApiMessage> answer = send(5, idempotent());
    blocks.removeFirst().completeExceptionally(new IllegalStateException("away"));
    assertThat(error(answer)).isEqualTo(Errors.COORDINATOR_LOAD_IN_PROGRESS);
  }

  @Test
  void aProducerIdAndAnEpochBelongTogether() {
    record Case(long producerId, int epoch) {}
    for (Case half :
        List.of(new Case(5, -1), new Case(-1, 5), new Case(-5, -1), new Case(-1, -5))) {
      for (String id : new String[] {null, "tx"}) {
        assertThat(error(send(5, claiming(id, half.producerId, half.epoch))))
            .as("%s of %s", half, id)
            .isEqualTo(Errors.INVALID_REQUEST);
      }
    }
    assertThat(blocks).as("no id was used").isEmpty();
    assertThat(coordinator.asked).isEmpty();
  }

  @Test
  void withoutATransactionalIdItIsANewOneWhateverIsClaimed() {
    CompletableFuture<ApiMessage> whole = send(5, claiming(null, 5, 3));
    blocks.removeFirst().complete(new ProducerIdBlock(100, 10));
    assertThat(response(whole).producerId()).isEqualTo(100);
  }

  @Test
  void aTransactionalIdIsUpToItsCoordinator() {
    coordinator.outcome = ProducerOutcome.identity(7, (short) 3);
    InitProducerIdResponseData answer = response(send(5, claiming("tx", 7, 2)));
    assertThat(answer.producerId()).isEqualTo(7);
    assertThat(answer.producerEpoch()).isEqualTo((short) 3);
    assertThat(coordinator.asked).containsExactly("tx 7 2");
    assertThat(blocks).isEmpty();
  }

  @ParameterizedTest
  @CsvSource({
    "2, PRODUCER_FENCED, INVALID_PRODUCER_EPOCH",
    "3, PRODUCER_FENCED, INVALID_PRODUCER_EPOCH",
    "4, PRODUCER_FENCED, PRODUCER_FENCED",
    "5, PRODUCER_FENCED, PRODUCER_FENCED",
    "2, CONCURRENT_TRANSACTIONS, CONCURRENT_TRANSACTIONS"
  })
  void olderClientsKnowAnotherErrorForFenced(int version, Errors error, Errors told) {
    coordinator.outcome = ProducerOutcome.refused(error);
    InitProducerIdRequestData request =
        version < 3 ? idempotent().setTransactionalId("tx") : claiming("tx", 7, 2);
    InitProducerIdResponseData answer = response(send(version, request));
    assertThat(Errors.forCode(answer.errorCode())).isEqualTo(told);
    assertThat(answer.producerId()).isEqualTo(-1);
    assertThat(answer.producerEpoch()).isEqualTo((short) -1);
  }

  private static InitProducerIdRequestData idempotent() {
    return new InitProducerIdRequestData().setTransactionalId(null);
  }

  private static InitProducerIdRequestData claiming(
      @org.jspecify.annotations.Nullable String id, long producerId, int epoch) {
    return new InitProducerIdRequestData()
        .setTransactionalId(id)
        .setProducerId(producerId)
        .setProducerEpoch((short) epoch);
  }

  private CompletableFuture<ApiMessage> send(int version, InitProducerIdRequestData request) {
    return pipeline.send(ApiKeys.INIT_PRODUCER_ID, version, request);
  }

  private static InitProducerIdResponseData response(CompletableFuture<ApiMessage> answer) {
    return (InitProducerIdResponseData) WirePipeline.await(answer);
  }

  private static Errors error(CompletableFuture<ApiMessage> answer) {
    return Errors.forCode(response(answer).errorCode());
  }

  /** Knows one answer. */
  private static final class Coordinator implements TransactionService {
    private final List<String> asked = new ArrayList<>();
    private ProducerOutcome outcome = ProducerOutcome.UNCHANGED;

    @Override
    public CompletableFuture<ProducerOutcome> initProducerId(InitProducerIdRequestData request) {
      asked.add(
          request.transactionalId() + " " + request.producerId() + " " + request.producerEpoch());
      return CompletableFuture.completedFuture(outcome);
    }

    @Override
    public CompletableFuture<Errors> addPartitions(
        String id, long producerId, short epoch, Set<TopicPartition> partitions, short version) {
      throw new AssertionError();
    }

    @Override
    public CompletableFuture<Map<TopicPartition, Errors>> verifyPartitions(
        String id, long producerId, short epoch, Set<TopicPartition> partitions) {
      throw new AssertionError();
    }

    @Override
    public CompletableFuture<ProducerOutcome> endTransaction(
        String id, long producerId, short epoch, boolean committed, short version) {
      throw new AssertionError();
    }

    @Override
    public CompletableFuture<TransactionState> describe(String id) {
      throw new AssertionError();
    }

    @Override
    public CompletableFuture<ListTransactionsResponseData> list(
        ListTransactionsRequestData request) {
      throw new AssertionError();
    }
  }
}
