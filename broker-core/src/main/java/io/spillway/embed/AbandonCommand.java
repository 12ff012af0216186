package io.spillway.embed;

import io.spillway.config.BrokerConfig;
import io.spillway.config.ObjectStoreConfig;
import java.util.UUID;
import java.util.regex.Pattern;

/** The command that gives up a write-ahead log of this broker, to be pasted into a shell. */
final class AbandonCommand {

  private static final Pattern PLAIN = Pattern.compile("[A-Za-z0-9_./:@%+=,-]+");

  private AbandonCommand() {}

  /** Of keys to the store that were given as settings it says only that they are needed. */
  static String of(BrokerConfig config, UUID walId) {
    ObjectStoreConfig store = config.storage().objects();
    return "spillway wal abandon --set %s --set %s %s --yes%s"
        .formatted(
            quoted("data.dir=" + config.node().dataDir()),
            quoted("object.store.url=" + store.url()),
            walId,
            store.credentials().isPresent() ? " (and --config FILE with the store's keys)" : "");
  }

  private static String quoted(String word) {
    return PLAIN.matcher(word).matches() ? word : "'" + word.replace("'", "'\\''") + "'";
  }
}
