package io.spillway.format.v1;

import io.spillway.stream.StreamException;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.function.Consumer;

/** Shows what is in a data object that lies in a file, to a person, and checks all of it. */
public final class ObjectInspector {

  private static final int INDEX_POSITION_AT = 0;

  private ObjectInspector() {}

  /**
   * Reads the whole file, block by block; blocks.
   *
   * @param out takes lines
   * @return whether everything is as it was written; what is not was said, with its position
   * @throws IOException when the file cannot be read
   */
  public static boolean inspect(Path file, Consumer<String> out) throws IOException {
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      ObjectIndex index;
      try {
        index = readIndex(file, channel);
      } catch (StreamException.Corrupt e) {
        out.accept("DAMAGED  " + e.getMessage());
        return false;
      }
      int damaged = 0;
      for (ObjectIndex.Range range : index.ranges()) {
        out.accept(
            "stream %s  [%d, %d)  %d blocks  %d bytes at %d  newest record %d"
                .formatted(
                    range.stream(),
                    range.baseOffset(),
                    range.endOffset(),
                    range.blocks().size(),
                    range.sizeBytes(),
                    range.position(),
                    range.maxTimestampMs()));
        for (ObjectIndex.Block block : range.blocks()) {
          damaged += show(channel, block, out) ? 0 : 1;
        }
      }
      out.accept(
          "%d bytes, format version %d, %d streams, %s"
              .formatted(
                  channel.size(),
                  ObjectLayout.VERSION,
                  index.ranges().size(),
                  damaged == 0 ? "intact" : damaged + " blocks DAMAGED"));
      return damaged == 0;
    }
  }

  private static boolean show(FileChannel channel, ObjectIndex.Block block, Consumer<String> out)
      throws IOException {
    String shown =
        "  block [%d, %d)  %d batches  %d bytes at %d"
            .formatted(
                block.baseOffset(),
                block.endOffset(),
                block.batchCount(),
                block.sizeBytes(),
                block.position());
    try {
      block.requireIntact(read(channel, block.position(), block.sizeBytes()));
      block.batches();
      out.accept(shown);
      return true;
    } catch (StreamException.Corrupt e) {
      out.accept(shown + "  DAMAGED  " + e.getMessage());
      return false;
    }
  }

  private static ObjectIndex readIndex(Path file, FileChannel channel) throws IOException {
    long size = channel.size();
    long footerAt = size - ObjectLayout.FOOTER_BYTES;
    if (footerAt < 0) {
      throw new StreamException.Corrupt(
          "object %s is too short for a footer: %d bytes".formatted(file, size), null);
    }
    ByteBuffer footer = read(channel, footerAt, ObjectLayout.FOOTER_BYTES);
    long indexPosition = footer.getLong(INDEX_POSITION_AT);
    // A footer that makes no sense is judged by itself.
    boolean possible =
        indexPosition >= 0 && indexPosition <= footerAt && size - indexPosition < 1 << 30;
    long tailAt = possible ? indexPosition : footerAt;
    return ObjectIndex.parse(file.toString(), tailAt, read(channel, tailAt, (int) (size - tailAt)));
  }

  private static ByteBuffer read(FileChannel channel, long position, int length)
      throws IOException {
    ByteBuffer bytes = ByteBuffer.allocate(length);
    while (bytes.hasRemaining()) {
      int read = channel.read(bytes, position + bytes.position());
      if (read < 0) {
        throw new EOFException("the file ended while it was read");
      }
    }
    return bytes.flip();
  }
}
