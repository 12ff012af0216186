package io.spillway.catalog;

import io.spillway.catalog.CatalogCommand.Checkpoint;
import io.spillway.catalog.CatalogCommand.ObjectRef;
import io.spillway.catalog.CatalogCommand.StreamToken;
import io.spillway.catalog.CatalogCommand.WalKind;
import io.spillway.catalog.StreamCatalog.Phase;
import io.spillway.catalog.StreamCatalog.WalPhase;
import io.spillway.wal.StreamId;
import io.spillway.wal.WriterIncarnation;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;

/** Writes big-endian fields into as many buffers as it takes. The counterpart of FieldReader. */
final class FieldWriter {

  private static final int CHUNK_BYTES = 64 * 1024;
  private static final int FIRST_CHUNK_BYTES = 512;

  private final List<ByteBuffer> full = new ArrayList<>();
  private ByteBuffer chunk = ByteBuffer.allocate(FIRST_CHUNK_BYTES);
  private int fullBytes;

  FieldWriter u8(int value) {
    room(1).put((byte) value);
    return this;
  }

  FieldWriter u16(int value) {
    room(2).putShort((short) value);
    return this;
  }

  FieldWriter i32(int value) {
    room(4).putInt(value);
    return this;
  }

  FieldWriter i64(long value) {
    room(8).putLong(value);
    return this;
  }

  FieldWriter uuid(UUID id) {
    return i64(id.getMostSignificantBits()).i64(id.getLeastSignificantBits());
  }

  /** ASCII, at most 65,535 characters. */
  FieldWriter string(String text) {
    byte[] ascii = text.getBytes(StandardCharsets.US_ASCII);
    if (ascii.length > 0xFFFF) {
      throw new IllegalArgumentException("too long a name: " + ascii.length + " characters");
    }
    return u16(ascii.length).raw(ByteBuffer.wrap(ascii));
  }

  FieldWriter bytes(ByteBuffer value) {
    return i32(value.remaining()).raw(value.duplicate());
  }

  FieldWriter raw(ByteBuffer value) {
    while (value.hasRemaining()) {
      ByteBuffer into = room(1);
      int count = Math.min(into.remaining(), value.remaining());
      into.put(value.slice(value.position(), count));
      value.position(value.position() + count);
    }
    return this;
  }

  FieldWriter stream(StreamId id) {
    return uuid(id.topicId()).i32(id.partition());
  }

  FieldWriter writer(WriterIncarnation writer) {
    return i32(writer.nodeId()).uuid(writer.walId()).i64(writer.incarnation());
  }

  FieldWriter token(StreamToken token) {
    return i32(token.leaderEpoch()).i32(token.nodeId()).i64(token.incarnation());
  }

  FieldWriter object(ObjectRef object) {
    return string(object.key())
        .i64(object.birth())
        .i64(object.sizeBytes())
        .i64(object.indexPosition());
  }

  FieldWriter checkpoint(Checkpoint checkpoint) {
    return stream(checkpoint.stream()).i64(checkpoint.offset()).bytes(checkpoint.state());
  }

  FieldWriter walKind(WalKind kind) {
    return u8(
        switch (kind) {
          case LOCAL -> 0;
          case OBJECT -> 1;
        });
  }

  FieldWriter walPhase(WalPhase phase) {
    return u8(
        switch (phase) {
          case OPEN -> 0;
          case SEALED -> 1;
          case ABANDONED -> 2;
        });
  }

  FieldWriter phase(Phase phase) {
    return u8(
        switch (phase) {
          case CLOSED -> 0;
          case OPEN -> 1;
          case CLOSING -> 2;
          case DELETED -> 3;
        });
  }

  int sizeBytes() {
    return fullBytes + chunk.position();
  }

  /** What was written. The writer is done. */
  List<ByteBuffer> finish() {
    full.add(chunk.flip());
    return full;
  }

  /** The same in one array. */
  byte[] finishArray() {
    ByteBuffer whole = ByteBuffer.allocate(sizeBytes());
    finish().forEach(whole::put);
    return whole.array();
  }

  private ByteBuffer room(int bytes) {
    if (chunk.remaining() < bytes) {
      fullBytes += chunk.position();
      full.add(chunk.flip());
      chunk = ByteBuffer.allocate(CHUNK_BYTES);
    }
    return chunk;
  }
}
