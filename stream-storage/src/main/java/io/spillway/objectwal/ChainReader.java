package io.spillway.objectwal;

import io.spillway.object.ObjectStore;
import io.spillway.object.ObjectStore.ObjectInfo;
import io.spillway.object.Retry;
import io.spillway.objectwal.ChainInspector.FrameInfo;
import io.spillway.wal.PayloadVerifier;
import io.spillway.wal.WalException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.function.Consumer;

/**
 * Reads a chain object by object, for those who only look: changes nothing. Blocks its caller.
 * Whatever is asked of an object that is not there fails with {@link
 * io.spillway.object.ObjectStoreException.NotFound}.
 */
public final class ChainReader {

  private static final int PAGE = 1_000;

  private final ObjectStore store;
  private final UUID walId;

  public ChainReader(ObjectStore store, UUID walId) {
    this.store = store;
    this.walId = walId;
  }

  /** What has a number from {@code firstNumber} on, in order. */
  public List<ObjectInfo> list(long firstNumber) {
    List<ObjectInfo> found = new ArrayList<>();
    String after = ChainKeys.before(walId, firstNumber);
    List<ObjectInfo> page;
    do {
      page = join(store.list(ChainKeys.prefix(walId), after, PAGE));
      for (ObjectInfo object : page) {
        after = object.key();
        if (ChainKeys.number(after).isPresent()) {
          found.add(object);
        }
      }
    } while (page.size() == PAGE);
    return found;
  }

  /**
   * The header of an object, by a read of nothing else.
   *
   * @throws WalException.NewerFormat when a newer build wrote it
   * @throws WalException.Corrupt when it is not one, or another object's
   */
  public ChainObject header(long number) {
    return ChainObject.read(walId, number, range(number, ChainObject.HEADER_BYTES));
  }

  /**
   * Reads all of an object; holds it meanwhile.
   *
   * @param sizeBytes of the object, as listed
   * @param frames is shown each frame of a block, verified
   * @throws WalException.NewerFormat when a newer build wrote it
   * @throws WalException.Corrupt naming the object and the byte
   */
  public ChainObject whole(
      long number, long sizeBytes, PayloadVerifier verifier, Consumer<FrameInfo> frames) {
    ByteBuffer bytes = range(number, Math.toIntExact(sizeBytes));
    ChainObject object = ChainObject.read(walId, number, bytes);
    object.forEachFrame(
        bytes, verifier, (position, batch) -> frames.accept(FrameInfo.of(position, batch)));
    return object;
  }

  private ByteBuffer range(long number, int sizeBytes) {
    return join(store.getRange(ChainKeys.key(walId, number), 0, sizeBytes));
  }

  static <T> T join(CompletableFuture<T> request) {
    try {
      return request.join();
    } catch (CompletionException e) {
      throw Retry.unwrap(e) instanceof RuntimeException cause ? cause : e;
    }
  }
}
