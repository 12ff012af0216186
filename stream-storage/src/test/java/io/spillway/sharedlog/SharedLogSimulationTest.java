package io.spillway.sharedlog;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.object.Retry;
import io.spillway.object.SimulatedBucket;
import io.spillway.object.SimulatedBucket.Faults;
import io.spillway.runtime.RandomSource;
import io.spillway.runtime.Scheduler;
import io.spillway.runtime.SimulatedThreads;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.TreeMap;
import java.util.UUID;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Several writers append words to one log through a bad network, checkpoint, crash and come back.
 * Whatever happens, all see one history: each number one word, each word that its writer was told
 * is in the log in it exactly once.
 */
class SharedLogSimulationTest {

  private static final int WRITERS = 3;
  private static final int WORDS = 60;

  private final TreeMap<Long, String> history = new TreeMap<>();
  private final List<String> acknowledged = new ArrayList<>();
  private long nextWord;

  @ParameterizedTest
  @ValueSource(ints = {0, 100})
  void thereIsOneHistory(int firstSeed) {
    for (int seed = firstSeed; seed < firstSeed + 15; seed++) {
      history.clear();
      acknowledged.clear();
      nextWord = 0;
      run(seed);
    }
  }

  private void run(int seed) {
    SimulatedThreads threads = new SimulatedThreads(seed, 100_000);
    RandomSource random = threads.randomSource();
    SimulatedBucket bucket = new SimulatedBucket(threads, Faults.many());
    start(threads, bucket);
    int crashes = 0;
    for (int steps = 0; acknowledged.size() < WORDS; steps++) {
      assertThat(threads.step()).as("seed %d: something is left to do", seed).isTrue();
      assertThat(threads.faults()).as("seed %d", seed).isEmpty();
      assertThat(steps).as("seed %d: steps", seed).isLessThan(200_000);
      if (crashes < 4 && random.nextInt(1_000) == 0) {
        crashes++;
        threads.crash();
        start(threads, bucket);
      }
    }
    assertThat(history.values())
        .as("seed %d: nothing twice", seed)
        .doesNotHaveDuplicates()
        .as("seed %d: nothing lost", seed)
        .containsAll(acknowledged);
    assertThat(history.lastKey() + 1).as("seed %d: no gap", seed).isEqualTo(history.size());
  }

  private void start(SimulatedThreads threads, SimulatedBucket bucket) {
    for (int i = 0; i < WRITERS; i++) {
      new Writer(threads, bucket, "w" + i).open();
    }
  }

  /** The state is every word so far, so that a checkpoint carries the whole history. */
  private final class Writer {
    private final Scheduler scheduler;
    private final RandomSource random;
    private final SharedLog log;
    private final List<String> words = new ArrayList<>();
    private String word = nextWord();

    Writer(SimulatedThreads threads, SimulatedBucket bucket, String name) {
      scheduler = threads.newScheduler(name);
      random = threads.randomSource();
      log =
          new ObjectSharedLog(
              bucket.connect(name), "t", Optional.of(new UUID(1, 1)), scheduler, random);
    }

    void open() {
      log.open()
          .whenCompleteAsync(
              (start, failure) -> {
                require(failure);
                words.clear();
                start.checkpoint().ifPresent(this::load);
                assertThat(start.nextNumber()).isEqualTo(words.size());
                next();
              },
              scheduler);
    }

    private void load(ByteBuffer state) {
      for (String line : text(state).lines().toList()) {
        learn(line);
      }
    }

    private void learn(String learnt) {
      String known = history.putIfAbsent((long) words.size(), learnt);
      assertThat(known == null || known.equals(learnt))
          .as("number %d is %s and %s", words.size(), known, learnt)
          .isTrue();
      words.add(learnt);
      if (learnt.equals(word)) {
        acknowledged.add(word);
        word = nextWord();
      }
    }

    private void next() {
      int what = random.nextInt(10);
      if (what == 0 && !words.isEmpty()) {
        ByteBuffer state = ByteBuffer.wrap(String.join("\n", words).getBytes(UTF_8));
        log.checkpoint(words.size() - 1L, List.of(state))
            .whenCompleteAsync(this::onDone, scheduler);
      } else if (what < 4) {
        log.readFrom(words.size(), 10)
            .whenCompleteAsync(
                (records, failure) -> {
                  if (failure == null) {
                    records.forEach(record -> learn(text(record)));
                  }
                  onDone(records, failure);
                },
                scheduler);
      } else {
        log.create(words.size(), List.of(ByteBuffer.wrap(word.getBytes(UTF_8))))
            .whenCompleteAsync(
                (created, failure) -> {
                  if (failure == null) {
                    assertThat(created.won()).isEqualTo(text(created.record()).equals(word));
                    learn(text(created.record()));
                  }
                  onDone(created, failure);
                },
                scheduler);
      }
    }

    private void onDone(Object result, Throwable failure) {
      if (failure != null && Retry.unwrap(failure) instanceof SharedLogException.Overtaken) {
        open();
      } else {
        require(failure);
        next();
      }
    }

    private void require(Throwable failure) {
      if (failure != null) {
        throw new AssertionError("a log operation failed", failure);
      }
    }

    private String nextWord() {
      return "word" + nextWord++;
    }
  }

  private static String text(ByteBuffer bytes) {
    return UTF_8.decode(bytes.duplicate()).toString();
  }
}
