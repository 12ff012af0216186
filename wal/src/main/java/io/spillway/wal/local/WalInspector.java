package io.spillway.wal.local;

import io.spillway.wal.PayloadVerifier;
import io.spillway.wal.StreamId;
import io.spillway.wal.WalException;
import io.spillway.wal.WriterIncarnation;
import io.spillway.wal.device.ReadOnlyFiles;
import io.spillway.wal.format.BlockHeader;
import io.spillway.wal.format.BlockScanner;
import io.spillway.wal.format.BlockScanner.Damage;
import io.spillway.wal.format.BlockWindow;
import io.spillway.wal.format.ScannedSegment;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.UUID;

/**
 * Looks at the WAL in a directory as a recovery would, for a person: takes nothing, changes
 * nothing. A WAL that is in use may seem to end early, because it goes on being written.
 */
public final class WalInspector {

  private WalInspector() {}

  /** Sees what there is, in order. */
  public interface Visitor {
    void onSegment(SegmentInfo segment);

    void onBlock(BlockInfo block);

    void onFrame(FrameInfo frame);
  }

  /**
   * @param file name in the directory
   * @param position of its first byte in the WAL
   */
  public record SegmentInfo(String file, long position, long sizeBytes) {}

  /**
   * A valid block.
   *
   * @param file where it stands
   * @param byteOffset in the file
   * @param header what it states
   */
  public record BlockInfo(String file, long byteOffset, BlockHeader header) {}

  /**
   * A valid frame of the block before it.
   *
   * @param position of the payload in the WAL
   * @param byteOffset of the payload in the file
   * @param flags as in {@link io.spillway.wal.Batch#flags}
   */
  public record FrameInfo(
      long position,
      long byteOffset,
      StreamId stream,
      long baseOffset,
      long endOffset,
      long maxTimestampMs,
      int flags,
      int sizeBytes) {}

  /**
   * What was found.
   *
   * @param writer of the last valid block; empty when the directory holds no WAL
   * @param endPosition where the chain of valid blocks ends
   * @param endFile the file it ends in, empty when there is none
   * @param endReason why it ends there, for a person: usual at the tail
   * @param damage where and what, when durable data is gone
   */
  public record Summary(
      Optional<WriterIncarnation> writer,
      int segments,
      long blocks,
      long frames,
      long payloadBytes,
      long endPosition,
      String endFile,
      String endReason,
      Optional<Damage> damage) {}

  /**
   * Shows every segment, then every valid block with its frames.
   *
   * @throws WalException.NewerFormat when a newer build wrote it
   * @throws WalException.Unavailable when it cannot be read
   */
  public static Summary inspect(Path directory, PayloadVerifier verifier, Visitor visitor) {
    try (ReadOnlyFiles files = new ReadOnlyFiles(directory);
        BlockWindow window = new BlockWindow(true)) {
      List<ScannedSegment> segments = ScannedSegment.of(files.files());
      for (ScannedSegment segment : segments) {
        visitor.onSegment(
            new SegmentInfo(segment.file().name(), segment.base(), segment.file().sizeBytes()));
      }
      Optional<BlockHeader> identity = BlockScanner.identify(segments, window);
      if (identity.isEmpty()) {
        return new Summary(
            Optional.empty(), segments.size(), 0, 0, 0, 0, "", "no WAL", Optional.empty());
      }
      UUID walId = identity.get().walId();
      BlockScanner scanner = new BlockScanner(segments, walId, verifier, window);
      return scan(scanner, identity.get(), segments.size(), visitor);
    } catch (IOException e) {
      throw new WalException.Unavailable(
          "cannot read WAL directory " + directory + ": " + e.getMessage(), e);
    }
  }

  private static Summary scan(
      BlockScanner scanner, BlockHeader identity, int segments, Visitor visitor)
      throws IOException {
    long blocks = 0;
    long frames = 0;
    long[] payloadBytes = {0};
    while (scanner.next()) {
      BlockHeader header = scanner.header();
      ScannedSegment segment = scanner.segment();
      visitor.onBlock(
          new BlockInfo(segment.file().name(), header.position() - segment.base(), header));
      scanner.forEachFrame(
          (position, batch) -> {
            payloadBytes[0] += batch.sizeBytes();
            visitor.onFrame(
                new FrameInfo(
                    position,
                    position - segment.base(),
                    batch.stream(),
                    batch.baseOffset(),
                    batch.endOffset(),
                    batch.maxTimestampMs(),
                    batch.flags(),
                    batch.sizeBytes()));
          });
      blocks++;
      frames += header.frameCount();
    }
    WriterIncarnation writer =
        new WriterIncarnation(
            identity.nodeId(),
            identity.walId(),
            blocks == 0 ? identity.incarnation() : scanner.incarnation());
    return new Summary(
        Optional.of(writer),
        segments,
        blocks,
        frames,
        payloadBytes[0],
        scanner.endPosition(),
        scanner.segment().file().name(),
        scanner.stopReason(),
        scanner.findDamage());
  }
}
