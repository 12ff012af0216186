package io.spillway.partition;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.partition.Partitions.Answer;
import io.spillway.wal.Batch;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import org.apache.kafka.common.protocol.Errors;
import org.junit.jupiter.api.Test;

class PartitionConcurrencyTest {

  private static final int PRODUCERS = 4;
  private static final int BATCHES = 500;

  @Test
  void offsetsAreContiguousAndEachProducersOrderIsKeptWhileBatchesBecomeDurable_P29()
      throws InterruptedException {
    Partitions partitions = Partitions.open();
    List<List<Answer>> answers = new ArrayList<>();
    List<Thread> threads = new ArrayList<>();
    CountDownLatch begin = new CountDownLatch(1);
    for (int producer = 0; producer < PRODUCERS; producer++) {
      List<Answer> own = new ArrayList<>();
      answers.add(own);
      int id = producer;
      Thread thread =
          new Thread(
              () -> {
                try {
                  begin.await();
                } catch (InterruptedException e) {
                  return;
                }
                for (int i = 0; i < BATCHES; i++) {
                  own.add(partitions.append(TestBatches.idempotent(id, 0, i, "v")));
                }
              },
              "producer-" + producer);
      threads.add(thread);
      thread.start();
    }
    AtomicBoolean stop = new AtomicBoolean();
    Thread wal =
        new Thread(
            () -> {
              while (!stop.get() || partitions.store.pendingAppends() > 0) {
                partitions.store.makeAllDurable();
                Thread.onSpinWait();
              }
            },
            "wal");
    wal.start();
    begin.countDown();
    for (Thread thread : threads) {
      thread.join();
    }
    stop.set(true);
    wal.join();

    for (List<Answer> own : answers) {
      assertThat(own).extracting(answer -> answer.error).containsOnly(Errors.NONE);
    }
    long next = 0;
    int[] sequences = new int[PRODUCERS];
    for (Batch batch : partitions.stream().batches) {
      assertThat(batch.baseOffset()).isEqualTo(next);
      next = batch.endOffset();
      int producer = (int) BatchHeader.producerId(batch.payload());
      assertThat(BatchHeader.baseSequence(batch.payload())).isEqualTo(sequences[producer]++);
    }
    assertThat(next).isEqualTo((long) PRODUCERS * BATCHES);
    assertThat(partitions.partition().highWatermark()).isEqualTo(next);
    assertThat(partitions.store.openReservations).isZero();
  }
}
