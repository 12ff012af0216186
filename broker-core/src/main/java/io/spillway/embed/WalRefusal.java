package io.spillway.embed;

import io.spillway.catalog.StreamCatalog;
import io.spillway.config.BrokerConfig;
import io.spillway.config.HostPort;
import io.spillway.config.StartRefusedException;
import io.spillway.engine.StartRefusedException.WalIncomplete;
import io.spillway.engine.StartRefusedException.WalMissing;
import io.spillway.presence.Presence;
import io.spillway.presence.PresenceProbe;
import io.spillway.wal.WalException;
import io.spillway.wal.WriterIncarnation;
import io.spillway.wal.local.LocalWal;
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
 * @param addresses where this broker will serve
 * @param starting told what the start waits for
 */
record WalRefusal(
    BrokerConfig config,
    StreamCatalog catalog,
    PresenceProbe probe,
    List<HostPort> addresses,
    Consumer<String> starting) {

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
      return giveUp(incomplete.getMessage(), incomplete.walId(), incomplete);
    }
    if (cause instanceof WalException.Corrupt corrupt) {
      return localWalId()
          .<RuntimeException>map(id -> giveUp(damaged(corrupt), id, corrupt))
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
        .orElseGet(() -> giveUp(missing.getMessage(), missing.walId(), missing));
  }

  private static String damaged(WalException.Corrupt corrupt) {
    return "the write-ahead log is damaged: " + corrupt.getMessage() + ": restore the file";
  }

  private StartRefusedException giveUp(@Nullable String what, UUID walId, RuntimeException cause) {
    return new StartRefusedException(
        what + ", or give up what only it holds: " + AbandonCommand.of(config, walId), cause);
  }

  /** Empty where the log is in the bucket, or so damaged that it does not say whose it is. */
  private Optional<UUID> localWalId() {
    try {
      return config.storage().walInBucket()
          ? Optional.empty()
          : LocalWal.peek(config.storage().walDir()).map(WriterIncarnation::walId);
    } catch (WalException e) {
      return Optional.empty();
    }
  }
}
