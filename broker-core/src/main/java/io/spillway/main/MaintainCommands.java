package io.spillway.main;

import io.spillway.catalog.CatalogView;
import io.spillway.config.BrokerConfig;
import io.spillway.config.ObjectStoreConfig;
import io.spillway.config.SettingSources;
import io.spillway.config.StartRefusedException;
import io.spillway.maintain.StoreCheck;
import io.spillway.maintain.StoreCopy;
import io.spillway.maintain.WalCheck;
import io.spillway.object.MeteredObjectStore;
import io.spillway.object.ObjectStore;
import io.spillway.object.ObjectStoreException;
import io.spillway.object.ObjectStores;
import io.spillway.object.Retry;
import io.spillway.object.RetryingObjectStore;
import io.spillway.object.StoreCredentials;
import io.spillway.partition.KafkaBatchVerifier;
import io.spillway.runtime.AmbientRuntime;
import io.spillway.runtime.RandomSource;
import io.spillway.runtime.Scheduler;
import io.spillway.runtime.SystemRandom;
import io.spillway.runtime.SystemThreads;
import io.spillway.runtime.Threads;
import io.spillway.sharedlog.ClusterIds;
import java.io.PrintStream;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletionException;
import java.util.function.IntSupplier;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.ParseResult;

/**
 * {@code check}, {@code backup} and {@code restore}: what is done to a bucket as a whole. Exit code
 * 2 when something is missing or damaged.
 */
@AmbientRuntime
final class MaintainCommands {

  private static final String DEEP = "--deep";
  private static final String TO = "--to";
  private static final String FROM = "--from";
  private static final int ATTEMPTS = 10;

  private MaintainCommands() {}

  static CommandSpec check(PrintStream out) {
    CommandSpec check = Commands.command("check", result -> check(result, out));
    check
        .usageMessage()
        .description(
            "Compares the catalog with the object store and the write-ahead log.",
            "Says what is missing, orphaned, damaged, left over, and what it costs. Changes nothing; the broker",
            "may run. Takes the broker's settings. Exit code 2 when something is missing or",
            "damaged.");
    Commands.addServeOptions(check);
    check.addOption(
        OptionSpec.builder(DEEP)
            .type(boolean.class)
            .description(
                "Read every data object and every block of a write-ahead log in the bucket, and check them.")
            .build());
    return check;
  }

  static CommandSpec backup(PrintStream out) {
    CommandSpec backup = Commands.command("backup", result -> backup(result, out));
    backup
        .usageMessage()
        .description(
            "Copies the broker's object store, as it is at one moment, to another place.",
            "What is there from an earlier backup is not copied again. The broker may run; what",
            "only its write-ahead log holds is not part of it. Takes the broker's settings.");
    Commands.addServeOptions(backup);
    backup.addOption(url(TO, "Where to: file:DIR or s3://BUCKET/PREFIX?..."));
    return backup;
  }

  static CommandSpec restore(PrintStream out) {
    CommandSpec restore = Commands.command("restore", result -> restore(result, out));
    restore
        .usageMessage()
        .description(
            "Makes a new cluster's object store of a backup.",
            "The place that the settings name has to be empty. Takes the settings of the broker",
            "that will serve it.");
    Commands.addServeOptions(restore);
    restore.addOption(url(FROM, "A backup: file:DIR or s3://BUCKET/PREFIX?..."));
    return restore;
  }

  private static OptionSpec url(String name, String description) {
    return OptionSpec.builder(name)
        .paramLabel("URL")
        .type(String.class)
        .required(true)
        .description(description)
        .build();
  }

  private static BrokerConfig config(ParseResult result) {
    List<String> overrides = result.matchedOptionValue(ServeOptions.SET, List.of());
    Optional<Path> file =
        Optional.ofNullable(result.<@Nullable String>matchedOptionValue(ServeOptions.CONFIG, null))
            .map(Path::of);
    return BrokerConfig.of(SettingSources.load(file, overrides));
  }

  private static int check(ParseResult result, PrintStream out) {
    BrokerConfig config = config(result);
    boolean deep = result.hasMatchedOption(DEEP);
    return with(
        (threads, scheduler, random) -> {
          try (ObjectStore store = existing(config.storage().objects(), threads, random)) {
            out.println("object store " + config.storage().objects().place());
            // Before the catalog: see WalCheck.
            WalCheck wal =
                WalCheck.read(
                    config.node().nodeId(), config.storage().walDir(), new KafkaBatchVerifier());
            StoreCheck bucket =
                new StoreCheck(store, scheduler, random, new KafkaBatchVerifier(), out::println);
            Optional<CatalogView> catalog = bucket.run(deep);
            List<String> ofWal = catalog.map(wal::compareWith).orElse(List.of());
            out.println(
                config.storage().walInBucket() && !wal.isPresent()
                    ? "the write-ahead log is in the bucket"
                    : wal.summary());
            ofWal.forEach(out::println);
            return verdict(bucket.problems().size() + ofWal.size(), deep, out);
          }
        });
  }

  private static int verdict(int problems, boolean deep, PrintStream out) {
    if (problems > 0) {
      out.println(problems == 1 ? "1 problem" : problems + " problems");
      return ExitCode.REFUSED;
    }
    out.println(deep ? "intact" : "nothing is missing; " + DEEP + " reads every block");
    return ExitCode.OK;
  }

  private static int backup(ParseResult result, PrintStream out) {
    BrokerConfig config = config(result);
    String to = result.matchedOptionValue(TO, "");
    return with(
        (threads, scheduler, random) -> {
          try (ObjectStore bucket = existing(config.storage().objects(), threads, random);
              ObjectStore target = open(to, config, threads, random)) {
            Set<String> damaged =
                StoreCopy.backup(bucket, target, Instant.now(), scheduler, random, out::println);
            return damaged.isEmpty() ? ExitCode.OK : ExitCode.REFUSED;
          }
        });
  }

  private static int restore(ParseResult result, PrintStream out) {
    BrokerConfig config = config(result);
    String from = result.matchedOptionValue(FROM, "");
    Commands.requireThere(from);
    return with(
        (threads, scheduler, random) -> {
          try (ObjectStore backup = open(from, config, threads, random);
              ObjectStore bucket =
                  open(config.storage().objects().url(), config, threads, random)) {
            StoreCopy.Restored restored =
                StoreCopy.restore(backup, bucket, scheduler, random, out::println);
            out.println("cluster " + ClusterIds.text(restored.clusterId()));
            return restored.damaged().isEmpty() ? ExitCode.OK : ExitCode.REFUSED;
          }
        });
  }

  /** A store that a broker has made. */
  private static ObjectStore existing(
      ObjectStoreConfig config, Threads threads, RandomSource random) {
    Commands.requireThere(config.url());
    return open(config.url(), config.credentials(), config, threads, random);
  }

  private static ObjectStore open(
      String url, BrokerConfig config, Threads threads, RandomSource random) {
    ObjectStoreConfig objects = config.storage().objects();
    return open(url, objects.credentials(), objects, threads, random);
  }

  private static ObjectStore open(
      String url,
      Optional<StoreCredentials> credentials,
      ObjectStoreConfig config,
      Threads threads,
      RandomSource random) {
    return new RetryingObjectStore(
        new MeteredObjectStore(ObjectStores.open(url, credentials, threads)),
        threads.newScheduler("store-retry"),
        threads.clock(),
        random,
        Retry.Policy.attempts(ATTEMPTS),
        config.budget());
  }

  private interface Work {
    int run(Threads threads, Scheduler scheduler, RandomSource random);
  }

  private static int with(Work work) {
    Logging.configure();
    try (SystemThreads threads = Commands.threads("maintain")) {
      return unwrapped(
          () -> work.run(threads, threads.newScheduler("maintain"), new SystemRandom()));
    } catch (ObjectStoreException.Unavailable e) {
      throw new StartRefusedException("the object store does not answer: " + e.getMessage(), e);
    } catch (IllegalArgumentException e) {
      throw new StartRefusedException(String.valueOf(e.getMessage()), e);
    }
  }

  private static int unwrapped(IntSupplier work) {
    try {
      return work.getAsInt();
    } catch (CompletionException e) {
      throw Retry.unwrap(e) instanceof RuntimeException cause ? cause : e;
    }
  }
}
