package io.spillway.catalog;

import io.spillway.catalog.StreamCatalog.Phase;
import io.spillway.catalog.StreamCatalog.WalPhase;
import io.spillway.catalog.StreamCatalog.WalState;
import io.spillway.wal.StreamId;
import io.spillway.wal.WriterIncarnation;
import java.util.Objects;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** Who may write what: a question that most rules begin with. */
final class Writers {

  private final CatalogState state;

  Writers(CatalogState state) {
    this.state = state;
  }

  boolean isOpen(UUID walId) {
    WalState wal = state.wals.get(walId);
    return wal != null && wal.phase() == WalPhase.OPEN;
  }

  WalState requireWal(UUID walId) {
    return Objects.requireNonNull(state.wals.get(walId));
  }

  /** Why the writer may write nothing at all, or null. */
  @Nullable String staleWriter(WriterIncarnation writer) {
    WalState wal = state.wals.get(writer.walId());
    if (wal == null) {
      return "WAL " + writer.walId() + " was never opened";
    }
    if (wal.phase() != WalPhase.OPEN || !wal.writer().equals(writer)) {
      return "writer %s is fenced: its WAL is %s as %s"
          .formatted(writer, wal.phase(), wal.writer());
    }
    return null;
  }

  /** Why the writer may not write this stream, or null. */
  @Nullable String unfit(StreamId id, @Nullable StreamEntry stream, WriterIncarnation writer) {
    if (stream == null || stream.phase == Phase.DELETED) {
      return "there is no stream " + id;
    }
    String stale = staleWriter(writer);
    if (stale != null) {
      return stale;
    }
    if (stream.phase == Phase.CLOSED || !stream.writer.walId().equals(writer.walId())) {
      return "stream %s is %s, its writer is %s, not %s"
          .formatted(id, stream.phase, stream.writer, writer);
    }
    return null;
  }
}
