package io.spillway.main;

import io.spillway.catalog.LogStreamCatalog;
import io.spillway.catalog.StreamCatalog.StreamState;
import io.spillway.config.BrokerConfig;
import io.spillway.config.ObjectStoreConfig;
import io.spillway.config.SettingSources;
import io.spillway.config.StartRefusedException;
import io.spillway.engine.WalAbandonment;
import io.spillway.object.ObjectStore;
import io.spillway.object.ObjectStores;
import io.spillway.presence.PresenceProbe;
import io.spillway.runtime.AmbientRuntime;
import io.spillway.runtime.Scheduler;
import io.spillway.runtime.SystemRandom;
import io.spillway.runtime.SystemThreads;
import io.spillway.sharedlog.ClusterIds;
import io.spillway.sharedlog.ObjectSharedLog;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CompletionException;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Model.PositionalParamSpec;
import picocli.CommandLine.ParseResult;

/** {@code wal abandon}: gives up what a lost write-ahead log alone holds (P2). */
@AmbientRuntime
final class WalCommands {

  private static final String YES = "--yes";
  private static final String FORCE = "--force";
  private static final String CATALOG = "catalog";

  private WalCommands() {}

  static CommandSpec wal(PrintStream out) {
    CommandSpec wal = Commands.command("wal", Commands::usage);
    wal.usageMessage().description("Works on a write-ahead log of a stopped broker.");
    CommandSpec abandon = Commands.command("abandon", result -> abandon(result, out));
    abandon
        .usageMessage()
        .description(
            "Gives up a write-ahead log that is lost: its broker then starts without what was",
            "acked and not yet uploaded, and the log is never replayed, should it come back.",
            "For a stopped broker; takes its settings.");
    Commands.addServeOptions(abandon);
    abandon.addOption(
        OptionSpec.builder(YES)
            .type(boolean.class)
            .description("Do it; without it nothing is done.")
            .build());
    abandon.addOption(
        OptionSpec.builder(FORCE)
            .type(boolean.class)
            .description(
                "Do not look whether its broker lives. If it does, what it acknowledges from now on"
                    + " is lost.")
            .build());
    abandon.addPositional(
        PositionalParamSpec.builder()
            .index("0")
            .arity("1")
            .required(true)
            .paramLabel("WAL_ID")
            .type(UUID.class)
            .description("As the broker that refused to start named it.")
            .build());
    wal.addSubcommand("abandon", abandon);
    return wal;
  }

  private static int abandon(ParseResult result, PrintStream out) {
    UUID walId = result.matchedPositionalValue(0, new UUID(0, 0));
    List<String> overrides = result.matchedOptionValue(ServeOptions.SET, List.of());
    Optional<Path> file =
        Optional.ofNullable(result.<@Nullable String>matchedOptionValue(ServeOptions.CONFIG, null))
            .map(Path::of);
    BrokerConfig config = BrokerConfig.of(SettingSources.load(file, overrides));
    if (!result.hasMatchedOption(YES)) {
      throw new StartRefusedException(
          "nothing was done: give --yes to give up for good what only WAL " + walId + " holds");
    }
    boolean force = result.hasMatchedOption(FORCE);
    Path dataDir = config.node().dataDir();
    if (!Files.isDirectory(dataDir)) {
      abandon(config, walId, force, out); // lost as well: no broker runs in it
      return ExitCode.OK;
    }
    try (FileChannel held = hold(dataDir)) {
      abandon(config, walId, force, out);
    } catch (IOException e) {
      throw new StartRefusedException("cannot use data.dir=" + dataDir + ": " + e, e);
    }
    return ExitCode.OK;
  }

  /** As a broker does, so that none runs meanwhile. */
  private static FileChannel hold(Path dataDir) throws IOException {
    FileChannel lock =
        FileChannel.open(
            dataDir.resolve(".lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
    if (lock.tryLock() == null) {
      lock.close();
      throw StartRefusedException.directoryInUse(dataDir, "a broker");
    }
    return lock;
  }

  private static void abandon(BrokerConfig config, UUID walId, boolean force, PrintStream out) {
    ObjectStoreConfig store = config.storage().objects();
    store
        .directory()
        .filter(directory -> !Files.isDirectory(directory.resolve(CATALOG)))
        .ifPresent(
            directory -> {
              throw new StartRefusedException("no object store with a catalog in " + directory);
            });
    SystemRandom random = new SystemRandom();
    try (SystemThreads threads = Commands.threads("abandon");
        ObjectStore objects = ObjectStores.open(store.url(), store.credentials(), threads)) {
      if (objects.list(CATALOG + "/", "", 1).join().isEmpty()) {
        throw new StartRefusedException("no catalog in " + store.place());
      }
      Scheduler scheduler = threads.newScheduler(CATALOG);
      try (ObjectSharedLog log =
              new ObjectSharedLog(objects, CATALOG, Optional.empty(), scheduler, random);
          LogStreamCatalog catalog =
              new LogStreamCatalog(
                  log,
                  threads.newScheduler("catalog-replay"),
                  random,
                  LogStreamCatalog.Config.standard(false))) {
        catalog.open().join();
        if (!force) {
          requireDead(walId, catalog, new PresenceProbe(objects, threads), out);
        }
        show(WalAbandonment.abandon(catalog, walId, random).join(), out);
      }
    } catch (CompletionException e) {
      if (e.getCause() instanceof IllegalArgumentException refused) {
        throw new StartRefusedException(String.valueOf(refused.getMessage()), refused);
      }
      throw e;
    }
  }

  private static void requireDead(
      UUID walId, LogStreamCatalog catalog, PresenceProbe probe, PrintStream out) {
    out.println("looking whether a broker writes WAL " + walId + " ...");
    probe
        .findLive(walId, ClusterIds.text(catalog.clusterId()), (broker, limit) -> {})
        .join()
        .ifPresent(
            broker -> {
              throw new StartRefusedException(
                  "nothing was done: WAL "
                      + walId
                      + " is being written by "
                      + broker
                      + ", which is alive: stop it, and it uploads what it holds");
            });
  }

  private static void show(WalAbandonment.Abandoned abandoned, PrintStream out) {
    out.println("WAL " + abandoned.walId() + " is abandoned. Given up, where there was any:");
    for (StreamState stream : abandoned.streams()) {
      out.println(
          "  stream " + stream.id() + " from offset " + stream.committedEndOffset() + " on");
    }
  }
}
