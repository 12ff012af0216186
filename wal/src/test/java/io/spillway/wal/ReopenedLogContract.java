package io.spillway.wal;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What a log does that goes on where it ended when it is opened again. */
public abstract class ReopenedLogContract extends WriteAheadLogContract {

  @Test
  void aDurablePayloadIsReadBackAfterReopening() {
    WriteAheadLog wal = recovered();
    byte[] content = bytes(3, someBytes());
    DurableFrame frame =
        await(append(wal, new Batch(STREAM, 0, 1, 0, 0, ByteBuffer.wrap(content)), 1));
    close(wal);
    WriteAheadLog again = recovered();
    assertThat(await(again.read(frame.position(), content.length)))
        .isEqualTo(ByteBuffer.wrap(content));
    close(again);
  }

  @Test
  void recoveryBeginsAtTheTrimPosition() {
    WriteAheadLog wal = recovered();
    List<DurableFrame> frames = new ArrayList<>();
    for (int i = 0; i < 20; i++) {
      frames.add(await(append(wal, batch(STREAM, i, 3000), 1)));
    }
    close(wal);
    WriteAheadLog again = open();
    again.trim(frames.get(7).position());
    List<Long> seen = new ArrayList<>();
    again.recover((position, batch) -> seen.add(batch.baseOffset()));
    assertThat(seen).first().isEqualTo(7L);
    assertThat(seen).hasSize(13).isSorted();
    close(again);
  }

  @Test
  void everyOpeningIsANewIncarnationOfTheSameLog() {
    WriteAheadLog wal = recovered();
    WriterIncarnation first = wal.writer();
    close(wal);
    for (int i = 1; i < 4; i++) {
      WriteAheadLog again = recovered();
      assertThat(again.writer())
          .isEqualTo(new WriterIncarnation(first.nodeId(), first.walId(), first.incarnation() + i));
      close(again);
    }
  }

  @Test
  void positionsGrowOverIncarnations() {
    long last = -1;
    for (int i = 0; i < 5; i++) {
      WriteAheadLog wal = open();
      long from = wal.recover((position, batch) -> {});
      assertThat(from).isGreaterThan(last);
      last = await(append(wal, batch(STREAM, i, 10), 1)).position();
      assertThat(last).isGreaterThan(from);
      close(wal);
    }
  }
}
