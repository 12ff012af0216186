package io.spillway.sim;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.engine.EngineConfig;
import io.spillway.merge.MergeConfig;
import io.spillway.object.ObjectStore;
import io.spillway.object.SimulatedBucket;
import io.spillway.object.StoreProbe;
import io.spillway.rewrite.RewriteConfig;
import io.spillway.rewrite.RewritePace;
import io.spillway.runtime.SimulatedThreads;
import io.spillway.upload.Failures;
import io.spillway.wal.WalConfig;
import io.spillway.wal.WalConfig.IoMode;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * What is around the brokers of a simulation, all of it from one seed: threads and time, the bucket
 * with its networks, machines and what happens to them, and the loop that runs event after event
 * and checks after each. What the brokers are used for is the subclass's.
 */
abstract class SimWorld implements SimBroker.World, Truth.Listener {

  private static final int MAX_STEPS_TO_SETTLE = 600_000;
  private static final int AUDIT_INTERVAL = 97;

  final Random random;

  /** Of its own, so that what else happens in a seed stays what it was. */
  final Random compactions;

  final SimulatedThreads threads;
  final Truth truth;
  final List<SimBroker> brokers = new ArrayList<>();
  final Coverage coverage = new Coverage();
  final Set<Integer> fencedNodes = new HashSet<>();
  final SimulatedBucket bucket;
  long events;
  private final List<Throwable> problems = new ArrayList<>();
  private final boolean trace = Boolean.getBoolean("sim.trace");
  private long hash = 1;
  private boolean outage;

  /** Whether its listings are stale at first: then every start asks. */
  private final boolean probes;

  private @Nullable CompletableFuture<Void> mending;

  SimWorld(long seed) {
    random = new Random(seed);
    compactions = new Random(~seed);
    threads = new SimulatedThreads(random.nextLong(), 1 + random.nextInt(2_000_000));
    boolean badNetwork = random.nextInt(4) > 0;
    bucket =
        new SimulatedBucket(
            threads, badNetwork ? SimulatedBucket.Faults.many() : SimulatedBucket.Faults.none());
    truth = new Truth(bucket.objects(), this, this::checked);
    bucket.watch(truth);
    probes = seed % 7 == 5;
    if (probes) {
      bucket.listCreatedAfter(TimeUnit.HOURS.toNanos(1)); // P6: until somebody mends it
    } else if (seed % 7 == 6) {
      bucket.listDeletedFor(30_000);
    }
  }

  /** Runs the script until so many events have happened, then the end. */
  abstract Coverage run(long minEvents);

  /** Cheap checks, after every event. */
  abstract void checkAll();

  /** One to three; their WALs on volumes, in the bucket, or some here and some there. */
  final void addBrokers() {
    int chainsIn5 = new int[] {0, 0, 2, 5}[random.nextInt(4)];
    int count = 1 + Math.min(2, random.nextInt(4));
    for (int node = 1; node <= count; node++) {
      boolean inBucket = random.nextInt(5) < chainsIn5;
      brokers.add(new SimBroker(node, this, engineConfig(node), walConfig(), inBucket));
    }
    // A sweep leaves every broker the time for a merge, else it takes them all for orphans.
    long slowestMs =
        brokers.stream().mapToLong(broker -> mergeMs(broker.config().merge())).max().orElse(0);
    brokers.forEach(broker -> broker.sweepNoOftenerThan(2 * slowestMs));
  }

  private WalConfig walConfig() {
    int segmentBytes = 64 << 10;
    return new WalConfig(
        Path.of("memory"),
        (4L + random.nextInt(16)) * segmentBytes,
        segmentBytes,
        16 << 10,
        32 << 10,
        0,
        IoMode.AUTO);
  }

  /** How long a merge may take: what it reads and writes, at its rate. */
  private static long mergeMs(MergeConfig merge) {
    long readAndWritten = 2L * merge.fanIn() * merge.largeBytes();
    return merge.isOn() ? TimeUnit.SECONDS.toMillis(readAndWritten) / merge.bytesPerSecond() : 0;
  }

  private EngineConfig engineConfig(int node) {
    return new EngineConfig(
        node,
        (32L << 10) << random.nextInt(6),
        1L << random.nextInt(13),
        30 + random.nextInt(60),
        256 << 10,
        (8 << 10) << random.nextInt(4),
        512 << random.nextInt(6),
        random.nextInt(4) * (64L << 10),
        random.nextInt(3) * (64L << 10),
        random.nextInt(4) * (16L << 10),
        64 << 10,
        1 << (10 + random.nextInt(8)),
        2,
        50,
        100L << random.nextInt(8),
        1 + random.nextInt(6),
        mergeConfig(),
        rewriteConfig());
  }

  /** Small sizes, so that a seed has many merges, and some without any. */
  private MergeConfig mergeConfig() {
    if (random.nextInt(8) == 0) {
      return MergeConfig.off();
    }
    return new MergeConfig(
        (64L << 10) << random.nextInt(6),
        1000,
        (16 << 10) << random.nextInt(5),
        (2L << 10) << random.nextInt(8),
        2 + random.nextInt(4),
        20L << random.nextInt(7),
        1L << random.nextInt(10));
  }

  private RewriteConfig rewriteConfig() {
    return new RewriteConfig(
        new RewritePace((64L << 10) << compactions.nextInt(6), 1000, 1L << compactions.nextInt(10)),
        (16 << 10) << compactions.nextInt(5));
  }

  final SimBroker anyBroker() {
    return brokers.get(random.nextInt(brokers.size()));
  }

  final long hash() {
    return hash;
  }

  // The world, as brokers see it.

  @Override
  public SimulatedThreads threads() {
    return threads;
  }

  @Override
  public Random random() {
    return random;
  }

  @Override
  public Truth truth() {
    return truth;
  }

  @Override
  public Coverage coverage() {
    return coverage;
  }

  @Override
  public boolean isNodeFenced(int nodeId) {
    return fencedNodes.contains(nodeId);
  }

  @Override
  public ObjectStore connect(SimulatedThreads.SimProcess process, String name) {
    return bucket.connect(process, name);
  }

  @Override
  public void note(String what) {
    hash = hash * 31 + what.hashCode();
    if (trace) {
      System.out.println(events + " " + threads.clock().nanoTime() / 1000 + " " + what);
    }
  }

  @Override
  public void checked(Runnable check) {
    try {
      check.run();
    } catch (Throwable t) {
      problems.add(t);
    }
  }

  @Override
  public void onOpened(SimBroker broker) {
    fencedNodes.remove(broker.nodeId); // it has registered again
  }

  /** As a broker's start does, before it touches anything. */
  @Override
  public CompletableFuture<Void> probe(SimulatedThreads.SimProcess process) {
    return probes
        ? StoreProbe.run(
            connect(process, "probe"),
            Truth.PROBE,
            process.newScheduler("probe"),
            threads.randomSource())
        : CompletableFuture.completedFuture(null);
  }

  /** P6: a store with stale listings is not used at all. */
  @Override
  public CompletableFuture<Void> onStoreRefused() {
    coverage.count("refused: listings stale");
    CompletableFuture<Void> mended = mending;
    if (mended == null || !mended.isDone()) { // else another one may have started since
      truth.checkUntouched();
    }
    if (mended == null) {
      CompletableFuture<Void> soon = new CompletableFuture<>();
      threads.at(
          threads.clock().nanoTime() + TimeUnit.MILLISECONDS.toNanos(random.nextInt(20_000)),
          () -> {
            note("listings are mended");
            bucket.listCreatedAfter(0);
            soon.complete(null);
          });
      mending = soon;
      mended = soon;
    }
    return mended;
  }

  // What happens to machines and networks.

  /**
   * @param dice below 48: which of them, most often a crash or idle time
   */
  final void actOnMachine(SimBroker broker, int dice) {
    if (dice < 8) {
      broker.crash();
    } else if (dice < 9) {
      note("power loss");
      coverage.count("power loss");
      brokers.forEach(SimBroker::crash);
    } else if (dice < 15) {
      broker.stop(TimeUnit.SECONDS.toNanos(random.nextInt(30)));
    } else if (dice < 24) {
      outage = !outage && random.nextInt(3) > 0;
      note("outage " + outage);
      bucket.setOutage(outage);
    } else if (dice < 27) {
      broker.failWrites(random.nextInt(20));
    } else if (dice < 40) {
      idle(TimeUnit.MILLISECONDS.toNanos(1L << random.nextInt(14)));
    } else if (dice < 46) {
      broker.stall(TimeUnit.MILLISECONDS.toNanos(1L << random.nextInt(15)));
    } else {
      broker.jumpClock(random);
    }
  }

  /** The controller gives up on a broker that does not answer: P13. */
  final void fence(SimBroker broker) {
    note("fenced by the controller: " + broker.nodeId);
    coverage.count("fenced by the controller");
    fencedNodes.add(broker.nodeId);
    broker.outvote();
  }

  final void healNetwork() {
    bucket.heal();
    outage = false;
  }

  final void untilAllRun() {
    until(this::healAll, "all brokers run");
  }

  /**
   * Whoever cannot go on as it is starts again, also who hears only now that it was fenced; whether
   * all run.
   */
  final boolean healAll() {
    brokers.forEach(SimBroker::heal);
    fencedNodes.clear();
    return allRunning();
  }

  /** Nobody is on its way up, or has found that it cannot go on. */
  final boolean allRunning() {
    return brokers.stream().allMatch(SimBroker::isRunning);
  }

  /** Cleanly, and for good. */
  final void stopBrokers() {
    List<CompletableFuture<Void>> stops = new ArrayList<>();
    brokers.forEach(broker -> stops.add(broker.stopForGood()));
    until(() -> stops.stream().allMatch(CompletableFuture::isDone), "brokers stop");
    stops.forEach(CompletableFuture::join);
  }

  // Events.

  final void idle(long nanos) {
    long until = threads.clock().nanoTime() + nanos;
    threads.at(until, () -> {});
    boolean more = true;
    while (more && threads.clock().nanoTime() < until) {
      more = step();
    }
  }

  final void steps(int count) {
    boolean more = true;
    for (int i = 0; i < count && more; i++) {
      more = step();
    }
  }

  final void until(BooleanSupplier condition, Object what) {
    boolean more = true;
    for (int i = 0; i < MAX_STEPS_TO_SETTLE && more && !condition.getAsBoolean(); i++) {
      more = step();
    }
    assertThat(condition.getAsBoolean()).as("it comes about that %s", what).isTrue();
  }

  private boolean step() {
    if (!threads.step()) {
      return false;
    }
    events++;
    hash = hash * 31 + threads.clock().nanoTime();
    for (SimBroker broker : brokers) {
      broker.look();
    }
    checkAll();
    if (events % AUDIT_INTERVAL == 0) {
      brokers.forEach(SimBroker::audit);
    }
    failOnProblems();
    return true;
  }

  final void failOnProblems() {
    if (!threads.faults().isEmpty()) {
      problems.addAll(threads.faults());
      threads.faults().clear();
    }
    if (!problems.isEmpty()) {
      AssertionError first = new AssertionError("after " + events + " events");
      problems.forEach(first::addSuppressed);
      first.initCause(problems.get(0));
      throw first;
    }
  }

  final <T> void watch(SimBroker of, CompletableFuture<T> future, Consumer<T> onValue) {
    watch(
        of,
        future,
        onValue,
        failure ->
            assertThat(
                    of.isStopping()
                        || of.mayFailWrites()
                        || of.isFenced()
                        || of.isAbandoned()
                        || of.isOutvoted())
                .as("request to %s failed: %s", of, failure)
                .isTrue());
  }

  final <T> void watch(
      SimBroker of,
      CompletableFuture<T> future,
      Consumer<T> onValue,
      Consumer<Throwable> onFailure) {
    int inLife = of.life();
    future.whenComplete(
        (value, failure) -> {
          if (inLife == of.life()) {
            checked(
                () -> {
                  if (failure == null) {
                    onValue.accept(value);
                  } else {
                    onFailure.accept(Failures.cause(failure));
                  }
                });
          }
        });
  }
}
