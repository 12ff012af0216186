package io.spillway.object;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.spillway.object.ObjectStore.Multipart;
import io.spillway.object.ObjectStore.PutIfAbsent;
import io.spillway.runtime.SystemClock;
import io.spillway.runtime.SystemThreads;
import io.spillway.wal.device.AlignedMemory;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DirectoryObjectStoreTest extends ObjectStoreContract {

  private final SystemThreads threads =
      new SystemThreads("test", new SystemClock(), (component, cause) -> cause.printStackTrace());

  @TempDir Path root = Path.of("");

  @Override
  protected ObjectStore newStore() {
    return DirectoryObjectStore.open(root.resolve("bucket"), threads);
  }

  @AfterEach
  void closeThreads() {
    threads.close();
  }

  /** Whole aligned pages go past the page cache, where the file system takes that. */
  @Test
  void readsIntoAlignedMemoryUpToTheEndOfTheObject() {
    byte[] bytes = new byte[700_000];
    new Random(8).nextBytes(bytes);
    try (ObjectStore store = newStore()) {
      await(store.put("large", List.of(ByteBuffer.wrap(bytes))));
      for (int position : new int[] {0, 4096, 262_144, 696_320}) {
        AlignedMemory one = AlignedMemory.allocate(262_144, true);
        AlignedMemory two = AlignedMemory.allocate(262_144, true);
        List<ByteBuffer> into = List.of(one.buffer().duplicate(), two.buffer().duplicate());
        int read = await(store.getRange("large", position, into));

        assertThat(read).isEqualTo(Math.min(524_288, bytes.length - position));
        ByteBuffer all = ByteBuffer.allocate(read);
        into.forEach(buffer -> all.put(buffer.flip()));
        assertThat(all.array()).isEqualTo(Arrays.copyOfRange(bytes, position, position + read));
        one.free();
        two.free();
      }
    }
  }

  @Test
  void twoStoresOnOneDirectoryNeverBothCreate() {
    Path shared = root.resolve("shared");
    for (boolean hardLinks : new boolean[] {true, false}) {
      try (ObjectStore one = DirectoryObjectStore.open(shared, threads, hardLinks, true);
          ObjectStore two = DirectoryObjectStore.open(shared, threads, hardLinks, true)) {
        for (int round = 0; round < 50; round++) {
          String key = "k-" + hardLinks + "/" + round;
          List<CompletableFuture<PutIfAbsent>> attempts = new ArrayList<>();
          for (int writer = 0; writer < 4; writer++) {
            attempts.add((writer % 2 == 0 ? one : two).putIfAbsent(key, body("w" + writer)));
          }
          long created = attempts.stream().filter(a -> await(a) == PutIfAbsent.CREATED).count();
          assertThat(created).isLessThanOrEqualTo(1);
          if (hardLinks) {
            assertThat(created).isEqualTo(1);
          }
        }
      }
    }
  }

  @Test
  void namesObjectsWithoutHardLinks() {
    try (ObjectStore store = DirectoryObjectStore.open(root.resolve("fat"), threads, false, true)) {
      assertThat(await(store.putIfAbsent("a/b", body("first")))).isEqualTo(PutIfAbsent.CREATED);
      assertThat(await(store.putIfAbsent("a/b", body("again")))).isEqualTo(PutIfAbsent.EXISTS);
      assertThat(US_ASCII.decode(await(store.getRange("a/b", 0, 99))).toString())
          .isEqualTo("first");
    }
  }

  @Test
  void bodiesOfAnySizeAndCutArriveWholePastAndThroughThePageCache() {
    for (boolean direct : new boolean[] {true, false}) {
      Path folder = root.resolve("sizes-" + direct);
      try (ObjectStore store = DirectoryObjectStore.open(folder, threads, true, direct)) {
        Random random = new Random(7);
        int[] sizes = {262_143, 262_144, 262_145, 1 << 20, (1 << 20) + 1, 3_333_333, 4 << 20};
        for (int size : sizes) {
          byte[] bytes = new byte[size];
          random.nextBytes(bytes);
          await(store.put("whole/" + size, cut(bytes, random)));
          assertThat(await(store.getRange("whole/" + size, 0, size + 1)))
              .isEqualTo(ByteBuffer.wrap(bytes));
          assertThat(inParts(store, "parts/" + size, bytes, random))
              .isEqualTo(ByteBuffer.wrap(bytes));
        }
      }
    }
  }

  private ByteBuffer inParts(ObjectStore store, String key, byte[] bytes, Random random) {
    int partBytes = random.nextBoolean() ? 1 << 20 : 1_000_001;
    Multipart upload = await(store.startMultipart(key, partBytes));
    for (int at = 0, number = 1; at < bytes.length; at += partBytes, number++) {
      byte[] part = Arrays.copyOfRange(bytes, at, Math.min(bytes.length, at + partBytes));
      await(upload.uploadPart(number, cut(part, random)));
    }
    await(upload.complete());
    return await(store.getRange(key, 0, bytes.length + 1));
  }

  /** In buffers of all kinds. */
  private static List<ByteBuffer> cut(byte[] bytes, Random random) {
    List<ByteBuffer> body = new ArrayList<>();
    for (int at = 0; at < bytes.length; ) {
      int count = Math.min(bytes.length - at, random.nextInt(700_000));
      body.add(
          random.nextBoolean()
              ? ByteBuffer.wrap(bytes, at, count)
              : ByteBuffer.allocateDirect(count).put(bytes, at, count).flip());
      at += count;
    }
    return body;
  }

  @Test
  void objectsOutliveTheStoreAndTemporaryFilesDoNot() throws IOException {
    Path bucket = root.resolve("again");
    try (ObjectStore store = DirectoryObjectStore.open(bucket, threads)) {
      await(store.put("a/b", body("kept")));
    }
    Path leftovers = Files.createDirectories(bucket.resolve(".tmp/77"));
    Files.writeString(leftovers.resolve("0"), "half an object");
    Files.createFile(bucket.resolve(".tmp/77.lock"));
    try (ObjectStore store = DirectoryObjectStore.open(bucket, threads)) {
      assertThat(leftovers).doesNotExist();
      assertThat(US_ASCII.decode(await(store.getRange("a/b", 0, 99))).toString()).isEqualTo("kept");
    }
    try (Stream<Path> files = Files.walk(bucket).filter(Files::isRegularFile)) {
      assertThat(files).containsExactly(bucket.toRealPath().resolve("a/b"));
    }
  }

  @Test
  void startingANeighbourSparesTheTemporaryFilesOfALivingStore() {
    Path bucket = root.resolve("two");
    try (ObjectStore one = DirectoryObjectStore.open(bucket, threads)) {
      ObjectStore.Multipart upload = await(one.startMultipart("m", 4));
      await(upload.uploadPart(1, body("abcd")));
      DirectoryObjectStore.open(bucket, threads).close();
      await(upload.complete());
      assertThat(US_ASCII.decode(await(one.getRange("m", 0, 99))).toString()).isEqualTo("abcd");
    }
  }

  @Test
  void aFolderRemovedByHandIsMadeAgain() throws IOException {
    Path bucket = root.resolve("gone");
    try (ObjectStore store = DirectoryObjectStore.open(bucket, threads)) {
      await(store.put("a/b/c", body("x")));
      Files.delete(bucket.resolve("a/b/c"));
      Files.delete(bucket.resolve("a/b"));
      Files.delete(bucket.resolve("a"));
      assertThat(await(store.putIfAbsent("a/b/d", body("y")))).isEqualTo(PutIfAbsent.CREATED);
    }
  }

  @Test
  void aRootThatIsAFileIsRefusedByName() throws IOException {
    Path file = Files.createFile(root.resolve("file"));
    assertThatThrownBy(() -> DirectoryObjectStore.open(file, threads))
        .isInstanceOf(ObjectStoreException.Refused.class)
        .hasMessageContaining(file.toString());
  }

  @Test
  void aClosedStoreAnswersUnavailable() {
    ObjectStore store = DirectoryObjectStore.open(root.resolve("closed"), threads);
    store.close();
    store.close();
    assertThatThrownBy(() -> await(store.put("k", body("x"))))
        .hasRootCauseInstanceOf(ObjectStoreException.Unavailable.class);
  }

  private static List<ByteBuffer> body(String text) {
    return List.of(ByteBuffer.wrap(text.getBytes(US_ASCII)));
  }
}
