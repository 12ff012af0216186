package io.spillway.catalog;

import io.spillway.catalog.CatalogIndex.Snapshot;
import io.spillway.sharedlog.SharedLog;
import io.spillway.sharedlog.SharedLogException;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps the index and the checkpoints up with the replay, beside it. All of it on the catalog's
 * thread; what blocks is the {@link IndexKeeper}'s.
 *
 * <p>One batch is written at a time; what is applied meanwhile waits for the next. A checkpoint is
 * encoded at once while everything is in memory, else from a snapshot of the index that was taken
 * as soon as it was written.
 */
final class CatalogUpkeep {

  private static final Logger LOG = LoggerFactory.getLogger(CatalogUpkeep.class);
  private static final int MAX_WRITES_BEHIND = 4;

  private final SharedLog log;
  private final LogStreamCatalog.Config config;
  private final GuardedState guarded;
  private final Host host;

  private LogGrowth growth = LogGrowth.NONE;
  private @Nullable ByteBuffer lastRecord;
  private long lastRecordCheck;
  private boolean checkpointing;
  private boolean checkpointWaits;
  private boolean writing;
  private @Nullable Runnable afterWrite;

  CatalogUpkeep(SharedLog log, LogStreamCatalog.Config config, GuardedState guarded, Host host) {
    this.log = log;
    this.config = config;
    this.guarded = guarded;
    this.host = host;
  }

  /** The catalog, as this needs it. */
  interface Host {

    /** The index's keeper; null while, or since, everything has to stay in memory. */
    @Nullable IndexKeeper usableKeeper();

    /** Goes on with the outcome on the catalog's thread, unless the catalog has failed. */
    <T> void aside(CompletableFuture<T> request, BiConsumer<@Nullable T, @Nullable Throwable> step);

    /** The index of that state is of no use. */
    void onBadIndex(CatalogState of, IndexException e);

    void fail(Throwable cause);
  }

  // The replay.

  /**
   * The state was read from somewhere.
   *
   * @param since what the log has grown by
   * @param check of the record that it was read at, 0 when it is not known
   */
  void startAt(LogGrowth since, long check) {
    growth = since;
    lastRecord = null;
    lastRecordCheck = check;
  }

  /** A record is part of the state. */
  void onRecord(ByteBuffer record) {
    growth = growth.plusRecord(record.remaining());
    lastRecord = record;
  }

  /** Nothing is written until {@link #resume}. Whatever waited for a write is forgotten. */
  void suspend() {
    writing = true;
    afterWrite = null;
  }

  /** There is another state, which nobody writes. */
  void resume() {
    writing = false;
    checkpointWaits = false;
    afterWrite = null;
  }

  /** A replay that is faster than the disk waits for it, so that memory stays bounded. */
  void onceWritten(Runnable goOn) {
    IndexKeeper kept = host.usableKeeper();
    boolean farBehind =
        kept != null
            && guarded.state().changes() > MAX_WRITES_BEHIND * kept.settings().changesPerWrite();
    if (writing && farBehind) {
      afterWrite = goOn;
    } else {
      goOn.run();
    }
  }

  /** Whether the replay waits for a write. */
  boolean isAwaited() {
    return afterWrite != null;
  }

  // The index.

  void maybeWrite() {
    IndexKeeper kept = host.usableKeeper();
    if (kept == null || writing) {
      return;
    }
    CatalogState now = guarded.state();
    boolean due =
        now.references.layered()
            ? now.changes() >= kept.settings().changesPerWrite()
            : now.references.extentCount() > kept.settings().minExtents();
    if (due) {
      write(kept, false);
    }
  }

  /**
   * Brings the index to the present position.
   *
   * @param checkpoint whether a checkpoint is to be made of it
   */
  private void write(IndexKeeper kept, boolean checkpoint) {
    writing = true;
    long at = guarded.position();
    lastRecordCheck = lastRecord == null ? lastRecordCheck : RecordCheck.of(lastRecord);
    CatalogState now = guarded.state();
    IndexUpdate update = guarded.change(s -> s.freeze(log.clusterId(), lastRecordCheck, growth));
    host.aside(
        kept.write(update, checkpoint),
        (written, cause) -> {
          if (guarded.state() != now || written == null) {
            checkpointing &= !checkpoint;
            onFailed(now, cause); // or what was written went with its state
            return;
          }
          guarded.change(s -> s.references.onWritten(written.index()));
          writing = false;
          if (written.snapshot() != null) {
            checkpoint(kept, now, at, written.snapshot());
          }
          onWritten();
        });
  }

  private void onWritten() {
    if (checkpointWaits) {
      maybeCheckpoint();
    }
    maybeWrite();
    Runnable goOn = afterWrite;
    afterWrite = null;
    if (goOn != null) {
      onceWritten(goOn);
    }
  }

  private void onFailed(CatalogState of, @Nullable Throwable cause) {
    if (cause instanceof IndexException e) {
      host.onBadIndex(of, e);
    } else if (cause != null) {
      host.fail(cause);
    }
  }

  // Checkpoints.

  /** After a record of this replica's own. */
  void maybeCheckpoint() {
    if (checkpointing || !growth.isCheckpointDue(config)) {
      return;
    }
    checkpointWaits = writing;
    if (writing) {
      return;
    }
    checkpointing = true;
    growth = LogGrowth.since(growth.checkpointBytes());
    IndexKeeper kept = host.usableKeeper();
    if (kept != null && guarded.state().references.layered()) {
      write(kept, true);
    } else {
      store(guarded.position(), CheckpointCodec.encode(guarded.state()));
    }
  }

  private void checkpoint(IndexKeeper kept, CatalogState now, long at, Snapshot snapshot) {
    host.aside(
        kept.checkpoint(snapshot),
        (encoded, cause) -> {
          if (encoded == null) {
            checkpointing = false;
            onFailed(now, cause);
          } else {
            store(at, encoded);
          }
        });
  }

  private void store(long at, List<ByteBuffer> encoded) {
    growth = growth.withCheckpoint(encoded.stream().mapToLong(ByteBuffer::remaining).sum());
    host.aside(
        log.checkpoint(at, encoded),
        (done, cause) -> {
          checkpointing = false;
          if (cause != null && !(cause instanceof SharedLogException.Closed)) {
            LOG.warn("a checkpoint of the catalog failed: {}", cause.toString());
          }
        });
  }
}
