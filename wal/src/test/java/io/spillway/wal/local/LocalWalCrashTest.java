package io.spillway.wal.local;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.spillway.runtime.SimulatedThreads;
import io.spillway.wal.AppendListener;
import io.spillway.wal.Batch;
import io.spillway.wal.DurableFrame;
import io.spillway.wal.PayloadVerifier;
import io.spillway.wal.StreamId;
import io.spillway.wal.WalConfig;
import io.spillway.wal.WalConfig.IoMode;
import io.spillway.wal.WalException;
import io.spillway.wal.device.MemoryDisk;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.zip.CRC32C;
import org.junit.jupiter.api.Test;

/**
 * A WAL that lives several lives on a disk that crashes, against a model that remembers everything
 * that was acked, and everything that a recovery showed.
 */
class LocalWalCrashTest {

  private static final int SEEDS = 200;
  private static final int LIVES = 6;

  private long tornWrites;
  private long lostNameChanges;
  private long recoveredFrames;
  private long cutFrames;
  private long failedLives;
  private long trims;

  @Test
  void whatWasAckedSurvivesAndNothingElseAppears() {
    for (long seed = 0; seed < SEEDS; seed++) {
      try {
        new World(seed).run();
      } catch (Throwable t) {
        throw new AssertionError("seed " + seed, t);
      }
    }
    assertThat(tornWrites).as("torn writes").isGreaterThan(SEEDS);
    assertThat(lostNameChanges).as("lost name changes").isGreaterThan(0);
    assertThat(recoveredFrames).as("recovered frames").isGreaterThan(50L * SEEDS);
    assertThat(cutFrames).as("frames cut off by a crash").isGreaterThan(SEEDS);
    assertThat(failedLives).as("lives ended by a write failure").isGreaterThan(SEEDS / 4);
    assertThat(trims).as("trims").isGreaterThan(SEEDS);
  }

  /** Payloads that begin with a checksum of the rest. */
  static final class Checksummed implements PayloadVerifier {
    static ByteBuffer payload(Random random, int sizeBytes) {
      byte[] bytes = new byte[sizeBytes];
      random.nextBytes(bytes);
      ByteBuffer payload = ByteBuffer.wrap(bytes);
      return payload.putInt(0, sum(payload));
    }

    @Override
    public int openBytes(ByteBuffer payload) {
      return Math.min(Integer.BYTES, payload.remaining());
    }

    @Override
    public boolean intact(ByteBuffer payload, int openBytes) {
      return openBytes == Integer.BYTES && payload.getInt(payload.position()) == sum(payload);
    }

    private static int sum(ByteBuffer payload) {
      CRC32C crc = new CRC32C();
      crc.update(payload.slice(4, payload.remaining() - 4));
      return (int) crc.getValue();
    }
  }

  private final class World {
    private final Random random;
    private final SimulatedThreads threads;
    private final MemoryDisk disk;
    private final WalConfig config;
    private final PayloadVerifier verifier;
    private final List<Throwable> faults = new ArrayList<>();

    /** Everything acked or recovered, ever. */
    private final TreeMap<Long, Batch> durable = new TreeMap<>();

    private final Map<StreamId, Long> nextOffset = new HashMap<>();
    private Map<String, Batch> unacked = new HashMap<>();
    private List<String> failedInOrder = new ArrayList<>();
    private List<String> submittedInOrder = new ArrayList<>();
    private long trimmed;
    private long lastAck;

    World(long seed) {
      random = new Random(seed);
      threads = new SimulatedThreads(seed, random.nextInt(3) * 100_000L);
      disk = new MemoryDisk(seed);
      int pages = 2 + random.nextInt(6);
      int blockBytes = pages * 4096;
      int segmentBytes = blockBytes * (2 + random.nextInt(3));
      config =
          new WalConfig(
              Path.of("memory"),
              (6L + random.nextInt(6)) * segmentBytes,
              segmentBytes,
              blockBytes,
              segmentBytes / 2,
              0,
              IoMode.AUTO);
      verifier = random.nextBoolean() ? new Checksummed() : PayloadVerifier.NONE;
    }

    void run() {
      for (int life = 0; life < LIVES; life++) {
        if (random.nextInt(8) == 0) {
          failedStart();
        }
        LocalWal wal = open();
        recover(wal);
        boolean fails = random.nextInt(6) == 0;
        if (fails) {
          disk.failWritesAfter(random.nextInt(20));
        }
        int actions = 20 + random.nextInt(100);
        for (int i = 0; i < actions; i++) {
          act(wal);
        }
        if (fails) {
          checkFailure(wal);
        }
        if (!fails && random.nextInt(4) == 0) {
          stop(wal);
        } else {
          threads.crash();
          disk.crash();
        }
        if (!fails) {
          assertThat(faults).isEmpty();
        }
        faults.clear();
        assertThat(threads.faults()).isEmpty();
      }
      tornWrites += disk.tornWrites();
      lostNameChanges += disk.lostNameChanges();
    }

    private LocalWal open() {
      return LocalWal.open(
          config,
          disk.mount(threads.newScheduler("disk")),
          4,
          threads,
          threads.randomSource(),
          (component, cause) -> faults.add(cause),
          verifier);
    }

    /** Dies in the middle of a recovery. */
    private void failedStart() {
      disk.failWritesAfter(random.nextInt(2));
      LocalWal wal = open();
      try {
        wal.recover((position, batch) -> {});
      } catch (WalException.Unavailable e) {
        assertThat(e).hasMessageContaining("injected");
      }
      threads.crash();
      disk.crash();
    }

    private void recover(LocalWal wal) {
      boolean tellsTrim = random.nextBoolean();
      if (tellsTrim) {
        wal.trim(trimmed);
      }
      TreeMap<Long, Batch> seen = new TreeMap<>();
      wal.recover(
          (position, batch) -> {
            if (!seen.isEmpty()) {
              assertThat(position).as("positions ascend").isGreaterThan(seen.lastKey());
            }
            seen.put(position, copy(batch));
          });
      recoveredFrames += seen.size();
      for (Map.Entry<Long, Batch> known : durable.tailMap(trimmed, true).entrySet()) {
        assertThat(seen.get(known.getKey()))
            .as("at %d", known.getKey())
            .isEqualTo(known.getValue());
      }
      for (Map.Entry<Long, Batch> frame : seen.entrySet()) {
        Batch known = durable.get(frame.getKey());
        if (known == null) {
          Batch submitted = unacked.remove(key(frame.getValue()));
          assertThat(frame.getValue()).as("no ghost").isEqualTo(submitted);
          assertThat(frame.getKey()).as("behind everything acked").isGreaterThan(lastAck);
          long expected = nextOffset.getOrDefault(frame.getValue().stream(), 0L);
          assertThat(frame.getValue().baseOffset()).as("order of a stream").isEqualTo(expected);
          nextOffset.put(frame.getValue().stream(), frame.getValue().endOffset());
          durable.put(frame.getKey(), frame.getValue());
        } else {
          assertThat(frame.getValue()).isEqualTo(known);
        }
      }
      cutFrames += unacked.size();
      lastAck = durable.isEmpty() ? 0 : durable.lastKey();
      unacked = new HashMap<>();
      failedInOrder = new ArrayList<>();
      submittedInOrder = new ArrayList<>();
    }

    private void act(LocalWal wal) {
      int kind = random.nextInt(10);
      if (kind < 5) {
        append(wal);
      } else if (kind < 8) {
        for (int i = random.nextInt(12); i > 0; i--) {
          threads.step();
        }
      } else if (kind == 8) {
        readBack(wal);
      } else if (random.nextInt(3) == 0) {
        trim(wal);
      }
    }

    private void append(LocalWal wal) {
      StreamId stream = new StreamId(new UUID(7, 7), random.nextInt(3));
      long base = Math.max(nextOffset.getOrDefault(stream, 0L), pendingEnd(stream));
      int most = random.nextInt(10) == 0 ? config.segmentBytes() - 300 : 3000;
      ByteBuffer payload = Checksummed.payload(random, 4 + random.nextInt(most));
      Batch batch = new Batch(stream, base, base + 1, random.nextInt(100), 0, payload);
      try {
        var reservation = wal.reserve(batch.sizeBytes(), random.nextInt(10) == 0);
        unacked.put(key(batch), batch);
        submittedInOrder.add(key(batch));
        wal.append(reservation, batch, random.nextInt(3), listener(batch));
      } catch (WalException.Full | WalException.Unavailable e) {
        assertThat(e.getMessage()).isNotEmpty();
      }
    }

    /** End of what was submitted in this life and has neither failed nor been cut. */
    private long pendingEnd(StreamId stream) {
      long end = 0;
      for (Batch batch : unacked.values()) {
        if (batch.stream().equals(stream)) {
          end = Math.max(end, batch.endOffset());
        }
      }
      return end;
    }

    private AppendListener listener(Batch batch) {
      return new AppendListener() {
        @Override
        public void onDurable(DurableFrame frame) {
          assertThat(failedInOrder).as("nothing is acked after a failure").isEmpty();
          assertThat(frame.position()).isGreaterThan(lastAck);
          assertThat(frame.slice().payload()).isEqualTo(batch.payload());
          lastAck = frame.position();
          durable.put(frame.position(), batch);
          assertThat(unacked.remove(key(batch))).isNotNull();
          assertThat(batch.baseOffset()).isEqualTo(nextOffset.getOrDefault(batch.stream(), 0L));
          nextOffset.put(batch.stream(), batch.endOffset());
        }

        @Override
        public void onFailure(WalException cause) {
          assertThat(cause).isInstanceOf(WalException.Unavailable.class);
          failedInOrder.add(key(batch));
        }
      };
    }

    private void readBack(LocalWal wal) {
      Map.Entry<Long, Batch> some = randomDurable();
      if (some == null) {
        return;
      }
      CompletableFuture<ByteBuffer> read = wal.read(some.getKey(), some.getValue().sizeBytes());
      long trimmedBefore = trimmed;
      read.whenComplete(
          (payload, failure) -> {
            if (failure == null) {
              assertThat(payload).isEqualTo(some.getValue().payload());
            } else {
              assertThat(failure).isInstanceOf(WalException.Unavailable.class);
              assertThat(some.getKey()).isLessThan(Math.max(trimmed, trimmedBefore));
            }
          });
    }

    private void trim(LocalWal wal) {
      Map.Entry<Long, Batch> some = randomDurable();
      if (some == null) {
        return;
      }
      long position = some.getKey();
      if (random.nextBoolean()) {
        Map.Entry<Long, Batch> last = durable.lastEntry();
        position = (last.getKey() + last.getValue().sizeBytes() + 4095) / 4096 * 4096;
      }
      if (position > trimmed) {
        trimmed = position;
        trims++;
        wal.trim(trimmed);
      }
    }

    private Map.@org.jspecify.annotations.Nullable Entry<Long, Batch> randomDurable() {
      if (durable.isEmpty()) {
        return null;
      }
      long first = durable.firstKey();
      long span = durable.lastKey() - first + 1;
      return durable.floorEntry(first + (long) (random.nextDouble() * span));
    }

    private void checkFailure(LocalWal wal) {
      threads.runAll(100_000);
      if (faults.isEmpty()) {
        return;
      }
      failedLives++;
      assertThat(faults).as("reported once").hasSize(1);
      assertThatThrownBy(() -> wal.reserve(10, true)).isInstanceOf(WalException.Unavailable.class);
      assertThat(failedInOrder).hasSameSizeAs(unacked.keySet());
      Map<Integer, String> lastOfStream = new HashMap<>();
      for (String key : failedInOrder) {
        int stream = Integer.parseInt(key.substring(0, key.indexOf('@')));
        String before = lastOfStream.put(stream, key);
        if (before != null) {
          assertThat(submittedInOrder.indexOf(key)).isGreaterThan(submittedInOrder.indexOf(before));
        }
      }
    }

    private void stop(LocalWal wal) {
      CompletableFuture<Void> done = wal.shutdown();
      while (!done.isDone()) {
        assertThat(threads.step()).isTrue();
      }
      done.join();
      assertThat(unacked).as("a clean stop completes everything").isEmpty();
      assertThat(wal.usage().memoryBytes()).isZero();
    }

    private String key(Batch batch) {
      return batch.stream().partition() + "@" + batch.baseOffset();
    }
  }

  static Batch copy(Batch batch) {
    ByteBuffer payload =
        ByteBuffer.allocate(batch.sizeBytes()).put(batch.payload().duplicate()).flip();
    return new Batch(
        batch.stream(),
        batch.baseOffset(),
        batch.endOffset(),
        batch.maxTimestampMs(),
        batch.flags(),
        payload);
  }
}
