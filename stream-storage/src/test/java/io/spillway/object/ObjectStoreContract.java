package io.spillway.object;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.spillway.object.ObjectStore.Multipart;
import io.spillway.object.ObjectStore.ObjectInfo;
import io.spillway.object.ObjectStore.PutIfAbsent;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What every object store does. */
public abstract class ObjectStoreContract {

  private ObjectStore store = new MemoryObjectStore();

  /** A new, empty store. */
  protected abstract ObjectStore newStore();

  /** Of every part but the last: some stores have a smallest one. */
  protected int partBytes() {
    return 4;
  }

  /** Waits for the request: lets a simulation run until it is done. */
  protected <T> T await(CompletableFuture<T> request) {
    return request.orTimeout(30, java.util.concurrent.TimeUnit.SECONDS).join();
  }

  @BeforeEach
  void openStore() {
    store = newStore();
  }

  @AfterEach
  void closeStore() {
    store.close();
  }

  @Test
  void returnsWhatWasPut() {
    await(store.put("a/b/c", body("one ", "two ", "three")));
    assertThat(read("a/b/c")).isEqualTo("one two three");
    assertThat(await(store.head("a/b/c"))).contains(new ObjectInfo("a/b/c", 13));
  }

  @Test
  void putReplaces() {
    await(store.put("k", body("a longer first body")));
    await(store.put("k", body("second")));
    assertThat(read("k")).isEqualTo("second");
  }

  @Test
  void leavesTheCallersBuffersAsTheyWere() {
    ByteBuffer heap = ByteBuffer.wrap("xxheapxx".getBytes(US_ASCII), 2, 4);
    ByteBuffer direct = ByteBuffer.allocateDirect(6).put("direct".getBytes(US_ASCII)).flip();
    await(store.put("k", List.of(heap, direct)));
    assertThat(read("k")).isEqualTo("heapdirect");
    assertThat(heap.position()).isEqualTo(2);
    assertThat(heap.remaining()).isEqualTo(4);
    assertThat(direct.remaining()).isEqualTo(6);
  }

  @Test
  void createsOnlyWhereTheKeyIsFree() {
    assertThat(await(store.putIfAbsent("k", body("first")))).isEqualTo(PutIfAbsent.CREATED);
    assertThat(await(store.putIfAbsent("k", body("second")))).isEqualTo(PutIfAbsent.EXISTS);
    assertThat(read("k")).isEqualTo("first");
    await(store.delete("k"));
    assertThat(await(store.putIfAbsent("k", body("third")))).isEqualTo(PutIfAbsent.CREATED);
    assertThat(read("k")).isEqualTo("third");
  }

  @Test
  void exactlyOneOfManyCreatorsWins() {
    for (int round = 0; round < 20; round++) {
      String key = "race/" + round;
      List<CompletableFuture<PutIfAbsent>> attempts = new ArrayList<>();
      for (int writer = 0; writer < 8; writer++) {
        attempts.add(store.putIfAbsent(key, body("writer " + writer)));
      }
      List<String> winners = new ArrayList<>();
      for (int writer = 0; writer < 8; writer++) {
        if (await(attempts.get(writer)) == PutIfAbsent.CREATED) {
          winners.add("writer " + writer);
        }
      }
      assertThat(winners).containsExactly(read(key));
    }
  }

  @Test
  void readsRangesUpToTheEnd() {
    await(store.put("k", body("0123456789")));
    assertThat(text(await(store.getRange("k", 3, 4)))).isEqualTo("3456");
    assertThat(text(await(store.getRange("k", 8, 100)))).isEqualTo("89");
    assertThat(text(await(store.getRange("k", 10, 5)))).isEmpty();
    assertThat(text(await(store.getRange("k", 99, 5)))).isEmpty();
  }

  @Test
  void readsRangesIntoTheCallersBuffers() {
    await(store.put("k", body("0123456789")));
    ByteBuffer first = ByteBuffer.allocate(3);
    ByteBuffer second = ByteBuffer.allocateDirect(4);
    assertThat(await(store.getRange("k", 2, List.of(first, second)))).isEqualTo(7);
    assertThat(text(first.flip())).isEqualTo("234");
    assertThat(text(second.flip())).isEqualTo("5678");

    ByteBuffer beyond = ByteBuffer.allocate(5);
    ByteBuffer untouched = ByteBuffer.allocate(5);
    assertThat(await(store.getRange("k", 8, List.of(beyond, untouched)))).isEqualTo(2);
    assertThat(text(beyond.flip())).isEqualTo("89");
    assertThat(await(store.getRange("k", 99, List.of(untouched)))).isZero();
    assertThat(untouched.position()).isZero();
    assertThatThrownBy(() -> await(store.getRange("none", 0, List.of(untouched))))
        .hasRootCauseInstanceOf(ObjectStoreException.NotFound.class);
  }

  @Test
  void readsLargeObjectsWhole() {
    byte[] bytes = new byte[700_001];
    new Random(5).nextBytes(bytes);
    await(store.put("large", List.of(ByteBuffer.wrap(bytes))));
    ByteBuffer read = await(store.getRange("large", 1, 1 << 20));
    assertThat(read).isEqualTo(ByteBuffer.wrap(bytes, 1, 700_000));
  }

  @Test
  void anEmptyObjectExists() {
    await(store.put("empty", List.of()));
    assertThat(await(store.head("empty"))).contains(new ObjectInfo("empty", 0));
    assertThat(text(await(store.getRange("empty", 0, 10)))).isEmpty();
  }

  @Test
  void saysThatAnObjectIsMissing() {
    assertThat(await(store.head("none"))).isEmpty();
    assertThat(await(store.head("a/folder/that/is/none"))).isEmpty();
    assertThatThrownBy(() -> await(store.getRange("none", 0, 1)))
        .hasRootCauseInstanceOf(ObjectStoreException.NotFound.class)
        .hasMessageContaining("none");
    await(store.delete("none"));
  }

  @Test
  void refusesKeysThatAreNoPaths() {
    for (String key :
        List.of("", "/a", "a/", "a//b", "../x", "a/../b", ".", "a/.tmp/b", "a b", "a\\b", "ä")) {
      assertThatThrownBy(() -> store.put(key, body("x")))
          .as("key '%s'", key)
          .isInstanceOf(IllegalArgumentException.class);
    }
  }

  @Test
  void listsInTheOrderOfKeysWhateverTheFolders() {
    List<String> keys =
        List.of("a-b", "a.b", "a/b", "a/b-c", "a/c/d", "a0", "b/1", "b/10", "b/2", "c");
    for (String key : keys) {
      await(store.put(key, body(key)));
    }
    assertThat(keysOf(await(store.list("", "", 100)))).isEqualTo(keys);
    assertThat(keysOf(await(store.list("a/", "", 100)))).containsExactly("a/b", "a/b-c", "a/c/d");
    assertThat(keysOf(await(store.list("a/b", "", 100)))).containsExactly("a/b", "a/b-c");
    assertThat(keysOf(await(store.list("", "a/c", 3)))).containsExactly("a/c/d", "a0", "b/1");
    assertThat(keysOf(await(store.list("b/", "b/1", 100)))).containsExactly("b/10", "b/2");
    assertThat(await(store.list("zzz/", "", 10))).isEmpty();
    assertThat(await(store.list("a/b/c/", "", 10))).isEmpty();
  }

  @Test
  void pagesThroughAnyBucket() {
    Random random = new Random(11);
    TreeSet<String> keys = new TreeSet<>();
    for (int i = 0; i < 150; i++) {
      String key = "p/" + random.nextInt(6) + "/d" + random.nextInt(4) + "/" + random.nextInt(40);
      keys.add(key);
      await(store.put(key, body("x")));
    }
    for (int i = 0; i < 20; i++) {
      await(store.delete(keys.pollFirst()));
    }
    for (int page : new int[] {1, 7, 1000}) {
      List<String> listed = new ArrayList<>();
      String after = "";
      while (true) {
        List<ObjectInfo> found = await(store.list("p/", after, page));
        assertThat(found.size()).isLessThanOrEqualTo(page);
        if (found.isEmpty()) {
          break;
        }
        listed.addAll(keysOf(found));
        after = listed.get(listed.size() - 1);
      }
      assertThat(listed).as("pages of %d", page).containsExactlyElementsOf(keys);
    }
  }

  @Test
  void aListingSeesWhatWasWrittenBeforeIt() {
    for (int i = 0; i < 10; i++) {
      String key = "log/" + i;
      await(store.putIfAbsent(key, body("x")));
      assertThat(keysOf(await(store.list("log/", "", 100)))).contains(key).hasSize(i + 1);
    }
    await(store.delete("log/3"));
    assertThat(keysOf(await(store.list("log/", "", 100)))).doesNotContain("log/3").hasSize(9);
  }

  @Test
  void anUploadInPartsAppearsWhole() {
    int size = partBytes();
    byte[] bytes = new byte[2 * size + 2];
    new Random(7).nextBytes(bytes);
    Multipart upload = await(store.startMultipart("m/object", size));
    CompletableFuture<Void> third = upload.uploadPart(3, part(bytes, 2 * size, 2));
    CompletableFuture<Void> first =
        upload.uploadPart(
            1, List.of(ByteBuffer.wrap(bytes, 0, 2), ByteBuffer.wrap(bytes, 2, size - 2)));
    await(upload.uploadPart(2, List.of(ByteBuffer.allocate(size))));
    await(upload.uploadPart(2, part(bytes, size, size)));
    await(first);
    await(third);
    assertThat(await(store.head("m/object"))).isEmpty();
    assertThat(await(store.list("", "", 10))).isEmpty();
    assertThat(await(store.listMultiparts("m/"))).containsExactly("m/object");
    await(upload.complete());
    assertThat(await(store.getRange("m/object", 0, bytes.length)))
        .isEqualTo(ByteBuffer.wrap(bytes));
    assertThat(await(store.listMultiparts(""))).isEmpty();
  }

  @Test
  void anAbortedUploadLeavesNothing() {
    Multipart upload = await(store.startMultipart("m/one", partBytes()));
    await(upload.uploadPart(1, part(new byte[partBytes()], 0, partBytes())));
    await(upload.abort());
    Multipart other = await(store.startMultipart("m/two", partBytes()));
    await(other.uploadPart(1, part(new byte[partBytes()], 0, partBytes())));
    await(store.abortMultiparts("m/two"));
    assertThat(await(store.listMultiparts(""))).isEmpty();
    assertThatThrownBy(() -> await(other.complete()))
        .hasRootCauseInstanceOf(ObjectStoreException.NotFound.class);
    assertThat(await(store.list("", "", 10))).isEmpty();
  }

  private static List<ByteBuffer> part(byte[] bytes, int from, int length) {
    return List.of(ByteBuffer.wrap(bytes, from, length));
  }

  private String read(String key) {
    return text(await(store.getRange(key, 0, 1 << 20)));
  }

  private static List<ByteBuffer> body(String... parts) {
    List<ByteBuffer> buffers = new ArrayList<>();
    for (String part : parts) {
      buffers.add(ByteBuffer.wrap(part.getBytes(US_ASCII)));
    }
    return buffers;
  }

  private static String text(ByteBuffer bytes) {
    return US_ASCII.decode(bytes).toString();
  }

  private static List<String> keysOf(List<ObjectInfo> objects) {
    return objects.stream().map(ObjectInfo::key).toList();
  }
}
