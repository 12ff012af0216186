package io.spillway.catalog;

import io.spillway.catalog.CatalogCommand.Extent;
import io.spillway.catalog.CatalogCommand.ObjectRef;
import io.spillway.catalog.CatalogCommand.StreamToken;
import io.spillway.catalog.CatalogState.ObjectEntry;
import io.spillway.catalog.CatalogState.Remembered;
import io.spillway.catalog.StreamCatalog.EpochStart;
import io.spillway.catalog.StreamCatalog.Phase;
import io.spillway.catalog.StreamCatalog.WalState;
import io.spillway.wal.StreamId;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * The whole state as bytes: equal states give equal bytes. Version {@value #VERSION}, big-endian,
 * field types as in {@link CommandCodec}.
 *
 * <pre>
 * u16 version, i32 rule level, i64 orphan floor
 * WALs by id:       writer, u8 kind, u8 phase, i64 trim position
 * objects by key:   object
 * streams by id:    stream, u8 phase, token, writer, u8 claimed [token, writer], i64 log start,
 *                   i64 committed end, i64 metadata offset, epochs (i32, i64),
 *                   u8 has checkpoint [checkpoint],
 *                   extents (i32 index of the object, 5×i64, i32)
 * deletions in order: stream
 * remembered commands in order: uuid, i64 position, ranges (u8)
 * </pre>
 */
final class CheckpointCodec {

  static final int VERSION = 1;

  private CheckpointCodec() {}

  static List<ByteBuffer> encode(CatalogState state) {
    FieldWriter out = new FieldWriter().u16(VERSION).i32(state.ruleLevel).i64(state.orphanFloor);
    out.i32(state.wals.size());
    for (WalState wal : state.wals.values()) {
      out.writer(wal.writer()).walKind(wal.kind()).walPhase(wal.phase());
      out.i64(wal.trimPosition());
    }
    out.i32(state.objects.size());
    Map<String, Integer> objectIndex = new HashMap<>();
    for (ObjectEntry object : state.objects.values()) {
      objectIndex.put(object.ref.key(), objectIndex.size());
      out.object(object.ref);
    }
    out.i32(state.streams.size());
    for (StreamEntry stream : state.streams.values()) {
      stream(stream, objectIndex, out);
    }
    out.i32(state.deletions.size());
    state.deletions.forEach(out::stream);
    out.i32(state.remembered.size());
    for (Remembered command : state.remembered) {
      out.uuid(command.commandId()).i64(command.position()).i32(command.ranges().size());
      command.ranges().forEach(applied -> out.u8(applied ? 1 : 0));
    }
    return out.finish();
  }

  private static void stream(
      StreamEntry stream, Map<String, Integer> objectIndex, FieldWriter out) {
    out.stream(stream.id).phase(stream.phase).token(stream.token).writer(stream.writer);
    if (stream.claimant != null && stream.claimantWriter != null) {
      out.u8(1).token(stream.claimant).writer(stream.claimantWriter);
    } else {
      out.u8(0);
    }
    out.i64(stream.logStartOffset).i64(stream.committedEndOffset).i64(stream.metadataOffset);
    out.i32(stream.epochs.size());
    stream.epochs.forEach(epoch -> out.i32(epoch.leaderEpoch()).i64(epoch.startOffset()));
    if (stream.checkpoint != null) {
      out.u8(1).checkpoint(stream.checkpoint);
    } else {
      out.u8(0);
    }
    out.i32(stream.extents().size());
    for (Extent extent : stream.extents()) {
      out.i32(Objects.requireNonNull(objectIndex.get(extent.objectKey())));
      out.i64(extent.baseOffset()).i64(extent.endOffset()).i64(extent.maxTimestampMs());
      out.i64(extent.position()).i64(extent.sizeBytes()).i32(extent.batchCount());
    }
  }

  /**
   * @param position number of the checkpoint, for messages
   * @throws CatalogException when it is not understood
   */
  static CatalogState decode(long position, ByteBuffer bytes) {
    FieldReader in = new FieldReader(bytes);
    try {
      int version = in.u16();
      if (version != VERSION) {
        throw new CatalogException.TooNew(
            "catalog checkpoint "
                + position
                + " has version "
                + version
                + ", this build reads version "
                + VERSION);
      }
      CatalogState state = state(in);
      in.requireEnd();
      if (state.ruleLevel > CatalogState.MAX_RULE_LEVEL) {
        throw new CatalogException.TooNew(
            "catalog checkpoint "
                + position
                + " has rule level "
                + state.ruleLevel
                + ", this build knows level "
                + CatalogState.MAX_RULE_LEVEL
                + "; upgrade this broker");
      }
      return state;
    } catch (BufferUnderflowException | IllegalArgumentException | IndexOutOfBoundsException e) {
      throw new CatalogException.Damaged("catalog checkpoint " + position + " is damaged: " + e, e);
    }
  }

  private static CatalogState state(FieldReader in) {
    CatalogState state = new CatalogState();
    state.ruleLevel = in.i32();
    state.orphanFloor = in.i64();
    List<WalState> wals =
        in.list(() -> new WalState(in.writer(), in.walKind(), in.walPhase(), in.i64()));
    wals.forEach(wal -> state.wals.put(wal.writer().walId(), wal));
    List<ObjectRef> objects = in.list(in::object);
    objects.forEach(object -> state.objects.put(object.key(), new ObjectEntry(object)));
    in.list(() -> stream(in, objects, state));
    state.deletions.addAll(in.list(in::stream));
    in.list(() -> new Remembered(in.uuid(), in.i64(), List.copyOf(in.list(() -> in.u8() == 1))))
        .forEach(state::remember);
    return state;
  }

  private static StreamEntry stream(FieldReader in, List<ObjectRef> objects, CatalogState state) {
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
    if (in.u8() == 1) {
      stream.checkpoint = in.checkpoint();
    }
    List<Extent> extents = in.list(() -> extent(in, id, objects));
    for (Extent extent : extents) {
      stream.addExtent(extent);
      Objects.requireNonNull(state.objects.get(extent.objectKey())).references++;
    }
    state.streams.put(id, stream);
    return stream;
  }

  private static Extent extent(FieldReader in, StreamId stream, List<ObjectRef> objects) {
    ObjectRef object = objects.get(in.i32());
    return new Extent(
        stream, object.key(), in.i64(), in.i64(), in.i64(), in.i64(), in.i64(), in.i32());
  }
}
