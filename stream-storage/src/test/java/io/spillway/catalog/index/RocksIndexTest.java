package io.spillway.catalog.index;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.spillway.catalog.CatalogIndex;
import io.spillway.catalog.CatalogIndexContract;
import io.spillway.catalog.IndexBatch;
import io.spillway.catalog.IndexException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RocksIndexTest extends CatalogIndexContract {

  @TempDir private Path directory;

  @Override
  protected CatalogIndex.Home home() {
    return new RocksIndexHome(directory.resolve("index"));
  }

  @Test
  void nothingIsUnpackedOrLeftUntilOneIsMade() throws IOException {
    CatalogIndex.Home home = home();
    assertThat(home.newest()).isNull();
    home.keepOnly(null);
    assertThat(directory.resolve("index")).doesNotExist();
    CatalogIndex index = home.create();
    try (Stream<Path> files = Files.list(directory.resolve("index"))) {
      assertThat(files.map(path -> path.getFileName().toString()).toList()).containsExactly("1");
    }
    home.keepOnly(null);
    assertThat(directory.resolve("index")).doesNotExist();
    assertThatThrownBy(() -> index.get(new byte[1])).isInstanceOf(IndexException.class);
    home.close();
  }

  @Test
  void severalBrokersOfAProcessHaveTheirOwn() {
    CatalogIndex.Home one = new RocksIndexHome(directory.resolve("one"));
    CatalogIndex.Home two = new RocksIndexHome(directory.resolve("two"));
    CatalogIndex of1 = one.create();
    CatalogIndex of2 = two.create();
    of1.write(batch("key", "one"));
    of2.write(batch("key", "two"));
    one.close();
    assertThat(of2.get("key".getBytes(US_ASCII))).asString(US_ASCII).isEqualTo("two");
    two.close();
  }

  @Test
  void aDamagedOneIsRefusedAndNamed() throws IOException {
    for (String victim : List.of("CURRENT", "MANIFEST", ".sst")) {
      Path place = directory.resolve("damaged" + victim.replace(".", ""));
      CatalogIndex.Home home = new RocksIndexHome(place);
      CatalogIndex index = home.create();
      for (int i = 0; i < 40; i++) {
        index.write(batch("key" + i, "v".repeat(500_000)));
      }
      home.close();
      overwrite(place.resolve("1"), victim);
      CatalogIndex.Home again = new RocksIndexHome(place);
      assertThatThrownBy(
              () -> {
                CatalogIndex found = Objects.requireNonNull(again.newest());
                found.scan(new byte[] {0}, new byte[] {0}, new byte[] {127}, (key, value) -> true);
              })
          .as(victim)
          .isInstanceOf(IndexException.class)
          .hasMessageContaining(place.toString());
      again.keepOnly(null);
      assertThat(again.newest()).isNull();
      again.close();
    }
  }

  private static void overwrite(Path index, String victim) throws IOException {
    try (Stream<Path> files = Files.list(index)) {
      List<Path> hit =
          files.filter(file -> file.getFileName().toString().contains(victim)).toList();
      assertThat(hit).isNotEmpty();
      for (Path file : hit) {
        byte[] bytes = Files.readAllBytes(file);
        for (int i = 0; i < bytes.length / 2; i++) {
          bytes[i] ^= 0x55;
        }
        Files.write(file, bytes);
      }
    }
  }

  private static IndexBatch batch(String key, String value) {
    IndexBatch batch = new IndexBatch();
    batch.put(key.getBytes(US_ASCII), value.getBytes(US_ASCII));
    return batch;
  }
}
