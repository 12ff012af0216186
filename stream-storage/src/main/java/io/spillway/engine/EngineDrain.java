package io.spillway.engine;

import io.spillway.catalog.CatalogCommand.SealWal;
import io.spillway.runtime.Cancellable;
import io.spillway.runtime.Scheduler;
import io.spillway.upload.Failures;
import io.spillway.upload.UploadPipeline;
import io.spillway.wal.WriteAheadLog;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A clean stop (P2, P12): no more appends, everything uploaded, every stream closed, the WAL
 * sealed; or, at the deadline, whatever of it is not done yet stays undone.
 */
final class EngineDrain {

  private static final Logger LOG = LoggerFactory.getLogger(EngineDrain.class);

  private final WriteAheadLog wal;
  private final CatalogWriter commands;
  private final WriterFence fence;
  private final OwnedStreams streams;
  private final UploadPipeline uploads;
  private final Scheduler scheduler;
  private volatile boolean sealed;

  EngineDrain(
      WriteAheadLog wal,
      CatalogWriter commands,
      WriterFence fence,
      OwnedStreams streams,
      UploadPipeline uploads,
      Scheduler scheduler) {
    this.wal = wal;
    this.commands = commands;
    this.fence = fence;
    this.streams = streams;
    this.uploads = uploads;
    this.scheduler = scheduler;
  }

  /** Whether the WAL is drained and sealed: nothing needs its directory any more. */
  boolean isSealed() {
    return sealed;
  }

  /** Completes with the bytes that remain in the WAL alone, on a storage thread. Never fails. */
  CompletableFuture<Long> run(long timeoutNanos) {
    CompletableFuture<Boolean> finished = new CompletableFuture<>();
    Cancellable deadline =
        scheduler.schedule(Math.max(0, timeoutNanos), () -> finished.complete(false));
    drainAll()
        .whenComplete(
            (isSealed, failure) -> {
              deadline.cancel();
              if (failure != null) {
                LOG.warn("storage could not be drained: {}", Failures.cause(failure).toString());
              }
              finished.complete(failure == null && isSealed);
            });
    return finished.thenApply(this::left);
  }

  private long left(boolean isSealed) {
    long left = uploads.pendingBytes();
    if (!isSealed && fence.cause() == null) {
      LOG.warn("[wal={}] is not drained: {} bytes are in it alone, keep it", wal.walId(), left);
    }
    return left;
  }

  /** Whether the WAL was drained and sealed. */
  private CompletableFuture<Boolean> drainAll() {
    if (fence.cause() != null) {
      return CompletableFuture.completedFuture(false);
    }
    return streams.whenSettled().thenCompose(settled -> drainAll(streams.held()));
  }

  private CompletableFuture<Boolean> drainAll(List<StreamLog> all) {
    all.forEach(StreamLog::seal);
    return Steps.allOf(all.stream().map(StreamLog::whenQuiet).toList())
        .thenCompose(quiet -> uploads.flush())
        .thenCompose(flushed -> streams.commitCheckpoints(all))
        .thenCompose(
            committed ->
                Steps.allOf(
                    all.stream()
                        .filter(log -> log.committedEndOffset() == log.highWatermark())
                        .map(streams::closeInCatalog)
                        .toList()))
        .thenCompose(closedAll -> uploads.release())
        .thenCompose(
            released ->
                uploads.pendingBytes() > 0 ? CompletableFuture.completedFuture(false) : seal());
  }

  private CompletableFuture<Boolean> seal() {
    fence.onEnding();
    return commands
        .submit(new SealWal(commands.commandId(), wal.writer()))
        .thenApply(
            verdict -> {
              CatalogWriter.requireApplied("sealing WAL " + wal.writer(), verdict);
              sealed = true;
              return true;
            });
  }
}
