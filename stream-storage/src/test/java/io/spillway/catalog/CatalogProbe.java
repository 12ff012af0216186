package io.spillway.catalog;

import java.nio.ByteBuffer;
import java.util.List;

/** Looks into a catalog from outside its package. */
public final class CatalogProbe {

  private CatalogProbe() {}

  /** Equal states give equal bytes. */
  public static ByteBuffer state(StreamCatalog catalog) {
    List<ByteBuffer> encoded = ((LogStreamCatalog) catalog).encodedState();
    ByteBuffer all = ByteBuffer.allocate(encoded.stream().mapToInt(ByteBuffer::remaining).sum());
    encoded.forEach(all::put);
    return all.flip();
  }
}
