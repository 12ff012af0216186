package io.spillway.wal.format;

import io.spillway.wal.Batch;
import io.spillway.wal.PayloadVerifier;
import io.spillway.wal.WalConfig;
import io.spillway.wal.WalException;
import io.spillway.wal.WriteAheadLog.RecoveredFrameVisitor;
import io.spillway.wal.device.ReadableFile;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/**
 * Follows the chain of blocks through the segments and says where it ends, and whether it ends
 * there by a crash or by damage (P27).
 *
 * <p>The next block stands where the last one ended, or at the start of the next segment when its
 * {@code previousEnd} says that the rest of this one was skipped. It must be valid in every byte,
 * state its own position, and be of the same incarnation, or of a higher one that begins right
 * here. What a recycled file still holds from before fails on position; what an incarnation wrote
 * beyond its recovered end fails on incarnation.
 *
 * <p>Where no block continues the chain, it ends: writes that were under way at a crash may be
 * missing or torn. But no block can state that more was durable than what the chain holds: if one
 * does, later in the files, something durable is gone.
 *
 * <p>One thread; reads block.
 */
public final class BlockScanner {

  private static final int PAGE = WalConfig.ALIGNMENT_BYTES;

  /**
   * What was durable and is not there any more.
   *
   * @param file where the chain breaks
   * @param byteOffset in the file
   * @param position in the WAL
   * @param reason what is wrong there
   * @param provenBy position of a later block that states more was durable
   */
  public record Damage(String file, long byteOffset, long position, String reason, long provenBy) {

    @Override
    public String toString() {
      return "file "
          + file
          + " is damaged at byte "
          + byteOffset
          + " (position "
          + position
          + "): "
          + reason
          + "; the block at position "
          + provenBy
          + " proves that this was durable";
    }
  }

  private final List<ScannedSegment> segments;
  private final UUID walId;
  private final PayloadVerifier verifier;
  private final BlockWindow window;
  private final CRC32C crc = new CRC32C();
  private int segmentIndex;
  private long endPosition;
  private long incarnation = -1;
  private long provenDurable;
  private long statedTrim;
  private @Nullable BlockHeader header;
  private @Nullable ByteBuffer block;
  private String stopReason = "nothing was read yet";

  /**
   * @param segments by position; the scan begins with the first block of the first one
   */
  public BlockScanner(
      List<ScannedSegment> segments, UUID walId, PayloadVerifier verifier, BlockWindow window) {
    if (segments.isEmpty()) {
      throw new IllegalArgumentException("no segments to scan");
    }
    this.segments = List.copyOf(segments);
    this.walId = walId;
    this.verifier = verifier;
    this.window = window;
    this.endPosition = segments.get(0).base();
    this.provenDurable = endPosition;
  }

  /**
   * Who wrote the first valid block that starts a segment; its incarnation need not be the newest.
   * Falls back to any valid block, so that a damaged start is not taken for an empty WAL.
   *
   * @throws WalException.NewerFormat when a newer build wrote it
   */
  public static Optional<BlockHeader> identify(List<ScannedSegment> segments, BlockWindow window)
      throws IOException {
    CRC32C crc = new CRC32C();
    for (ScannedSegment segment : segments) {
      BlockHeader header = headerAt(segment, 0, window, crc);
      if (header != null) {
        return Optional.of(header);
      }
    }
    for (ScannedSegment segment : segments) {
      for (long at = PAGE; at + PAGE <= segment.file().sizeBytes(); at += PAGE) {
        BlockHeader header = headerAt(segment, at, window, crc);
        if (header != null) {
          return Optional.of(header);
        }
      }
    }
    return Optional.empty();
  }

  /** Whether the segment starts with a valid block header of this WAL. */
  public static boolean startsWithBlock(ScannedSegment segment, UUID walId, BlockWindow window)
      throws IOException {
    BlockHeader header = headerAt(segment, 0, window, new CRC32C());
    return header != null && header.walId().equals(walId);
  }

  /** Moves to the next block of the chain; false where the chain ends. */
  public boolean next() throws IOException {
    ScannedSegment segment = segments.get(segmentIndex);
    if (accept(segment)) {
      return true;
    }
    if (header != null && segmentIndex + 1 < segments.size()) {
      String reasonHere = stopReason;
      ScannedSegment following = segments.get(segmentIndex + 1);
      if (following.base() == segment.endPosition() && accept(following)) {
        segmentIndex++;
        return true;
      }
      if (endPosition < segment.endPosition()) {
        stopReason = reasonHere;
      }
    }
    block = null;
    return false;
  }

  /** The block that {@link #next} moved to. */
  public BlockHeader header() {
    if (header == null) {
      throw new IllegalStateException("no block yet");
    }
    return header;
  }

  /** The segment with the last block, or the first one. */
  public ScannedSegment segment() {
    return segments.get(segmentIndex);
  }

  /** Shows the frames of the current block. Payloads are valid during the call only. */
  public void forEachFrame(RecoveredFrameVisitor visitor) {
    ByteBuffer current = block;
    if (current == null) {
      throw new IllegalStateException("no block");
    }
    BlockHeader currentHeader = header();
    int at = BlockHeader.BYTES;
    for (int i = 0; i < currentHeader.frameCount(); i++) {
      Batch batch = FrameHeader.batch(current, at);
      visitor.onFrame(currentHeader.position() + at + FrameHeader.BYTES, batch);
      at += Math.toIntExact(FrameHeader.frameBytes(batch.sizeBytes()));
    }
  }

  /** Where the chain ends so far. */
  public long endPosition() {
    return endPosition;
  }

  /** Of the last block; -1 before the first. */
  public long incarnation() {
    return incarnation;
  }

  /** Position up to which blocks of the chain state that everything was durable. */
  public long provenDurable() {
    return provenDurable;
  }

  /** The highest trim position that a block of the chain states. */
  public long statedTrim() {
    return statedTrim;
  }

  /** Why the chain ended where it did, for a person. */
  public String stopReason() {
    return stopReason;
  }

  /** After {@link #next} said false: whether the end is damage. Reads the rest of the files. */
  public Optional<Damage> findDamage() throws IOException {
    for (int i = segmentIndex; i < segments.size(); i++) {
      ScannedSegment segment = segments.get(i);
      long from = Math.max(0, endPosition - segment.base());
      for (long at = from; at + PAGE <= segment.file().sizeBytes(); at += PAGE) {
        BlockHeader later = headerAt(segment, at, window, crc);
        if (later != null
            && later.walId().equals(walId)
            && later.incarnation() >= incarnation
            && later.durableUpTo() > endPosition) {
          return Optional.of(damageBefore(later));
        }
      }
    }
    return Optional.empty();
  }

  private Damage damageBefore(BlockHeader proof) {
    ScannedSegment segment = segments.get(segmentIndex);
    return new Damage(
        segment.file().name(),
        endPosition - segment.base(),
        endPosition,
        stopReason,
        proof.position());
  }

  private boolean accept(ScannedSegment segment) throws IOException {
    long offset = Math.max(0, endPosition - segment.base());
    if (offset + PAGE > segment.file().sizeBytes()) {
      stopReason = "the segment is full and nothing follows";
      return false;
    }
    BlockHeader candidate = headerAt(segment, offset, window, crc);
    String defect =
        candidate == null ? "there is no valid block header" : chainDefect(candidate, segment);
    if (candidate == null || defect != null) {
      stopReason = defect == null ? "there is no valid block header" : defect;
      return false;
    }
    ByteBuffer bytes = window.load(segment.file(), offset, candidate.lengthBytes());
    defect = bodyDefect(candidate, bytes);
    if (defect != null) {
      stopReason = defect;
      return false;
    }
    header = candidate;
    block = bytes;
    endPosition = candidate.endPosition();
    incarnation = candidate.incarnation();
    provenDurable = Math.max(provenDurable, candidate.durableUpTo());
    statedTrim = Math.max(statedTrim, candidate.trimPosition());
    return true;
  }

  private @Nullable String chainDefect(BlockHeader candidate, ScannedSegment segment) {
    if (!candidate.walId().equals(walId)) {
      return "the block is of WAL " + candidate.walId();
    }
    if (candidate.endPosition() > segment.endPosition()) {
      return "the block passes the end of the file";
    }
    if (header == null) {
      return null;
    }
    if (candidate.previousEnd() != endPosition) {
      return "the block follows position " + candidate.previousEnd();
    }
    if (candidate.incarnation() < incarnation) {
      return "the block is of the older incarnation " + candidate.incarnation();
    }
    if (candidate.incarnation() > incarnation && !candidate.isFirstOfIncarnation()) {
      return "the start of incarnation " + candidate.incarnation() + " is missing";
    }
    return null;
  }

  private @Nullable String bodyDefect(BlockHeader candidate, ByteBuffer bytes) {
    int at = BlockHeader.BYTES;
    int limit = candidate.usedBytes();
    for (int i = 0; i < candidate.frameCount(); i++) {
      String defect =
          FrameHeader.defect(bytes, at, limit, candidate.position() + at, verifier, crc);
      if (defect == null && FrameHeader.incarnation(bytes, at) != candidate.incarnation()) {
        defect = "the frame is of incarnation " + FrameHeader.incarnation(bytes, at);
      }
      if (defect != null) {
        return "frame " + i + " at byte " + at + " of the block: " + defect;
      }
      at += Math.toIntExact(FrameHeader.frameBytes(FrameHeader.payloadBytes(bytes, at)));
    }
    return at == limit ? null : "frames end at byte " + at + ", not at " + limit;
  }

  /** The valid header at an offset that states the position it stands at, else null. */
  private static @Nullable BlockHeader headerAt(
      ScannedSegment segment, long offset, BlockWindow window, CRC32C crc) throws IOException {
    ReadableFile file = segment.file();
    if (offset + PAGE > file.sizeBytes()) {
      return null;
    }
    ByteBuffer page = window.load(file, offset, PAGE);
    BlockHeader header = BlockHeader.read(page, 0, crc);
    if (header == null) {
      requireKnownVersion(page, segment, offset, crc);
      return null;
    }
    return header.position() == segment.base() + offset ? header : null;
  }

  /** Only a header at its own position counts: payloads may hold anything. */
  private static void requireKnownVersion(
      ByteBuffer page, ScannedSegment segment, long offset, CRC32C crc) {
    int version = BlockHeader.validVersionAt(page, 0, crc);
    if (version > BlockHeader.VERSION
        && BlockHeader.positionAt(page, 0) == segment.base() + offset) {
      throw new WalException.NewerFormat(
          "WAL file "
              + segment.file().name()
              + " has format version "
              + version
              + " at byte "
              + offset
              + "; this build reads versions up to "
              + BlockHeader.VERSION);
    }
  }
}
