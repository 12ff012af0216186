package io.spillway.catalog;

import io.spillway.catalog.CatalogCommand.Claim;
import io.spillway.catalog.CatalogCommand.Close;
import io.spillway.catalog.CatalogCommand.Recovered;
import io.spillway.catalog.CatalogCommand.StreamToken;
import io.spillway.catalog.StreamCatalog.Phase;
import io.spillway.catalog.StreamCatalog.Verdict;
import io.spillway.catalog.StreamCatalog.Verdict.MustDrain;
import io.spillway.wal.WriterIncarnation;
import java.util.UUID;

/** Who owns a stream (P9-P11, P13). */
final class OwnershipRules {

  private final CatalogState state;
  private final Writers writers;

  OwnershipRules(CatalogState state, Writers writers) {
    this.state = state;
    this.writers = writers;
  }

  Verdict claim(Claim c) {
    if (c.token().nodeId() != c.writer().nodeId()
        || c.token().incarnation() != c.writer().incarnation()) {
      return state.rejected("token %s is not that of writer %s".formatted(c.token(), c.writer()));
    }
    String stale = writers.staleWriter(c.writer());
    if (stale != null) {
      return state.rejected(stale);
    }
    StreamEntry stream = state.streams.get(c.stream());
    if (stream == null) {
      stream = new StreamEntry(c.stream(), Phase.CLOSED, c.token(), c.writer());
      state.streams.put(c.stream(), stream);
      stream.metadataOffset = c.metadataOffset();
      open(stream, c.token(), c.writer(), 0);
      return state.applied();
    }
    if (stream.phase == Phase.DELETED) {
      return state.rejected("stream %s is deleted".formatted(c.stream()));
    }
    StreamToken newest = stream.claimant != null ? stream.claimant : stream.token;
    WriterIncarnation newestWriter =
        stream.claimantWriter != null ? stream.claimantWriter : stream.writer;
    if (newest.equals(c.token()) && newestWriter.equals(c.writer())) {
      if (stream.phase == Phase.CLOSING) {
        return new MustDrain(state.position(), stream.writer);
      } else if (stream.phase == Phase.OPEN) {
        return state.again();
      }
    }
    if (!isNewer(c, newest, newestWriter)) {
      return state.rejected(
          "claim %s of stream %s is not newer than %s".formatted(c.token(), c.stream(), newest));
    }
    stream.metadataOffset = Math.max(stream.metadataOffset, c.metadataOffset());
    if (stream.phase == Phase.OPEN && goesOn(stream.writer, c)) {
      long start = Math.max(stream.committedEndOffset, c.localEndOffset());
      open(stream, c.token(), c.writer(), start);
      return state.applied();
    }
    if (stream.phase == Phase.CLOSED || !writers.isOpen(stream.writer.walId())) {
      open(stream, c.token(), c.writer(), stream.committedEndOffset);
      return state.applied();
    }
    stream.phase = Phase.CLOSING;
    stream.claimant = c.token();
    stream.claimantWriter = c.writer();
    return new MustDrain(state.position(), stream.writer);
  }

  /**
   * Whether the claim's writer has, in its WAL, all that the stream's writer may hold uncommitted:
   * it is the same, or a later incarnation of the same WAL that has recovered batches of the stream
   * (P3) and so knows where they end.
   */
  private boolean goesOn(WriterIncarnation owner, Claim c) {
    return owner.equals(c.writer())
        || (state.ruleLevel >= StreamCatalog.RULE_LEVEL_RECOVERED_END
            && owner.walId().equals(c.writer().walId())
            && c.localEndOffset() >= 0);
  }

  /**
   * P9. The claim's writer is the node's only open incarnation, so if the node's last claim came
   * from another one, that one was opened earlier, be it of this WAL or of one that has ended.
   */
  private static boolean isNewer(Claim c, StreamToken newest, WriterIncarnation newestWriter) {
    return c.token().leaderEpoch() > newest.leaderEpoch()
        || (c.token().leaderEpoch() == newest.leaderEpoch()
            && c.token().nodeId() == newest.nodeId()
            && !c.writer().equals(newestWriter));
  }

  private static void open(
      StreamEntry stream, StreamToken token, WriterIncarnation writer, long epochStart) {
    stream.phase = Phase.OPEN;
    stream.token = token;
    stream.writer = writer;
    stream.claimant = null;
    stream.claimantWriter = null;
    stream.startEpoch(token.leaderEpoch(), epochStart);
  }

  /** Nothing is left to drain: the claimant owns the stream if it still can, else nobody does. */
  void resolve(StreamEntry stream) {
    StreamToken claimant = stream.claimant;
    WriterIncarnation claimantWriter = stream.claimantWriter;
    if (claimant != null && claimantWriter != null) {
      open(stream, claimant, claimantWriter, stream.committedEndOffset);
      // An incarnation that has ended since will never close it: its successor does not know of it.
      if (writers.staleWriter(claimantWriter) == null) {
        return;
      }
    }
    stream.phase = Phase.CLOSED;
  }

  Verdict close(Close c) {
    StreamEntry stream = state.streams.get(c.stream());
    String unfit = writers.unfit(c.stream(), stream, c.writer());
    if (unfit != null || stream == null) {
      return state.rejected(String.valueOf(unfit));
    }
    return endAt(stream, c.endOffset());
  }

  Verdict recovered(Recovered c) {
    StreamEntry stream = state.streams.get(c.stream());
    if (stream == null || stream.phase == Phase.DELETED) {
      return state.rejected("there is no stream %s".formatted(c.stream()));
    }
    if (stream.phase == Phase.OPEN && stream.token.equals(c.claimant())) {
      return state.again();
    }
    WriterIncarnation claimantWriter = stream.claimantWriter;
    if (claimantWriter == null || !c.claimant().equals(stream.claimant)) {
      return state.rejected(
          "stream %s is %s of %s, not claimed by %s"
              .formatted(c.stream(), stream.phase, stream.token, c.claimant()));
    }
    // What another writer left is known only when that writer says so, or is fenced (P13).
    if (!claimantWriter.walId().equals(stream.writer.walId())
        && !isTakenOver(stream.writer.walId())) {
      return state.rejected(
          "stream %s: %s may still hold batches and is not fenced"
              .formatted(c.stream(), stream.writer));
    }
    String stale = writers.staleWriter(claimantWriter);
    if (stale != null) {
      return state.rejected(stale);
    }
    return endAt(stream, c.endOffset());
  }

  /** P11: resolved once the catalog has all of it, and not before. */
  private Verdict endAt(StreamEntry stream, long endOffset) {
    if (endOffset != stream.committedEndOffset) {
      return state.rejected(
          "stream %s cannot end at %d, it is committed to %d"
              .formatted(stream.id, endOffset, stream.committedEndOffset));
    }
    resolve(stream);
    return state.applied();
  }

  /** P13: a chain in the bucket is fenced and read by the claimant itself. */
  private boolean isTakenOver(UUID walId) {
    return state.ruleLevel >= StreamCatalog.RULE_LEVEL_TAKEOVER
        && writers.requireWal(walId).kind() == CatalogCommand.WalKind.OBJECT;
  }
}
