package io.spillway.benchmarks;

import java.util.Arrays;
import java.util.List;

/** Of several rounds: median, least and most. */
final class Spread {

  private Spread() {}

  /**
   * @param format of one number, as {@code %.2f}
   */
  static String of(List<double[]> rows, int column, String format) {
    double[] sorted = rows.stream().mapToDouble(row -> row[column]).toArray();
    Arrays.sort(sorted);
    return String.format(
        format + " (" + format + "-" + format + ")",
        sorted[sorted.length / 2],
        sorted[0],
        sorted[sorted.length - 1]);
  }
}
