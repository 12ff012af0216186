package io.spillway.engine;

import static io.spillway.engine.EngineWorld.config;
import static io.spillway.engine.EngineWorld.payload;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.engine.EngineWorld.Node;
import io.spillway.merge.MergeConfig;
import io.spillway.object.ObjectStore;
import io.spillway.stream.FetchedData;
import io.spillway.stream.StreamException;
import io.spillway.stream.StreamHandle;
import io.spillway.upload.Failures;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/**
 * G9: an object that is not what was written, in any way: an error that names it and the place,
 * never wrong data, never a crash, and the rest of the partition stays readable.
 */
class DamagedObjectsTest {

  private static final int MIB = 1 << 20;
  private static final int BATCHES = 60;
  private static final int BATCH_BYTES = 700;
  private static final int BLOCK_BYTES = 4096;
  private static final int BATCHES_IN_BLOCK = 1 + BLOCK_BYTES / BATCH_BYTES;

  private final EngineWorld world = new EngineWorld(32 * MIB);
  private final List<StreamHandle> handles = new ArrayList<>();
  private String key = "";
  private byte[] original = new byte[0];
  private int indexAt;

  /** Caches keep nothing, so that each read meets what is in the bucket. */
  private static EngineConfig uncached() {
    return config(1).withCaches(0, 0, 0).withMerging(MergeConfig.off()).toBuilder()
        .objectBlockBytes(BLOCK_BYTES)
        .readBufferBytes(MIB)
        .maxReadAheadBytes(BLOCK_BYTES)
        .readRequests(4)
        .build();
  }

  private Node startWithOneObject() {
    Node node = world.start(uncached());
    for (int i = 1; i <= 3; i++) {
      handles.add(node.claim(i, 1));
      node.append(handles.get(i - 1), BATCHES, BATCH_BYTES);
    }
    world.await(node.engine().flush());
    ObjectStore objects = world.bucket.contents();
    List<ObjectStore.ObjectInfo> all = objects.list("data/", "", 10).join();
    assertThat(all).hasSize(1);
    key = all.get(0).key();
    original = new byte[(int) all.get(0).sizeBytes()];
    objects.getRange(key, 0, original.length).join().get(original);
    indexAt = (int) ByteBuffer.wrap(original).getLong(original.length - 32);
    return node;
  }

  @Test
  void everyFlippedBitOfTheDataCostsItsBlockAlone() {
    Node node = startWithOneObject();
    Random random = new Random(4);
    for (int round = 0; round < 60; round++) {
      byte[] bytes = original.clone();
      int at = random.nextInt(indexAt);
      bytes[at] ^= (byte) (1 << random.nextInt(8));
      replaceBy(bytes);

      int damagedStreams = 0;
      for (StreamHandle handle : handles) {
        int unreadable = unreadable(handle);
        damagedStreams += unreadable > 0 ? 1 : 0;
        assertThat(unreadable).as("byte %d", at).isLessThanOrEqualTo(BATCHES_IN_BLOCK);
      }
      assertThat(damagedStreams).as("byte %d", at).isEqualTo(1);
    }
    allIsWellAgain(node);
  }

  @Test
  void aDamagedIndexIsAnErrorOfEachReadAndOfNothingElse() {
    Node node = startWithOneObject();
    Random random = new Random(5);
    for (int round = 0; round < 60; round++) {
      byte[] bytes = original.clone();
      int at = indexAt + random.nextInt(bytes.length - indexAt);
      bytes[at] ^= (byte) (1 << random.nextInt(8));
      replaceBy(bytes);

      for (StreamHandle handle : handles) {
        assertThat(unreadable(handle)).as("byte %d", at).isEqualTo(BATCHES);
        assertNamed(failureOf(handle.findBatchOfMaxTimestamp()), at);
      }
    }
    allIsWellAgain(node);
  }

  @Test
  void randomDamageNeverGivesWrongData() {
    Node node = startWithOneObject();
    Random random = new Random(6);
    for (int round = 0; round < 150; round++) {
      replaceBy(damaged(random));
      for (StreamHandle handle : handles) {
        unreadable(handle); // checks each batch, and each error
      }
    }
    allIsWellAgain(node);
  }

  private byte[] damaged(Random random) {
    byte[] bytes = original.clone();
    int at = random.nextInt(bytes.length);
    return switch (random.nextInt(5)) {
      case 0 -> Arrays.copyOf(bytes, at); // cut short
      case 1 -> Arrays.copyOf(bytes, bytes.length + 1 + random.nextInt(5_000)); // zeros behind
      case 2 -> {
        Arrays.fill(bytes, at, Math.min(bytes.length, at + random.nextInt(9_000)), (byte) 0);
        yield bytes;
      }
      case 3 -> { // a stretch of it in another place
        int from = random.nextInt(bytes.length);
        int length = Math.min(random.nextInt(9_000), bytes.length - Math.max(at, from));
        System.arraycopy(original, from, bytes, at, length);
        yield bytes;
      }
      default -> {
        for (int i = 1 + random.nextInt(40); i > 0; i--) {
          bytes[random.nextInt(bytes.length)] ^= (byte) (1 + random.nextInt(255));
        }
        yield bytes;
      }
    };
  }

  @Test
  void anObjectThatIsGoneIsNamed() {
    Node node = startWithOneObject();
    world.bucket.objects().delete(key).join();
    for (StreamHandle handle : handles) {
      Throwable failure = requireNonNull(failureOf(handle.fetch(0, Long.MAX_VALUE, MIB)));
      assertThat(Failures.cause(failure))
          .isInstanceOf(StreamException.Corrupt.class)
          .hasMessageContaining(key);
    }
    allIsWellAgain(node);
  }

  private void replaceBy(byte[] bytes) {
    world.bucket.objects().put(key, List.of(ByteBuffer.wrap(bytes))).join();
  }

  private void allIsWellAgain(Node node) {
    replaceBy(original);
    handles.forEach(handle -> node.requireReadable(handle, 0, BATCH_BYTES));
    node.stop();
    assertThat(node.faults).isEmpty();
    assertThat(world.threads.faults()).isEmpty();
  }

  /** Reads all of it, over what is damaged, batch by batch; how many batches could not be read. */
  private int unreadable(StreamHandle handle) {
    int unreadable = 0;
    long offset = 0;
    while (offset < handle.highWatermark()) {
      CompletableFuture<FetchedData> fetch = handle.fetch(offset, Long.MAX_VALUE, 5_000);
      Throwable failure = failureOf(fetch);
      if (failure == null) {
        try (FetchedData data = fetch.join()) {
          assertRight(offset, data);
          offset = data.nextOffset();
        }
      } else {
        assertNamed(failure, offset);
        unreadable++;
        offset += 10;
      }
    }
    return unreadable;
  }

  private void assertNamed(@Nullable Throwable failure, long where) {
    assertThat(Failures.cause(requireNonNull(failure)))
        .as("at %d", where)
        .isInstanceOf(StreamException.Corrupt.class)
        .hasMessageContaining(key)
        .hasMessageContaining("position");
  }

  private static void assertRight(long offset, FetchedData data) {
    ByteBuffer all = ByteBuffer.allocate(data.sizeBytes());
    data.buffers().forEach(buffer -> all.put(buffer.duplicate()));
    all.flip();
    assertThat(all.hasRemaining()).isTrue();
    for (long base = offset; base < data.nextOffset(); base += 10) {
      byte[] batch = new byte[BATCH_BYTES];
      all.get(batch);
      assertThat(batch).as("batch at %d", base).isEqualTo(payload(base, BATCH_BYTES));
    }
    assertThat(all.hasRemaining()).isFalse();
  }

  private @Nullable Throwable failureOf(CompletableFuture<?> future) {
    world.await(future.handle((value, failure) -> ""));
    return future.isCompletedExceptionally()
        ? future.handle((value, failure) -> failure).join()
        : null;
  }
}
