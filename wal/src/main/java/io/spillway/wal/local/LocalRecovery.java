package io.spillway.wal.local;

import io.spillway.wal.PayloadVerifier;
import io.spillway.wal.WalConfig;
import io.spillway.wal.WalException;
import io.spillway.wal.WriteAheadLog.RecoveredFrameVisitor;
import io.spillway.wal.device.AlignedMemory;
import io.spillway.wal.device.WalDevice;
import io.spillway.wal.format.BlockHeader;
import io.spillway.wal.format.BlockScanner;
import io.spillway.wal.format.BlockScanner.Damage;
import io.spillway.wal.format.BlockWindow;
import io.spillway.wal.format.ScannedSegment;
import io.spillway.wal.local.SegmentLog.RecoveredLog;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.zip.CRC32C;

/**
 * Finds the end of a WAL, shows its frames, and opens the next incarnation (P27). The order is what
 * keeps data: everything is read and checked first; what was read is forced, so that the end cannot
 * go back in a later crash; then the new incarnation states that end in a block of its own, which
 * makes whatever an older one left beyond it void. Only then does anybody append.
 *
 * <p>Blocks. Holds one read window; payloads are shown in it.
 */
final class LocalRecovery {

  private final WalConfig config;
  private final WalDevice device;
  private final int nodeId;
  private final UUID walId;
  private final PayloadVerifier verifier;

  LocalRecovery(
      WalConfig config, WalDevice device, int nodeId, UUID walId, PayloadVerifier verifier) {
    this.config = config;
    this.device = device;
    this.nodeId = nodeId;
    this.walId = walId;
    this.verifier = verifier;
  }

  /**
   * @param log segments with the start of the new incarnation behind the recovered data
   * @param incarnation the new one
   * @param recoveredEnd where the previous one ended
   */
  record Recovered(RecoveredLog log, long incarnation, long recoveredEnd) {}

  /**
   * @param files every segment file, by position
   * @param trimPosition frames below are not shown
   */
  Recovered run(
      List<LocalSegment> files, long trimPosition, long writtenAtMs, RecoveredFrameVisitor visitor)
      throws IOException {
    if (files.isEmpty()) {
      LocalSegment first = SegmentLog.create(device, 0, config.segmentBytes());
      return begin(List.of(), new ArrayDeque<>(List.of(first)), 0, 0, trimPosition, writtenAtMs);
    }
    try (BlockWindow window = new BlockWindow(device.needsDirectBuffers())) {
      int start = startIndex(files, trimPosition, window);
      BlockScanner scanner =
          new BlockScanner(
              files.subList(start, files.size()).stream().map(LocalSegment::scanned).toList(),
              walId,
              verifier,
              window);
      while (scanner.next()) {
        if (scanner.endPosition() > trimPosition) {
          scanner.forEachFrame(
              (position, batch) -> {
                if (position >= trimPosition) {
                  visitor.onFrame(position, batch);
                }
              });
        }
      }
      requireWhole(files.get(start).base, scanner, trimPosition);
      long end = scanner.endPosition();
      int last = start;
      while (files.get(last).base != scanner.segment().base()) {
        last++;
      }
      List<LocalSegment> live = files.subList(start, last + 1);
      harden(live, scanner.provenDurable(), end, window);
      Deque<LocalSegment> ahead = new ArrayDeque<>(files.subList(last + 1, files.size()));
      discardMisfits(ahead, live.get(live.size() - 1).endPosition());
      Recovered recovered =
          begin(live, ahead, end, Math.max(0, scanner.incarnation()), trimPosition, writtenAtMs);
      recovered.log.free().addAll(files.subList(0, start));
      return recovered;
    }
  }

  /**
   * The last segment with data that starts below the trim position. One that starts right there may
   * be empty yet, and hold a void block that an older incarnation left.
   */
  private int startIndex(List<LocalSegment> files, long trimPosition, BlockWindow window)
      throws IOException {
    for (int i = files.size() - 1; i > 0; i--) {
      if (files.get(i).base < trimPosition
          && BlockScanner.startsWithBlock(files.get(i).scanned(), walId, window)) {
        return i;
      }
    }
    return 0;
  }

  private void requireWhole(long from, BlockScanner scanner, long trimPosition) throws IOException {
    Optional<Damage> damage = scanner.findDamage();
    if (damage.isPresent()) {
      throw new WalException.Corrupt(
          "WAL " + walId + " in " + device.location() + ": " + damage.get());
    }
    long trimmed = Math.max(trimPosition, scanner.statedTrim());
    if (from > trimmed) {
      throw new WalException.Corrupt(
          "WAL "
              + walId
              + " in "
              + device.location()
              + " begins at position "
              + from
              + " but was trimmed at "
              + trimmed
              + " only: the files before "
              + ScannedSegment.nameOf(from)
              + " are missing");
    }
    if (scanner.endPosition() < trimPosition) {
      throw new WalException.Corrupt(
          "WAL "
              + walId
              + " in "
              + device.location()
              + " ends at position "
              + scanner.endPosition()
              + " in file "
              + scanner.segment().file().name()
              + " ("
              + scanner.stopReason()
              + "), but was trimmed at "
              + trimPosition
              + ": what was written since then is gone");
    }
  }

  /**
   * Makes durable what was read but is not proven to be: at most the writes that were under way.
   * Where reads may come from a page cache, a force alone proves nothing, because after a failed
   * one the pages count as clean; the same bytes are written again (P28).
   */
  private void harden(List<LocalSegment> live, long proven, long end, BlockWindow window)
      throws IOException {
    for (LocalSegment segment : live) {
      long from = Math.max(proven, segment.base);
      long to = Math.min(end, segment.endPosition());
      if (from < to && !device.readsMedium()) {
        window.copyOnto(segment.file, from - segment.base, to - segment.base);
      }
      if (from < to) {
        segment.file.force();
      }
    }
  }

  /** Keeps the run of neighbours of the configured size that follows; the rest is deleted. */
  private void discardMisfits(Deque<LocalSegment> ahead, long base) throws IOException {
    List<LocalSegment> fitting = new ArrayList<>();
    long next = base;
    while (!ahead.isEmpty()
        && ahead.getFirst().base == next
        && ahead.getFirst().sizeBytes() == config.segmentBytes()) {
      next = ahead.getFirst().endPosition();
      fitting.add(ahead.removeFirst());
    }
    for (LocalSegment misfit : ahead) {
      device.delete(misfit.file);
    }
    if (!ahead.isEmpty()) {
      device.syncDirectory();
    }
    ahead.clear();
    ahead.addAll(fitting);
  }

  /** Writes the block that opens the incarnation after {@code previous}. */
  private Recovered begin(
      List<LocalSegment> data,
      Deque<LocalSegment> ahead,
      long end,
      long previous,
      long trimPosition,
      long writtenAtMs)
      throws IOException {
    List<LocalSegment> live = new ArrayList<>(data);
    int length = WalConfig.ALIGNMENT_BYTES;
    long position = end;
    LocalSegment current = live.isEmpty() ? null : live.get(live.size() - 1);
    if (current == null || current.endPosition() - end < length) {
      long base = current == null ? end : current.endPosition();
      LocalSegment following = ahead.pollFirst();
      current =
          following == null ? SegmentLog.create(device, base, config.segmentBytes()) : following;
      live.add(current);
      position = current.base;
    }
    BlockHeader header =
        new BlockHeader(
            BlockHeader.FLAG_FIRST_OF_INCARNATION,
            nodeId,
            0,
            walId,
            previous + 1,
            position,
            end,
            end,
            trimPosition,
            writtenAtMs,
            length,
            BlockHeader.BYTES);
    writeStart(current, header);
    current.preparedBytes = header.endPosition() - current.base;
    RecoveredLog log =
        new RecoveredLog(live, new ArrayList<>(ahead), new ArrayList<>(), header.endPosition());
    return new Recovered(log, previous + 1, end);
  }

  private void writeStart(LocalSegment segment, BlockHeader header) throws IOException {
    AlignedMemory memory =
        AlignedMemory.allocate(header.lengthBytes(), device.needsDirectBuffers());
    try {
      ByteBuffer block = memory.buffer();
      block.put(0, new byte[header.lengthBytes()]);
      header.write(block, new CRC32C());
      segment.file.writeNow(header.position() - segment.base, block.duplicate());
    } finally {
      memory.free();
    }
  }
}
