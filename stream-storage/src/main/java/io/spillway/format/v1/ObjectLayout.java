package io.spillway.format.v1;

/**
 * How a data object of format version 1 is laid out. Integers are big-endian; positions count from
 * the start of the object unless said otherwise.
 *
 * <pre>
 * object := data, index, footer
 * data   := for each range: its batches, verbatim, back to back
 *
 * footer: the last 32 bytes. Its size, the place of version, CRC and magic are the same in every
 * version, so that an older reader can name a newer version.
 *   at  0  u64  position of the index
 *   at  8  u32  bytes of the index
 *   at 12  u32  CRC32C over the index
 *   at 16  u32  format version
 *   at 20  u32  CRC32C over bytes 0 to 19 of the footer
 *   at 24  u64  magic, "SPILLOBJ"
 *
 * index := u32 count of ranges; the ranges, ascending by stream; the batch tables
 * range := 68 bytes, then its blocks
 *   at  0  u128 topic id                     at 44  u64  bytes of batches
 *   at 16  u32  partition                    at 52  u32  count of batches
 *   at 20  u64  base offset                  at 56  u64  largest timestamp, ms, or -1
 *   at 28  u64  end offset, exclusive        at 64  u32  count of blocks
 *   at 36  u64  position of the first byte
 * block := 56 bytes: whole batches, about the writer's block size; the unit of reads and of CRCs
 *   at  0  u64  base offset                  at 32  u64  largest timestamp, ms, or -1
 *   at  8  u64  end offset, exclusive        at 40  u32  flags of its batches, or-ed
 *   at 16  u64  position                     at 44  u32  CRC32C over the bytes of the block
 *   at 24  u32  bytes                        at 48  u32  position of its batch table in the index
 *   at 28  u32  count of batches             at 52  u32  bytes of its batch table
 * batch table := for each batch of the block, as unsigned LEB128
 *   base offset - end offset of the batch before (of the block's base offset for the first)
 *   end offset - base offset
 *   bytes
 *   largest timestamp of the block - largest timestamp of the batch
 *   flags
 * </pre>
 *
 * <p>Blocks follow each other without a gap in the data, and so do the blocks of a range. Offsets
 * may have holes (compaction), between batches as between blocks. All offsets are 64 bits wide: a
 * narrower delta would lose data on compacted streams.
 */
final class ObjectLayout {

  static final long MAGIC = 0x5350494c4c4f424aL;
  static final int VERSION = 1;

  static final int FOOTER_BYTES = 32;
  static final int FOOTER_CRC_COVER_BYTES = 20;
  static final int RANGE_BYTES = 68;
  static final int BLOCK_BYTES = 56;

  /**
   * Block flag: the one batch of this block was damaged before it was uploaded. Its bytes here
   * stand in for it, under a CRC that does not match them: whoever reads them finds damage, as they
   * should.
   */
  static final int FLAG_DAMAGED = 1 << 30;

  private ObjectLayout() {}
}
