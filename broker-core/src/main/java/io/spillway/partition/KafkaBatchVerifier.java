package io.spillway.partition;

import io.spillway.wal.PayloadVerifier;
import java.nio.ByteBuffer;
import java.util.zip.CRC32C;

/**
 * Tells the WAL which bytes of a Kafka record batch (magic 2) the batch's own CRC32C covers: all
 * after the CRC field. What it leaves open - base offset, length, leader epoch, magic and the CRC
 * itself - the WAL covers.
 */
public final class KafkaBatchVerifier implements PayloadVerifier {

  private static final int LENGTH_AT = 8;
  private static final int MAGIC_AT = 16;
  private static final int CRC_AT = 17;
  private static final int COVERED_FROM = 21;
  private static final int BYTES_BEFORE_LENGTH_COUNTS = 12;
  private static final byte MAGIC = 2;

  @Override
  public int openBytes(ByteBuffer payload) {
    return isOneBatch(payload) ? COVERED_FROM : payload.remaining();
  }

  @Override
  public boolean intact(ByteBuffer payload, int openBytes) {
    if (openBytes == payload.remaining()) {
      return true;
    }
    if (openBytes != COVERED_FROM || !isOneBatch(payload)) {
      return false;
    }
    CRC32C crc = new CRC32C();
    ByteBuffer covered = payload.duplicate();
    covered.position(payload.position() + COVERED_FROM);
    crc.update(covered);
    return (int) crc.getValue() == payload.getInt(payload.position() + CRC_AT);
  }

  private static boolean isOneBatch(ByteBuffer payload) {
    int start = payload.position();
    return payload.remaining() > COVERED_FROM
        && payload.get(start + MAGIC_AT) == MAGIC
        && payload.getInt(start + LENGTH_AT) + BYTES_BEFORE_LENGTH_COUNTS == payload.remaining();
  }
}
