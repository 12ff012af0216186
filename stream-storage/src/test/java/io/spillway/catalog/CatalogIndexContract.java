package io.spillway.catalog;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What the catalog needs of an index, whatever it is made of. */
public abstract class CatalogIndexContract {

  private CatalogIndex.Home home;

  /** A home in the place of the last one: what the same broker finds at its next start. */
  protected abstract CatalogIndex.Home home();

  @BeforeEach
  final void openHome() {
    home = home();
  }

  @AfterEach
  final void closeHome() {
    home.close();
  }

  @Test
  void whereNoneWasMadeThereIsNone() {
    assertThat(home.newest()).isNull();
  }

  @Test
  void aScanBeginsWithTheLastEntryAtOrBelowItsStart() {
    CatalogIndex index = home.create();
    put(index, "b", "b3", "b5", "b7", "c");
    assertThat(scan(index, "b1", "b5", "c")).containsExactly("b5", "b7");
    assertThat(scan(index, "b1", "b4", "c")).containsExactly("b3", "b5", "b7");
    assertThat(scan(index, "b1", "b2", "c")).containsExactly("b3", "b5", "b7");
    assertThat(scan(index, "b1", "b9", "c")).containsExactly("b7");
    assertThat(scan(index, "b8", "b9", "c")).isEmpty();
    assertThat(scan(index, "b1", "b1", "b3")).isEmpty();
    assertThat(scan(index, "a", "a", "d")).containsExactly("b", "b3", "b5", "b7", "c");
    List<String> first = new ArrayList<>();
    index.scan(
        key("b"),
        key("b4"),
        key("c"),
        (key, value) -> {
          first.add(text(key) + "=" + text(value));
          return first.size() < 2;
        });
    assertThat(first).containsExactly("b3=1b3", "b5=1b5");
  }

  @Test
  void aBatchIsAppliedInItsOrder() {
    CatalogIndex index = home.create();
    put(index, "a", "b");
    IndexBatch batch = new IndexBatch();
    batch.delete(key("a"));
    batch.put(key("a"), key("new"));
    batch.put(key("c"), key("new"));
    batch.delete(key("c"));
    batch.delete(key("b"));
    batch.delete(key("never there"));
    index.write(batch);
    assertThat(text(index.get(key("a")))).isEqualTo("new");
    assertThat(index.get(key("b"))).isNull();
    assertThat(index.get(key("c"))).isNull();
  }

  @Test
  void aSnapshotStaysAsItIs() {
    CatalogIndex index = home.create();
    put(index, "a", "b");
    try (CatalogIndex.Snapshot snapshot = index.snapshot()) {
      IndexBatch batch = new IndexBatch();
      batch.delete(key("a"));
      batch.put(key("c"), key("new"));
      index.write(batch);
      assertThat(scan(snapshot, "a", "a", "z")).containsExactly("a", "b");
      assertThat(text(snapshot.get(key("a")))).isEqualTo("1a");
      assertThat(snapshot.get(key("c"))).isNull();
    }
    assertThat(scan(index, "a", "a", "z")).containsExactly("b", "c");
  }

  @Test
  void theNextStartFindsTheNewest() {
    put(home.create(), "old");
    put(home.create(), "a", "b");
    home.close();
    home = home();
    CatalogIndex again = Objects.requireNonNull(home.newest());
    assertThat(scan(again, "a", "a", "z")).containsExactly("a", "b");
  }

  @Test
  void onlyOneIsKept() {
    CatalogIndex first = home.create();
    CatalogIndex second = home.create();
    put(first, "first");
    put(second, "second");
    home.keepOnly(first);
    assertThatThrownBy(() -> second.get(key("second"))).isInstanceOf(IndexException.class);
    assertThat(text(first.get(key("first")))).isEqualTo("1first");
    home.close();
    home = home();
    assertThat(text(Objects.requireNonNull(home.newest()).get(key("first")))).isEqualTo("1first");
    home.keepOnly(null);
    home.close();
    home = home();
    assertThat(home.newest()).isNull();
  }

  @Test
  void aClosedIndexRefusesAndClosesAgain() {
    CatalogIndex index = home.create();
    put(index, "a");
    CatalogIndex.Snapshot snapshot = index.snapshot();
    index.close();
    assertThatThrownBy(() -> index.get(key("a"))).isInstanceOf(IndexException.class);
    assertThatThrownBy(() -> scan(index, "a", "a", "z")).isInstanceOf(IndexException.class);
    assertThatThrownBy(() -> put(index, "a")).isInstanceOf(IndexException.class);
    assertThatThrownBy(index::snapshot).isInstanceOf(IndexException.class);
    assertThatThrownBy(() -> snapshot.get(key("a"))).isInstanceOf(IndexException.class);
    snapshot.close();
    index.close();
  }

  @Test
  void itHoldsWhatASortedMapHolds() {
    Random random = new Random(17);
    CatalogIndex index = home.create();
    TreeMap<String, String> model = new TreeMap<>();
    for (int round = 0; round < 200; round++) {
      IndexBatch batch = new IndexBatch();
      for (int i = random.nextInt(20); i >= 0; i--) {
        String key = "k" + random.nextInt(500);
        if (random.nextInt(3) == 0) {
          batch.delete(key(key));
          model.remove(key);
        } else {
          batch.put(key(key), key("v" + round));
          model.put(key, "v" + round);
        }
      }
      index.write(batch);
      String start = "k" + random.nextInt(500);
      String floor = model.floorKey(start);
      assertThat(scan(index, "k", start, "l"))
          .containsExactlyElementsOf(model.tailMap(floor == null ? start : floor).keySet());
    }
    model.forEach((key, value) -> assertThat(text(index.get(key(key)))).isEqualTo(value));
  }

  private static void put(CatalogIndex index, String... keys) {
    IndexBatch batch = new IndexBatch();
    Arrays.stream(keys).forEach(key -> batch.put(key(key), key("1" + key)));
    index.write(batch);
  }

  private static List<String> scan(CatalogIndexReader index, String from, String start, String to) {
    List<String> found = new ArrayList<>();
    index.scan(
        key(from),
        key(start),
        key(to),
        (key, value) -> {
          found.add(text(key));
          return true;
        });
    return found;
  }

  private static byte[] key(String text) {
    return text.getBytes(US_ASCII);
  }

  private static String text(byte @Nullable [] bytes) {
    return new String(Objects.requireNonNull(bytes), US_ASCII);
  }
}
