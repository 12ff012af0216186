package io.spillway.sharedlog;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.zip.CRC32C;

/**
 * What a log puts into an object. Big-endian; version {@value #VERSION}.
 *
 * <pre>
 * byte  type  field
 *    0  u32   magic "SPLG"
 *    4  u16   version
 *    6  u16   kind: 1 record, 2 checkpoint
 *    8  i64   number of the record, or of the last record that the checkpoint includes
 *   16  2×i64 cluster id
 *   32  2×i64 object id: unique to the create that made the object (P5)
 *   48  i64   length of the body in bytes
 *   56  u32   CRC32C of bytes 0 to 55 and of the body
 *   60        body
 * </pre>
 *
 * <p>Magic, version, length and checksum keep their places in every version, and so does what the
 * checksum covers: only an object whose checksum holds is believed to be of a newer version.
 */
record LogObject(Kind kind, long number, UUID clusterId, UUID objectId, ByteBuffer body) {

  static final int HEADER_BYTES = 60;
  static final int VERSION = 1;
  private static final int MAGIC = 0x53504C47;
  private static final int VERSION_POSITION = 4;
  private static final int CRC_POSITION = 56;

  enum Kind {
    RECORD(1),
    CHECKPOINT(2);

    private final short code;

    Kind(int code) {
      this.code = (short) code;
    }
  }

  /** The object's bytes: a header of its own, then the body's buffers, which are not copied. */
  static List<ByteBuffer> encode(
      Kind kind, long number, UUID clusterId, UUID objectId, List<ByteBuffer> body) {
    long length = 0;
    for (ByteBuffer buffer : body) {
      length += buffer.remaining();
    }
    ByteBuffer header = ByteBuffer.allocate(HEADER_BYTES);
    header.putInt(MAGIC).putShort((short) VERSION).putShort(kind.code).putLong(number);
    putId(header, clusterId);
    putId(header, objectId);
    header.putLong(length);
    CRC32C crc = new CRC32C();
    crc.update(header.duplicate().flip());
    for (ByteBuffer buffer : body) {
      crc.update(buffer.duplicate());
    }
    header.putInt((int) crc.getValue()).flip();
    List<ByteBuffer> object = new ArrayList<>(body.size() + 1);
    object.add(header);
    object.addAll(body);
    return object;
  }

  /**
   * Bytes that the object has in all, from its first {@value #HEADER_BYTES} bytes.
   *
   * @throws SharedLogException when this is no header
   */
  static long totalBytes(String key, ByteBuffer start) {
    if (start.remaining() < HEADER_BYTES) {
      throw corrupt(key, "it has " + start.remaining() + " bytes, a header has " + HEADER_BYTES);
    }
    int at = start.position();
    if (start.getInt(at) != MAGIC) {
      throw corrupt(key, "it does not begin with the mark of a log object");
    }
    long length = start.getLong(at + 48);
    if (length < 0 || length > Integer.MAX_VALUE - HEADER_BYTES) {
      throw corrupt(key, "it states a body of " + length + " bytes");
    }
    return HEADER_BYTES + length;
  }

  /**
   * @param whole the object's bytes, all of them
   * @throws SharedLogException when they are not what {@link #encode} made for that kind and number
   */
  static LogObject decode(String key, Kind kind, long number, ByteBuffer whole) {
    long expected = totalBytes(key, whole);
    if (whole.remaining() != expected) {
      throw corrupt(key, "expected " + expected + " bytes, found " + whole.remaining());
    }
    ByteBuffer header = whole.slice(whole.position(), HEADER_BYTES);
    ByteBuffer body =
        whole
            .slice(whole.position() + HEADER_BYTES, whole.remaining() - HEADER_BYTES)
            .asReadOnlyBuffer();
    CRC32C crc = new CRC32C();
    crc.update(header.slice(0, CRC_POSITION));
    crc.update(body.duplicate());
    if ((int) crc.getValue() != header.getInt(CRC_POSITION)) {
      throw corrupt(key, "its checksum does not match its bytes");
    }
    int version = Short.toUnsignedInt(header.getShort(VERSION_POSITION));
    if (version != VERSION) {
      throw new SharedLogException.Foreign(
          key + " has format version " + version + ", this build reads version " + VERSION);
    }
    if (header.getShort(6) != kind.code) {
      throw corrupt(key, "expected kind " + kind.code + ", found " + header.getShort(6));
    }
    if (header.getLong(8) != number) {
      throw corrupt(key, "expected number " + number + ", found " + header.getLong(8));
    }
    return new LogObject(
        kind,
        number,
        new UUID(header.getLong(16), header.getLong(24)),
        new UUID(header.getLong(32), header.getLong(40)),
        body);
  }

  private static void putId(ByteBuffer header, UUID id) {
    header.putLong(id.getMostSignificantBits()).putLong(id.getLeastSignificantBits());
  }

  private static SharedLogException corrupt(String key, String what) {
    return new SharedLogException.Corrupt(key + " is damaged: " + what);
  }
}
