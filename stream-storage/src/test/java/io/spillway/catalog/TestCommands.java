package io.spillway.catalog;

import io.spillway.catalog.CatalogCommand.AbandonWal;
import io.spillway.catalog.CatalogCommand.Checkpoint;
import io.spillway.catalog.CatalogCommand.Claim;
import io.spillway.catalog.CatalogCommand.Close;
import io.spillway.catalog.CatalogCommand.Commit;
import io.spillway.catalog.CatalogCommand.Compacted;
import io.spillway.catalog.CatalogCommand.DeleteStream;
import io.spillway.catalog.CatalogCommand.Extent;
import io.spillway.catalog.CatalogCommand.Merge;
import io.spillway.catalog.CatalogCommand.ObjectRef;
import io.spillway.catalog.CatalogCommand.OpenWal;
import io.spillway.catalog.CatalogCommand.RaiseOrphanFloor;
import io.spillway.catalog.CatalogCommand.Recovered;
import io.spillway.catalog.CatalogCommand.Replace;
import io.spillway.catalog.CatalogCommand.SealWal;
import io.spillway.catalog.CatalogCommand.SetRuleLevel;
import io.spillway.catalog.CatalogCommand.StreamToken;
import io.spillway.catalog.CatalogCommand.Trim;
import io.spillway.catalog.CatalogCommand.WalKind;
import io.spillway.wal.StreamId;
import io.spillway.wal.WriterIncarnation;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Optional;
import java.util.UUID;

/** Short ways to say commands; each gets an id of its own. */
final class TestCommands {

  static final StreamId S1 = new StreamId(new UUID(5, 5), 1);
  static final StreamId S2 = new StreamId(new UUID(5, 5), 2);
  static final StreamId S3 = new StreamId(new UUID(5, 6), 0);

  private long nextId;

  TestCommands() {
    this(1);
  }

  TestCommands(long firstId) {
    this.nextId = firstId;
  }

  static WriterIncarnation writer(int node, long wal, long incarnation) {
    return new WriterIncarnation(node, new UUID(9, wal), incarnation);
  }

  static StreamToken token(int epoch, WriterIncarnation writer) {
    return new StreamToken(epoch, writer.nodeId(), writer.incarnation());
  }

  static ObjectRef object(String key, long birth) {
    return new ObjectRef(key, birth, 1_000, 900);
  }

  static Extent extent(StreamId stream, String key, long base, long end) {
    return new Extent(stream, key, base, end, base * 10, base, end - base, 1);
  }

  OpenWal openInBucket(WriterIncarnation writer) {
    return new OpenWal(id(), writer, WalKind.OBJECT);
  }

  OpenWal open(WriterIncarnation writer) {
    return new OpenWal(id(), writer, WalKind.LOCAL);
  }

  SealWal seal(WriterIncarnation writer) {
    return new SealWal(id(), writer);
  }

  AbandonWal abandon(WriterIncarnation writer) {
    return new AbandonWal(id(), writer.walId());
  }

  Claim claim(StreamId stream, int epoch, WriterIncarnation writer) {
    return claim(stream, epoch, writer, epoch, -1);
  }

  Claim claim(StreamId stream, int epoch, WriterIncarnation writer, long metadata, long localEnd) {
    return new Claim(id(), stream, token(epoch, writer), writer, metadata, localEnd);
  }

  Close close(StreamId stream, WriterIncarnation writer, long end) {
    return new Close(id(), stream, writer, end);
  }

  Recovered recovered(StreamId stream, StreamToken claimant, long end) {
    return new Recovered(id(), stream, claimant, end);
  }

  Commit commit(WriterIncarnation writer, String key, long birth, long trim, Extent... ranges) {
    return new Commit(
        id(), writer, Optional.of(object(key, birth)), List.of(ranges), List.of(), trim);
  }

  Commit commit(WriterIncarnation writer, String key, Extent... ranges) {
    return commit(writer, key, 0, 0, ranges);
  }

  Commit checkpoint(WriterIncarnation writer, StreamId stream, long offset, String state) {
    Checkpoint checkpoint =
        new Checkpoint(
            stream,
            offset,
            ByteBuffer.wrap(state.getBytes(java.nio.charset.StandardCharsets.UTF_8)));
    return new Commit(id(), writer, Optional.empty(), List.of(), List.of(checkpoint), 0);
  }

  Trim trim(StreamId stream, WriterIncarnation writer, long to) {
    return new Trim(id(), stream, writer, to);
  }

  Replace replace(
      StreamId stream,
      WriterIncarnation writer,
      List<ObjectRef> objects,
      List<Extent> old,
      List<Extent> by) {
    return new Replace(id(), stream, writer, objects, old, by);
  }

  Merge merge(WriterIncarnation writer, String key, long birth, List<Extent> old, List<Extent> by) {
    return new Merge(id(), writer, object(key, birth), old, by);
  }

  Compacted compacted(StreamId stream, WriterIncarnation writer, long endOffset) {
    return new Compacted(id(), stream, writer, endOffset);
  }

  DeleteStream delete(StreamId stream, long metadata) {
    return new DeleteStream(id(), stream, metadata);
  }

  RaiseOrphanFloor raise(long floor) {
    return new RaiseOrphanFloor(id(), floor);
  }

  SetRuleLevel level(int level) {
    return new SetRuleLevel(id(), level);
  }

  UUID id() {
    return new UUID(7, nextId++);
  }
}
