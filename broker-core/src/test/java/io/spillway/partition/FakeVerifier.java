package io.spillway.partition;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.protocol.Errors;

/** A coordinator of transactions that answers what the test wants: at once, or when it is told. */
public final class FakeVerifier implements TransactionVerifier {

  public final List<String> questions = new ArrayList<>();
  public Errors answer = Errors.NONE;
  public boolean hold;
  private final ArrayDeque<CompletableFuture<Errors>> held = new ArrayDeque<>();

  @Override
  public CompletionStage<Errors> verify(
      String transactionalId,
      long producerId,
      short producerEpoch,
      TopicPartition partition,
      Question question) {
    questions.add(
        question
            + " "
            + transactionalId
            + " "
            + producerId
            + "/"
            + producerEpoch
            + " "
            + partition);
    if (!hold) {
      return CompletableFuture.completedFuture(answer);
    }
    CompletableFuture<Errors> later = new CompletableFuture<>();
    held.add(later);
    return later;
  }

  /** Answers the oldest question that is held. */
  public void answerNext(Errors error) {
    held.removeFirst().complete(error);
  }
}
