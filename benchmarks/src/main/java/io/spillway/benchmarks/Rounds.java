package io.spillway.benchmarks;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Systems measured side by side, several times, every other round in the opposite order. */
final class Rounds {

  private Rounds() {}

  /** One system in one round. */
  interface Measurement {
    double[] of(String system) throws Exception;
  }

  /**
   * @param progress what is said of a measurement on stderr: a format of its first numbers
   * @return the rows of each system, in the order of the systems
   */
  static Map<String, List<double[]>> measure(
      List<String> systems, int rounds, String progress, Measurement measurement) throws Exception {
    Map<String, List<double[]>> results = new LinkedHashMap<>();
    for (String system : systems) {
      results.put(system, new ArrayList<>());
    }
    for (int round = 0; round < rounds; round++) {
      List<String> order = new ArrayList<>(systems);
      if (round % 2 == 1) {
        Collections.reverse(order);
      }
      for (String system : order) {
        double[] result = measurement.of(system);
        System.err.println(
            "round " + round + " " + system + ": " + String.format(progress, boxed(result)));
        results.computeIfAbsent(system, name -> new ArrayList<>()).add(result);
      }
    }
    return results;
  }

  private static Object[] boxed(double[] numbers) {
    return Arrays.stream(numbers).boxed().toArray();
  }
}
