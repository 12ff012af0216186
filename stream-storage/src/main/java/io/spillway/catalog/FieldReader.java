package io.spillway.catalog;

import io.spillway.catalog.CatalogCommand.Checkpoint;
import io.spillway.catalog.CatalogCommand.ObjectRef;
import io.spillway.catalog.CatalogCommand.StreamToken;
import io.spillway.catalog.CatalogCommand.WalKind;
import io.spillway.catalog.StreamCatalog.Phase;
import io.spillway.catalog.StreamCatalog.WalPhase;
import io.spillway.wal.StreamId;
import io.spillway.wal.WriterIncarnation;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.function.Supplier;

/**
 * Reads what FieldWriter wrote. Throws {@link BufferUnderflowException} or {@link
 * IllegalArgumentException} on anything else; a count is never believed before the bytes are there.
 */
final class FieldReader {

  private final ByteBuffer bytes;

  FieldReader(ByteBuffer bytes) {
    this.bytes = bytes.duplicate();
  }

  /** Where the next field begins. */
  int position() {
    return bytes.position();
  }

  /** Another reader of the same bytes that begins there. */
  FieldReader at(int position) {
    FieldReader other = new FieldReader(bytes);
    other.bytes.position(position);
    return other;
  }

  int u8() {
    return Byte.toUnsignedInt(bytes.get());
  }

  int u16() {
    return Short.toUnsignedInt(bytes.getShort());
  }

  int i32() {
    return bytes.getInt();
  }

  long i64() {
    return bytes.getLong();
  }

  UUID uuid() {
    return new UUID(i64(), i64());
  }

  String string() {
    return StandardCharsets.US_ASCII.decode(part(u16())).toString();
  }

  /** A copy. */
  ByteBuffer bytes() {
    ByteBuffer part = part(i32());
    return ByteBuffer.allocate(part.remaining()).put(part).flip().asReadOnlyBuffer();
  }

  /** A view of the next bytes. */
  ByteBuffer part(int length) {
    if (length < 0 || length > bytes.remaining()) {
      throw new BufferUnderflowException();
    }
    ByteBuffer part = bytes.slice(bytes.position(), length);
    bytes.position(bytes.position() + length);
    return part;
  }

  /** A count of items of at least one byte each, which follow. */
  int count() {
    int count = i32();
    if (count < 0 || count > bytes.remaining()) {
      throw new BufferUnderflowException();
    }
    return count;
  }

  /** A count, then so many items of at least one byte each. */
  <T> List<T> list(Supplier<T> item) {
    int count = count();
    List<T> items = new ArrayList<>(count);
    for (int i = 0; i < count; i++) {
      items.add(item.get());
    }
    return items;
  }

  StreamId stream() {
    return new StreamId(uuid(), i32());
  }

  WriterIncarnation writer() {
    return new WriterIncarnation(i32(), uuid(), i64());
  }

  StreamToken token() {
    return new StreamToken(i32(), i32(), i64());
  }

  ObjectRef object() {
    return new ObjectRef(string(), i64(), i64(), i64());
  }

  Checkpoint checkpoint() {
    return new Checkpoint(stream(), i64(), bytes());
  }

  WalKind walKind() {
    return switch (u8()) {
      case 0 -> WalKind.LOCAL;
      case 1 -> WalKind.OBJECT;
      default -> throw new IllegalArgumentException("no such kind of WAL");
    };
  }

  WalPhase walPhase() {
    return switch (u8()) {
      case 0 -> WalPhase.OPEN;
      case 1 -> WalPhase.SEALED;
      case 2 -> WalPhase.ABANDONED;
      default -> throw new IllegalArgumentException("no such phase of a WAL");
    };
  }

  Phase phase() {
    return switch (u8()) {
      case 0 -> Phase.CLOSED;
      case 1 -> Phase.OPEN;
      case 2 -> Phase.CLOSING;
      case 3 -> Phase.DELETED;
      default -> throw new IllegalArgumentException("no such phase of a stream");
    };
  }

  void requireEnd() {
    if (bytes.hasRemaining()) {
      throw new IllegalArgumentException(bytes.remaining() + " bytes too many");
    }
  }
}
