package io.spillway.read;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The readers of one stream, and how far to be ahead of each: one that goes on where it stopped
 * gets twice as much each time; one that jumps is a new reader, and gets nothing until it has gone
 * on once. Readers are told apart by where they stopped; the one not seen for longest is forgotten.
 * Safe for any thread.
 */
public final class ReadAhead {

  private static final int MAX_READERS = 8;

  private final int minBytes;
  private final int maxBytes;
  private final List<Reader> readers = new ArrayList<>(1);

  public ReadAhead(int minBytes, int maxBytes) {
    this.minBytes = minBytes;
    this.maxBytes = maxBytes;
  }

  /**
   * What to fetch ahead now.
   *
   * @param fromOffset where to go on
   * @param bytes about how many
   */
  record Ask(Reader reader, long fromOffset, long bytes) {}

  /**
   * A fetch at {@code offset} was answered up to {@code nextOffset}.
   *
   * @return what to fetch ahead, to be followed by {@link #onFetching}; null for nothing
   */
  synchronized @Nullable Ask onRead(long offset, long nextOffset, long bytes) {
    Reader reader = null;
    for (int i = 0; i < readers.size() && reader == null; i++) {
      if (readers.get(i).nextOffset == offset) {
        reader = readers.remove(i);
      }
    }
    if (readers.size() == MAX_READERS) {
      readers.remove(0);
    }
    if (reader == null) {
      readers.add(new Reader(nextOffset, minBytes));
      return null;
    }
    readers.add(reader);
    return reader.goOn(nextOffset, bytes);
  }

  /** What an {@link Ask} came to: on its way are the bytes up to {@code toOffset}. */
  synchronized void onFetching(Reader reader, long toOffset, long bytes) {
    reader.isAsking = false;
    if (toOffset > reader.aheadOffset) {
      reader.aheadOffset = toOffset;
      reader.aheadBytes += bytes;
    }
  }

  /** One reader; its state is guarded by its {@link ReadAhead}. */
  final class Reader {
    private long nextOffset;
    private long windowBytes;
    private long aheadOffset;
    private long aheadBytes;
    private boolean isAsking;

    private Reader(long nextOffset, long windowBytes) {
      this.nextOffset = nextOffset;
      this.windowBytes = windowBytes;
      this.aheadOffset = nextOffset;
    }

    private @Nullable Ask goOn(long toOffset, long readBytes) {
      nextOffset = toOffset;
      windowBytes = Math.min(maxBytes, 2 * Math.max(windowBytes, readBytes));
      aheadBytes = Math.max(0, aheadBytes - readBytes);
      if (aheadOffset <= toOffset) {
        aheadOffset = toOffset;
        aheadBytes = 0;
      }
      if (isAsking || aheadBytes > windowBytes / 2) {
        return null; // few large reads rather than many small ones
      }
      isAsking = true;
      return new Ask(this, aheadOffset, windowBytes - aheadBytes);
    }
  }
}
