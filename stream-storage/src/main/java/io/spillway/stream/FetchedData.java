package io.spillway.stream;

import java.nio.ByteBuffer;
import java.util.List;

/** Whole batches, as slices of memory that stays valid until {@link #close}. */
public interface FetchedData extends AutoCloseable {

  /** Read-only views, in offset order; together they are whole batches. */
  List<ByteBuffer> buffers();

  int sizeBytes();

  /** Offset after the last batch; the requested offset when there is none. */
  long nextOffset();

  /** Gives the memory back. Once, by whoever holds the data last. */
  @Override
  void close();
}
