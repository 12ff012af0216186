package io.spillway.wal.format;

import io.spillway.wal.PayloadVerifier;
import io.spillway.wal.WalConfig;
import io.spillway.wal.WalException;
import io.spillway.wal.device.ReadableFile;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.zip.CRC32C;

/** Reads one payload back by its position, and verifies it. */
public final class FrameReader {

  private static final int PAGE_MASK = WalConfig.ALIGNMENT_BYTES - 1;

  private FrameReader() {}

  /** Bytes of aligned buffer that a read takes at most. */
  public static int bufferBytes(int payloadBytes) {
    long bytes = FrameHeader.BYTES + (long) payloadBytes + 2L * PAGE_MASK;
    return Math.toIntExact(bytes & ~PAGE_MASK);
  }

  /**
   * The payload at a position, as a slice of the buffer.
   *
   * @param segment the segment that holds the position
   * @param position of the payload
   * @param buffer as the device needs it, of at least {@link #bufferBytes}
   * @throws WalException.Corrupt when the bytes are not the frame that was written there
   */
  public static ByteBuffer read(
      ScannedSegment segment,
      long position,
      int payloadBytes,
      ByteBuffer buffer,
      PayloadVerifier verifier)
      throws IOException {
    long frameOffset = position - FrameHeader.BYTES - segment.base();
    long from = frameOffset & ~(long) PAGE_MASK;
    long to = (position - segment.base() + payloadBytes + PAGE_MASK) & ~(long) PAGE_MASK;
    ReadableFile file = segment.file();
    if (frameOffset < BlockHeader.BYTES || to > file.sizeBytes()) {
      throw new WalException.Corrupt(
          "no frame of "
              + payloadBytes
              + " bytes can be at position "
              + position
              + " in "
              + file.name());
    }
    ByteBuffer target = buffer.slice(0, Math.toIntExact(to - from));
    file.read(from, target.duplicate());
    int at = Math.toIntExact(frameOffset - from);
    String defect =
        FrameHeader.defect(
            target, at, target.limit(), position - FrameHeader.BYTES, verifier, new CRC32C());
    if (defect == null && FrameHeader.payloadBytes(target, at) != payloadBytes) {
      defect = "the frame holds " + FrameHeader.payloadBytes(target, at) + " bytes";
    }
    if (defect != null) {
      throw new WalException.Corrupt(
          "WAL file "
              + file.name()
              + " is damaged at byte "
              + frameOffset
              + " (position "
              + position
              + ", expected a payload of "
              + payloadBytes
              + " bytes): "
              + defect);
    }
    return target.slice(at + FrameHeader.BYTES, payloadBytes);
  }
}
