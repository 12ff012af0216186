package io.spillway.objectwal;

import io.spillway.object.ObjectStore;
import io.spillway.object.ObjectStore.ObjectInfo;
import io.spillway.object.ObjectStoreException;
import io.spillway.wal.Batch;
import io.spillway.wal.PayloadVerifier;
import io.spillway.wal.StreamId;
import io.spillway.wal.WalException;
import io.spillway.wal.WriterIncarnation;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;

/**
 * Looks at a chain in a bucket, for a person: fences nothing, changes nothing. A chain that is in
 * use may seem to end early, because it goes on being written.
 */
public final class ChainInspector {

  private static final int PAGE = 1_000;

  private ChainInspector() {}

  /** Sees what there is, by number. */
  public interface Visitor {
    void onObject(ChainObject object);

    /** Of the object before it. */
    void onFrame(FrameInfo frame);

    /**
     * An object that is not what it should be. Inspection goes on with the next.
     *
     * @param what names the object and the byte
     */
    void onDamage(String what);
  }

  /**
   * A valid frame.
   *
   * @param position in the chain
   * @param flags as in {@link Batch#flags}
   */
  public record FrameInfo(
      long position, StreamId stream, long baseOffset, long endOffset, int flags, int sizeBytes) {

    static FrameInfo of(long position, Batch batch) {
      return new FrameInfo(
          position,
          batch.stream(),
          batch.baseOffset(),
          batch.endOffset(),
          batch.flags(),
          batch.sizeBytes());
    }
  }

  /**
   * What was found.
   *
   * @param writer of the first valid block; empty when there is none
   * @param firstNumber of the first object, or 0
   * @param endNumber where the chain ends: the first number that is missing, or a fence's
   * @param fencedBy who ended it there; empty when nobody did
   * @param voidObjects above the end: late blocks of a writer that was fenced
   * @param damagedObjects below the end
   */
  public record Summary(
      Optional<WriterIncarnation> writer,
      long firstNumber,
      long endNumber,
      Optional<WriterIncarnation> fencedBy,
      long blocks,
      long frames,
      long payloadBytes,
      long voidObjects,
      long damagedObjects) {}

  /** Ids of the chains that have objects in the bucket. Blocks. */
  public static List<UUID> chains(ObjectStore store) {
    List<UUID> found = new ArrayList<>();
    String after = "";
    List<ObjectInfo> page = ChainReader.join(store.list(ChainKeys.PREFIX, after, 1));
    while (!page.isEmpty()) {
      String key = page.get(0).key();
      Optional<UUID> walId = ChainKeys.walId(key);
      walId.ifPresent(found::add);
      after = walId.map(id -> ChainKeys.key(id, Long.MAX_VALUE)).orElse(key);
      page = ChainReader.join(store.list(ChainKeys.PREFIX, after, 1));
    }
    return found;
  }

  /**
   * Shows every object of the chain, and the frames of each block below its end. Blocks; holds one
   * block.
   *
   * @throws WalException.NewerFormat when a newer build wrote it
   * @throws ObjectStoreException when the bucket cannot be read
   */
  public static Summary inspect(
      ObjectStore store, UUID walId, PayloadVerifier verifier, Visitor visitor) {
    Scan scan = new Scan(store, walId, verifier, visitor);
    String prefix = ChainKeys.prefix(walId);
    String after = "";
    List<ObjectInfo> page;
    do {
      page = ChainReader.join(store.list(prefix, after, PAGE));
      for (ObjectInfo object : page) {
        scan.object(object);
        after = object.key();
      }
    } while (page.size() == PAGE);
    return scan.summary();
  }

  private static final class Scan {
    private final ObjectStore store;
    private final UUID walId;
    private final PayloadVerifier verifier;
    private final Visitor visitor;
    private Optional<WriterIncarnation> writer = Optional.empty();
    private Optional<WriterIncarnation> fencedBy = Optional.empty();
    private long first = -1;
    private long next = -1;
    private boolean ended;
    private long blocks;
    private long frames;
    private long payloadBytes;
    private long voidObjects;
    private long damaged;

    Scan(ObjectStore store, UUID walId, PayloadVerifier verifier, Visitor visitor) {
      this.store = store;
      this.walId = walId;
      this.verifier = verifier;
      this.visitor = visitor;
    }

    void object(ObjectInfo info) {
      long number = ChainKeys.number(info.key()).orElse(-1);
      if (number < 0) {
        visitor.onDamage(info.key() + " does not belong here");
        return;
      }
      if (first < 0) {
        first = number;
        next = number;
      }
      ended |= number != next;
      if (ended) {
        voidObjects++;
        return;
      }
      try {
        ByteBuffer bytes =
            ChainReader.join(store.getRange(info.key(), 0, Math.toIntExact(info.sizeBytes())));
        ChainObject object = ChainObject.read(walId, number, bytes);
        visitor.onObject(object);
        if (object.isFence()) {
          ended = true;
          fencedBy = Optional.of(object.maker());
          return;
        }
        writer = writer.or(() -> Optional.of(object.maker()));
        object.forEachFrame(bytes, verifier, this::frame);
        blocks++;
      } catch (WalException.Corrupt e) {
        damaged++;
        visitor.onDamage(String.valueOf(e.getMessage()));
      } catch (ObjectStoreException.NotFound e) {
        visitor.onDamage(info.key() + " was deleted while this looked");
      }
      next++;
    }

    private void frame(long position, Batch batch) {
      frames++;
      payloadBytes += batch.sizeBytes();
      visitor.onFrame(FrameInfo.of(position, batch));
    }

    Summary summary() {
      return new Summary(
          writer,
          Math.max(0, first),
          Math.max(0, next),
          fencedBy,
          blocks,
          frames,
          payloadBytes,
          voidObjects,
          damaged);
    }
  }
}
