package io.spillway.catalog;

import io.spillway.catalog.CatalogCommand.StreamToken;
import io.spillway.catalog.CatalogState.Remembered;
import io.spillway.catalog.StreamCatalog.EpochStart;
import io.spillway.catalog.StreamCatalog.Phase;
import io.spillway.catalog.StreamCatalog.WalState;
import io.spillway.wal.StreamId;
import java.util.List;

/**
 * The parts of the state that a checkpoint and the head of an index have in common; the layout
 * stands at {@link CheckpointCodec}.
 */
final class StateCodec {

  private static final int HAS_CHECKPOINT = 1;
  private static final int IS_COMPACTED = 2;

  private StateCodec() {}

  /** Rule level, orphan floor, WALs. */
  static FieldWriter front(CatalogState state, FieldWriter out) {
    out.i32(state.ruleLevel).i64(state.orphanFloor).i32(state.wals.size());
    for (WalState wal : state.wals.values()) {
      out.writer(wal.writer()).walKind(wal.kind()).walPhase(wal.phase());
      out.i64(wal.trimPosition());
    }
    return out;
  }

  /**
   * @param what holds it, for messages
   * @throws CatalogException.TooNew when its rule level is
   */
  static void front(CatalogState state, FieldReader in, String what) {
    state.ruleLevel = in.i32();
    if (state.ruleLevel > CatalogState.MAX_RULE_LEVEL) {
      throw new CatalogException.TooNew(
          what
              + " has rule level "
              + state.ruleLevel
              + ", this build knows level "
              + CatalogState.MAX_RULE_LEVEL
              + "; upgrade this broker");
    }
    state.orphanFloor = in.i64();
    in.list(() -> new WalState(in.writer(), in.walKind(), in.walPhase(), in.i64()))
        .forEach(wal -> state.wals.put(wal.writer().walId(), wal));
  }

  /** A stream without its extents. */
  static FieldWriter stream(StreamEntry stream, FieldWriter out) {
    out.stream(stream.id).phase(stream.phase).token(stream.token).writer(stream.writer);
    if (stream.claimant != null && stream.claimantWriter != null) {
      out.u8(1).token(stream.claimant).writer(stream.claimantWriter);
    } else {
      out.u8(0);
    }
    out.i64(stream.logStartOffset).i64(stream.committedEndOffset).i64(stream.metadataOffset);
    out.i32(stream.epochs.size());
    stream.epochs.forEach(epoch -> out.i32(epoch.leaderEpoch()).i64(epoch.startOffset()));
    boolean isCompacted = stream.compactedEndOffset > 0;
    out.u8((stream.checkpoint == null ? 0 : HAS_CHECKPOINT) | (isCompacted ? IS_COMPACTED : 0));
    if (stream.checkpoint != null) {
      out.checkpoint(stream.checkpoint);
    }
    return isCompacted ? out.i64(stream.compactedEndOffset) : out;
  }

  static StreamEntry stream(FieldReader in) {
    StreamId id = in.stream();
    Phase phase = in.phase();
    StreamToken token = in.token();
    StreamEntry stream = new StreamEntry(id, phase, token, in.writer());
    if (in.u8() == 1) {
      stream.claimant = in.token();
      stream.claimantWriter = in.writer();
    }
    stream.logStartOffset = in.i64();
    stream.committedEndOffset = in.i64();
    stream.metadataOffset = in.i64();
    stream.epochs = List.copyOf(in.list(() -> new EpochStart(in.i32(), in.i64())));
    int follows = in.u8();
    if ((follows & HAS_CHECKPOINT) != 0) {
      stream.checkpoint = in.checkpoint();
    }
    if ((follows & IS_COMPACTED) != 0) {
      stream.compactedEndOffset = in.i64();
    }
    return stream;
  }

  /** Deletions, remembered commands. */
  static FieldWriter back(CatalogState state, FieldWriter out) {
    out.i32(state.deletions.size());
    state.deletions.forEach(out::stream);
    out.i32(state.remembered.size());
    for (Remembered command : state.remembered) {
      out.uuid(command.commandId()).i64(command.position()).i32(command.ranges().size());
      command.ranges().forEach(applied -> out.u8(applied ? 1 : 0));
    }
    return out;
  }

  static void back(CatalogState state, FieldReader in) {
    state.deletions.addAll(in.list(in::stream));
    in.list(() -> new Remembered(in.uuid(), in.i64(), List.copyOf(in.list(() -> in.u8() == 1))))
        .forEach(state::remember);
  }
}
