package io.spillway.catalog;

import io.spillway.catalog.CatalogCommand.AbandonWal;
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
import io.spillway.catalog.CatalogCommand.Trim;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Optional;
import java.util.UUID;

/**
 * A catalog record: the commands that one object of the shared log carries. Version {@value
 * #VERSION}, big-endian.
 *
 * <pre>
 * record:  u16 version, i32 count, then so many commands
 * command: u8 type, i32 length of what follows, uuid command id, the fields in the order of the
 *          record in CatalogCommand
 * fields:  int i32 · long i64 · UUID 2×i64 · StreamId uuid, i32 · WriterIncarnation i32, uuid, i64
 *          StreamToken i32, i32, i64 · WalKind u8 · ObjectRef string, 3×i64 · Checkpoint stream,
 *          i64, i32 length, bytes · Optional u8 0 or 1, then the value · List i32 count, the items
 *          string u16 length, ASCII
 * extent:  stream, u8 key (0 none, 1 the command's object, 2 a string follows), 5×i64, i32
 * </pre>
 *
 * The checksum is the shared log's.
 */
final class CommandCodec {

  static final int VERSION = 1;

  private static final int OPEN_WAL = 1;
  private static final int SEAL_WAL = 2;
  private static final int ABANDON_WAL = 3;
  private static final int CLAIM = 4;
  private static final int CLOSE = 5;
  private static final int RECOVERED = 6;
  private static final int COMMIT = 7;
  private static final int TRIM = 8;
  private static final int REPLACE = 9;
  private static final int DELETE_STREAM = 10;
  private static final int RAISE_ORPHAN_FLOOR = 11;
  private static final int SET_RULE_LEVEL = 12;
  private static final int MERGE = 13;
  private static final int COMPACTED = 14;

  private static final int NO_KEY = 0;
  private static final int COMMAND_KEY = 1;
  private static final int OWN_KEY = 2;

  private CommandCodec() {}

  /** A record of commands that {@link #encode} made. */
  static List<ByteBuffer> record(List<ByteBuffer> commands) {
    FieldWriter out = new FieldWriter().u16(VERSION).i32(commands.size());
    commands.forEach(command -> out.raw(command.duplicate()));
    return out.finish();
  }

  /** One command, its type and length included. */
  static ByteBuffer encode(CatalogCommand command) {
    FieldWriter out = new FieldWriter().uuid(command.commandId());
    int type = encodeFields(command, out);
    int length = out.sizeBytes();
    ByteBuffer encoded = ByteBuffer.allocate(5 + length).put((byte) type).putInt(length);
    out.finish().forEach(encoded::put);
    return encoded.flip();
  }

  /**
   * @param position number of the record, for messages
   * @throws CatalogException when it is not understood
   */
  static List<CatalogCommand> decode(long position, ByteBuffer record) {
    try {
      FieldReader in = new FieldReader(record);
      int version = in.u16();
      if (version != VERSION) {
        throw new CatalogException.TooNew(
            "catalog record "
                + position
                + " has version "
                + version
                + ", this build reads version "
                + VERSION);
      }
      List<CatalogCommand> commands = in.list(() -> command(position, in));
      in.requireEnd();
      return commands;
    } catch (BufferUnderflowException | IllegalArgumentException e) {
      throw new CatalogException.Damaged("catalog record " + position + " is damaged: " + e, e);
    }
  }

  private static CatalogCommand command(long position, FieldReader record) {
    int type = record.u8();
    FieldReader in = new FieldReader(record.part(record.i32()));
    CatalogCommand command = fields(position, type, in.uuid(), in);
    in.requireEnd();
    return command;
  }

  private static int encodeFields(CatalogCommand command, FieldWriter out) {
    if (command instanceof OpenWal c) {
      out.writer(c.writer()).walKind(c.kind());
      return OPEN_WAL;
    } else if (command instanceof SealWal c) {
      out.writer(c.writer());
      return SEAL_WAL;
    } else if (command instanceof AbandonWal c) {
      out.uuid(c.walId());
      return ABANDON_WAL;
    } else if (command instanceof Claim c) {
      out.stream(c.stream()).token(c.token()).writer(c.writer());
      out.i64(c.metadataOffset()).i64(c.localEndOffset());
      return CLAIM;
    } else if (command instanceof Close c) {
      out.stream(c.stream()).writer(c.writer()).i64(c.endOffset());
      return CLOSE;
    } else if (command instanceof Recovered c) {
      out.stream(c.stream()).token(c.claimant()).i64(c.endOffset());
      return RECOVERED;
    } else if (command instanceof Commit c) {
      commit(c, out);
      return COMMIT;
    } else if (command instanceof Trim c) {
      out.stream(c.stream()).writer(c.writer()).i64(c.newLogStartOffset());
      return TRIM;
    } else if (command instanceof Replace c) {
      out.stream(c.stream()).writer(c.writer());
      out.i32(c.objects().size());
      c.objects().forEach(out::object);
      extents(c.oldExtents(), "", out);
      extents(c.newExtents(), "", out);
      return REPLACE;
    } else if (command instanceof Merge c) {
      out.writer(c.writer()).object(c.object());
      extents(c.oldExtents(), "", out);
      extents(c.newExtents(), c.object().key(), out);
      return MERGE;
    } else if (command instanceof Compacted c) {
      out.stream(c.stream()).writer(c.writer()).i64(c.compactedEndOffset());
      return COMPACTED;
    } else if (command instanceof DeleteStream c) {
      out.stream(c.stream()).i64(c.metadataOffset());
      return DELETE_STREAM;
    } else if (command instanceof RaiseOrphanFloor c) {
      out.i64(c.floor());
      return RAISE_ORPHAN_FLOOR;
    } else if (command instanceof SetRuleLevel c) {
      out.i32(c.level());
      return SET_RULE_LEVEL;
    }
    throw new IllegalStateException("no encoding for " + command);
  }

  private static void commit(Commit c, FieldWriter out) {
    out.writer(c.writer()).u8(c.object().isPresent() ? 1 : 0);
    c.object().ifPresent(out::object);
    extents(c.ranges(), c.object().map(ObjectRef::key).orElse(""), out);
    out.i32(c.checkpoints().size());
    c.checkpoints().forEach(out::checkpoint);
    out.i64(c.walTrimPosition());
  }

  private static void extents(List<Extent> extents, String commandKey, FieldWriter out) {
    out.i32(extents.size());
    for (Extent extent : extents) {
      out.stream(extent.stream());
      String key = extent.objectKey();
      if (key.isEmpty()) {
        out.u8(NO_KEY);
      } else if (key.equals(commandKey)) {
        out.u8(COMMAND_KEY);
      } else {
        out.u8(OWN_KEY).string(key);
      }
      out.i64(extent.baseOffset()).i64(extent.endOffset()).i64(extent.maxTimestampMs());
      out.i64(extent.position()).i64(extent.sizeBytes()).i32(extent.batchCount());
    }
  }

  private static CatalogCommand fields(long position, int type, UUID id, FieldReader in) {
    return switch (type) {
      case OPEN_WAL -> new OpenWal(id, in.writer(), in.walKind());
      case SEAL_WAL -> new SealWal(id, in.writer());
      case ABANDON_WAL -> new AbandonWal(id, in.uuid());
      case CLAIM -> new Claim(id, in.stream(), in.token(), in.writer(), in.i64(), in.i64());
      case CLOSE -> new Close(id, in.stream(), in.writer(), in.i64());
      case RECOVERED -> new Recovered(id, in.stream(), in.token(), in.i64());
      case COMMIT -> commit(id, in);
      case TRIM -> new Trim(id, in.stream(), in.writer(), in.i64());
      case REPLACE ->
          new Replace(
              id, in.stream(), in.writer(), in.list(in::object), extents("", in), extents("", in));
      case MERGE -> merge(id, in);
      case COMPACTED -> new Compacted(id, in.stream(), in.writer(), in.i64());
      case DELETE_STREAM -> new DeleteStream(id, in.stream(), in.i64());
      case RAISE_ORPHAN_FLOOR -> new RaiseOrphanFloor(id, in.i64());
      case SET_RULE_LEVEL -> new SetRuleLevel(id, in.i32());
      default ->
          throw new CatalogException.TooNew(
              "catalog record "
                  + position
                  + " holds a command of type "
                  + type
                  + ", which this build does not know; upgrade this broker");
    };
  }

  private static Commit commit(UUID id, FieldReader in) {
    var writer = in.writer();
    Optional<ObjectRef> object = in.u8() == 0 ? Optional.empty() : Optional.of(in.object());
    List<Extent> ranges = extents(object.map(ObjectRef::key).orElse(""), in);
    return new Commit(id, writer, object, ranges, in.list(in::checkpoint), in.i64());
  }

  private static Merge merge(UUID id, FieldReader in) {
    var writer = in.writer();
    ObjectRef object = in.object();
    return new Merge(id, writer, object, extents("", in), extents(object.key(), in));
  }

  private static List<Extent> extents(String commandKey, FieldReader in) {
    return in.list(
        () -> {
          var stream = in.stream();
          String key =
              switch (in.u8()) {
                case NO_KEY -> "";
                case COMMAND_KEY -> commandKey;
                case OWN_KEY -> in.string();
                default -> throw new IllegalArgumentException("no such kind of key");
              };
          return new Extent(
              stream, key, in.i64(), in.i64(), in.i64(), in.i64(), in.i64(), in.i32());
        });
  }
}
