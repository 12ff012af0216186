package io.spillway.partition;

import io.spillway.partition.TransactionVerifier.Question;
import io.spillway.runtime.Cancellable;
import java.util.ArrayDeque;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.apache.kafka.common.protocol.Errors;
import org.jspecify.annotations.Nullable;

/**
 * Transactions that are about to begin in a partition: what their coordinator is asked, who waits
 * for the answer, and whether the answer still holds (KIP-890, P29).
 *
 * <p>One question for each epoch of a producer, however many batches wait; these go on in the order
 * in which they came, and later ones wait behind them. A marker ends the verification: whoever has
 * its guard and was too late is refused. Not so a marker with the very epoch that is verified,
 * where each transaction has its own: that one ends the transaction before.
 *
 * <p>Bounded: a question is given up when the coordinator does not answer within the time a batch
 * may wait for its partition.
 */
final class Verifications {

  /**
   * A producer goes on with its next transaction as soon as the one before is decided; its markers
   * are on their way then. Asking again costs less than a client that comes again.
   */
  private static final long CONCURRENT_NANOS = TimeUnit.MILLISECONDS.toNanos(100);

  private static final long CONCURRENT_RETRY_NANOS = TimeUnit.MILLISECONDS.toNanos(20);

  private final PartitionState state;
  private final Map<Key, Verification> running = new HashMap<>();

  private record Key(long producerId, short epoch) {}

  private static final class Verification {
    private final Key key;
    private final TransactionGuard guard = new TransactionGuard();
    private final boolean hasOwnEpoch;
    private final ArrayDeque<Consumer<Errors>> waiting = new ArrayDeque<>();
    private @Nullable Errors answer;
    private @Nullable Cancellable timeout;

    /** Answered, and all that waited have gone on: who comes now need not wait. */
    private boolean isSettled;

    /** The transaction is open, so that nobody needs the guard once all have gone on. */
    private boolean hasBegun;

    Verification(Key key, boolean hasOwnEpoch) {
      this.key = key;
      this.hasOwnEpoch = hasOwnEpoch;
    }
  }

  /** What has to be done outside the lock. */
  interface Ask {
    /** Puts the question; may tell who waits in the call. */
    void run();

    /** Somebody has asked already. */
    Ask NOTHING = () -> {};
  }

  Verifications(PartitionState state) {
    this.state = state;
  }

  /** Under the lock: whether batches of that epoch wait, so that others must wait behind them. */
  boolean isUnsettled(long producerId, short epoch) {
    Verification known = running.get(new Key(producerId, epoch));
    return known != null && !known.isSettled;
  }

  /** Under the lock: the guard of a verified transaction that has not begun yet, or null. */
  @Nullable TransactionGuard settled(long producerId, short epoch) {
    Verification known = running.get(new Key(producerId, epoch));
    return known != null && known.isSettled ? known.guard : null;
  }

  /**
   * Under the lock: joins who waits for the answer.
   *
   * @param told NONE, or why not; once, in order, never under the lock
   * @return the guard that holds if the answer is NONE, and what to do outside the lock
   */
  Started await(
      String transactionalId,
      long producerId,
      short epoch,
      Question question,
      Consumer<Errors> told) {
    Key key = new Key(producerId, epoch);
    Verification known = running.get(key);
    Verification joined = known;
    if (joined == null) {
      joined = new Verification(key, question == Question.ADD);
      running.put(key, joined);
    }
    joined.waiting.addLast(told);
    Verification asked = joined;
    return new Started(
        asked.guard, known == null ? () -> begin(asked, transactionalId, question) : Ask.NOTHING);
  }

  record Started(TransactionGuard guard, Ask ask) {}

  private void begin(Verification verification, String transactionalId, Question question) {
    long nowNanos = state.runtime.clock().nanoTime();
    ask(verification, transactionalId, question, nowNanos + CONCURRENT_NANOS);
    synchronized (state.lock) {
      if (verification.answer == null) {
        verification.timeout =
            later(
                TimeUnit.MILLISECONDS.toNanos(state.runtime.settings().parkMs()),
                () -> onAnswer(verification, Errors.REQUEST_TIMED_OUT));
      }
    }
  }

  private void ask(
      Verification verification, String transactionalId, Question question, long againUntilNanos) {
    Key key = verification.key;
    state
        .runtime
        .verifier()
        .verify(transactionalId, key.producerId, key.epoch, state.tp, question)
        .whenComplete(
            (error, failure) -> {
              Errors answer = failure == null ? error : Errors.forException(failure);
              if (answer == Errors.CONCURRENT_TRANSACTIONS
                  && question == Question.ADD
                  && againUntilNanos - state.runtime.clock().nanoTime() > 0) {
                later(
                    CONCURRENT_RETRY_NANOS,
                    () -> ask(verification, transactionalId, question, againUntilNanos));
              } else {
                onAnswer(verification, answer);
              }
            });
  }

  private Cancellable later(long delayNanos, Runnable task) {
    return state.runtime.scheduler().schedule(delayNanos, task);
  }

  /** The first answer counts. One thread lets go of who waits, one after the other. */
  private void onAnswer(Verification verification, Errors answer) {
    synchronized (state.lock) {
      if (verification.answer != null) {
        return;
      }
      verification.answer = answer;
      if (verification.timeout != null) {
        verification.timeout.cancel();
      }
    }
    for (Consumer<Errors> next = next(verification); next != null; next = next(verification)) {
      next.accept(answer);
    }
  }

  /** Who is to be told next; null when all are, and whoever comes now is not to wait here. */
  private @Nullable Consumer<Errors> next(Verification verification) {
    synchronized (state.lock) {
      Consumer<Errors> next = verification.waiting.pollFirst();
      if (next == null) {
        verification.isSettled = true;
        if (verification.hasBegun || verification.answer != Errors.NONE) {
          running.remove(verification.key, verification);
        }
      }
      return next;
    }
  }

  /** Under the lock: whether the guard is that of this producer's verification. */
  boolean holds(long producerId, short epoch, TransactionGuard guard) {
    Verification known = running.get(new Key(producerId, epoch));
    return known != null && known.guard == guard;
  }

  /** Under the lock: the transaction is open, there is nothing to be verified any more. */
  void onBegun(long producerId, short epoch) {
    Verification known = running.get(new Key(producerId, epoch));
    if (known != null) {
      known.hasBegun = true;
      if (known.isSettled) {
        running.remove(known.key);
      }
    }
  }

  /** Under the lock: what was verified before the marker may be what it ended. */
  void onMarker(long producerId, short epoch) {
    if (!running.isEmpty()) {
      running
          .values()
          .removeIf(
              each ->
                  each.key.producerId == producerId
                      && !(each.hasOwnEpoch && each.key.epoch == epoch));
    }
  }
}
