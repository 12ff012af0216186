package io.spillway.kafka.transaction;

import io.spillway.partition.TransactionVerifier.Question;
import io.spillway.request.transaction.ProducerOutcome;
import io.spillway.request.transaction.TransactionService;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.message.InitProducerIdRequestData;
import org.apache.kafka.common.protocol.Errors;
import org.jspecify.annotations.Nullable;

/**
 * The sessions of one transactional id, one after the other or, when one lingers, at once. Each
 * does one thing at a time, and asks again when an answer is lost.
 */
final class RandomProducer {

  /** A transaction and what its session knows of it. */
  static final class Attempt {
    final String name;
    final Set<TopicPartition> appended = new HashSet<>();
    boolean commitSent;
    boolean commitAcked;
    boolean abortAcked;

    Attempt(String name) {
      this.name = name;
    }
  }

  final List<Attempt> attempts = new ArrayList<>();
  private final TransactionWorld world;
  private final ModelPartitions partitions;
  private final Random random;
  private final String id;
  private final short version;
  private final List<Session> sessions = new ArrayList<>();
  private int sessionCount;

  RandomProducer(
      TransactionWorld world, ModelPartitions partitions, Random random, String id, short version) {
    this.world = world;
    this.partitions = partitions;
    this.random = random;
    this.id = id;
    this.version = version;
    newSession();
  }

  void newSession() {
    if (sessions.size() == 2) {
      sessions.remove(0);
    }
    sessions.add(new Session(id + "." + sessionCount++));
  }

  void step(boolean finishing) {
    Session session =
        sessions.get(finishing ? sessions.size() - 1 : random.nextInt(sessions.size()));
    if (session.dead) {
      if (session == sessions.get(sessions.size() - 1)) {
        newSession();
      }
      return;
    }
    session.step(finishing);
  }

  boolean isIdle() {
    Session last = sessions.get(sessions.size() - 1);
    return last.waiting == null && last.ready && last.attempt == null;
  }

  /** The broker was killed: nothing that was asked is answered. */
  void onCrash() {
    sessions.forEach(session -> session.waiting = null);
  }

  private final class Session {
    private final String name;
    private long producerId = -1;
    private short epoch = -1;
    private boolean ready;
    private boolean dead;
    private @Nullable CompletableFuture<?> waiting;
    private @Nullable Attempt attempt;
    private final ArrayDeque<TopicPartition> todo = new ArrayDeque<>();
    private @Nullable Boolean ending;
    private int count;

    Session(String name) {
      this.name = name;
    }

    void step(boolean finishing) {
      if (waiting != null && !waiting.isDone()) {
        return;
      }
      waiting = null;
      if (!ready) {
        begin();
      } else if (attempt == null) {
        if (!finishing) {
          open();
        }
      } else if (ending != null) {
        end(attempt, ending);
      } else if (todo.isEmpty()) {
        ending = random.nextInt(3) > 0;
      } else {
        touch(attempt, todo.getFirst());
      }
    }

    private <T> void ask(CompletableFuture<T> answer, Consumer<T> then) {
      waiting = answer;
      answer.thenAccept(
          value -> {
            if (waiting == answer) {
              then.accept(value);
            }
          });
      if (answer.isDone()) {
        then.accept(answer.join());
      }
    }

    private void begin() {
      InitProducerIdRequestData request =
          new InitProducerIdRequestData()
              .setTransactionalId(id)
              .setTransactionTimeoutMs(1_000 + random.nextInt(20_000));
      ask(
          world.transactions.service().initProducerId(request),
          outcome -> {
            if (outcome.error() == Errors.NONE) {
              take(outcome);
              ready = true;
            } else if (!TestProducer.isRetriable(outcome.error())) {
              throw new AssertionError(name + " does not begin: " + outcome);
            }
          });
    }

    private void take(ProducerOutcome outcome) {
      if (outcome.producerId() != -1) {
        producerId = outcome.producerId();
        epoch = outcome.producerEpoch();
      }
    }

    private void open() {
      attempt = new Attempt(name + "#" + count++);
      attempts.add(attempt);
      for (int i = 0; i < TransactionWorld.PARTITIONS; i++) {
        if (random.nextBoolean()) {
          todo.add(new TopicPartition(TransactionWorld.ORDERS, i));
        }
      }
      if (todo.isEmpty()) {
        todo.add(new TopicPartition(TransactionWorld.ORDERS, 0));
      }
    }

    private void touch(Attempt current, TopicPartition tp) {
      if (version == TransactionService.VERSION_WITH_EPOCHS) {
        send(current, tp, Question.ADD);
        return;
      }
      ask(
          world.transactions.service().addPartitions(id, producerId, epoch, Set.of(tp), version),
          error -> {
            if (error == Errors.NONE) {
              send(current, tp, Question.IS_ADDED);
            } else if (!TestProducer.isRetriable(error)) {
              dead = true;
            }
          });
    }

    /** A partition asks before the first batch only. */
    private void send(Attempt current, TopicPartition tp, Question question) {
      int guard = partitions.guard(tp, producerId);
      if (partitions.isOpen(tp, producerId, epoch)) {
        append(current, tp, guard);
        return;
      }
      ask(
          world
              .transactions
              .verifier()
              .verify(id, producerId, epoch, tp, question)
              .toCompletableFuture(),
          error -> {
            if (error == Errors.NONE) {
              append(current, tp, guard);
            } else if (error != Errors.NOT_ENOUGH_REPLICAS
                && error != Errors.CONCURRENT_TRANSACTIONS) {
              failed(error);
            }
          });
    }

    private void append(Attempt current, TopicPartition tp, int guard) {
      Errors error = partitions.append(tp, producerId, epoch, guard, current.name);
      if (error == Errors.NONE) {
        current.appended.add(tp);
        todo.remove(tp);
      } else {
        failed(error);
      }
    }

    /** From version 2 on a producer that was timed out aborts and goes on. */
    private void failed(Errors error) {
      if (version == TransactionService.VERSION_WITH_EPOCHS
          && error != Errors.INVALID_PRODUCER_ID_MAPPING) {
        todo.clear();
        ending = false;
      } else {
        dead = true;
      }
    }

    private void end(Attempt current, boolean commit) {
      if (commit) {
        current.commitSent = true;
      }
      ask(
          world.transactions.service().endTransaction(id, producerId, epoch, commit, version),
          outcome -> {
            if (outcome.error() == Errors.NONE) {
              take(outcome);
              current.commitAcked |= commit;
              current.abortAcked |= !commit;
              attempt = null;
              ending = null;
            } else if (outcome.error() == Errors.INVALID_TXN_STATE && commit) {
              ending = false; // timed out
            } else if (!TestProducer.isRetriable(outcome.error())) {
              dead = true;
            }
          });
    }
  }
}
