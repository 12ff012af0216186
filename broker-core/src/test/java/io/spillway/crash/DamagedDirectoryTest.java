package io.spillway.crash;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.partition.KafkaBatchVerifier;
import io.spillway.peers.BrokerProcess;
import io.spillway.peers.ChildProcess;
import io.spillway.wal.local.WalInspector;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.zip.CRC32C;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * G9, P27: a broker that was killed with everything in its write-ahead log, and whose files are
 * changed before its next start.
 */
@Timeout(value = 3, unit = TimeUnit.MINUTES)
class DamagedDirectoryTest {

  private static final int ROUNDS = 5;

  @TempDir Path work;
  private List<String> records;

  @BeforeEach
  void leaveAllInTheWal() throws Exception {
    try (BrokerProcess broker = BrokerProcess.start(work, settings())) {
      for (int i = 0; i < ROUNDS; i++) {
        LostDirectoryTest.produce(broker);
      }
      records = LostDirectoryTest.read(broker);
      broker.kill();
    }
  }

  @Test
  void aByteThatChangedWithinTheAckedLogIsRefusedUntilItIsPutRight() throws Exception {
    Path wal = work.resolve("data/wal");
    Payloads payloads = new Payloads(new ArrayList<>(), new ArrayList<>());
    WalInspector.inspect(wal, new KafkaBatchVerifier(), payloads);
    int middle = payloads.offsets.size() / 2;
    Path file = wal.resolve(payloads.files.get(middle));
    int at = Math.toIntExact(payloads.offsets.get(middle)) + 100;

    flipByte(file, at);
    try (ChildProcess refused = BrokerProcess.launch(work, settings())) {
      assertThat(BrokerProcess.refusal(refused))
          .contains("the write-ahead log is damaged: ", file.getFileName().toString(), " at byte ")
          .contains("restore the file", "spillway wal abandon");
    }

    flipByte(file, at);
    try (BrokerProcess broker = BrokerProcess.start(work, settings())) {
      assertThat(LostDirectoryTest.read(broker)).isEqualTo(records);
      broker.stop();
    }
  }

  /** Both kinds of file begin with a magic of four bytes and the version in the next two. */
  @Test
  void filesOfANewerVersionAreRefusedByName() throws Exception {
    Path segment = firstFile(work.resolve("data/wal"), "0");
    byte[] before = Files.readAllBytes(segment);
    byte[] header = ByteBuffer.wrap(before.clone()).putShort(4, (short) 2).array();
    CRC32C headerCrc = new CRC32C();
    headerCrc.update(header, 0, 124);
    ByteBuffer.wrap(header).putInt(124, (int) headerCrc.getValue());
    Files.write(segment, header);
    try (ChildProcess refused = BrokerProcess.launch(work, settings())) {
      assertThat(BrokerProcess.refusal(refused))
          .contains(segment.getFileName().toString(), "format version 2", "up to 1");
    }
    Files.write(segment, before);

    Path log = work.resolve("data/store/catalog/log");
    Path record = firstFile(log, "0");
    ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(record)).putShort(4, (short) 2);
    CRC32C recordCrc = new CRC32C();
    recordCrc.update(bytes.slice(0, 56));
    recordCrc.update(bytes.slice(60, bytes.remaining() - 60));
    bytes.putInt(56, (int) recordCrc.getValue());
    Files.write(record, bytes.array());
    try (ChildProcess refused = BrokerProcess.launch(work, settings())) {
      assertThat(BrokerProcess.refusal(refused))
          .contains("catalog/log/" + record.getFileName(), "format version 2");
    }
  }

  private List<String> settings() {
    return List.of(
        "listeners=PLAINTEXT://127.0.0.1:0",
        "metrics.listener=off",
        "presence.interval.ms=500",
        "upload.interval.ms=3600000",
        "wal.capacity.bytes=67108864",
        "data.dir=" + work.resolve("data"));
  }

  private static Path firstFile(Path directory, String nameStart) throws IOException {
    try (var files = Files.list(directory)) {
      return files
          .filter(file -> file.getFileName().toString().startsWith(nameStart))
          .sorted()
          .findFirst()
          .orElseThrow();
    }
  }

  private static void flipByte(Path file, int at) throws IOException {
    byte[] bytes = Files.readAllBytes(file);
    bytes[at] ^= 1;
    Files.write(file, bytes);
  }

  /** Where each batch begins. */
  private record Payloads(List<String> files, List<Long> offsets) implements WalInspector.Visitor {
    @Override
    public void onSegment(WalInspector.SegmentInfo segment) {}

    @Override
    public void onBlock(WalInspector.BlockInfo block) {
      for (int i = 0; i < block.header().frameCount(); i++) {
        files.add(block.file());
      }
    }

    @Override
    public void onFrame(WalInspector.FrameInfo frame) {
      offsets.add(frame.byteOffset());
    }
  }
}
