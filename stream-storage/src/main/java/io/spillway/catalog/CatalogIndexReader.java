package io.spillway.catalog;

import org.jspecify.annotations.Nullable;

/** Reads of a {@link CatalogIndex}, or of one state of it. */
public interface CatalogIndexReader {

  byte @Nullable [] get(byte[] key);

  /**
   * Visits entries in ascending order, beginning with the last one at or below {@code start} if
   * that is not below {@code from}, else with the first one above; ending before {@code to}, or
   * when the visitor has enough.
   */
  void scan(byte[] from, byte[] start, byte[] to, CatalogIndex.Visitor visitor);
}
