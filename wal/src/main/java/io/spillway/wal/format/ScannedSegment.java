package io.spillway.wal.format;

import io.spillway.wal.device.ReadableFile;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.OptionalLong;

/**
 * A segment file and the position of its first byte. The name of a file is that position in twenty
 * decimal digits, with {@code .wal} behind: names sort as positions do, and a damaged file still
 * says what it holds.
 *
 * @param base position of the file's first byte
 */
public record ScannedSegment(long base, ReadableFile file) {

  private static final String SUFFIX = ".wal";
  private static final int DIGITS = 20;

  public long endPosition() {
    return base + file.sizeBytes();
  }

  /** Name of the file whose first byte is at {@code base}. */
  public static String nameOf(long base) {
    return String.format(Locale.ROOT, "%0" + DIGITS + "d", base) + SUFFIX;
  }

  /** The position that a name states; empty for files that are no segments. */
  public static OptionalLong baseOf(String name) {
    if (name.length() != DIGITS + SUFFIX.length() || !name.endsWith(SUFFIX)) {
      return OptionalLong.empty();
    }
    try {
      long base = Long.parseLong(name, 0, DIGITS, 10);
      return base < 0 ? OptionalLong.empty() : OptionalLong.of(base);
    } catch (NumberFormatException e) {
      return OptionalLong.empty();
    }
  }

  /** Those of the files that are segments, by position. */
  public static List<ScannedSegment> of(List<? extends ReadableFile> files) {
    List<ScannedSegment> segments = new ArrayList<>();
    for (ReadableFile file : files) {
      OptionalLong base = baseOf(file.name());
      if (base.isPresent()) {
        segments.add(new ScannedSegment(base.getAsLong(), file));
      }
    }
    segments.sort((a, b) -> Long.compare(a.base, b.base));
    return segments;
  }
}
