package io.spillway.engine;

import io.spillway.catalog.CatalogCommand.WalKind;
import io.spillway.catalog.StreamCatalog;
import io.spillway.catalog.StreamCatalog.Phase;
import io.spillway.catalog.StreamCatalog.StreamState;
import io.spillway.catalog.StreamCatalog.WalPhase;
import io.spillway.catalog.StreamCatalog.WalState;
import io.spillway.sharedlog.ClusterIds;
import io.spillway.wal.Batch;
import io.spillway.wal.StreamId;
import io.spillway.wal.WriteAheadLog;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.UUID;
import java.util.function.Function;
import java.util.stream.Collectors;

/**
 * What a start finds (P2, P3): whether this WAL may be opened, and what it holds that the catalog
 * does not. Frames are indexed, never kept: a WAL may be larger than memory.
 */
final class Recovery {

  private static final int NAMED_STREAMS = 20;

  private final StreamCatalog catalog;
  private final WriteAheadLog wal;
  private final Function<StreamState, StreamLog> newLog;
  private final Map<StreamId, StreamLog> logs = new TreeMap<>();
  private long frames;
  private long voidFrames;

  Recovery(StreamCatalog catalog, WriteAheadLog wal, Function<StreamState, StreamLog> newLog) {
    this.catalog = catalog;
    this.wal = wal;
    this.newLog = newLog;
  }

  /**
   * Refuses to start on the wrong WAL, before it is touched.
   *
   * @throws StartRefusedException naming the WAL and what to do
   */
  static void requireOwnWal(StreamCatalog catalog, UUID here, int nodeId) {
    for (WalState known : catalog.wals()) {
      boolean isHere = known.writer().walId().equals(here);
      if (isHere && known.phase() == WalPhase.ABANDONED) {
        throw new StartRefusedException.WalAbandoned(
            "WAL %s was abandoned: what it holds must not come back; move its directory away and start again"
                .formatted(here));
      }
      if (!isHere && known.phase() == WalPhase.OPEN && known.writer().nodeId() == nodeId) {
        throw missing(catalog, nodeId, known.writer().walId(), "WAL " + here);
      }
    }
  }

  /**
   * Refuses to go on without a local WAL that the node has somewhere.
   *
   * @param here the WAL that is opened, when it is a local one
   * @throws StartRefusedException.WalMissing naming the one that is missing and what to do
   */
  static void requireNoOtherLocalWal(StreamCatalog catalog, int nodeId, Optional<UUID> here) {
    for (WalState known : catalog.wals()) {
      UUID walId = known.writer().walId();
      if (known.phase() == WalPhase.OPEN
          && known.kind() == WalKind.LOCAL
          && known.writer().nodeId() == nodeId
          && !here.equals(Optional.of(walId))) {
        throw missing(catalog, nodeId, walId, here.map(id -> "WAL " + id).orElse("none"));
      }
    }
  }

  private static StartRefusedException.WalMissing missing(
      StreamCatalog catalog, int nodeId, UUID missing, String here) {
    List<StreamState> open = streamsOf(catalog, missing);
    String named =
        open.stream()
            .limit(NAMED_STREAMS)
            .map(stream -> stream.id() + " up to offset " + stream.committedEndOffset())
            .collect(Collectors.joining(", "));
    int more = Math.max(0, open.size() - NAMED_STREAMS);
    return new StartRefusedException.WalMissing(
        missing,
        ("WAL %s of node %d was not drained and is not here (here is %s); the catalog holds %s%s."
                + " Start once with the wal.url it was written with, its volume in place: it is"
                + " drained at a clean stop, or by the next start with another wal.url")
            .formatted(
                missing,
                nodeId,
                here,
                named.isEmpty() ? "no stream of it" : "its streams " + named,
                more == 0 ? "" : " and " + more + " more"));
  }

  /** Streams that this WAL may hold batches of. */
  static List<StreamState> streamsOf(StreamCatalog catalog, UUID walId) {
    List<StreamState> open = new ArrayList<>();
    for (StreamId id : catalog.streams()) {
      Optional<StreamState> state = catalog.stream(id);
      if (state.isPresent() && isOf(state.get(), walId)) {
        open.add(state.get());
      }
    }
    return open;
  }

  /** Whether the WAL may hold batches of the stream that are not committed. */
  static boolean isOf(StreamState state, UUID walId) {
    return (state.phase() == Phase.OPEN || state.phase() == Phase.CLOSING)
        && state.writer().walId().equals(walId);
  }

  /**
   * Reads the WAL and opens its new incarnation. Blocks.
   *
   * @return where the WAL goes on
   */
  long run() {
    UUID walId = wal.walId();
    boolean known = catalog.wals().stream().anyMatch(state -> state.writer().walId().equals(walId));
    long end = wal.recover((position, batch) -> onFrame(walId, known, position, batch));
    return end;
  }

  private void onFrame(UUID walId, boolean known, long position, Batch batch) {
    if (!known) {
      throw new StartRefusedException.WalForeign(
          "WAL %s holds batches, but the catalog of cluster %s does not know it: is this the right bucket?"
              .formatted(walId, ClusterIds.text(catalog.clusterId())));
    }
    frames++;
    Optional<StreamState> state = catalog.stream(batch.stream());
    if (state.isEmpty()
        || !isOf(state.get(), walId)
        || batch.endOffset() <= state.get().committedEndOffset()) {
      voidFrames++;
      return;
    }
    logs.computeIfAbsent(batch.stream(), id -> newLog.apply(state.get()))
        .onRecovered(position, batch);
  }

  /** Streams with batches that wait. */
  List<StreamLog> logs() {
    return List.copyOf(logs.values());
  }

  /** Frames seen. */
  long frames() {
    return frames;
  }

  /** Of these, committed, deleted, or given up. */
  long voidFrames() {
    return voidFrames;
  }
}
