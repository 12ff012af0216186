package io.spillway.upload;

import io.spillway.catalog.StreamCatalog;
import io.spillway.wal.WriteAheadLog;
import java.util.UUID;

/**
 * P17: gives the room in a WAL back, only up to a position that is itself in the log. Belongs to
 * the upload scheduler.
 */
final class WalRelease {

  private final WriteAheadLog wal;
  private final StreamCatalog catalog;
  private long position;

  WalRelease(WriteAheadLog wal, StreamCatalog catalog) {
    this.wal = wal;
    this.catalog = catalog;
  }

  /** How far a recovery found the WAL trimmed. */
  void startAt(long trimmed) {
    position = trimmed;
  }

  /** How far the WAL has been trimmed. */
  long position() {
    return position;
  }

  /** Trims the WAL as far as the catalog says. */
  void toCatalog() {
    UUID walId = wal.walId();
    long inLog =
        catalog.wals().stream()
            .filter(known -> known.writer().walId().equals(walId))
            .mapToLong(StreamCatalog.WalState::trimPosition)
            .max()
            .orElse(0);
    if (inLog > position) {
      position = inLog;
      wal.trim(inLog);
    }
  }
}
