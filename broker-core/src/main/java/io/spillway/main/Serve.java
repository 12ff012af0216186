package io.spillway.main;

import io.spillway.config.BrokerConfig;
import io.spillway.config.SettingSources;
import io.spillway.failure.Explanation;
import io.spillway.main.BrokerStarter.Running;
import io.spillway.runtime.AmbientRuntime;
import java.io.PrintStream;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;

/**
 * The command {@code serve}: a broker from its start to the end of the process.
 *
 * <p>The process ends in the shutdown hook, whatever began it: a signal, a fault, a start that
 * failed. The hook closes the broker and halts with the exit code, because a JVM that a signal
 * stops would otherwise answer 143 for a clean stop.
 */
@AmbientRuntime
final class Serve {

  /**
   * What a stop may take beyond {@code shutdown.timeout.ms} before it is given up: requests that
   * are still answered, and connections that close slowly.
   */
  private static final long STOP_GRACE_MS = 20_000;

  private final BrokerStarter starter;
  private final PrintStream out;
  private final PrintStream err;
  private final AtomicInteger exitCode = new AtomicInteger(ExitCode.OK);
  private final AtomicReference<@Nullable Running> running = new AtomicReference<>();

  Serve(BrokerStarter starter, PrintStream out, PrintStream err) {
    this.starter = starter;
    this.out = out;
    this.err = err;
  }

  /** Serves until the process is told to end; does not return then. */
  void run(ServeOptions options) throws InterruptedException {
    Map<String, String> settings = SettingSources.load(options.configFile(), options.overrides());
    BrokerConfig config = BrokerConfig.of(settings);
    NativeLibraries.unpackUnder(config.node().dataDir());
    Logging.configure();
    Logger log = org.slf4j.LoggerFactory.getLogger("spillway");
    config.notes().forEach(log::info);

    Runtime.getRuntime().addShutdownHook(new Thread(() -> stop(config, log), "spillway-shutdown"));
    Running broker = start(settings, log);
    running.set(broker);
    out.println(
        "spillway ready bootstrap="
            + broker.bootstrapServers()
            + " cluster="
            + broker.clusterId()
            + " node="
            + config.node().nodeId()
            + " in "
            + StartTime.millisSinceJvmStart()
            + " ms");
    out.flush();
    // Every thread of the broker is a daemon: this one keeps the process.
    new CountDownLatch(1).await();
  }

  private Running start(Map<String, String> settings, Logger log) {
    try {
      return starter.start(settings, (part, cause) -> onFault(part, cause, log));
    } catch (Throwable t) {
      // A fault that was reported first says more than what failed because of it.
      exitCode.compareAndSet(ExitCode.OK, StartFailures.exitCode(t));
      throw t;
    }
  }

  /** A part of the broker stopped for good: the process ends, to be started into recovery. */
  private void onFault(String part, Throwable cause, Logger log) {
    log.error("{} failed; the process ends so that it can recover", part, cause);
    if (exitCode.compareAndSet(ExitCode.OK, ExitCode.FAULT)) {
      err.println(
          "spillway: "
              + Explanation.of(cause).map(Explanation::line).orElse(part + " failed: " + cause));
      Thread exit = new Thread(() -> System.exit(ExitCode.FAULT), "spillway-fault-exit");
      exit.setDaemon(true);
      exit.start();
    }
  }

  /** Runs once, in the shutdown hook, and ends the process. */
  private void stop(BrokerConfig config, Logger log) {
    Optional<Running> broker = Optional.ofNullable(running.get());
    if (broker.isPresent() && !close(broker.get(), config, log)) {
      exitCode.compareAndSet(ExitCode.OK, ExitCode.FAILED);
    }
    NativeLibraries.removeOwn(config.node().dataDir());
    Runtime.getRuntime().halt(exitCode.get());
  }

  /** Whether the broker was closed in time and without failure. */
  private static boolean close(Running broker, BrokerConfig config, Logger log) {
    long limitMs =
        Math.addExact(Math.min(config.shutdownTimeoutMs(), Integer.MAX_VALUE), STOP_GRACE_MS);
    CountDownLatch closed = new CountDownLatch(1);
    AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
    Thread closer =
        new Thread(
            () -> {
              try {
                broker.close();
              } catch (Throwable t) {
                failure.set(t);
              } finally {
                closed.countDown();
              }
            },
            "spillway-close");
    closer.setDaemon(true);
    closer.start();
    try {
      if (!closed.await(limitMs, TimeUnit.MILLISECONDS)) {
        log.error(
            "the stop is given up after {} ms; what was acked is in the write-ahead log", limitMs);
        return false;
      }
    } catch (InterruptedException e) {
      log.error("the stop was interrupted");
      return false;
    }
    Throwable thrown = failure.get();
    if (thrown != null) {
      log.error("the stop failed; what was acked is in the write-ahead log", thrown);
      return false;
    }
    return true;
  }
}
