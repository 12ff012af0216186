package io.spillway.merge;

/**
 * The numbers a plan keeps to.
 *
 * @param largeBytes an extent of that size or more is left alone
 * @param fanIn so many of about one size become one
 * @param indexBytes of all objects that one merge reads, together; one alone may have more
 */
record MergeLimits(long largeBytes, int fanIn, long indexBytes) {

  /** Below this times the fan-in all sizes are the same to a plan. */
  static final long SMALLEST_BYTES = 1024;

  /** Objects that one merge reads from. */
  static final int MAX_SOURCES = 64;

  /** That one merge replaces: its command is about a megabyte then. */
  static final int MAX_EXTENTS = 8_192;

  /** Bounds the index of an object of tiny batches. */
  static final long MAX_BATCHES = 1 << 20;

  /** Of one object that is written. Always room for {@code fanIn} extents that are not large. */
  long maxObjectBytes() {
    return fanIn * largeBytes;
  }

  /** Sizes of one tier differ by less than the factor {@code fanIn}, but for the lowest. */
  int tier(long bytes) {
    int tier = 0;
    for (long above = SMALLEST_BYTES * fanIn; bytes >= above && above > 0; above *= fanIn) {
      tier++;
    }
    return tier;
  }

  boolean isLarge(long bytes) {
    return bytes >= largeBytes;
  }
}
