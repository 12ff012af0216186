package io.spillway.catalog;

import java.nio.ByteBuffer;
import java.util.zip.CRC32;
import java.util.zip.CRC32C;

/**
 * 64 bits that tell a record from another one at the same number, as in a bucket that was set back:
 * records hold random command ids.
 */
final class RecordCheck {

  private RecordCheck() {}

  static long of(ByteBuffer record) {
    CRC32 low = new CRC32();
    low.update(record.duplicate());
    CRC32C high = new CRC32C();
    high.update(record.duplicate());
    long check = high.getValue() << 32 | low.getValue();
    return check == 0 ? 1 : check;
  }
}
