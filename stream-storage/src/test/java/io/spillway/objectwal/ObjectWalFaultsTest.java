package io.spillway.objectwal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.spillway.object.ObjectStore;
import io.spillway.object.SimulatedBucket;
import io.spillway.object.SimulatedBucket.Faults;
import io.spillway.objectwal.ChainFence.Fenced;
import io.spillway.runtime.SimulatedThreads;
import io.spillway.wal.AppendListener;
import io.spillway.wal.Batch;
import io.spillway.wal.DurableFrame;
import io.spillway.wal.PayloadVerifier;
import io.spillway.wal.StreamId;
import io.spillway.wal.WalException;
import io.spillway.wal.WriterIncarnation;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.zip.CRC32C;
import org.junit.jupiter.api.Test;

/** Bad networks, outages, fences and strangers in the chain. */
class ObjectWalFaultsTest {

  private static final int MIB = 1 << 20;

  private SimulatedThreads threads = new SimulatedThreads(7, 20_000);
  private SimulatedBucket bucket = new SimulatedBucket(threads, Faults.none());
  private final List<Throwable> faults = new ArrayList<>();
  private final List<Long> acked = new ArrayList<>();
  private final List<WalException> failed = new ArrayList<>();

  private ObjectWal wal(long memoryBytes) {
    ObjectWal wal =
        new ObjectWal(
            ObjectWalConfig.of(64 * MIB, memoryBytes).onHeap(),
            1,
            () -> 1,
            bucket.connect("writer"),
            threads,
            threads.randomSource(),
            (component, cause) -> faults.add(cause),
            PayloadVerifier.NONE);
    wal.recover((position, batch) -> {});
    return wal;
  }

  private void append(ObjectWal wal, long offset, int bytes) {
    byte[] payload = new byte[bytes];
    new Random(offset).nextBytes(payload);
    wal.append(
        wal.reserve(bytes, false),
        new Batch(
            new StreamId(new UUID(1, 1), 0), offset, offset + 1, 0, 0, ByteBuffer.wrap(payload)),
        offset % 3,
        new AppendListener() {
          @Override
          public void onDurable(DurableFrame frame) {
            acked.add(offset);
          }

          @Override
          public void onFailure(WalException cause) {
            failed.add(cause);
          }
        });
  }

  private <T> T await(CompletableFuture<T> future) {
    while (!future.isDone()) {
      assertThat(threads.step()).as("something is left to do").isTrue();
    }
    return future.join();
  }

  /** Offsets in the chain below its first missing number. */
  private List<Long> chain(WriterIncarnation writer) {
    ObjectStore store = bucket.contents();
    long end = 0;
    while (store.head(ChainKeys.key(writer.walId(), end)).join().isPresent()) {
      end++;
    }
    List<Long> offsets = new ArrayList<>();
    SealedChain sealed =
        new SealedChain(
            new Fenced(writer, 0, end, writer),
            store,
            threads.newScheduler("reader"),
            threads.randomSource(),
            PayloadVerifier.NONE,
            0,
            () -> false);
    await(sealed.replay((position, batch) -> offsets.add(batch.baseOffset())));
    return offsets;
  }

  @Test
  void whatIsAckedIsInTheChainInOrderWhateverTheNetworkDoes_P5_P23() {
    for (int seed = 0; seed < 60; seed++) {
      threads = new SimulatedThreads(seed, 20_000);
      bucket = new SimulatedBucket(threads, Faults.many());
      acked.clear();
      ObjectWal wal = wal(4 * MIB);
      Random random = new Random(seed);
      long offset = 0;
      for (int i = 0; i < 100; i++) {
        int burst = random.nextInt(6);
        for (int j = 0; j < burst; j++) {
          append(wal, offset++, 1 + random.nextInt(3_000));
        }
        threads.runFor(TimeUnit.MILLISECONDS.toNanos(random.nextInt(400)));
      }
      boolean crash = seed % 2 == 0;
      if (crash) {
        threads.crash();
      } else {
        threads.runFor(TimeUnit.MINUTES.toNanos(2));
        assertThat(acked).as("seed %d", seed).hasSize((int) offset);
      }
      assertThat(acked)
          .as("seed %d: one stream, one order", seed)
          .isSorted()
          .doesNotHaveDuplicates();
      assertThat(chain(wal.writer()))
          .as("seed %d", seed)
          .isSorted()
          .doesNotHaveDuplicates()
          .startsWith(acked.toArray(Long[]::new));
      assertThat(faults).isEmpty();
      assertThat(failed).isEmpty();
      assertThat(threads.faults()).isEmpty();
    }
  }

  @Test
  void anOutageFillsTheMemoryThenRefusesAndHealsByItself() {
    ObjectWal wal = wal(4 * MIB);
    append(wal, 0, 1000);
    threads.runFor(TimeUnit.SECONDS.toNanos(1));
    bucket.setOutage(true);
    long offset = 1;
    String refusal = "";
    while (refusal.isEmpty()) {
      try {
        append(wal, offset, 20_000);
        offset++;
      } catch (WalException.Full e) {
        refusal = String.valueOf(e.getMessage());
      }
      threads.runFor(TimeUnit.MILLISECONDS.toNanos(50));
    }
    assertThat(refusal).contains("wait for the bucket, no room for");
    assertThat(offset * 20_000L).isBetween(3L * MIB, 4L * MIB + 20_000);
    wal.cancel(wal.reserve(20_000, true)); // P35: internal topics still have their share
    threads.runFor(TimeUnit.MINUTES.toNanos(15));
    assertThat(acked).containsExactly(0L);
    assertThat(wal.usage().memoryBytes()).isLessThan(6L * MIB);
    assertThat(wal.usage().waitingBytes()).isBetween(3L * MIB, 4L * MIB);
    assertThat(wal.usage().waitingCapacityBytes()).isEqualTo(4L * MIB);
    bucket.setOutage(false);
    threads.runFor(TimeUnit.SECONDS.toNanos(15));
    assertThat(wal.usage().waitingBytes()).isZero();
    assertThat(acked).hasSize((int) offset);
    append(wal, offset, 1000);
    await(wal.shutdown());
    assertThat(acked).hasSize((int) offset + 1);
    assertThat(failed).isEmpty();
    assertThat(wal.usage().memoryBytes()).isZero();
  }

  @Test
  void aCloseDoesNotWaitForABucketThatIsGone() {
    ObjectWal wal = wal(4 * MIB);
    bucket.setOutage(true);
    append(wal, 0, 1000);
    threads.runFor(TimeUnit.SECONDS.toNanos(1));
    append(wal, 1, 1000);
    await(wal.shutdown());
    assertThat(acked).isEmpty();
    assertThat(failed).hasSize(2).allMatch(WalException.Unavailable.class::isInstance);
    assertThat(wal.usage().memoryBytes()).isZero();
  }

  @Test
  void whatIsUnderWayFailsInOrderAtAFenceAndNothingIsAckedAfterIt_P23() {
    ObjectWal wal = wal(4 * MIB);
    for (int i = 0; i < 5; i++) {
      append(wal, i, 1000);
      threads.runFor(TimeUnit.SECONDS.toNanos(1));
    }
    assertThat(acked).hasSize(5);
    fence(wal.walId(), 5);
    for (int i = 5; i < 60; i++) {
      append(wal, i, 1000);
    }
    threads.runFor(TimeUnit.SECONDS.toNanos(5));
    assertThat(acked).hasSize(5);
    assertThat(failed).hasSize(55).allMatch(WalException.Fenced.class::isInstance);
    assertThat(faults).hasSize(1);
    assertThatThrownBy(() -> wal.reserve(1, false))
        .isInstanceOf(WalException.Fenced.class)
        .hasMessageContaining("by node 2");
    await(wal.shutdown());
    assertThat(wal.usage().memoryBytes()).isZero();
  }

  private void fence(UUID walId, long number) {
    ByteBuffer bytes = ByteBuffer.allocate(ChainObject.HEADER_BYTES);
    new ChainObject(
            ChainObject.Kind.FENCE,
            walId,
            new WriterIncarnation(2, new UUID(9, 9), 4),
            number,
            new UUID(8, 8),
            0,
            0,
            ChainObject.HEADER_BYTES)
        .write(bytes, new CRC32C());
    bucket.contents().put(ChainKeys.key(walId, number), List.of(bytes)).join();
  }

  @Test
  void aStrangerInTheChainIsCorruption() {
    ObjectWal wal = wal(4 * MIB);
    String key = ChainKeys.key(wal.walId(), 0);
    bucket.contents().put(key, List.of(ByteBuffer.allocate(500))).join();
    append(wal, 0, 1000);
    threads.runFor(TimeUnit.SECONDS.toNanos(1));
    assertThat(failed)
        .singleElement()
        .isInstanceOf(WalException.Corrupt.class)
        .extracting(Throwable::getMessage)
        .asString()
        .contains(key);
    assertThat(faults).hasSize(1);
    await(wal.shutdown());
  }

  @Test
  void trimmedBlocksAreDeletedAndNothingElse_P17() {
    ObjectWal wal = wal(4 * MIB);
    for (int i = 0; i < 10; i++) {
      append(wal, i, 1000);
      threads.runFor(TimeUnit.SECONDS.toNanos(1));
    }
    wal.trim(ChainPosition.of(6, 300));
    threads.runFor(TimeUnit.SECONDS.toNanos(1));
    assertThat(bucket.contents().list(ChainKeys.prefix(wal.walId()), "", 100).join())
        .extracting(object -> ChainKeys.number(object.key()).orElseThrow())
        .containsExactly(6L, 7L, 8L, 9L);
    await(wal.shutdown());
  }

  @Test
  void steadyClientsAreNotBehindABurst() {
    ObjectWal wal =
        new ObjectWal(
            new ObjectWalConfig(
                64 * MIB,
                MIB,
                32 * MIB,
                256 << 10,
                512 << 10,
                TimeUnit.MILLISECONDS.toNanos(250),
                TimeUnit.MILLISECONDS.toNanos(250),
                TimeUnit.SECONDS.toNanos(1),
                0,
                4,
                TimeUnit.SECONDS.toNanos(5),
                0,
                0,
                false),
            1,
            () -> 1,
            bucket.connect("writer"),
            threads,
            threads.randomSource(),
            (component, cause) -> faults.add(cause),
            PayloadVerifier.NONE);
    wal.recover((position, batch) -> {});
    List<String> order = new ArrayList<>();
    for (int i = 0; i < 200; i++) {
      offer(wal, 1, i, 64 << 10, order);
    }
    for (int client = 2; client < 7; client++) {
      offer(wal, client, 0, 2_000, order);
    }
    threads.runFor(TimeUnit.MINUTES.toNanos(1));
    assertThat(order).hasSize(205);
    for (int client = 2; client < 7; client++) {
      assertThat(order.indexOf(client + "/0")).as("client %d of %s", client, order).isLessThan(16);
    }
    await(wal.shutdown());
  }

  private static void offer(ObjectWal wal, int client, long offset, int bytes, List<String> order) {
    wal.append(
        wal.reserve(bytes, false),
        new Batch(
            new StreamId(new UUID(1, client), 0),
            offset,
            offset + 1,
            0,
            0,
            ByteBuffer.wrap(new byte[bytes])),
        client,
        new AppendListener() {
          @Override
          public void onDurable(DurableFrame frame) {
            order.add(client + "/" + offset);
          }

          @Override
          public void onFailure(WalException cause) {
            throw new AssertionError(cause);
          }
        });
  }
}
