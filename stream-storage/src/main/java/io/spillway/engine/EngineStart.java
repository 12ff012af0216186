package io.spillway.engine;

import io.spillway.catalog.CatalogCommand.Close;
import io.spillway.catalog.CatalogCommand.OpenWal;
import io.spillway.catalog.CatalogCommand.SetRuleLevel;
import io.spillway.catalog.CatalogCommand.WalKind;
import io.spillway.catalog.StreamCatalog;
import io.spillway.catalog.StreamCatalog.StreamState;
import io.spillway.catalog.StreamCatalog.Verdict;
import io.spillway.catalog.StreamCatalog.WalState;
import io.spillway.runtime.Scheduler;
import io.spillway.upload.UploadPipeline;
import io.spillway.wal.StreamId;
import io.spillway.wal.WalException;
import io.spillway.wal.WriteAheadLog;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.function.Function;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The start of an engine (P2, P3): drains the chains that this node left, recovers its WAL for all
 * its streams, opens the WAL's next incarnation, uploads what it held and closes its streams, so
 * that nothing waits for it any more. Used once.
 */
final class EngineStart {

  private static final Logger LOG = LoggerFactory.getLogger(EngineStart.class);

  private final int nodeId;
  private final WriteAheadLog wal;
  private final StreamCatalog catalog;
  private final CatalogWriter commands;
  private final WriterFence fence;
  private final UploadPipeline uploads;
  private final ForeignChains foreignChains;
  private final Scheduler scheduler;
  private final Function<StreamState, StreamLog> newLog;
  private final Runnable onRecovered;
  private volatile long recoveredFrames;

  /**
   * @param onRecovered called once, when the WAL has been read and nothing is uploaded yet
   */
  EngineStart(
      int nodeId,
      WriteAheadLog wal,
      StreamCatalog catalog,
      CatalogWriter commands,
      WriterFence fence,
      UploadPipeline uploads,
      ForeignChains foreignChains,
      Scheduler scheduler,
      Function<StreamState, StreamLog> newLog,
      Runnable onRecovered) {
    this.nodeId = nodeId;
    this.wal = wal;
    this.catalog = catalog;
    this.commands = commands;
    this.fence = fence;
    this.uploads = uploads;
    this.foreignChains = foreignChains;
    this.scheduler = scheduler;
    this.newLog = newLog;
    this.onRecovered = onRecovered;
  }

  /** WAL frames that were replayed. */
  long recoveredFrames() {
    return recoveredFrames;
  }

  CompletableFuture<Void> run() {
    return foreignChains
        .drainOwn()
        .thenCompose(frames -> Steps.on(scheduler, () -> recover(frames)))
        .thenCompose(
            recovery ->
                openIncarnation()
                    .thenCompose(
                        verdict -> {
                          requireOpened(verdict);
                          fence.onOpened();
                          return recovery.logs().isEmpty() ? Steps.done() : uploads.flush();
                        })
                    .thenCompose(uploaded -> closeRecovered(recovery)));
  }

  private void requireOpened(Verdict verdict) {
    if (verdict instanceof Verdict.Rejected rejected && wal.isInObjectStore()) {
      throw new StartRefusedException.NodeIdInUse(
          "another process with node.id %d opened its WAL while this one started: %s"
              .formatted(nodeId, rejected.reason()));
    }
    if (verdict instanceof Verdict.Rejected) {
      // It may have been abandoned while it was read.
      Recovery.requireOwnWal(catalog, wal.walId(), nodeId);
    }
    CatalogWriter.requireApplied("opening WAL " + wal.writer(), verdict);
  }

  /** P2; P8: a build that cannot take over a chain must not decide about one. */
  private CompletableFuture<Verdict> openIncarnation() {
    if (!wal.isInObjectStore()) {
      return commands.submit(new OpenWal(commands.commandId(), wal.writer(), WalKind.LOCAL));
    }
    CompletableFuture<Verdict> raised =
        commands.submit(new SetRuleLevel(commands.commandId(), StreamCatalog.RULE_LEVEL_TAKEOVER));
    CompletableFuture<Verdict> opened =
        commands.submit(new OpenWal(commands.commandId(), wal.writer(), WalKind.OBJECT));
    return raised.thenCompose(level -> opened);
  }

  /**
   * @param drained frames that came from chains which this node left
   */
  private Recovery recover(long drained) {
    Recovery.requireOwnWal(catalog, wal.walId(), nodeId);
    long trimmed =
        catalog.wals().stream()
            .filter(known -> known.writer().walId().equals(wal.walId()))
            .mapToLong(WalState::trimPosition)
            .max()
            .orElse(0);
    wal.trim(trimmed);
    Recovery recovery = new Recovery(catalog, wal, newLog);
    long end = recovery.run();
    onRecovered.run();
    uploads.startAt(recovery.logs(), end - 1, trimmed);
    recoveredFrames = drained + recovery.frames();
    if (recovery.frames() > 0) {
      LOG.info(
          "[wal={}] recovered {} frames, {} of them superfluous; {} bytes of {} streams are to be uploaded",
          wal.walId(),
          recovery.frames(),
          recovery.voidFrames(),
          uploads.pendingBytes(),
          recovery.logs().size());
    }
    return recovery;
  }

  /** P11: this WAL's streams are committed to their last batch, so nobody has to wait for it. */
  private CompletableFuture<Void> closeRecovered(Recovery recovery) {
    for (StreamLog log : recovery.logs()) {
      if (log.pendingBytes() > 0) {
        return CompletableFuture.failedFuture(
            new WalException.Corrupt(
                "WAL %s cannot give back batches of stream %s from offset %d on"
                    .formatted(wal.walId(), log.id(), log.committedEndOffset())));
      }
    }
    List<CompletableFuture<Void>> closing = new ArrayList<>();
    for (StreamState state : Recovery.streamsOf(catalog, wal.walId())) {
      closing.add(
          commands
              .submit(
                  new Close(
                      commands.commandId(), state.id(), wal.writer(), state.committedEndOffset()))
              .thenAccept(verdict -> requireClosed(state.id(), verdict)));
    }
    return Steps.allOf(closing).thenCompose(allClosed -> uploads.release());
  }

  /** Void is right for a stream that another broker has deleted meanwhile. */
  private void requireClosed(StreamId id, Verdict verdict) {
    Optional<StreamState> state = catalog.stream(id);
    if (state.isPresent() && Recovery.isOf(state.get(), wal.walId())) {
      CatalogWriter.requireApplied("closing stream " + id, verdict);
    }
  }
}
