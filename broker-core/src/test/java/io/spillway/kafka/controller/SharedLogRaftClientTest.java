package io.spillway.kafka.controller;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.spillway.runtime.SimulatedThreads;
import io.spillway.sharedlog.SharedLogException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import org.apache.kafka.common.errors.InvalidUpdateVersionException;
import org.apache.kafka.common.metadata.ConfigRecord;
import org.apache.kafka.common.metadata.NoOpRecord;
import org.apache.kafka.raft.BatchReader;
import org.apache.kafka.raft.LeaderAndEpoch;
import org.apache.kafka.raft.RaftClient;
import org.apache.kafka.raft.errors.NotLeaderException;
import org.apache.kafka.server.common.ApiMessageAndVersion;
import org.apache.kafka.server.common.KRaftVersion;
import org.apache.kafka.snapshot.SnapshotReader;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class SharedLogRaftClientTest {

  private static final ApiMessageAndVersion RECORD =
      new ApiMessageAndVersion(new NoOpRecord(), (short) 0);

  private final MemorySharedLog log = new MemorySharedLog();
  private final SimulatedThreads threads = new SimulatedThreads(1, 0);
  private final List<Throwable> faults = new ArrayList<>();
  private final Recording listener = new Recording();
  private SharedLogRaftClient client = newClient();

  private SharedLogRaftClient newClient() {
    return new SharedLogRaftClient(
        1,
        log,
        threads.newScheduler("log"),
        threads.clock(),
        (what, cause) -> faults.add(cause),
        offset -> Optional.empty(),
        1000);
  }

  @BeforeEach
  void lead() {
    client.register(listener);
    client.start();
    run();
  }

  private void run() {
    threads.runAll(10_000);
  }

  private long append(int epoch, int records) {
    List<ApiMessageAndVersion> batch = new ArrayList<>();
    for (int i = 0; i < records; i++) {
      batch.add(RECORD);
    }
    return client.prepareAppend(epoch, batch);
  }

  @Test
  void anEpochRecordAtTheNextNumberWins_P37() {
    assertThat(client.leaderAndEpoch()).isEqualTo(new LeaderAndEpoch(OptionalInt.of(1), 1));
    assertThat(log.records()).hasSize(1);
    assertThat(listener.events).containsExactly("leader none epoch 0", "leader 1 epoch 1");
  }

  @Test
  void appendsThatWaitShareOneObject_P4() {
    log.hold();
    for (int i = 0; i < 10; i++) {
      append(1, 2);
      client.schedulePreparedAppend();
      run();
    }
    log.release();
    run();
    // The first was under way alone; the nine behind it went together.
    assertThat(log.records()).hasSize(1 + 2);
    assertThat(listener.endOffset).isEqualTo(20);
    assertThat(client.highWatermark()).hasValue(20);
  }

  @Test
  void whatIsPreparedIsNotWrittenBeforeItIsScheduled() {
    assertThat(append(1, 3)).isEqualTo(2);
    run();
    assertThat(log.records()).hasSize(1);
    assertThat(client.logEndOffset()).isEqualTo(3);
    assertThat(client.highWatermark()).hasValue(0);
    client.schedulePreparedAppend();
    run();
    assertThat(client.highWatermark()).hasValue(3);
  }

  @Test
  void anAppendThatThrowsMovesNoOffset() {
    ApiMessageAndVersion unwritable =
        new ApiMessageAndVersion(new ConfigRecord().setName(null), (short) 0);
    assertThatThrownBy(() -> client.prepareAppend(1, List.of(RECORD, unwritable)))
        .isInstanceOf(RuntimeException.class);
    assertThat(client.logEndOffset()).isZero();
    assertThat(append(1, 1)).isZero();
    client.schedulePreparedAppend();
    run();
    assertThat(client.highWatermark()).hasValue(1);
    assertThat(faults).isEmpty();
  }

  @Test
  void anAppendOfAnotherEpochIsRefused() {
    assertThatThrownBy(() -> append(2, 1)).isInstanceOf(NotLeaderException.class);
    assertThatThrownBy(() -> append(0, 1)).isInstanceOf(NotLeaderException.class);
  }

  /** The controller resigns on anything but an ApiException. */
  @Test
  void theQuorumsVersionStaysWhatItIs() {
    client.upgradeKRaftVersion(1, KRaftVersion.KRAFT_VERSION_1, false);
    assertThatThrownBy(() -> client.upgradeKRaftVersion(1, KRaftVersion.KRAFT_VERSION_0, false))
        .isInstanceOf(InvalidUpdateVersionException.class)
        .hasMessageContaining("kraft.version is 1 and cannot become 0");
  }

  @Test
  void aLostCreateMeansFenced() {
    log.append(MetadataLogFormat.epoch(2, 7, 0));
    append(1, 1);
    client.schedulePreparedAppend();
    run();
    assertThat(listener.events).endsWith("leader 7 epoch 2");
    assertThat(listener.endOffset).isZero();
    assertThat(log.records()).hasSize(2);
    assertThat(faults).hasSize(1);
    assertThat(faults.get(0)).hasMessageContaining("only one may run");
    assertThatThrownBy(() -> append(1, 1)).isInstanceOf(NotLeaderException.class);
  }

  @Test
  void aResignedLeaderStandsAgainAfterWhatWasUnderWay() {
    log.hold();
    append(1, 2);
    client.schedulePreparedAppend();
    run();
    append(1, 5);
    client.resign(1);
    run();
    log.release();
    run();
    assertThat(listener.events)
        .endsWith("leader none epoch 1", "commit 0-1 epoch 1", "leader 1 epoch 2");
    assertThat(append(2, 1)).isEqualTo(2);
  }

  @Test
  void aRestartHandsOverEverythingAtOnceBeforeItLeads_P38() {
    for (int i = 0; i < 5; i++) {
      append(1, 2);
      client.schedulePreparedAppend();
      run();
    }
    client.close();
    client = newClient();
    Recording restarted = new Recording();
    client.register(restarted);
    client.start();
    run();
    assertThat(restarted.commits).isEqualTo(1);
    assertThat(restarted.endOffset).isEqualTo(10);
    assertThat(restarted.events).endsWith("leader none epoch 1", "leader 1 epoch 2");
  }

  @Test
  void damageStopsTheClientAndSaysWhere() {
    log.append(List.of(ByteBuffer.wrap(new byte[20])));
    client.close();
    run();
    client = newClient();
    client.register(new Recording());
    assertThat(client.start()).isNotDone();
    run();
    assertThat(faults).hasSize(1);
    assertThat(faults.get(0))
        .isInstanceOf(SharedLogException.Corrupt.class)
        .hasMessageContaining("metadata log record 1");
  }

  /** The bytes of version 1: a change here needs a new version. */
  @Test
  void theFormatIsWhatItWas() {
    assertThat(hex(MetadataLogFormat.epoch(3, 1, 42)))
        .isEqualTo("53504d520101" + "00000003" + "00000001" + "000000000000002a");
    ByteBuffer batch = MetadataLogFormat.encode(List.of(RECORD), 42, 1_700_000_000_000L, 3);
    List<ByteBuffer> record = MetadataLogFormat.batches(3, 42, 43, List.of(batch));
    assertThat(hex(record.subList(0, 1)))
        .isEqualTo("53504d520102" + "00000003" + "000000000000002a" + "000000000000002b");
    assertThat(hex(record.subList(1, 2))).isEqualTo(GOLDEN_BATCH);
    ByteBuffer checkpointHead =
        MetadataLogFormat.checkpoint(3, 1, 42, List.of(ByteBuffer.allocate(0))).get(0);
    assertThat(hex(List.of(checkpointHead)))
        .isEqualTo("53504d5301" + "00000003" + "00000001" + "000000000000002a");
  }

  private static final String GOLDEN_BATCH =
      "000000000000002a0000003c0000000302b03bfe3d0000000000000000018bcfe568000000018bcfe56800"
          + "ffffffffffffffffffffffffffff000000011400000001080114000000";

  @Test
  void aNewerFormatIsRefusedByName() {
    ByteBuffer body = MetadataLogFormat.epoch(1, 1, 0).get(0);
    ByteBuffer newer = ByteBuffer.allocate(body.remaining()).put(body.duplicate()).flip();
    newer.put(4, (byte) 2);
    assertThatThrownBy(() -> MetadataLogFormat.decode(9, newer))
        .isInstanceOf(SharedLogException.Foreign.class)
        .hasMessage("metadata log record 9 has format version 2; this version reads 1");
  }

  private static String hex(List<ByteBuffer> body) {
    StringBuilder hex = new StringBuilder();
    for (ByteBuffer part : body) {
      byte[] bytes = new byte[part.remaining()];
      part.duplicate().get(bytes);
      hex.append(HexFormat.of().formatHex(bytes));
    }
    return hex.toString();
  }

  private static final class Recording implements RaftClient.Listener<ApiMessageAndVersion> {
    private final List<String> events = new ArrayList<>();
    private long endOffset;
    private int commits;

    @Override
    public void handleCommit(BatchReader<ApiMessageAndVersion> reader) {
      commits++;
      while (reader.hasNext()) {
        var batch = reader.next();
        events.add(
            "commit " + batch.baseOffset() + "-" + batch.lastOffset() + " epoch " + batch.epoch());
        endOffset = batch.lastOffset() + 1;
      }
    }

    @Override
    public void handleLoadSnapshot(SnapshotReader<ApiMessageAndVersion> reader) {
      events.add("snapshot " + reader.snapshotId());
    }

    @Override
    public void handleLoadBootstrap(SnapshotReader<ApiMessageAndVersion> reader) {
      throw new UnsupportedOperationException();
    }

    @Override
    public void handleLeaderChange(LeaderAndEpoch leader) {
      String id = leader.leaderId().isPresent() ? "" + leader.leaderId().getAsInt() : "none";
      events.add("leader " + id + " epoch " + leader.epoch());
    }
  }
}
