package io.spillway.objectwal;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.object.MemoryObjectStore;
import io.spillway.objectwal.ChainFence.Fenced;
import io.spillway.runtime.SimulatedThreads;
import io.spillway.wal.PayloadVerifier;
import io.spillway.wal.WriteAheadLog;
import io.spillway.wal.WriteAheadLogContract;
import io.spillway.wal.WriterIncarnation;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterEach;

/** Under simulated threads, on a store in memory. */
class ObjectWalContractTest extends WriteAheadLogContract {

  private final SimulatedThreads threads = new SimulatedThreads(3, 50_000);
  private final MemoryObjectStore store = new MemoryObjectStore();
  private final List<Throwable> faults = new ArrayList<>();
  private final List<WriterIncarnation> closed = new ArrayList<>();

  @Override
  protected WriteAheadLog open() {
    return new ObjectWal(
        ObjectWalConfig.of(2 << 20, 256 << 10).onHeap(),
        1,
        () -> closed.size() + 1,
        store,
        threads,
        threads.randomSource(),
        (component, cause) -> faults.add(cause),
        PayloadVerifier.NONE);
  }

  @Override
  protected void recover(WriteAheadLog wal, WriteAheadLog.RecoveredFrameVisitor visitor) {
    WriterIncarnation before = closed.get(closed.size() - 1);
    long blocks = store.list(ChainKeys.prefix(before.walId()), "", 10_000).join().size();
    SealedChain chain =
        new SealedChain(
            new Fenced(before, 0, blocks, before),
            store,
            threads.newScheduler("chain"),
            threads.randomSource(),
            PayloadVerifier.NONE,
            0,
            () -> false);
    await(chain.replay(visitor));
    wal.recover((position, batch) -> assertThat(batch).as("a new chain is empty").isNull());
  }

  @Override
  protected <T> T await(CompletableFuture<T> future) {
    while (!future.isDone()) {
      assertThat(threads.step()).as("something is left to do").isTrue();
    }
    return future.join();
  }

  @Override
  protected void close(WriteAheadLog wal) {
    closed.add(wal.writer());
    await(((ObjectWal) wal).shutdown());
  }

  @Override
  protected int someBytes() {
    return 6_000;
  }

  @AfterEach
  void nothingFailed() {
    assertThat(faults).isEmpty();
    assertThat(threads.faults()).isEmpty();
  }
}
