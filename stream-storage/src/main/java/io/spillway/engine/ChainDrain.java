package io.spillway.engine;

import io.spillway.catalog.StreamCatalog;
import io.spillway.catalog.StreamCatalog.StreamState;
import io.spillway.catalog.StreamCatalog.WalState;
import io.spillway.objectwal.ChainFence;
import io.spillway.objectwal.ChainFence.Fenced;
import io.spillway.objectwal.SealedChain;
import io.spillway.upload.Failures;
import io.spillway.upload.UploadPipeline;
import io.spillway.wal.Batch;
import io.spillway.wal.StreamId;
import io.spillway.wal.WalException;
import io.spillway.wal.WriteAheadLog;
import io.spillway.wal.WriterIncarnation;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Puts what another writer's chain holds of some streams into objects (P13): fences the chain,
 * replays the catalog, reads the chain from its trim position, uploads what is not committed, on
 * the old writer's behalf. Others may do the same at the same time, for the same streams or for
 * others, the old writer itself included: what is committed first counts, and it is the same bytes.
 *
 * <p>One use. Its state belongs to the engine's scheduler.
 */
final class ChainDrain {

  private static final Logger LOG = LoggerFactory.getLogger(ChainDrain.class);

  private final StreamCatalog catalog;
  private final ChainFence fence;
  private final Parts parts;
  private final UUID walId;
  private final WriterIncarnation by;
  private final Predicate<StreamState> wanted;
  private final Map<StreamId, StreamLog> logs = new TreeMap<>();
  private @Nullable SealedChain chain;
  private @Nullable UploadPipeline uploads;
  private long firstPosition;
  private long frames;

  /** What the engine makes for a drain, each to be closed. */
  interface Parts {
    SealedChain chain(Fenced fenced);

    UploadPipeline uploads(WriteAheadLog wal);

    StreamLog log(StreamState state, WriteAheadLog wal, UploadPipeline uploads);
  }

  /**
   * @param by stands in the fence
   * @param wanted of the streams that the chain may hold batches of; asked after the fence, on the
   *     catalog as it is then
   */
  ChainDrain(
      StreamCatalog catalog,
      ChainFence fence,
      Parts parts,
      UUID walId,
      WriterIncarnation by,
      Predicate<StreamState> wanted) {
    this.catalog = catalog;
    this.fence = fence;
    this.parts = parts;
    this.walId = walId;
    this.by = by;
    this.wanted = wanted;
  }

  /**
   * Completes on the scheduler when the catalog has all of it.
   *
   * @return frames of the chain that were uploaded; fails with {@link WalException.Corrupt}, or
   *     with what the catalog failed with
   */
  CompletableFuture<Long> run() {
    return fence
        .fence(walId, by)
        .thenCompose(
            fenced ->
                fenced.isEmpty() ? CompletableFuture.completedFuture(0L) : drain(fenced.get()));
  }

  private CompletableFuture<Long> drain(Fenced fenced) {
    firstPosition = trimPosition();
    for (StreamState state : Recovery.streamsOf(catalog, walId)) {
      if (wanted.test(state)) {
        logs.put(state.id(), newLog(fenced, state));
      }
    }
    SealedChain opened = chain;
    UploadPipeline pipeline = uploads;
    if (opened == null || pipeline == null) {
      return CompletableFuture.completedFuture(0L);
    }
    return opened
        .replay(this::onFrame)
        .thenCompose(
            replayed -> {
              List<StreamLog> pending =
                  logs.values().stream().filter(log -> log.pendingBytes() > 0).toList();
              // Never trims: others may want what these streams do not.
              long trimmed = trimPosition();
              pipeline.startAt(pending, trimmed, trimmed);
              return pending.isEmpty()
                  ? CompletableFuture.<Void>completedFuture(null)
                  : pipeline.flush();
            })
        .thenAccept(uploaded -> requireDrained())
        .handle(
            (drained, failure) -> {
              pipeline.close();
              opened.close();
              return failure == null
                  ? CompletableFuture.completedFuture(frames)
                  : onFailure(fenced, Failures.cause(failure));
            })
        .thenCompose(each -> each);
  }

  private StreamLog newLog(Fenced fenced, StreamState state) {
    SealedChain opened = chain;
    UploadPipeline pipeline = uploads;
    if (opened == null || pipeline == null) {
      opened = parts.chain(fenced);
      pipeline = parts.uploads(opened);
      chain = opened;
      uploads = pipeline;
    }
    return parts.log(state, opened, pipeline);
  }

  private void onFrame(long position, Batch batch) {
    StreamLog log = logs.get(batch.stream());
    if (log != null && batch.endOffset() > log.committedEndOffset()) {
      log.onRecovered(position, batch);
      frames++;
    }
  }

  private void requireDrained() {
    for (StreamLog log : logs.values()) {
      if (log.pendingBytes() > 0) {
        throw new WalException.Corrupt(
            "WAL %s cannot give back batches of stream %s from offset %d on"
                .formatted(walId, log.id(), log.committedEndOffset()));
      }
    }
  }

  /**
   * A writer that lives may still commit, and trim away what is committed, while its chain is being
   * read: then it is read again from where it begins now.
   */
  private CompletableFuture<Long> onFailure(Fenced fenced, Throwable failure) {
    boolean mayBeGone =
        failure instanceof SealedChain.Gone || failure instanceof WalException.Corrupt;
    if (!mayBeGone) {
      return CompletableFuture.failedFuture(failure);
    }
    return catalog
        .refresh()
        .thenCompose(
            position -> {
              if (trimPosition() <= firstPosition) {
                return CompletableFuture.failedFuture(
                    failure instanceof SealedChain.Gone
                        ? new WalException.Corrupt(
                            "WAL %s of %s: %s, but the chain was not trimmed beyond it"
                                .formatted(walId, fenced.writer(), failure.getMessage()))
                        : failure);
              }
              LOG.info("WAL {} was trimmed meanwhile, reading it again", walId);
              return new ChainDrain(catalog, fence, parts, walId, by, wanted).run();
            });
  }

  /** MAX_VALUE when the WAL is no more: then everything in it is committed. */
  private long trimPosition() {
    return catalog.wals().stream()
        .filter(wal -> wal.writer().walId().equals(walId))
        .filter(wal -> wal.phase() == StreamCatalog.WalPhase.OPEN)
        .mapToLong(WalState::trimPosition)
        .max()
        .orElse(Long.MAX_VALUE);
  }
}
