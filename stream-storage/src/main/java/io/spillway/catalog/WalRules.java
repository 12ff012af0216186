package io.spillway.catalog;

import io.spillway.catalog.CatalogCommand.AbandonWal;
import io.spillway.catalog.CatalogCommand.OpenWal;
import io.spillway.catalog.CatalogCommand.SealWal;
import io.spillway.catalog.StreamCatalog.Phase;
import io.spillway.catalog.StreamCatalog.Verdict;
import io.spillway.catalog.StreamCatalog.WalPhase;
import io.spillway.catalog.StreamCatalog.WalState;
import io.spillway.wal.WriterIncarnation;
import java.util.UUID;

/** How WALs begin and end (P2, P3). */
final class WalRules {

  private final CatalogState state;
  private final Writers writers;
  private final OwnershipRules ownership;

  WalRules(CatalogState state, Writers writers, OwnershipRules ownership) {
    this.state = state;
    this.writers = writers;
    this.ownership = ownership;
  }

  Verdict open(OpenWal c) {
    WriterIncarnation writer = c.writer();
    WalState known = state.wals.get(writer.walId());
    if (known != null) {
      if (known.writer().nodeId() != writer.nodeId() || known.kind() != c.kind()) {
        return state.rejected(
            "WAL %s is %s of node %d, not %s of node %d"
                .formatted(
                    writer.walId(),
                    known.kind(),
                    known.writer().nodeId(),
                    c.kind(),
                    writer.nodeId()));
      }
      if (known.phase() == WalPhase.ABANDONED) {
        return state.rejected("WAL %s was abandoned".formatted(writer.walId()));
      }
      if (known.phase() == WalPhase.OPEN && known.writer().equals(writer)) {
        return state.again();
      }
      if (writer.incarnation() <= known.writer().incarnation()) {
        return state.rejected(
            "WAL %s has been opened as incarnation %d, incarnation %d is not newer"
                .formatted(writer.walId(), known.writer().incarnation(), writer.incarnation()));
      }
    }
    for (WalState other : state.wals.values()) {
      if (other.phase() == WalPhase.OPEN
          && other.writer().nodeId() == writer.nodeId()
          && !other.writer().walId().equals(writer.walId())) {
        return state.rejected(
            "node %d cannot open WAL %s while its WAL %s is neither sealed nor abandoned"
                .formatted(writer.nodeId(), writer.walId(), other.writer().walId()));
      }
    }
    long trimPosition = known == null ? 0 : known.trimPosition();
    state.wals.put(writer.walId(), new WalState(writer, c.kind(), WalPhase.OPEN, trimPosition));
    return state.applied();
  }

  Verdict seal(SealWal c) {
    WalState known = state.wals.get(c.writer().walId());
    if (known != null && known.writer().equals(c.writer()) && known.phase() == WalPhase.SEALED) {
      return state.again();
    }
    String stale = writers.staleWriter(c.writer());
    if (stale != null) {
      return state.rejected(stale);
    }
    end(c.writer().walId(), WalPhase.SEALED);
    return state.applied();
  }

  Verdict abandon(AbandonWal c) {
    WalState known = state.wals.get(c.walId());
    if (known == null) {
      return state.rejected("there is no WAL %s".formatted(c.walId()));
    }
    if (known.phase() == WalPhase.ABANDONED) {
      return state.again();
    }
    if (known.phase() == WalPhase.SEALED) {
      return state.rejected("WAL %s is sealed: it holds nothing to give up".formatted(c.walId()));
    }
    end(c.walId(), WalPhase.ABANDONED);
    return state.applied();
  }

  /** Nothing more will come from the WAL: its streams end where they are committed. */
  private void end(UUID walId, WalPhase phase) {
    WalState known = writers.requireWal(walId);
    state.wals.put(walId, new WalState(known.writer(), known.kind(), phase, known.trimPosition()));
    for (StreamEntry stream : state.streams.values()) {
      if (stream.writer.walId().equals(walId)
          && (stream.phase == Phase.OPEN || stream.phase == Phase.CLOSING)) {
        // Offsets that readers may have seen below the log start are not assigned again (G2).
        stream.committedEndOffset = Math.max(stream.committedEndOffset, stream.logStartOffset);
        ownership.resolve(stream);
        state.touch(stream.id);
      }
    }
  }
}
