package io.spillway.object;

import com.sun.nio.file.ExtendedOpenOption;
import io.spillway.wal.WalConfig;
import io.spillway.wal.device.AlignedMemory;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;

/**
 * The file that an object is written to before it gets its name.
 *
 * <p>A large body goes past the page cache: it is gathered in a stage of aligned memory and written
 * in pieces of that size. The last piece is padded to whole pages, and the padding cut off when the
 * file is finished. Through the page cache the same bytes cost several times the CPU: a copy, the
 * write-back, and the eviction of what readers had there. A small body is not worth an open file
 * with different rules, and a file system may refuse direct I/O: those are written plainly.
 *
 * <p>Several threads may write different places at once.
 */
final class BodyFile implements AutoCloseable {

  /** From this size on. */
  static final int DIRECT_FROM_BYTES = 256 * 1024;

  private static final int STAGE_BYTES = 1024 * 1024;
  private static final int PAGE_BYTES = WalConfig.ALIGNMENT_BYTES;

  /** Bounds the direct memory that the JDK caches per thread for copies of heap buffers. */
  private static final int CHUNK_BYTES = 128 * 1024;

  private final FileChannel channel;
  private final boolean direct;

  private BodyFile(FileChannel channel, boolean direct) {
    this.channel = channel;
    this.direct = direct;
  }

  /**
   * Makes the file, which must not exist.
   *
   * @param direct whether past the page cache; places to write at are then multiples of 4 KiB
   */
  static BodyFile create(Path file, boolean direct) throws IOException {
    return new BodyFile(
        direct
            ? FileChannel.open(
                file,
                StandardOpenOption.CREATE_NEW,
                StandardOpenOption.WRITE,
                ExtendedOpenOption.DIRECT)
            : FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE),
        direct);
  }

  /**
   * Whether a file system takes direct writes of whole pages; {@code probe} is made and removed.
   */
  static boolean isDirectPossible(Path probe) throws IOException {
    try (BodyFile file = create(probe, true)) {
      file.write(List.of(ByteBuffer.allocate(1)), 0);
      return Files.getFileStore(probe).getBlockSize() <= PAGE_BYTES;
    } catch (IOException | UnsupportedOperationException e) {
      return false;
    } finally {
      Files.deleteIfExists(probe);
    }
  }

  static boolean isAligned(long position) {
    return position % PAGE_BYTES == 0;
  }

  /** Writes the buffers, one after the other, from {@code position} on. */
  void write(List<ByteBuffer> body, long position) throws IOException {
    if (direct) {
      writeStaged(body, position);
    } else {
      writePlain(body, position);
    }
  }

  private void writeStaged(List<ByteBuffer> body, long position) throws IOException {
    long size = Buffers.size(body);
    AlignedMemory memory = AlignedMemory.allocate((int) Math.min(STAGE_BYTES, padded(size)), true);
    try {
      ByteBuffer stage = memory.buffer().duplicate();
      long at = position;
      for (ByteBuffer buffer : body) {
        int next = buffer.position();
        while (next < buffer.limit()) {
          int count = Math.min(buffer.limit() - next, stage.remaining());
          stage.put(stage.position(), buffer, next, count);
          stage.position(stage.position() + count);
          next += count;
          if (!stage.hasRemaining()) {
            at += writeStage(stage, at);
          }
        }
      }
      if (stage.position() > 0) {
        pad(stage);
        writeStage(stage, at);
      }
    } finally {
      memory.free();
    }
  }

  private static long padded(long size) {
    return Math.max(PAGE_BYTES, (size + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES);
  }

  private static void pad(ByteBuffer stage) {
    while (!isAligned(stage.position())) {
      stage.put((byte) 0);
    }
  }

  private int writeStage(ByteBuffer stage, long position) throws IOException {
    stage.flip();
    int written = 0;
    while (stage.hasRemaining()) {
      written += channel.write(stage, position + written);
    }
    stage.clear();
    return written;
  }

  private void writePlain(List<ByteBuffer> body, long position) throws IOException {
    long at = position;
    for (ByteBuffer buffer : body) {
      ByteBuffer rest = buffer.duplicate();
      int end = rest.limit();
      while (rest.position() < end) {
        rest.limit(rest.isDirect() ? end : Math.min(end, rest.position() + CHUNK_BYTES));
        at += channel.write(rest, at);
      }
    }
  }

  /** Cuts the file to its size and forces it. Whatever fails here leaves it in doubt for good. */
  void finish(long sizeBytes) throws IOException {
    channel.truncate(sizeBytes);
    channel.force(true);
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }
}
