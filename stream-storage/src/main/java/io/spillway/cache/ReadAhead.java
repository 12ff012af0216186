package io.spillway.cache;

import java.util.ArrayList;
import java.util.List;

/**
 * How far to read beyond what one fetch of a stream asked for: a reader that goes on where it
 * stopped gets twice as much each time. A few readers per stream are told apart by where they
 * stopped; the one not seen for longest is forgotten. Safe for any thread.
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

  /** Bytes worth getting from the store for a fetch at {@code offset}. */
  public synchronized int windowBytes(long offset) {
    for (Reader reader : readers) {
      if (reader.nextOffset == offset) {
        return reader.windowBytes;
      }
    }
    return minBytes;
  }

  /** A fetch at {@code offset} was answered up to {@code nextOffset}. */
  public synchronized void onRead(long offset, long nextOffset) {
    int window = minBytes;
    for (int i = 0; i < readers.size(); i++) {
      if (readers.get(i).nextOffset == offset) {
        window = (int) Math.min(maxBytes, 2L * readers.get(i).windowBytes);
        readers.remove(i);
        break;
      }
    }
    if (readers.size() == MAX_READERS) {
      readers.remove(0);
    }
    readers.add(new Reader(nextOffset, window));
  }

  private record Reader(long nextOffset, int windowBytes) {}
}
