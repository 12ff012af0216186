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
import io.spillway.upload.Failures;
import io.spillway.upload.UploadPipeline;
import io.spillway.wal.StreamId;
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
 * its streams, and opens the WAL's next incarnation. Streams of which the WAL holds nothing are
 * closed at once. The others can be claimed at once, too, where the WAL ends: what it holds of them
 * is read from it and uploaded while the broker serves, so that a start takes as long as reading
 * the WAL once. What nobody here has claimed by then is closed, since another broker may wait for
 * it. Used once.
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
  private final OwnedStreams streams;
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
      OwnedStreams streams,
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
    this.streams = streams;
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
                openIncarnation(!recovery.logs().isEmpty())
                    .thenCompose(
                        verdict -> {
                          requireOpened(verdict);
                          fence.onOpened();
                          return closeDrained();
                        })
                    .thenRun(() -> uploadRecovered(recovery.logs())));
  }

  private void requireOpened(Verdict verdict) {
    if (verdict instanceof Verdict.Rejected rejected && wal.isInObjectStore()) {
      throw new StartRefusedException.NodeIdInUse(
          ("another process with node.id %d opened its WAL while this one started: %s;"
                  + " stop it or give it another node.id, or, if it was this broker and was killed while"
                  + " it started, start again")
              .formatted(nodeId, rejected.reason()));
    }
    if (verdict instanceof Verdict.Rejected) {
      // It may have been abandoned while it was read.
      Recovery.requireOwnWal(catalog, wal.walId(), nodeId);
    }
    CatalogWriter.requireApplied("opening WAL " + wal.writer(), verdict);
  }

  /** P2. */
  private CompletableFuture<Verdict> openIncarnation(boolean holdsBatches) {
    WalKind kind = wal.isInObjectStore() ? WalKind.OBJECT : WalKind.LOCAL;
    return raiseRuleLevel(holdsBatches)
        .thenCompose(
            raised -> commands.submit(new OpenWal(commands.commandId(), wal.writer(), kind)));
  }

  /** P8: a build that does not know what this WAL's claims mean must not decide about one. */
  private CompletableFuture<Void> raiseRuleLevel(boolean holdsBatches) {
    int needed = 0;
    if (holdsBatches) {
      needed = StreamCatalog.RULE_LEVEL_RECOVERED_END;
    } else if (wal.isInObjectStore()) {
      needed = StreamCatalog.RULE_LEVEL_TAKEOVER;
    }
    return catalog.ruleLevel() >= needed
        ? Steps.done()
        : commands
            .submit(new SetRuleLevel(commands.commandId(), needed))
            .thenAccept(verdict -> {}); // void if another broker has raised it further
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
    streams.adopt(recovery.logs());
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

  /** P11: of these the catalog has everything, so nobody has to wait for them. */
  private CompletableFuture<Void> closeDrained() {
    List<CompletableFuture<Void>> closing = new ArrayList<>();
    for (StreamState state : Recovery.streamsOf(catalog, wal.walId())) {
      if (streams.get(state.id()) == null) {
        closing.add(
            commands
                .submit(
                    new Close(
                        commands.commandId(), state.id(), wal.writer(), state.committedEndOffset()))
                .thenAccept(verdict -> requireClosed(state.id(), verdict)));
      }
    }
    return Steps.allOf(closing).thenCompose(allClosed -> uploads.release());
  }

  /** In the background: whoever claims a stream meanwhile goes on where the WAL ends. */
  private void uploadRecovered(List<StreamLog> recovered) {
    if (recovered.isEmpty()) {
      return;
    }
    uploads
        .flush()
        .thenCompose(
            flushed -> Steps.allOf(recovered.stream().map(streams::closeUnclaimed).toList()))
        .thenCompose(settled -> uploads.release())
        .whenComplete(
            (released, failure) -> {
              if (failure != null) {
                LOG.info(
                    "[wal={}] what it held was not uploaded to the end, the next start goes on: {}",
                    wal.walId(),
                    Failures.cause(failure).toString());
              }
            });
  }

  /** Void is right for a stream that another broker has deleted meanwhile. */
  private void requireClosed(StreamId id, Verdict verdict) {
    Optional<StreamState> state = catalog.stream(id);
    if (state.isPresent() && Recovery.isOf(state.get(), wal.walId())) {
      CatalogWriter.requireApplied("closing stream " + id, verdict);
    }
  }
}
