package io.spillway.engine;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.engine.ObjectModeWorld.Node;
import io.spillway.object.SimulatedBucket.Faults;
import io.spillway.stream.FetchedData;
import io.spillway.stream.StreamHandle;
import io.spillway.wal.Batch;
import io.spillway.wal.WalException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/**
 * Brokers without disks that die, wake up too late, restart and hand streams over, in any order and
 * on a bad network: what was acknowledged is there at the end, once and in its place (G1-G3).
 */
class TakeoverRandomTest {

  private static final int NODES = 3;
  private static final int STREAMS = 5;
  private static final int ACTIONS = 60;

  @Test
  void whatWasAckedIsThereWhoeverHasTheStreams() {
    long first = Long.getLong("takeover.seed", -1);
    long count = first >= 0 ? 1 : Long.getLong("takeover.seeds", 20);
    Tally tally = new Tally();
    for (long seed = Math.max(0, first); seed < Math.max(0, first) + count; seed++) {
      try {
        new Run(seed, tally).run();
      } catch (Throwable failure) {
        throw new AssertionError("seed " + seed + ": repeat with -Dtakeover.seed=" + seed, failure);
      }
    }
    System.out.println("random takeovers, " + count + " seeds: " + tally);
    if (first < 0) {
      assertThat(tally.acks).isPositive();
      assertThat(tally.zombiesFenced).as("brokers that woke up too late").isPositive();
      assertThat(tally.takenOver).as("frames recovered at restarts").isPositive();
    }
  }

  private static final class Tally {
    private long acks;
    private long lateAcks;
    private long zombiesFenced;
    private long takenOver;

    @Override
    public String toString() {
      return acks
          + " acks, "
          + lateAcks
          + " of them by brokers that woke up in time, "
          + zombiesFenced
          + " late brokers fenced, "
          + takenOver
          + " frames recovered at restarts";
    }
  }

  private static final class Run {
    private final Tally tally;
    private final List<Node> all = new ArrayList<>();
    private final Random random;
    private final ObjectModeWorld world;
    private final Map<Integer, Node> nodes = new TreeMap<>();
    private final List<Node> asleep = new ArrayList<>();
    private final Stream[] streams = new Stream[STREAMS];

    /** A stream as the controller and its clients see it. */
    private static final class Stream {
      private final int number;
      private int leader;
      private int epoch;
      private @Nullable CompletableFuture<StreamHandle> claim;
      private long next;
      private final Map<Long, Integer> acked = new HashMap<>();

      Stream(int number) {
        this.number = number;
      }
    }

    Run(long seed, Tally tally) {
      this.tally = tally;
      random = new Random(seed);
      world = new ObjectModeWorld(seed, seed % 3 == 0 ? Faults.none() : Faults.many());
    }

    void run() {
      for (int id = 1; id <= NODES; id++) {
        nodes.put(id, start(id));
      }
      for (int i = 0; i < STREAMS; i++) {
        streams[i] = new Stream(i);
        lead(streams[i], 1 + random.nextInt(NODES));
      }
      for (int i = 0; i < ACTIONS; i++) {
        act();
        world.runFor(random.nextInt(300), TimeUnit.MILLISECONDS);
      }
      asleep.forEach(zombie -> zombie.store.open());
      world.runFor(1, TimeUnit.MINUTES);
      verify();
      assertThat(world.threads.faults()).isEmpty();
      for (Node node : all) {
        assertThat(node.faults)
            .as("node %d", node.nodeId)
            .allMatch(WalException.Fenced.class::isInstance);
        tally.zombiesFenced += node.faults.isEmpty() ? 0 : 1;
      }
      for (Stream stream : streams) {
        tally.acks += stream.acked.size();
      }
    }

    private Node start(int id) {
      Node node = world.start(id);
      all.add(node);
      tally.takenOver += node.engine().stats().recoveredFrames();
      return node;
    }

    private void act() {
      Stream stream = streams[random.nextInt(STREAMS)];
      int dice = random.nextInt(100);
      if (dice < 60) {
        append(stream, 1 + random.nextInt(5));
      } else if (dice < 70) {
        Node leader = nodes.get(stream.leader);
        if (leader != null) {
          leader.engine().flush();
        }
      } else if (dice < 80) {
        move(stream);
      } else if (dice < 90) {
        die(1 + random.nextInt(NODES));
      } else if (dice < 95) {
        restart();
      } else if (!asleep.isEmpty()) {
        asleep.remove(random.nextInt(asleep.size())).store.open();
      }
    }

    private void lead(Stream stream, int node) {
      stream.leader = node;
      stream.epoch++;
      Node leader = nodes.get(node);
      stream.claim = leader == null ? null : leader.claiming(stream.number, stream.epoch);
    }

    private @Nullable StreamHandle handle(Stream stream) {
      CompletableFuture<StreamHandle> claim = stream.claim;
      return claim == null || !claim.isDone() || claim.isCompletedExceptionally()
          ? null
          : claim.join();
    }

    /** One after the other, as a partition does; the tag says who wrote it and when. */
    private void append(Stream stream, int batches) {
      StreamHandle handle = handle(stream);
      Node leader = nodes.get(stream.leader);
      if (handle == null || leader == null) {
        return;
      }
      stream.next = Math.max(stream.next, handle.highWatermark());
      if (stream.epoch != handle.leaderEpoch()) {
        return;
      }
      for (int i = 0; i < batches; i++) {
        int tag = random.nextInt();
        long base = nextOf(handle);
        ByteBuffer payload = ByteBuffer.allocate(64).putInt(0, tag).putLong(4, base);
        try {
          handle.append(
              leader.engine().reserve(64, false),
              new Batch(handle.id(), base, base + 1, base, 0, payload),
              1,
              new StreamHandle.Listener() {
                @Override
                public void onDurable(Batch batch) {
                  assertThat(stream.acked.put(base, tag))
                      .as("offset %d acked twice", base)
                      .isNull();
                }

                @Override
                public void onFailure(Batch batch, WalException cause) {}
              });
          ends.put(handle, base + 1);
        } catch (RuntimeException e) {
          return; // fenced, full or stopping: not acked
        }
      }
    }

    private final Map<StreamHandle, Long> ends = new HashMap<>();

    private long nextOf(StreamHandle handle) {
      return ends.getOrDefault(handle, handle.highWatermark());
    }

    private void move(Stream stream) {
      StreamHandle handle = handle(stream);
      if (handle == null || nodes.get(stream.leader) == null) {
        return;
      }
      handle.close();
      lead(stream, anyAlive(stream.leader));
    }

    /** Cut off, and fenced by the controller: whether it is dead, it does not know itself. */
    private void die(int id) {
      Node node = nodes.get(id);
      if (node == null || nodes.values().stream().filter(each -> each != null).count() < 2) {
        return;
      }
      node.store.shut();
      asleep.add(node);
      nodes.put(id, null);
      world.fencedNodes.add(id);
      for (Stream stream : streams) {
        if (stream.leader == id) {
          // Some clients have not heard of it yet.
          append(stream, random.nextInt(4));
          StreamHandle old = handle(stream);
          if (old != null) {
            late(node, stream, old);
          }
          lead(stream, anyAlive(id));
        }
      }
    }

    /**
     * Batches of a broker that the controller has fenced and nobody else yet: if it wakes up before
     * anybody takes over it may acknowledge them, and then they count.
     */
    private void late(Node zombie, Stream stream, StreamHandle handle) {
      for (int i = 0; i < random.nextInt(6); i++) {
        long base = nextOf(handle);
        try {
          handle.append(
              zombie.engine().reserve(64, false),
              new Batch(handle.id(), base, base + 1, base, 0, ByteBuffer.allocate(64)),
              1,
              new StreamHandle.Listener() {
                @Override
                public void onDurable(Batch batch) {
                  assertThat(stream.acked.put(base, 0)).as("offset %d acked twice", base).isNull();
                  tally.lateAcks++;
                }

                @Override
                public void onFailure(Batch batch, WalException cause) {}
              });
          ends.put(handle, base + 1);
        } catch (RuntimeException e) {
          return;
        }
        world.runFor(random.nextInt(400), TimeUnit.MILLISECONDS);
      }
    }

    private void restart() {
      for (int id = 1; id <= NODES; id++) {
        if (nodes.get(id) == null) {
          nodes.put(id, start(id));
          world.fencedNodes.remove(id);
          return;
        }
      }
    }

    private int anyAlive(int otherThan) {
      List<Integer> alive =
          nodes.entrySet().stream()
              .filter(node -> node.getValue() != null && node.getKey() != otherThan)
              .map(Map.Entry::getKey)
              .toList();
      return alive.isEmpty() ? otherThan : alive.get(random.nextInt(alive.size()));
    }

    private void verify() {
      for (Stream stream : streams) {
        Node owner = nodes.get(stream.leader);
        if (owner == null) {
          owner = start(stream.leader);
          nodes.put(stream.leader, owner);
          world.fencedNodes.remove(stream.leader);
          lead(stream, stream.leader);
        }
        StreamHandle handle = handle(stream);
        if (handle == null) {
          handle = world.await(Optional.ofNullable(stream.claim).orElseThrow());
        }
        Map<Long, Integer> found = read(handle);
        assertThat(found).as("stream %d", stream.number).containsAllEntriesOf(stream.acked);
        assertThat((long) found.size()).as("no gap").isEqualTo(handle.highWatermark());
      }
    }

    private Map<Long, Integer> read(StreamHandle handle) {
      Map<Long, Integer> found = new HashMap<>();
      long offset = 0;
      while (offset < handle.highWatermark()) {
        try (FetchedData data = world.await(handle.fetch(offset, Long.MAX_VALUE, 1 << 20))) {
          ByteBuffer all = ByteBuffer.allocate(data.sizeBytes());
          data.buffers().forEach(buffer -> all.put(buffer.duplicate()));
          for (int at = 0; at < all.capacity(); at += 64) {
            found.put(offset++, all.getInt(at));
          }
          assertThat(offset).isEqualTo(data.nextOffset());
        }
      }
      return found;
    }
  }
}
