package io.spillway.catalog;

import io.spillway.catalog.CatalogCommand.Checkpoint;
import io.spillway.catalog.CatalogCommand.Extent;
import io.spillway.catalog.CatalogCommand.ObjectRef;
import io.spillway.catalog.CatalogCommand.StreamToken;
import io.spillway.catalog.CatalogCommand.WalKind;
import io.spillway.wal.StreamId;
import io.spillway.wal.WriterIncarnation;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;

/**
 * The catalog as one broker sees it: everything up to {@link #position} of its shared log is
 * applied. Queries are answered from that state and are safe for any thread; those for extents and
 * objects fail with {@link CatalogException.Rebuilding} while a lost index is made again.
 */
public interface StreamCatalog extends AutoCloseable {

  /** The rule level (P8) from which on a claimant may recover what an object WAL left (P13). */
  int RULE_LEVEL_TAKEOVER = 2;

  /** The rule level (P8) from which on extents of several streams may be merged at once (P19). */
  int RULE_LEVEL_MERGE = 3;

  /**
   * The rule level (P8) from which on a WAL's next incarnation goes on with its streams at once,
   * where the WAL ends, instead of waiting until they are committed to there.
   */
  int RULE_LEVEL_RECOVERED_END = 4;

  /** The rule level (P8) from which on it is remembered how far a stream is compacted (P19). */
  int RULE_LEVEL_COMPACTION = 5;

  /** Loads the newest checkpoint and replays what follows it. */
  CompletableFuture<Void> open();

  /**
   * Puts the command into the log, together with others that wait (P4), and completes with its
   * verdict when it is applied here. Never fails for a transient store failure: it waits.
   */
  CompletableFuture<Verdict> submit(CatalogCommand command);

  /** Applies what other writers have added since. Completes with the new position. */
  CompletableFuture<Long> refresh();

  /** Number of the last applied record of the shared log; -1 when there is none. */
  long position();

  Optional<StreamState> stream(StreamId id);

  List<StreamId> streams();

  /**
   * Up to {@code limit} extents of the stream in offset order, the first being the one that holds
   * {@code fromOffset} or the first one after it. Clipped by nobody: an extent may start below the
   * log start.
   */
  List<Extent> extents(StreamId id, long fromOffset, int limit);

  /** The first extent at or above the log start whose {@code maxTimestampMs} ≥ the timestamp. */
  Optional<Extent> firstExtentAtOrAfter(StreamId id, long timestampMs);

  Optional<ObjectRef> object(String key);

  /**
   * Whether it is known that no extent refers to the object: it may be deleted. False while the
   * catalog cannot tell ({@link CatalogException.Rebuilding}); then a sweep finds out later.
   */
  default boolean isUnreferenced(String key) {
    try {
      return object(key).isEmpty();
    } catch (CatalogException.Rebuilding e) {
      return false;
    }
  }

  /** Every object that an extent refers to. */
  List<ObjectRef> objects();

  List<WalState> wals();

  /** P8: which rules are in force. */
  int ruleLevel();

  /** P21: the newest floor. */
  long orphanFloor();

  /**
   * Told, on the catalog's own thread and in log order, of objects that no extent refers to any
   * more; they may be deleted at once, since no reader that begins later can find them.
   */
  void onUnreferenced(Consumer<ObjectRef> listener);

  @Override
  void close();

  /** The life of a stream: NONE/CLOSED → OPEN → CLOSING → OPEN, or DELETED. */
  enum Phase {
    CLOSED,
    OPEN,
    CLOSING,
    DELETED
  }

  /**
   * @param token of the owner, or of the last one
   * @param writer who may append; while CLOSING the unresolved writer
   * @param claimant while CLOSING: who waits to own the stream
   * @param committedEndOffset everything below is in objects
   * @param compactedEndOffset everything below was compacted once; 0 when nothing was
   * @param metadataOffset P20
   * @param epochs leader epochs with their start offsets, ascending
   * @param sizeBytes of the extents at or above the log start
   */
  record StreamState(
      StreamId id,
      Phase phase,
      StreamToken token,
      WriterIncarnation writer,
      Optional<StreamToken> claimant,
      long logStartOffset,
      long committedEndOffset,
      long compactedEndOffset,
      long metadataOffset,
      List<EpochStart> epochs,
      Optional<Checkpoint> checkpoint,
      long sizeBytes) {}

  /** KIP-101: a leader epoch and the first offset written in it. */
  record EpochStart(int leaderEpoch, long startOffset) {}

  /** P2, P17. */
  record WalState(WriterIncarnation writer, WalKind kind, WalPhase phase, long trimPosition) {}

  /** P2. */
  enum WalPhase {
    OPEN,
    SEALED,
    ABANDONED
  }

  /** What became of a command. */
  sealed interface Verdict {

    /**
     * The command is in force.
     *
     * @param appliedRanges for a {@link CatalogCommand.Commit}: one entry per range; for a {@link
     *     CatalogCommand.Merge}: one per new extent; for other commands empty
     */
    record Applied(long position, List<Boolean> appliedRanges) implements Verdict {}

    /**
     * A repeat: the first one is in force, or was until later commands changed it.
     *
     * @param position where the first one was applied
     * @param appliedRanges of the first one, as in {@link Applied}
     */
    record AlreadyApplied(long position, List<Boolean> appliedRanges) implements Verdict {}

    /** Void by the rules; nothing changed. The reason names both values. */
    record Rejected(long position, String reason) implements Verdict {}

    /**
     * For a {@link CatalogCommand.Claim} only: CLOSING, the unresolved writer has to be drained
     * first.
     */
    record MustDrain(long position, WriterIncarnation unresolved) implements Verdict {}
  }

  /** Identifies the cluster that the catalog belongs to. */
  UUID clusterId();
}
