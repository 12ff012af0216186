package io.spillway.catalog;

import io.spillway.wal.StreamId;
import io.spillway.wal.WriterIncarnation;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Optional;
import java.util.UUID;

/**
 * What can be asked of the catalog. Each command gets its own verdict, a pure function of the log
 * (P8); {@link #commandId} makes a repeat recognisable.
 */
public sealed interface CatalogCommand {

  UUID commandId();

  /** P2: before the first append of an incarnation. Void while the node has another open WAL. */
  record OpenWal(UUID commandId, WriterIncarnation writer, WalKind kind)
      implements CatalogCommand {}

  /**
   * P2: every frame is committed; a clean stop. Streams it left open become closed, or their
   * claimant's.
   */
  record SealWal(UUID commandId, WriterIncarnation writer) implements CatalogCommand {}

  /**
   * P2: an operator gives up what the WAL still holds. Streams it left open become closed, or their
   * claimant's.
   */
  record AbandonWal(UUID commandId, UUID walId) implements CatalogCommand {}

  /**
   * P9. The token names the writer's node and incarnation; the writer's WAL is open.
   *
   * @param localEndOffset where the epoch's first batch will go if this WAL holds batches of the
   *     stream, appended by this incarnation or recovered by it (it alone knows where they end); -1
   *     when it does not, then the epoch starts at the committed end
   */
  record Claim(
      UUID commandId,
      StreamId stream,
      StreamToken token,
      WriterIncarnation writer,
      long metadataOffset,
      long localEndOffset)
      implements CatalogCommand {}

  /** P11: by the unresolved writer, or by the owner that stops cleanly. */
  record Close(UUID commandId, StreamId stream, WriterIncarnation writer, long endOffset)
      implements CatalogCommand {}

  /** P11: by the claimant, after it uploaded what the unresolved writer left. */
  record Recovered(UUID commandId, StreamId stream, StreamToken claimant, long endOffset)
      implements CatalogCommand {}

  /**
   * P16-P17: an object counts from here on. Each range gets its own verdict.
   *
   * <p>One commit names all ranges of an object that are to count; a key is never committed by a
   * second command with other ranges, since the object may be deleted as soon as none of the first
   * is referenced.
   *
   * @param writer the WAL's current incarnation; it commits what older ones of its WAL left, too
   * @param object empty when there is nothing to store: then every range lies below its stream's
   *     log start and has the key {@code ""}
   * @param walTrimPosition everything of the writer's WAL below it is committed, deleted or
   *     abandoned once this command is applied. Ignored when a range of a stream that the writer
   *     still owns is void
   */
  record Commit(
      UUID commandId,
      WriterIncarnation writer,
      Optional<ObjectRef> object,
      List<Extent> ranges,
      List<Checkpoint> checkpoints,
      long walTrimPosition)
      implements CatalogCommand {}

  /** P18: the log start moves forward; {@code newLogStartOffset} may pass the committed end. */
  record Trim(UUID commandId, StreamId stream, WriterIncarnation writer, long newLogStartOffset)
      implements CatalogCommand {}

  /** P19: compaction of some of a stream's extents. */
  record Replace(
      UUID commandId,
      StreamId stream,
      WriterIncarnation writer,
      List<ObjectRef> objects,
      List<Extent> oldExtents,
      List<Extent> newExtents)
      implements CatalogCommand {}

  /**
   * P16, P19: extents of several streams go into one new object. Each stream gets its own verdict,
   * as in a {@link Commit}: one that was trimmed, deleted or claimed meanwhile keeps what it has.
   * One command names all that is to count of the object, since it may be deleted as soon as none
   * of it is referenced. From {@link StreamCatalog#RULE_LEVEL_MERGE} on.
   *
   * @param oldExtents those of one stream adjacent, in offset order
   * @param newExtents one per stream, all in the object, each over the same offsets as the stream's
   *     old ones together
   */
  record Merge(
      UUID commandId,
      WriterIncarnation writer,
      ObjectRef object,
      List<Extent> oldExtents,
      List<Extent> newExtents)
      implements CatalogCommand {}

  /**
   * P19: the layer above has compacted everything below the offset once; the offset moves forward
   * only. From {@link StreamCatalog#RULE_LEVEL_COMPACTION} on.
   */
  record Compacted(
      UUID commandId, StreamId stream, WriterIncarnation writer, long compactedEndOffset)
      implements CatalogCommand {}

  /** P20. */
  record DeleteStream(UUID commandId, StreamId stream, long metadataOffset)
      implements CatalogCommand {}

  /** P21: from now on commits that name objects born below the floor are void. */
  record RaiseOrphanFloor(UUID commandId, long floor) implements CatalogCommand {}

  /** P8: commands of that level may follow. */
  record SetRuleLevel(UUID commandId, int level) implements CatalogCommand {}

  /** What kind of WAL a writer has. */
  enum WalKind {
    LOCAL,
    OBJECT
  }

  /** P1: the fencing token of a stream. */
  record StreamToken(int leaderEpoch, int nodeId, long incarnation) {}

  /**
   * A data object.
   *
   * @param key in the bucket
   * @param birth P21: the catalog position when building it began
   * @param sizeBytes of the whole object
   * @param indexPosition where its index starts
   */
  record ObjectRef(String key, long birth, long sizeBytes, long indexPosition) {

    /** Of its index and its footer. */
    public long indexBytes() {
      return sizeBytes - indexPosition;
    }
  }

  /**
   * A contiguous range of one stream in one object.
   *
   * @param maxTimestampMs the largest record timestamp in it, or -1
   * @param position of its first byte in the object
   * @param sizeBytes of its batches
   * @param batchCount batches in it
   */
  record Extent(
      StreamId stream,
      String objectKey,
      long baseOffset,
      long endOffset,
      long maxTimestampMs,
      long position,
      long sizeBytes,
      int batchCount) {}

  /** P22: the state of the layer above at exactly {@code offset}. */
  record Checkpoint(StreamId stream, long offset, ByteBuffer state) {}
}
