package io.spillway.catalog;

import io.spillway.catalog.CatalogCommand.AbandonWal;
import io.spillway.catalog.CatalogCommand.Extent;
import io.spillway.catalog.CatalogCommand.ObjectRef;
import io.spillway.catalog.StreamCatalog.Phase;
import io.spillway.catalog.StreamCatalog.StreamState;
import io.spillway.catalog.StreamCatalog.WalPhase;
import io.spillway.catalog.StreamCatalog.WalState;
import io.spillway.runtime.RandomSource;
import io.spillway.sharedlog.LogContents;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.NavigableMap;
import java.util.TreeMap;
import java.util.UUID;

/** A catalog at one position, for those who only look. Does not change. */
public final class CatalogView {

  private final UUID clusterId;
  private final long position;
  private final CatalogState state;

  private CatalogView(UUID clusterId, long position, CatalogState state) {
    this.clusterId = clusterId;
    this.position = position;
    this.state = state;
  }

  /**
   * Replays a catalog's log.
   *
   * @throws CatalogException when a record is damaged, or this build does not know what it says
   */
  public static CatalogView of(LogContents log) {
    CatalogState state =
        log.checkpoint()
            .map(bytes -> CheckpointCodec.decode(log.firstNumber() - 1, bytes))
            .orElseGet(CatalogState::new);
    long number = log.firstNumber();
    for (ByteBuffer record : log.records()) {
      for (CatalogCommand command : CommandCodec.decode(number, record)) {
        state.apply(number, command);
      }
      number++;
    }
    return new CatalogView(log.clusterId(), log.lastNumber(), state);
  }

  public UUID clusterId() {
    return clusterId;
  }

  /** Number of the last record that is part of it. */
  public long position() {
    return position;
  }

  public List<StreamState> streams() {
    return state.streams.values().stream().map(StreamEntry::snapshot).toList();
  }

  /** Of all streams, in the order of streams and offsets. */
  public List<Extent> extents() {
    List<Extent> extents = new ArrayList<>();
    state.streams.values().forEach(stream -> state.references.extents(stream, extents::add));
    return extents;
  }

  /** What extents refer to, by key. */
  public NavigableMap<String, ObjectRef> objects() {
    NavigableMap<String, ObjectRef> objects = new TreeMap<>();
    state.references.objects(entry -> objects.put(entry.ref().key(), entry.ref()));
    return objects;
  }

  public List<WalState> wals() {
    return List.copyOf(state.wals.values());
  }

  /** P21. */
  public long orphanFloor() {
    return state.orphanFloor;
  }

  /**
   * A checkpoint of this catalog for a copy of the bucket, where none of the WALs is: those that
   * were not drained are abandoned in it (P2), and every stream ends where it is committed. This
   * view is of no use afterwards.
   */
  public List<ByteBuffer> detachFromWals(RandomSource random) {
    for (WalState wal : wals()) {
      if (wal.phase() == WalPhase.OPEN) {
        UUID commandId = new UUID(random.nextLong(), random.nextLong());
        state.apply(position, new AbandonWal(commandId, wal.writer().walId()));
      }
    }
    for (StreamEntry stream : state.streams.values()) {
      if (stream.phase == Phase.OPEN || stream.phase == Phase.CLOSING) {
        // Of a claimant whose WAL was given up before the one that it waited for.
        stream.phase = Phase.CLOSED;
        stream.claimant = null;
        stream.claimantWriter = null;
      }
    }
    state.references.takeUnreferenced();
    return CheckpointCodec.encode(state);
  }
}
