package io.spillway.object;

import com.sun.nio.file.ExtendedOpenOption;
import io.spillway.wal.WalConfig;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Set;

/**
 * Reads of an object's file into the caller's memory. Whole aligned pages of direct memory are read
 * past the page cache, without a copy: objects are written that way too, so that nothing of them is
 * there, and a replay would only push out what others have in it.
 */
final class RangeFile {

  private static final int PAGE_BYTES = WalConfig.ALIGNMENT_BYTES;

  private RangeFile() {}

  /**
   * Fills the buffers one after the other.
   *
   * @param mayBeDirect whether the file system takes direct I/O
   * @return bytes read; fewer than there is room for only at the end of the file
   */
  static int read(Path file, long position, List<ByteBuffer> into, boolean mayBeDirect)
      throws IOException {
    boolean direct = mayBeDirect && isAligned(position, into);
    Set<OpenOption> options =
        direct
            ? Set.of(StandardOpenOption.READ, ExtendedOpenOption.DIRECT)
            : Set.of(StandardOpenOption.READ);
    try (FileChannel channel = FileChannel.open(file, options)) {
      return read(channel, position, into);
    }
  }

  private static boolean isAligned(long position, List<ByteBuffer> into) {
    if (position % PAGE_BYTES != 0) {
      return false;
    }
    for (ByteBuffer buffer : into) {
      if (!buffer.isDirect()
          || buffer.remaining() % PAGE_BYTES != 0
          || buffer.alignmentOffset(buffer.position(), PAGE_BYTES) != 0) {
        return false;
      }
    }
    return true;
  }

  private static int read(FileChannel channel, long position, List<ByteBuffer> into)
      throws IOException {
    ByteBuffer[] buffers = into.toArray(ByteBuffer[]::new);
    long wanted = Math.min(Buffers.size(into), Math.max(0, channel.size() - position));
    channel.position(position);
    long done = 0;
    while (done < wanted) {
      long count = channel.read(buffers);
      if (count < 0) {
        break; // cut short since it was opened
      }
      done += count;
    }
    return Math.toIntExact(done);
  }
}
