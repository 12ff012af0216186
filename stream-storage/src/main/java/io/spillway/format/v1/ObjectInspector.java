package io.spillway.format.v1;

import io.spillway.object.ObjectStore;
import io.spillway.object.ObjectStore.ObjectInfo;
import io.spillway.object.ObjectStoreException;
import io.spillway.object.Retry;
import io.spillway.stream.StreamException;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.function.Consumer;

/** Shows what is in a data object, to a person, and checks all of it. */
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
      return inspect(new InFile(file, channel), out);
    }
  }

  /**
   * As {@link #inspect(Path, Consumer)}, in a store.
   *
   * @throws io.spillway.object.ObjectStoreException when there is no such object, or it cannot be
   *     read
   */
  public static boolean inspect(ObjectStore store, String key, Consumer<String> out)
      throws IOException {
    ObjectInfo found =
        join(store.head(key))
            .orElseThrow(() -> new ObjectStoreException.NotFound("no object " + key));
    return inspect(new InStore(store, key, found.sizeBytes()), out);
  }

  private static boolean inspect(Source object, Consumer<String> out) throws IOException {
    ObjectIndex index;
    try {
      index = readIndex(object);
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
        damaged += show(object, block, out) ? 0 : 1;
      }
    }
    out.accept(
        "%d bytes, format version %d, %d streams, %s"
            .formatted(
                object.sizeBytes(),
                ObjectLayout.VERSION,
                index.ranges().size(),
                damaged == 0 ? "intact" : damaged + " blocks DAMAGED"));
    return damaged == 0;
  }

  private static boolean show(Source object, ObjectIndex.Block block, Consumer<String> out)
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
      block.requireIntact(object.read(block.position(), block.sizeBytes()));
      block.batches();
      out.accept(shown);
      return true;
    } catch (StreamException.Corrupt e) {
      out.accept(shown + "  DAMAGED  " + e.getMessage());
      return false;
    }
  }

  private static ObjectIndex readIndex(Source object) throws IOException {
    long size = object.sizeBytes();
    long footerAt = size - ObjectLayout.FOOTER_BYTES;
    if (footerAt < 0) {
      throw new StreamException.Corrupt(
          "object %s is too short for a footer: %d bytes".formatted(object.name(), size), null);
    }
    ByteBuffer footer = object.read(footerAt, ObjectLayout.FOOTER_BYTES);
    long indexPosition = footer.getLong(INDEX_POSITION_AT);
    // A footer that makes no sense is judged by itself.
    boolean possible =
        indexPosition >= 0 && indexPosition <= footerAt && size - indexPosition < 1 << 30;
    long tailAt = possible ? indexPosition : footerAt;
    return ObjectIndex.parse(object.name(), tailAt, object.read(tailAt, (int) (size - tailAt)));
  }

  private static <T> T join(CompletableFuture<T> request) {
    try {
      return request.join();
    } catch (CompletionException e) {
      throw Retry.unwrap(e) instanceof RuntimeException cause ? cause : e;
    }
  }

  /** The bytes of one object. */
  private interface Source {
    String name();

    long sizeBytes() throws IOException;

    /** All of these bytes, or an exception. */
    ByteBuffer read(long position, int length) throws IOException;
  }

  private record InFile(Path file, FileChannel channel) implements Source {
    @Override
    public String name() {
      return file.toString();
    }

    @Override
    public long sizeBytes() throws IOException {
      return channel.size();
    }

    @Override
    public ByteBuffer read(long position, int length) throws IOException {
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

  private record InStore(ObjectStore store, String name, long sizeBytes) implements Source {
    @Override
    public ByteBuffer read(long position, int length) throws IOException {
      ByteBuffer bytes = join(store.getRange(name, position, length));
      if (bytes.remaining() < length) {
        throw new EOFException("the object ended while it was read");
      }
      return bytes;
    }
  }
}
