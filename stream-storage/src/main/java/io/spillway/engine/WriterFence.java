package io.spillway.engine;

import io.spillway.catalog.StreamCatalog;
import io.spillway.catalog.StreamCatalog.WalPhase;
import io.spillway.catalog.StreamCatalog.WalState;
import io.spillway.runtime.FaultHandler;
import io.spillway.stream.StreamException;
import io.spillway.wal.WalException;
import io.spillway.wal.WriteAheadLog;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * P14: whether this engine's WAL is still its own. Once the catalog says that the WAL has ended, or
 * is another incarnation's, or the WAL itself was fenced, nothing that is in it alone can ever be
 * committed: from then on nothing is acknowledged, accepted or served (G3, G4), and the process has
 * to begin anew. Safe for any thread.
 */
final class WriterFence {

  private static final Logger LOG = LoggerFactory.getLogger(WriterFence.class);

  private final int nodeId;
  private final WriteAheadLog wal;
  private final StreamCatalog catalog;
  private final FaultHandler faults;
  private final Consumer<WalException.Fenced> onFenced;
  private final AtomicReference<WalException.@Nullable Fenced> fenced = new AtomicReference<>();
  private volatile boolean opened;
  private volatile boolean ended;

  /**
   * @param onFenced drops every stream; called once
   */
  WriterFence(
      int nodeId,
      WriteAheadLog wal,
      StreamCatalog catalog,
      FaultHandler faults,
      Consumer<WalException.Fenced> onFenced) {
    this.nodeId = nodeId;
    this.wal = wal;
    this.catalog = catalog;
    this.faults = faults;
    this.onFenced = onFenced;
  }

  /** The WAL is open in the catalog: from here on it has to stay so. */
  void onOpened() {
    opened = true;
  }

  /** This engine itself ends its WAL, or has stopped. */
  void onEnding() {
    ended = true;
  }

  /** What this writer was fenced by, or null. */
  WalException.@Nullable Fenced cause() {
    return fenced.get();
  }

  /** As a request for a stream is told, or null. */
  StreamException.@Nullable Fenced refusal() {
    WalException.Fenced cause = fenced.get();
    return cause == null ? null : new StreamException.Fenced(String.valueOf(cause.getMessage()));
  }

  /** Looks whether the catalog still has the WAL as this writer's; called whenever it has moved. */
  void check() {
    if (!opened || ended || fenced.get() != null) {
      return;
    }
    for (WalState known : catalog.wals()) {
      if (known.writer().walId().equals(wal.walId())
          && (known.phase() != WalPhase.OPEN || !known.writer().equals(wal.writer()))) {
        WalException.Fenced reason =
            new WalException.Fenced(
                "writer %s is fenced: the catalog has its WAL as %s of %s%s"
                    .formatted(wal.writer(), known.phase(), known.writer(), successor()));
        if (fence(reason)) {
          faults.onFault("WAL " + wal.walId(), reason);
        }
      }
    }
  }

  /** What the WAL was fenced by has the streams, or will; the WAL has told of it. */
  void onWalFailure(WalException cause) {
    if (cause instanceof WalException.Fenced lost) {
      fence(lost);
    }
  }

  /** Who writes as this node now, for a person. */
  private String successor() {
    return catalog.wals().stream()
        .filter(known -> known.phase() == WalPhase.OPEN)
        .map(WalState::writer)
        .filter(writer -> writer.nodeId() == nodeId)
        .map(writer -> "; now node %d writes WAL %s".formatted(writer.nodeId(), writer.walId()))
        .collect(Collectors.joining());
  }

  private boolean fence(WalException.Fenced reason) {
    if (!fenced.compareAndSet(null, reason)) {
      return false;
    }
    LOG.error("[wal={}] {}", wal.walId(), reason.getMessage());
    onFenced.accept(reason);
    return true;
  }
}
