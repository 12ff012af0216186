package io.spillway.presence;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.spillway.config.HostPort;
import io.spillway.object.MemoryObjectStore;
import io.spillway.runtime.SimulatedThreads;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class PresenceProbeTest {

  private final List<String> waits = new ArrayList<>();

  private static final long INTERVAL_MS = 60_000;
  private static final long SECOND = TimeUnit.SECONDS.toNanos(1);
  private static final UUID WAL = new UUID(7, 9);
  private static final Presence BROKER =
      new Presence(
          3,
          WAL,
          "17 on there",
          "/data with = and, comma",
          List.of(new HostPort("127.0.0.1", 9092), new HostPort("broker.example", 1)),
          INTERVAL_MS,
          0);

  private final SimulatedThreads threads = new SimulatedThreads(1, 0);

  /** Of the other broker: it is dead when nobody runs them. */
  private final SimulatedThreads others = new SimulatedThreads(2, 0);

  private final MemoryObjectStore store = new MemoryObjectStore();
  private boolean answers;
  private final PresenceProbe probe =
      new PresenceProbe(
          store,
          threads,
          new NodeAtAddress() {
            @Override
            boolean anyAnswers(Presence broker, String clusterId) {
              return answers;
            }
          });

  @Test
  void survivesItsOwnFormat() {
    assertThat(Presence.decode(BROKER.withBeat(5).encode())).isEqualTo(BROKER.withBeat(5));
  }

  @Test
  void aWalWithoutASignHasNoLiveBroker() {
    assertThat(find()).isCompletedWithValue(Optional.empty());
  }

  @Test
  void aBrokerThatAnswersAtItsAddressIsAliveThoughItCannotReachTheStore() {
    beacon();
    others.runFor(SECOND);
    answers = true;

    CompletableFuture<Optional<Presence>> found = find();
    threads.runFor(SECOND);

    assertThat(found).isCompleted();
    assertThat(found.join()).get().hasToString(BROKER.toString());
  }

  @Test
  void aBrokerThatBeatsIsAliveThoughNobodyReachesItsAddress() {
    beacon();
    others.runFor(SECOND);

    CompletableFuture<Optional<Presence>> found = find();
    threads.runFor(INTERVAL_MS / 2 * 1_000_000);
    assertThat(found).isNotDone();
    others.runFor(INTERVAL_MS * 1_000_000);
    threads.runFor(INTERVAL_MS / 2 * 1_000_000);

    assertThat(found).isCompleted();
    assertThat(found.join()).get().extracting(Presence::nodeId).isEqualTo(3);
  }

  @Test
  void aBrokerThatWasKilledIsDeadAfterOneAndAHalfIntervals() {
    beacon();
    others.runFor(10 * INTERVAL_MS * 1_000_000);

    CompletableFuture<Optional<Presence>> found = find();
    assertThat(waits).as("said at once").containsExactly(BROKER.process() + " PT1M30S");
    threads.runFor(INTERVAL_MS * 1_400_000);
    assertThat(found).isNotDone();
    threads.runFor(INTERVAL_MS * 400_000);

    assertThat(found).isCompletedWithValue(Optional.empty());
  }

  @Test
  void whatIsNoPresenceIsNotTakenForADeadBroker() {
    store.put(Presence.key(WAL), List.of(java.nio.ByteBuffer.wrap(new byte[] {1, 2, 3}))).join();

    assertThatThrownBy(() -> find().join()).hasMessageContaining("presence format");
  }

  private CompletableFuture<Optional<Presence>> find() {
    CompletableFuture<Optional<Presence>> found =
        probe.findLive(
            WAL, "cluster", (broker, limit) -> waits.add(broker.process() + " " + limit));
    threads.runFor(1);
    return found;
  }

  private void beacon() {
    PresenceBeacon.start(store, others.newScheduler("beacon"), others.randomSource(), BROKER);
  }
}
