package io.spillway.maintain;

import io.spillway.catalog.CatalogView;
import io.spillway.catalog.StreamCatalog.EpochStart;
import io.spillway.catalog.StreamCatalog.Phase;
import io.spillway.catalog.StreamCatalog.StreamState;
import io.spillway.catalog.StreamCatalog.WalState;
import io.spillway.object.ObjectStore;
import io.spillway.object.ObjectStore.ObjectInfo;
import io.spillway.object.ObjectStoreException;
import io.spillway.objectwal.ChainKeys;
import io.spillway.objectwal.ChainObject;
import io.spillway.objectwal.ChainPosition;
import io.spillway.objectwal.ChainReader;
import io.spillway.wal.PayloadVerifier;
import io.spillway.wal.StreamId;
import io.spillway.wal.WalException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;

/**
 * An open chain as it is at one moment: every number from the trim position to its end has to be
 * there, a block of its writer (P17, P23); a fence ends it, and what lies above is void (P24). The
 * object that the trim position names is never deleted while the chain is open, so that a chain
 * from which anything was ever trimmed cannot be gone as a whole unseen.
 */
final class ChainLook {

  private final UUID walId;
  private final WalState wal;
  private final ChainReader reader;
  private final PayloadVerifier verifier;
  private final boolean deep;
  private final Map<StreamId, Long> durableEnds = new HashMap<>();
  private final LoggedOffsets offsets = new LoggedOffsets();
  private final List<Problem> problems = new ArrayList<>();
  private long blocks;
  private long bytes;
  private long voidObjects;
  private boolean isFenced;

  /**
   * @param lastNumber that it is about: nobody cares once the chain is trimmed beyond it
   */
  private record Problem(long lastNumber, String what) {}

  private ChainLook(WalState wal, ChainReader reader, PayloadVerifier verifier, boolean deep) {
    this.walId = wal.writer().walId();
    this.wal = wal;
    this.reader = reader;
    this.verifier = verifier;
    this.deep = deep;
  }

  /**
   * Lists the chain, and reads the header of each object. Blocks.
   *
   * @param before read before this
   * @param wal open in it
   * @param deep whether all of each block is read, and its frames checked
   */
  static ChainLook at(
      ObjectStore store, CatalogView before, WalState wal, PayloadVerifier verifier, boolean deep) {
    ChainLook look =
        new ChainLook(wal, new ChainReader(store, wal.writer().walId()), verifier, deep);
    if (deep) {
      before.streams().stream().filter(look::isOfIt).forEach(look::noteDurableEnd);
    }
    look.run();
    return look;
  }

  /** KIP-101: an epoch of this writer that begins above the committed end begins in the chain. */
  private void noteDurableEnd(StreamState stream) {
    List<EpochStart> epochs = stream.epochs();
    if (stream.phase() == Phase.OPEN && !epochs.isEmpty()) {
      durableEnds.put(stream.id(), epochs.get(epochs.size() - 1).startOffset());
    }
  }

  private boolean isOfIt(StreamState stream) {
    return stream.writer().walId().equals(walId)
        && (stream.phase() == Phase.OPEN || stream.phase() == Phase.CLOSING);
  }

  private void run() {
    long first = ChainPosition.number(wal.trimPosition());
    long expected = first;
    List<long[]> gaps = new ArrayList<>();
    for (ObjectInfo object : reader.list(first)) {
      long number = ChainKeys.number(object.key()).orElseThrow();
      if (isFenced) {
        voidObjects++;
        continue;
      }
      if (number != expected) {
        gaps.add(new long[] {expected, number});
      }
      read(number, object.sizeBytes());
      expected = number + 1;
    }
    gaps.forEach(gap -> missing(gap[0], gap[1]));
    if (expected == first && wal.trimPosition() > 0) {
      problems.add(
          new Problem(
              first,
              "MISSING  object %d of the chain of WAL %s, the first that is wanted, and all after it"
                  .formatted(first, walId)));
    }
  }

  private void missing(long first, long end) {
    problems.add(
        new Problem(
            end - 1,
            "MISSING  objects %d to %d of the chain of WAL %s, below others that are there%s"
                .formatted(
                    first,
                    end - 1,
                    walId,
                    isFenced
                        ? ""
                        : "; or its broker was cut off while it wrote them: then nothing from them on"
                            + " was acknowledged")));
  }

  private void read(long number, long sizeBytes) {
    String key = ChainKeys.key(walId, number);
    try {
      ChainObject object =
          deep
              ? reader.whole(
                  number,
                  sizeBytes,
                  verifier,
                  frame ->
                      offsets.add(
                          frame.stream(), frame.baseOffset(), frame.endOffset(), frame.sizeBytes()))
              : reader.header(number);
      isFenced = object.kind() == ChainObject.Kind.FENCE;
      if (object.lengthBytes() != sizeBytes) {
        damaged(
            number,
            "%s is damaged: expected %d bytes, found %d"
                .formatted(key, object.lengthBytes(), sizeBytes));
      } else if (!isFenced && !object.maker().equals(wal.writer())) {
        damaged(
            number,
            "%s is a block of %s, expected one of %s".formatted(key, object.maker(), wal.writer()));
      } else if (!isFenced) {
        blocks++;
        bytes += sizeBytes;
      }
    } catch (WalException.Corrupt | WalException.NewerFormat e) {
      damaged(number, String.valueOf(e.getMessage()));
    } catch (ObjectStoreException.NotFound e) {
      missing(number, number + 1);
    }
  }

  private void damaged(long number, String what) {
    problems.add(new Problem(number, "DAMAGED  " + what));
  }

  /** Whether the objects are all there and what they should be. */
  boolean isWhole() {
    return problems.isEmpty();
  }

  /**
   * What is wrong with it, one line each.
   *
   * @param after read after the look: what was trimmed meanwhile may be gone
   */
  List<String> problems(CatalogView after, WalState now) {
    long wanted = ChainPosition.number(now.trimPosition());
    List<String> found = new ArrayList<>();
    problems.stream()
        .filter(problem -> problem.lastNumber() >= wanted)
        .forEach(problem -> found.add(problem.what()));
    found.addAll(offsets.missing(after, this::isOfIt, durableEnds));
    return found;
  }

  /** What was found, for a person. */
  String summary(CatalogView after) {
    LoggedOffsets.Uncommitted alone = offsets.uncommitted(after, this::isOfIt);
    return "WAL %s of node %d is in the bucket: %d blocks of %d bytes%s%s"
        .formatted(
            walId,
            wal.writer().nodeId(),
            blocks,
            bytes,
            deep
                ? ", %d batches of %d bytes are in it alone"
                    .formatted(alone.frames(), alone.bytes())
                : "",
            voidObjects == 0
                ? ""
                : "; %d above its fence count for nothing".formatted(voidObjects));
  }
}
