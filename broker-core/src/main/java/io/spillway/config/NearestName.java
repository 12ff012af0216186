package io.spillway.config;

import java.util.Collection;
import java.util.Optional;

/** Finds what somebody meant to write. */
final class NearestName {

  private NearestName() {}

  /** A name that goes on where the written one ends, or the one with few enough edits. */
  static Optional<String> of(String written, Collection<String> names) {
    int limit = Math.max(2, written.length() / 3);
    String nearest = null;
    int fewest = limit + 1;
    for (String name : names) {
      if (name.startsWith(written + ".")) {
        return Optional.of(name);
      }
      if (Math.abs(name.length() - written.length()) < fewest) {
        int edits = edits(written, name);
        if (edits < fewest) {
          fewest = edits;
          nearest = name;
        }
      }
    }
    return Optional.ofNullable(nearest);
  }

  /** Edits (insert, delete, replace, swap of neighbours) that turn one text into the other. */
  static int edits(String from, String to) {
    int[] beforeLast = new int[to.length() + 1];
    int[] last = new int[to.length() + 1];
    int[] row = new int[to.length() + 1];
    for (int j = 0; j <= to.length(); j++) {
      last[j] = j;
    }
    for (int i = 1; i <= from.length(); i++) {
      row[0] = i;
      for (int j = 1; j <= to.length(); j++) {
        int replace = from.charAt(i - 1) == to.charAt(j - 1) ? 0 : 1;
        row[j] = Math.min(Math.min(row[j - 1], last[j]) + 1, last[j - 1] + replace);
        if (i > 1
            && j > 1
            && from.charAt(i - 1) == to.charAt(j - 2)
            && from.charAt(i - 2) == to.charAt(j - 1)) {
          row[j] = Math.min(row[j], beforeLast[j - 2] + 1);
        }
      }
      int[] spare = beforeLast;
      beforeLast = last;
      last = row;
      row = spare;
    }
    return last[to.length()];
  }
}
