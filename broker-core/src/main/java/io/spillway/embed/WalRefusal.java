package io.spillway.embed;

import io.spillway.catalog.StreamCatalog;
import io.spillway.catalog.StreamCatalog.WalPhase;
import io.spillway.catalog.StreamCatalog.WalState;
import io.spillway.config.BrokerConfig;
import io.spillway.config.HostPort;
import io.spillway.config.StartRefusedException;
import io.spillway.engine.StartRefusedException.WalIncomplete;
import io.spillway.engine.StartRefusedException.WalMissing;
import io.spillway.presence.Presence;
import io.spillway.presence.PresenceProbe;
import io.spillway.wal.WalException;
import io.spillway.wal.WriterIncarnation;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CompletionException;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Says of a write-ahead log that keeps a broker from starting how to give it up. For one that is
 * not here that is advised only when nobody writes it.
 *
 * @param note of the data directory
 * @param catalog open
 * @param addresses where this broker will serve
 * @param starting told what the start waits for
 */
record WalRefusal(
    BrokerConfig config,
    Optional<DirectoryNote> note,
    StreamCatalog catalog,
    PresenceProbe probe,
    List<HostPort> addresses,
    Consumer<String> starting) {

  private static final String OR_GIVE_UP = ", or give up what only it holds: ";

  /** Never the first advice: it loses what the other one keeps. */
  private static final String IF_LOST =
      "; only if it is lost for good, give up every acknowledged batch that it alone holds, of these"
          + " streams from these offsets on: ";

  private static final Logger LOG = LoggerFactory.getLogger(WalRefusal.class);

  /** Opens; blocks. What fails for another reason than its log fails as it does. */
  <T> T orRefused(Supplier<T> opening) {
    try {
      return opening.get();
    } catch (RuntimeException e) {
      throw refusal(e);
    }
  }

  private RuntimeException refusal(RuntimeException failure) {
    @Nullable Throwable cause =
        failure instanceof CompletionException ? failure.getCause() : failure;
    if (cause instanceof WalMissing missing) {
      return ofMissing(missing);
    }
    if (cause instanceof WalIncomplete incomplete) {
      return giveUp(incomplete.getMessage() + OR_GIVE_UP, incomplete.walId(), incomplete);
    }
    if (cause instanceof WalException.Corrupt corrupt) {
      return openWalId()
          .<RuntimeException>map(id -> giveUp(damaged(corrupt) + OR_GIVE_UP, id, corrupt))
          .orElse(failure);
    }
    return failure;
  }

  private RuntimeException ofMissing(WalMissing missing) {
    Presence self = Presence.ofThisProcess(config, Presence.NO_WAL, addresses);
    return probe
        .findLive(
            missing.walId(),
            Storage.kafkaId(catalog.clusterId()),
            (broker, limit) -> {
              String wait =
                  "WAL %s of this node is not here; looking for up to %d s whether %s still writes it, before this start is refused"
                      .formatted(missing.walId(), (limit.toMillis() + 999) / 1000, broker);
              LOG.warn("{}", wait);
              starting.accept(wait);
            })
        .join()
        .map(other -> StartRefusedException.nodeIsAlive(self.nodeId(), other, self))
        .orElseGet(() -> giveUp(wayBack(missing) + IF_LOST, missing.walId(), missing));
  }

  private String wayBack(WalMissing missing) {
    return missing.getMessage()
        + note.map(
                last ->
                    " (the last one opened from this data.dir was wal.url=" + last.walUrl() + ")")
            .orElse("");
  }

  private static String damaged(WalException.Corrupt corrupt) {
    return "the write-ahead log is damaged: " + corrupt.getMessage() + ": restore the file";
  }

  private StartRefusedException giveUp(String what, UUID walId, RuntimeException cause) {
    return new StartRefusedException(what + AbandonCommand.of(config, walId), cause);
  }

  /**
   * P2: a node has one open log at most, and that is what this start recovers or drains, wherever
   * it is. Empty when the catalog has none: then there is nothing to give up.
   */
  private Optional<UUID> openWalId() {
    return catalog.wals().stream()
        .filter(wal -> wal.phase() == WalPhase.OPEN)
        .map(WalState::writer)
        .filter(writer -> writer.nodeId() == config.node().nodeId())
        .map(WriterIncarnation::walId)
        .findFirst();
  }
}
