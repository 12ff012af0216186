package io.spillway.objectwal;

import io.spillway.wal.Batch;
import io.spillway.wal.PayloadVerifier;
import io.spillway.wal.WalException;
import io.spillway.wal.WriteAheadLog.RecoveredFrameVisitor;
import io.spillway.wal.WriterIncarnation;
import io.spillway.wal.format.FrameHeader;
import java.nio.ByteBuffer;
import java.util.UUID;
import java.util.zip.CRC32C;

/**
 * The first 128 bytes of an object of a chain, version 1. A block goes on with frames without gaps,
 * each as {@link FrameHeader} says; a frame's position is {@link ChainPosition}. A fence has
 * nothing but the header, so that a listing tells the two apart by size. Integers are big-endian.
 *
 * <table>
 * <caption>Layout</caption>
 * <tr><th>byte</th><th>type</th><th>field</th><th>meaning, unit</th></tr>
 * <tr><td>0</td><td>u32</td><td>magic</td><td>{@code SWLC}, in every version</td></tr>
 * <tr><td>4</td><td>u16</td><td>version</td><td>1, in every version at this place</td></tr>
 * <tr><td>6</td><td>u16</td><td>kind</td><td>1: block; 2: fence</td></tr>
 * <tr><td>8</td><td>i32</td><td>nodeId</td><td>of the maker: the chain's writer, or who fenced
 *     it</td></tr>
 * <tr><td>12</td><td>i32</td><td>frameCount</td><td>frames; 0 in a fence</td></tr>
 * <tr><td>16</td><td>16 bytes</td><td>chainId</td><td>UUID of the WAL whose chain it is</td></tr>
 * <tr><td>32</td><td>16 bytes</td><td>walId</td><td>UUID of the maker's WAL; in a block the
 *     chain's</td></tr>
 * <tr><td>48</td><td>i64</td><td>incarnation</td><td>of the maker</td></tr>
 * <tr><td>56</td><td>i64</td><td>number</td><td>of this object in the chain</td></tr>
 * <tr><td>64</td><td>16 bytes</td><td>objectId</td><td>unique to the create (P5)</td></tr>
 * <tr><td>80</td><td>i64</td><td>writtenAtMs</td><td>wall clock, for people only</td></tr>
 * <tr><td>88</td><td>i32</td><td>lengthBytes</td><td>of the object</td></tr>
 * <tr><td>92</td><td>32 bytes</td><td>reserved</td><td>zero</td></tr>
 * <tr><td>124</td><td>u32</td><td>crc</td><td>CRC32C of bytes 0–123, in every version</td></tr>
 * </table>
 *
 * <p>Frames have checksums of their own, which include their position and incarnation: together
 * with {@code frameCount} and {@code lengthBytes} they bind the whole block.
 *
 * @param maker the chain's writer, or who fenced it
 */
public record ChainObject(
    Kind kind,
    UUID chainId,
    WriterIncarnation maker,
    long number,
    UUID objectId,
    int frameCount,
    long writtenAtMs,
    int lengthBytes) {

  public static final int HEADER_BYTES = 128;
  public static final int VERSION = 1;

  private static final int MAGIC = 0x53574C43;
  private static final int VERSION_AT = 4;
  private static final int KIND_AT = 6;
  private static final int NODE_ID_AT = 8;
  private static final int FRAME_COUNT_AT = 12;
  private static final int CHAIN_ID_AT = 16;
  private static final int WAL_ID_AT = 32;
  private static final int INCARNATION_AT = 48;
  private static final int NUMBER_AT = 56;
  private static final int OBJECT_ID_AT = 64;
  private static final int WRITTEN_AT_AT = 80;
  private static final int LENGTH_AT = 88;
  private static final int RESERVED_AT = 92;
  private static final int CRC_AT = 124;

  /** What an object of a chain is. */
  public enum Kind {
    BLOCK(1),
    FENCE(2);

    private final short code;

    Kind(int code) {
      this.code = (short) code;
    }
  }

  boolean isFence() {
    return kind == Kind.FENCE;
  }

  String key() {
    return ChainKeys.key(chainId, number);
  }

  /** Writes the header at index 0; leaves position and limit alone. */
  void write(ByteBuffer object, CRC32C crc) {
    object.putInt(0, MAGIC);
    object.putShort(VERSION_AT, (short) VERSION);
    object.putShort(KIND_AT, kind.code);
    object.putInt(NODE_ID_AT, maker.nodeId());
    object.putInt(FRAME_COUNT_AT, frameCount);
    putId(object, CHAIN_ID_AT, chainId);
    putId(object, WAL_ID_AT, maker.walId());
    object.putLong(INCARNATION_AT, maker.incarnation());
    object.putLong(NUMBER_AT, number);
    putId(object, OBJECT_ID_AT, objectId);
    object.putLong(WRITTEN_AT_AT, writtenAtMs);
    object.putInt(LENGTH_AT, lengthBytes);
    for (int at = RESERVED_AT; at < CRC_AT; at += Integer.BYTES) {
      object.putInt(at, 0);
    }
    object.putInt(CRC_AT, crcOf(object, crc));
  }

  /**
   * Reads the header that the object at that place must have.
   *
   * @param object its first bytes, at least the header when it is whole
   * @throws WalException.NewerFormat when a newer build wrote it
   * @throws WalException.Corrupt when it is not a header, or another object's
   */
  static ChainObject read(UUID chainId, long number, ByteBuffer object) {
    String key = ChainKeys.key(chainId, number);
    ByteBuffer header = object.slice();
    if (header.remaining() < HEADER_BYTES) {
      throw corrupt(key, "it has " + header.remaining() + " bytes, a header has " + HEADER_BYTES);
    }
    if (header.getInt(0) != MAGIC) {
      throw corrupt(key, "it does not begin with the mark of a WAL object");
    }
    if (header.getInt(CRC_AT) != crcOf(header, new CRC32C())) {
      throw corrupt(key, "the checksum of its header does not match");
    }
    int version = Short.toUnsignedInt(header.getShort(VERSION_AT));
    if (version > VERSION) {
      throw new WalException.NewerFormat(
          key + " has format version " + version + ", this build reads version " + VERSION);
    }
    ChainObject found = parse(key, header);
    if (!found.chainId.equals(chainId) || found.number != number) {
      throw corrupt(key, "it states number " + found.number + " of WAL " + found.chainId);
    }
    if (found.lengthBytes < HEADER_BYTES
        || found.frameCount < 0
        || found.isFence() != (found.lengthBytes == HEADER_BYTES)) {
      throw corrupt(
          key, "it states " + found.frameCount + " frames in " + found.lengthBytes + " bytes");
    }
    return found;
  }

  private static ChainObject parse(String key, ByteBuffer header) {
    short code = header.getShort(KIND_AT);
    for (Kind kind : Kind.values()) {
      if (kind.code == code) {
        return new ChainObject(
            kind,
            id(header, CHAIN_ID_AT),
            new WriterIncarnation(
                header.getInt(NODE_ID_AT), id(header, WAL_ID_AT), header.getLong(INCARNATION_AT)),
            header.getLong(NUMBER_AT),
            id(header, OBJECT_ID_AT),
            header.getInt(FRAME_COUNT_AT),
            header.getLong(WRITTEN_AT_AT),
            header.getInt(LENGTH_AT));
      }
    }
    throw corrupt(key, "it states kind " + code);
  }

  /**
   * Shows the frames of the block that this header heads, each verified.
   *
   * @param object all of its bytes
   * @throws WalException.Corrupt naming the object and the byte
   */
  void forEachFrame(ByteBuffer object, PayloadVerifier verifier, RecoveredFrameVisitor visitor) {
    ByteBuffer block = object.slice();
    if (block.remaining() != lengthBytes) {
      throw corrupt(key(), "expected " + lengthBytes + " bytes, found " + block.remaining());
    }
    CRC32C crc = new CRC32C();
    int at = HEADER_BYTES;
    for (int i = 0; i < frameCount; i++) {
      long position = ChainPosition.of(number, at);
      String defect = FrameHeader.defect(block, at, lengthBytes, position, verifier, crc);
      if (defect != null) {
        throw corrupt(key(), "at byte " + at + " " + defect);
      }
      Batch batch = FrameHeader.batch(block, at);
      visitor.onFrame(position + FrameHeader.BYTES, batch);
      at += Math.toIntExact(FrameHeader.frameBytes(batch.sizeBytes()));
    }
    if (at != lengthBytes) {
      throw corrupt(key(), "its " + frameCount + " frames end at byte " + at);
    }
  }

  private static WalException.Corrupt corrupt(String key, String what) {
    return new WalException.Corrupt(key + " is damaged: " + what);
  }

  private static void putId(ByteBuffer buffer, int at, UUID id) {
    buffer.putLong(at, id.getMostSignificantBits());
    buffer.putLong(at + Long.BYTES, id.getLeastSignificantBits());
  }

  private static UUID id(ByteBuffer buffer, int at) {
    return new UUID(buffer.getLong(at), buffer.getLong(at + Long.BYTES));
  }

  private static int crcOf(ByteBuffer header, CRC32C crc) {
    crc.reset();
    crc.update(header.slice(0, CRC_AT));
    return (int) crc.getValue();
  }
}
