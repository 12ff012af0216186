package io.spillway.cache;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

/** What the block cache and the index cache rely on, whatever decides what goes. */
abstract class BoundedCacheContract {

  /** A value whose weight is its own. */
  record Weighed(int weight, int id) {}

  abstract BoundedCache.Factory factory();

  private final Map<Weighed, Integer> gone = new HashMap<>();

  private BoundedCache<String, Weighed> cache(long budget) {
    return factory()
        .create(budget, Weighed::weight, (key, value) -> gone.merge(value, 1, Integer::sum));
  }

  @Test
  void givesBackWhatWasPut() {
    BoundedCache<String, Weighed> cache = cache(100);
    Weighed value = new Weighed(10, 1);
    assertThat(cache.get("a")).isNull();
    cache.put("a", value);

    assertThat(cache.get("a")).isSameAs(value);
    assertThat(cache.get("b")).isNull();
    assertThat(cache.weight()).isEqualTo(10);
    assertThat(gone).isEmpty();
  }

  @Test
  void replacedRemovedAndClearedValuesAreToldOnce() {
    BoundedCache<String, Weighed> cache = cache(100);
    Weighed first = new Weighed(10, 1);
    Weighed second = new Weighed(20, 2);
    Weighed third = new Weighed(30, 3);
    cache.put("a", first);
    cache.put("a", second);
    assertThat(gone).containsOnly(Map.entry(first, 1));
    cache.put("b", third);
    assertThat(cache.weight()).isEqualTo(50);
    cache.remove("a");
    cache.remove("a");
    cache.remove("never there");
    assertThat(gone).containsOnly(Map.entry(first, 1), Map.entry(second, 1));
    cache.clear();

    assertThat(gone).containsOnly(Map.entry(first, 1), Map.entry(second, 1), Map.entry(third, 1));
    assertThat(cache.weight()).isZero();
    assertThat(cache.get("b")).isNull();
  }

  @Test
  void aValueAboveTheBudgetIsNotKept() {
    BoundedCache<String, Weighed> cache = cache(100);
    Weighed large = new Weighed(101, 1);
    cache.put("a", large);

    assertThat(cache.get("a")).isNull();
    assertThat(cache.weight()).isZero();
    assertThat(gone).containsOnly(Map.entry(large, 1));
    BoundedCache<String, Weighed> none = cache(0);
    Weighed small = new Weighed(1, 2);
    none.put("a", small);
    assertThat(none.get("a")).as("without a budget").isNull();
    assertThat(gone).containsEntry(small, 1);
  }

  @Test
  void isBoundedInWeightAndLosesTrackOfNothing() {
    Random random = new Random(17);
    BoundedCache<String, Weighed> cache = cache(1_000);
    List<Weighed> put = new ArrayList<>();
    for (int i = 0; i < 20_000; i++) {
      String key = "k" + random.nextInt(200);
      if (random.nextInt(4) == 0) {
        cache.remove(key);
      } else if (cache.get(key) == null) {
        Weighed value = new Weighed(1 + random.nextInt(90), i);
        put.add(value);
        cache.put(key, value);
      }
      assertThat(cache.weight()).isLessThanOrEqualTo(1_000);
    }
    AtomicLong held = new AtomicLong();
    put.stream()
        .filter(each -> !gone.containsKey(each))
        .forEach(each -> held.addAndGet(each.weight));
    assertThat(held.get()).as("what is not gone is what is held").isEqualTo(cache.weight());
    cache.clear();

    assertThat(gone.values()).as("each told once").containsOnly(1);
    assertThat(gone).hasSize(put.size());
  }
}
