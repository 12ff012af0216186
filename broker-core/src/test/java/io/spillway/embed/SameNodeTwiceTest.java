package io.spillway.embed;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** "A live broker with this node.id, or this WAL directory in use": refused, naming both. */
class SameNodeTwiceTest {

  @TempDir Path work;

  @Test
  void aSecondBrokerOfALiveNodeIsRefusedAndNamesBothAndNoAbandonment() throws Exception {
    try (Broker first = broker("first").start()) {
      assertThatThrownBy(() -> broker("second").start())
          .isInstanceOf(BrokerStartException.class)
          .hasMessageContaining("node.id=1 is served by")
          .hasMessageContaining(work.resolve("first").toString())
          .hasMessageContaining(work.resolve("second").toString())
          .hasMessageContaining(first.bootstrapServers())
          .hasMessageContaining("process " + ProcessHandle.current().pid())
          .hasMessageNotContaining("abandon");
    }
    // It took its sign down, and sealed its log: the second one is free to serve.
    try (Stream<Path> signs = Files.list(work.resolve("bucket/presence"))) {
      assertThat(signs).isEmpty();
    }
    broker("second").start().close();
  }

  @Test
  void aWalDirectoryInUseIsRefusedByName() {
    Path wal = work.resolve("shared-wal");
    try (Broker first = broker("first").set("wal.url", "file:" + wal).start()) {
      assertThat(first.nodeId()).isEqualTo(1);
      assertThatThrownBy(() -> broker("second").set("wal.url", "file:" + wal).start())
          .isInstanceOf(BrokerStartException.class)
          .hasMessageContaining(wal.toString())
          .hasMessageContaining("--set wal.url=file:DIR");
    }
  }

  private Broker.Builder broker(String dataDir) {
    return Broker.builder()
        .dataDirectory(work.resolve(dataDir))
        .set("object.store.url", "file:" + work.resolve("bucket"))
        .port(0);
  }
}
