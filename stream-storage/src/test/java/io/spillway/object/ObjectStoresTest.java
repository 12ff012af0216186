package io.spillway.object;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.spillway.runtime.SimulatedThreads;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class ObjectStoresTest {

  @Test
  void fileUrlsNameDirectories() {
    assertThat(ObjectStores.directory("file:some/dir")).isEqualTo(Path.of("some/dir"));
    assertThat(ObjectStores.directory("file:/some/dir")).isEqualTo(Path.of("/some/dir"));
    assertThat(ObjectStores.directory("file:///some/dir")).isEqualTo(Path.of("/some/dir"));
    assertThat(ObjectStores.directory("file:with space")).isEqualTo(Path.of("with space"));
  }

  @Test
  void refusesWhatItCannotOpenByTheNameOfTheSetting() {
    for (String url : new String[] {"http://x", "gs://bucket", "file:", ""}) {
      assertThatThrownBy(() -> ObjectStores.open(url, new SimulatedThreads(1, 0)))
          .as(url)
          .isInstanceOf(ObjectStoreException.Refused.class)
          .hasMessageContaining("object.store.url=" + url);
    }
  }
}
