package io.spillway.catalog;

import io.spillway.catalog.CatalogCommand.ObjectRef;
import io.spillway.catalog.StreamCatalog.Verdict;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.ReadWriteLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import java.util.function.BiConsumer;
import java.util.function.Function;
import java.util.function.Supplier;

/**
 * The catalog's state between the thread that changes it and those that ask. What is in memory is
 * asked under a lock that is never held during a read of the index by those who ask; the index is
 * read after it, and the answer counts only if meanwhile neither the layers nor the state were
 * exchanged.
 */
final class GuardedState {

  private final ReadWriteLock lock = new ReentrantReadWriteLock();
  private final BiConsumer<CatalogState, IndexException> onBadIndex;

  /** Written by the catalog's thread under the write lock. */
  private CatalogState state = new CatalogState();

  private volatile long position = -1;
  private final AtomicInteger generation = new AtomicInteger();
  private volatile boolean torn;

  /**
   * @param onBadIndex told by any thread that a state cannot read its index
   */
  GuardedState(BiConsumer<CatalogState, IndexException> onBadIndex) {
    this.onBadIndex = onBadIndex;
  }

  long position() {
    return position;
  }

  /** For the catalog's thread. */
  CatalogState state() {
    return state;
  }

  // Questions, by any thread.

  <T> T query(Function<CatalogState, T> question) {
    lock.readLock().lock();
    try {
      if (torn) {
        throw new CatalogException.Rebuilding("the catalog's index is being rebuilt");
      }
      return question.apply(state);
    } finally {
      lock.readLock().unlock();
    }
  }

  /** A question whose answer may need the index. */
  <T> T lookup(Function<CatalogState, Supplier<T>> question) {
    while (true) {
      Asked<T> asked = query(now -> new Asked<>(now, generation.get(), question.apply(now)));
      try {
        T answer = asked.answer().get();
        if (asked.generation() == generation.get()) {
          return answer;
        }
      } catch (IndexException e) {
        if (asked.generation() == generation.get()) {
          onBadIndex.accept(asked.state(), e);
          throw new CatalogException.Rebuilding(
              "the catalog's index is being rebuilt: " + e.getMessage());
        }
      }
    }
  }

  private record Asked<T>(CatalogState state, int generation, Supplier<T> answer) {}

  // Changes, by the catalog's thread.

  /** What a record did. */
  record Outcome(List<Verdict> verdicts, List<ObjectRef> unreferenced) {}

  /**
   * @throws IndexException when the index could not be read: what has changed until then cannot be
   *     asked for any more, and another state is needed
   */
  Outcome apply(ByteBuffer record) {
    long number = position + 1;
    List<CatalogCommand> commands = CommandCodec.decode(number, record);
    lock.writeLock().lock();
    try {
      List<Verdict> verdicts = apply(state, number, commands);
      position = number;
      return new Outcome(verdicts, state.references.takeUnreferenced());
    } catch (IndexException e) {
      torn = true;
      throw e;
    } finally {
      lock.writeLock().unlock();
    }
  }

  private static List<Verdict> apply(
      CatalogState state, long number, List<CatalogCommand> commands) {
    List<Verdict> verdicts = new ArrayList<>(commands.size());
    for (CatalogCommand command : commands) {
      verdicts.add(state.apply(number, command));
    }
    return verdicts;
  }

  /** A record that this state has seen, applied to one that is to take its place. */
  static void repeat(CatalogState fresh, long number, ByteBuffer record) {
    apply(fresh, number, CommandCodec.decode(number, record));
    fresh.references.takeUnreferenced(); // was announced when it happened
  }

  /** Puts another state in the place of this one. */
  void replace(CatalogState fresh, long at) {
    lock.writeLock().lock();
    try {
      state = fresh;
      position = at;
      torn = false;
      generation.incrementAndGet();
    } finally {
      lock.writeLock().unlock();
    }
  }

  /** Runs a change of the layers. */
  <T> T change(Function<CatalogState, T> change) {
    lock.writeLock().lock();
    try {
      generation.incrementAndGet();
      return change.apply(state);
    } finally {
      lock.writeLock().unlock();
    }
  }

  /** Objects that the newer state lacks; none when the older one's index cannot tell. */
  static List<ObjectRef> objectsLost(CatalogState older, CatalogState newer) {
    List<ObjectRef> missing = new ArrayList<>();
    try {
      older.references.objects(
          object -> {
            if (newer.references.object(object.ref().key()) == null) {
              missing.add(object.ref());
            }
          });
    } catch (IndexException e) {
      return List.of(); // then the sweep finds them
    }
    return missing;
  }
}
