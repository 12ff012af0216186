package io.spillway.sim;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;

/** What was met, by name and number: proof that a run was worth something. */
final class Coverage {

  private final TreeMap<String, Long> counts = new TreeMap<>();

  void count(String what) {
    add(what, 1);
  }

  void add(String what, long times) {
    counts.merge(what, times, Long::sum);
  }

  void add(Coverage other) {
    other.counts.forEach(this::add);
  }

  /** Faults by the names of an enum. */
  void add(Map<? extends Enum<?>, Long> met) {
    met.forEach(
        (fault, times) -> add(fault.name().toLowerCase(Locale.ROOT).replace('_', ' '), times));
  }

  long of(String what) {
    return counts.getOrDefault(what, 0L);
  }

  void require(String... each) {
    for (String what : each) {
      assertThat(of(what)).as("times that the run met: %s", what).isPositive();
    }
  }

  @Override
  public String toString() {
    return counts.entrySet().stream()
        .map(each -> each.getKey() + " " + each.getValue())
        .collect(Collectors.joining(", "));
  }
}
