package io.spillway.sim;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.catalog.MemoryIndexHome;
import io.spillway.catalog.StreamCatalog;
import io.spillway.catalog.StreamCatalog.WalPhase;
import io.spillway.catalog.StreamCatalog.WalState;
import io.spillway.engine.EngineConfig;
import io.spillway.engine.StartRefusedException;
import io.spillway.engine.StorageEngine;
import io.spillway.engine.WalAbandonment;
import io.spillway.object.ForwardingObjectStore;
import io.spillway.object.MeteredObjectStore;
import io.spillway.object.ObjectStore;
import io.spillway.object.ObjectStoreException;
import io.spillway.object.RequestBudget;
import io.spillway.object.Retry;
import io.spillway.object.RetryingObjectStore;
import io.spillway.objectwal.ObjectWal;
import io.spillway.objectwal.ObjectWalConfig;
import io.spillway.runtime.FaultHandler;
import io.spillway.runtime.SimulatedThreads;
import io.spillway.stream.CatchUpStats;
import io.spillway.upload.Failures;
import io.spillway.wal.PayloadVerifier;
import io.spillway.wal.WalConfig;
import io.spillway.wal.WalException;
import io.spillway.wal.WriteAheadLog;
import io.spillway.wal.WriterIncarnation;
import io.spillway.wal.device.MemoryDisk;
import io.spillway.wal.local.LocalWal;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * One machine and its operator: a process that starts, runs the real engine, stops, crashes,
 * stalls; a volume that tears what is being written, fails, is lost, and may come back.
 */
final class SimBroker {

  private static final CompletableFuture<Void> NOTHING = CompletableFuture.completedFuture(null);

  private enum Phase {
    DOWN,
    STARTING,
    RUNNING,
    STOPPING,
    /** Refused to start; somebody does something about it. */
    REFUSED
  }

  /** The world around it. */
  interface World {
    SimulatedThreads threads();

    Random random();

    Truth truth();

    Coverage coverage();

    /** What the controller says. */
    boolean isNodeFenced(int nodeId);

    ObjectStore connect(SimulatedThreads.SimProcess process, String name);

    void note(String what);

    void checked(Runnable check);

    void onOpened(SimBroker broker);

    /** Its process is gone. */
    void onGone(SimBroker broker);

    /** Whether the store can be used; where that is in question, asked at each start. */
    default CompletableFuture<Void> probe(SimulatedThreads.SimProcess process) {
      return NOTHING;
    }

    /** Somebody sees to a store that the probe has refused. */
    default CompletableFuture<Void> onStoreRefused() {
      throw new AssertionError("nothing is wrong with the store");
    }

    /** Lets go of what uses its engine, before a clean stop drains it. */
    default CompletableFuture<Void> onStopping(SimBroker broker) {
      return NOTHING;
    }

    /** Whether a crash may take a volume with it, and with the volume what it alone held. */
    default boolean losesVolumes() {
      return true;
    }
  }

  final int nodeId;
  private final World world;
  private EngineConfig config;
  private final WalConfig walConfig;
  private final boolean inBucket;
  private final SimulatedThreads.SimProcess process;
  private final List<CompletableFuture<?>> tools = new ArrayList<>();
  private final List<MemoryDisk> shelf = new ArrayList<>();
  private final IdentityHashMap<MemoryDisk, MemoryIndexHome> indexes = new IdentityHashMap<>();
  private final boolean indexed;
  private MemoryDisk volume;
  private Phase phase = Phase.DOWN;
  private int life;
  private int openMultiparts;
  private boolean volumeSwapped;
  private boolean walFailureExpected;
  private boolean walFailed;
  private boolean fenced;
  private boolean outvoted;

  /** What the process before it asked the catalog for in its start may still come about. */
  private boolean startWasKilled;

  private CompletableFuture<Void> twin = NOTHING;

  private @Nullable WriteAheadLog wal;
  private Supplier<CompletableFuture<Void>> walShutdown = () -> NOTHING;
  private @Nullable StreamCatalog catalog;
  private @Nullable CompletableFuture<StorageEngine> opening;
  private @Nullable StorageEngine engine;
  private @Nullable StorageEngine countedOf;
  private CatchUpStats counted = CatchUpStats.NONE;
  private @Nullable CompletableFuture<Long> stopping;
  private @Nullable CompletableFuture<?> operator;

  SimBroker(int nodeId, World world, EngineConfig config, WalConfig walConfig, boolean inBucket) {
    this.nodeId = nodeId;
    this.world = world;
    this.config = config;
    this.walConfig = walConfig;
    this.inBucket = inBucket;
    this.process = world.threads().newProcess();
    this.volume = newVolume();
    this.indexed = world.random().nextInt(3) > 0;
  }

  EngineConfig config() {
    return config;
  }

  /** Before its first start. */
  void sweepNoOftenerThan(long intervalMs) {
    config =
        config.toBuilder().sweepIntervalMs(Math.max(config.sweepIntervalMs(), intervalMs)).build();
  }

  /** Where its catalog's index lies; the volume has it, as long as there is the volume. */
  private MemoryIndexHome index() {
    return indexes.computeIfAbsent(volume, each -> new MemoryIndexHome());
  }

  private StreamCatalog openCatalog() {
    ObjectStore store = world.connect(process, "catalog");
    if (!indexed) {
      return SimCatalogs.open(store, process, world.threads().randomSource());
    }
    if (index().isThere()) {
      world.coverage().count("catalog's index found");
    }
    return SimCatalogs.open(store, process, world.threads().randomSource(), index());
  }

  private MemoryDisk newVolume() {
    return new MemoryDisk(world.random().nextLong());
  }

  // What it is like.

  /** The engine, when requests can be sent to it now. */
  Optional<StorageEngine> serving() {
    return phase == Phase.RUNNING && !process.isStalled() && !fenced
        ? Optional.ofNullable(engine)
        : Optional.empty();
  }

  /** Whether there are objects of its making that nothing refers to yet. */
  boolean isMerging() {
    StorageEngine running = engine;
    return running != null
        && (running.stats().merges().running() || running.stats().rewrites().running());
  }

  boolean isStopping() {
    return phase != Phase.RUNNING;
  }

  boolean mayFailWrites() {
    return walFailureExpected;
  }

  /** It has been told that its WAL is no longer its own. */
  boolean isFenced() {
    return fenced;
  }

  /** Its WAL is in the bucket: others may take over what it leaves. */
  boolean isTakeable() {
    return inBucket;
  }

  /** P13: the controller has fenced it, so its chain may be fenced from now on. */
  void outvote() {
    outvoted = true;
  }

  /** Whether it may find in this life that others have taken its streams. */
  boolean isOutvoted() {
    return outvoted;
  }

  boolean isStalled() {
    return process.isStalled();
  }

  /** Its threads and its clock. */
  SimulatedThreads.SimProcess process() {
    return process;
  }

  int life() {
    return life;
  }

  boolean isWriter(WriterIncarnation writer) {
    WriteAheadLog mine = wal;
    return engine != null && mine != null && mine.writer().equals(writer);
  }

  /** Whether the catalog has given its present WAL up. */
  boolean isAbandoned() {
    WriteAheadLog mine = wal;
    return mine != null
        && world
            .truth()
            .wal(mine.walId())
            .filter(known -> known.phase() == WalPhase.ABANDONED)
            .isPresent();
  }

  @Override
  public String toString() {
    return "broker " + nodeId;
  }

  // Its life.

  void start() {
    life++;
    openMultiparts = 0;
    walFailed = false;
    walFailureExpected = false;
    fenced = false;
    outvoted = mayMeetTwin();
    volume.failWritesAfter(-1);
    phase = Phase.STARTING;
    world.note("start " + nodeId + " life " + life);
    wal = null;
    catalog = null;
    opening = world.probe(process).thenCompose(usable -> openEngine());
  }

  private CompletableFuture<StorageEngine> openEngine() {
    StreamCatalog newCatalog = openCatalog();
    ObjectStore store = new CountedStore(world.connect(process, "engine"));
    WriteAheadLog newWal;
    if (inBucket) {
      store = retrying(process, store);
      ObjectWal chain = openChain(process, store, newCatalog, this::onFault);
      walShutdown = chain::shutdown;
      newWal = chain;
    } else {
      LocalWal local = openWal(process, volume, this::onFault);
      walShutdown = local::shutdown;
      newWal = local;
    }
    wal = newWal;
    catalog = newCatalog;
    return StorageEngine.open(
        config,
        new CheckedWal(newWal, world.truth(), world::checked, this::onWalRead),
        newCatalog,
        store,
        process,
        world.threads().randomSource(),
        this::onFault);
  }

  private ObjectStore retrying(SimulatedThreads.SimProcess of, ObjectStore store) {
    return new RetryingObjectStore(
        new MeteredObjectStore(store),
        of.newScheduler("retries"),
        of.clock(),
        world.threads().randomSource(),
        Retry.Policy.forever(),
        new RequestBudget(64, 1e9));
  }

  private ObjectWal openChain(
      SimulatedThreads.SimProcess of, ObjectStore store, StreamCatalog known, FaultHandler faults) {
    return new ObjectWal(
        chainConfig(),
        nodeId,
        () -> StorageEngine.nextIncarnation(known, nodeId),
        store,
        of,
        world.threads().randomSource(),
        faults,
        PayloadVerifier.NONE);
  }

  /** Small, so that an outage fills it and a stream of appends is many blocks. */
  private ObjectWalConfig chainConfig() {
    long memory = 256 << 10;
    ObjectWalConfig standard = ObjectWalConfig.of(4 * memory, memory).onHeap();
    return new ObjectWalConfig(
        standard.capacityBytes(),
        standard.internalShareBytes(),
        standard.undurableBytes(),
        16 << 10,
        64 << 10,
        TimeUnit.MILLISECONDS.toNanos(20),
        TimeUnit.MILLISECONDS.toNanos(5),
        TimeUnit.MILLISECONDS.toNanos(50),
        standard.maxTokens(),
        4,
        standard.closeTimeoutNanos(),
        standard.idleMemoryBytes(),
        standard.readCacheBytes(),
        standard.directMemory());
  }

  private LocalWal openWal(SimulatedThreads.SimProcess of, MemoryDisk on, FaultHandler faults) {
    return LocalWal.open(
        walConfig,
        on.mount(of.newScheduler("disk")),
        nodeId,
        of,
        world.threads().randomSource(),
        faults,
        PayloadVerifier.NONE);
  }

  private void onFault(String component, Throwable cause) {
    world.note("fault of " + nodeId + ": " + cause);
    if (cause instanceof WalException.Fenced) {
      world.checked(() -> assertThat(isAbandoned() || outvoted).as("P14: %s", cause).isTrue());
      fenced = true;
      world.coverage().count("fenced");
    } else if (walFailureExpected && component.startsWith("WAL")) {
      walFailed = true;
    } else {
      world.checked(
          () -> {
            throw new AssertionError("fault of " + component + " of " + this, cause);
          });
    }
  }

  /** Power loss or kill -9. */
  void crash() {
    world.note("crash " + nodeId);
    world.coverage().count("crash");
    startWasKilled = phase == Phase.STARTING;
    if (startWasKilled) {
      world.coverage().count("crash while starting");
    }
    long torn = volume.tornWrites();
    end();
    world.coverage().add("torn write", volume.tornWrites() - torn);
    if (!inBucket && world.losesVolumes() && world.random().nextInt(25) == 0) {
      swapVolume();
    }
    start();
  }

  private void end() {
    if (engine != null) {
      count(engine);
      world.coverage().add("crash in a merge", engine.stats().merges().running() ? 1 : 0);
      world.coverage().add("crash in a compaction", engine.stats().rewrites().running() ? 1 : 0);
    }
    world.onGone(this);
    engine = null;
    opening = null;
    stopping = null;
    operator = null;
    phase = Phase.DOWN;
    process.crash();
    volume.crash();
    world.coverage().add("catalog's index written", index().takeWrites());
    index().crash(world.random()::nextInt);
  }

  /** The process ends as a supervisor ends it once it said that it cannot go on. */
  void maybeRestart() {
    if ((walFailed || fenced) && phase != Phase.REFUSED && world.random().nextInt(10) == 0) {
      crash();
    }
  }

  /** The volume is gone, for now: the next start finds another, empty one. */
  private void swapVolume() {
    world.note("volume of " + nodeId + " is gone");
    world.coverage().count("volume lost");
    shelf.add(volume);
    volume = newVolume();
    volumeSwapped = true;
  }

  void stop(long patienceNanos) {
    StorageEngine running = engine;
    if (phase != Phase.RUNNING || running == null) {
      return;
    }
    world.note("stop " + nodeId);
    phase = Phase.STOPPING;
    stopping = world.onStopping(this).thenCompose(done -> running.drain(patienceNanos));
  }

  void failWrites(int after) {
    if (!inBucket && phase == Phase.RUNNING && !walFailureExpected) {
      world.note("disk of " + nodeId + " fails soon");
      world.coverage().count("failed write");
      walFailureExpected = true;
      volume.failWritesAfter(after);
    }
  }

  void stall(long nanos) {
    world.note("stall " + nodeId + " " + nanos);
    world.coverage().count("stall");
    process.stall(nanos);
  }

  void wake() {
    process.wake();
  }

  void jumpClock(Random random) {
    world.coverage().count("clock jump");
    process.jumpWallClock(random.nextInt(200_000) - 100_000);
    process.jumpNanoTime(TimeUnit.MILLISECONDS.toNanos(random.nextInt(100_000)));
  }

  /**
   * Another process with the same node id. With a volume of its own it is kept out (P2); in the
   * bucket the later one has the node, and this one's chain is fenced (P14).
   */
  void startTwin() {
    if (operator == null && phase == Phase.RUNNING) {
      world.note("twin of " + nodeId);
      Twin started = new Twin();
      twin = started.over;
      outvoted |= inBucket;
      tools.add(twin); // goes on when the broker crashes
      operator = twin;
      started.run();
      if (inBucket && world.random().nextInt(3) == 0) {
        crash(); // both start at once
      }
    }
  }

  /** Whether another process of this node may have a say in what becomes of this one. */
  private boolean mayMeetTwin() {
    return inBucket && !twin.isDone();
  }

  /** An operator gives up the WAL of a broker that is alive: it stalls, or its network does. */
  void abandonAlive() {
    WriteAheadLog mine = wal;
    if (operator == null && phase == Phase.RUNNING && mine != null && !isAbandoned()) {
      world.note("abandon the WAL of " + nodeId + ", which lives");
      world.coverage().count(inBucket ? "chain abandoned alive" : "abandoned alive");
      operator = abandon(mine.walId());
    }
  }

  /** Looks at what has come to an end; after every event. */
  void look() {
    CompletableFuture<StorageEngine> opened = opening;
    if (opened != null && opened.isDone()) {
      opening = null;
      onOpening(opened);
    }
    CompletableFuture<Long> stopped = stopping;
    if (stopped != null && stopped.isDone()) {
      stopping = null;
      onStopped(stopped.join());
    }
    CompletableFuture<?> done = operator;
    if (done != null && done.isDone()) {
      operator = null;
      done.join();
      if (phase == Phase.REFUSED) {
        start();
      }
    }
  }

  private void onOpening(CompletableFuture<StorageEngine> opened) {
    if (!opened.isCompletedExceptionally()) {
      engine = opened.join();
      engine.onNodesFenced(world::isNodeFenced);
      phase = Phase.RUNNING;
      volumeSwapped = false;
      startWasKilled = false;
      long recovered = engine.stats().recoveredFrames();
      world.coverage().add("recovered frame", recovered);
      world.note("opened " + nodeId + ", recovered " + recovered);
      world.onOpened(this);
      return;
    }
    Throwable refusal = opened.handle((value, failure) -> Failures.cause(failure)).join();
    if (walFailureExpected && refusal instanceof WalException) {
      crash();
      return;
    }
    if (refusal instanceof WalException.Fenced && (isAbandoned() || outvoted)) {
      crash(); // given up while it recovered: the next start hears of it by name
      return;
    }
    world.note("refused " + nodeId + ": " + refusal);
    end();
    phase = Phase.REFUSED;
    if (refusal instanceof StartRefusedException.WalMissing) {
      world.coverage().count("refused: WAL missing");
      onWalMissing();
    } else if (refusal instanceof StartRefusedException.WalAbandoned) {
      world.checked(() -> assertThat(isAbandoned()).as("P3: %s", refusal).isTrue());
      world.coverage().count("refused: WAL abandoned");
      volume = newVolume();
      operator = NOTHING;
    } else if (refusal instanceof StartRefusedException.NodeIdInUse && outvoted) {
      world.coverage().count("refused: its twin was faster");
      operator = NOTHING;
    } else if (refusal instanceof StartRefusedException.NodeIdInUse && startWasKilled) {
      world.coverage().count("refused: a start that was killed opened its WAL late");
      operator = NOTHING;
    } else if (refusal instanceof ObjectStoreException.Refused) {
      operator = world.onStoreRefused();
    } else {
      world.checked(
          () -> {
            throw new AssertionError(this + " does not start", refusal);
          });
    }
  }

  /** The old volume is found, or what it holds is given up. */
  private void onWalMissing() {
    List<UUID> missing = openWalsOfNode();
    if (missing.isEmpty()) { // it was given up, or sealed, since
      operator = NOTHING;
      return;
    }
    if (volumeSwapped && !shelf.isEmpty() && world.random().nextBoolean()) {
      world.note("the volume of " + nodeId + " is back");
      world.coverage().count("volume returned");
      volume = shelf.remove(shelf.size() - 1);
      volumeSwapped = false;
      operator = NOTHING;
      return;
    }
    world.coverage().count("abandoned");
    operator = abandon(missing.get(0));
  }

  private List<UUID> openWalsOfNode() {
    List<UUID> open = new ArrayList<>();
    for (WalState known : world.truth().wals()) {
      if (known.phase() == WalPhase.OPEN && known.writer().nodeId() == nodeId) {
        open.add(known.writer().walId());
      }
    }
    return open;
  }

  private CompletableFuture<?> abandon(UUID walId) {
    SimulatedThreads.SimProcess tool = world.threads().newProcess();
    StreamCatalog opened =
        SimCatalogs.open(world.connect(tool, "cli"), tool, world.threads().randomSource());
    CompletableFuture<?> abandoned =
        opened
            .open()
            .thenCompose(
                ready -> WalAbandonment.abandon(opened, walId, world.threads().randomSource()))
            .handle(
                (done, failure) -> {
                  opened.close();
                  boolean sealed = failure != null && String.valueOf(failure).contains("sealed");
                  if (failure != null && !sealed) {
                    throw new AssertionError("abandoning " + walId, failure);
                  }
                  return null;
                });
    tools.add(abandoned); // goes on when the broker crashes
    return abandoned;
  }

  private void onStopped(long left) {
    world.note("stopped " + nodeId + ", left " + left);
    world.coverage().count("clean stop");
    StorageEngine last = Objects.requireNonNull(engine);
    CompletableFuture<Void> closed = walShutdown.get();
    if (last.isSealed()) { // else requests of an upload may still be reading it
      closed.whenComplete(
          (done, failure) ->
              world.checked(
                  () ->
                      assertThat(Objects.requireNonNull(wal).usage().memoryBytes())
                          .as("memory of a WAL that is closed")
                          .isZero()));
    }
    closeCatalog();
    count(last);
    stoppedSealed = last.isSealed();
    process.newScheduler("exit").schedule(TimeUnit.MILLISECONDS.toNanos(50), this::exit);
  }

  private boolean stoppedSealed;

  private void exit() {
    engine = null;
    end();
    if (stoppedSealed && world.random().nextBoolean()) {
      world.note("wipe " + nodeId);
      world.coverage().count("wiped after a clean stop");
      volume = newVolume(); // G8: everything is in the bucket
    } else if (!shelf.isEmpty() && stoppedSealed && world.random().nextInt(3) == 0) {
      world.note("an old volume of " + nodeId + " is attached");
      world.coverage().count("old volume attached");
      volume = shelf.remove(0);
    }
    start();
  }

  // The end of a run.

  boolean isRunning() {
    return phase == Phase.RUNNING
        && tools.stream().allMatch(CompletableFuture::isDone)
        && operator == null
        && !fenced
        && !walFailed;
  }

  /** Ends what would keep it from running for good. */
  void heal() {
    wake();
    if (phase != Phase.REFUSED && (walFailureExpected || fenced || isAbandoned() || isReplaced())) {
      crash();
    }
  }

  /** Whether its WAL was sealed under it: it would hear of that with its next request. */
  private boolean isReplaced() {
    WriteAheadLog mine = wal;
    return outvoted
        && phase == Phase.RUNNING
        && mine != null
        && world
            .truth()
            .wal(mine.walId())
            .filter(known -> known.phase() == WalPhase.SEALED)
            .isPresent();
  }

  /** A clean stop that leaves nothing behind. */
  CompletableFuture<Void> stopForGood() {
    StorageEngine last = Objects.requireNonNull(engine);
    WriteAheadLog lastWal = Objects.requireNonNull(wal);
    return world
        .onStopping(this)
        .thenCompose(done -> last.drain(TimeUnit.HOURS.toNanos(1)))
        .thenCompose(
            left -> {
              assertThat(left).as("bytes left after a clean stop").isZero();
              assertThat(last.isSealed()).as("sealed").isTrue();
              return walShutdown.get();
            })
        .thenRun(
            () -> {
              assertThat(lastWal.usage().memoryBytes()).as("memory of a closed WAL").isZero();
              closeCatalog();
            });
  }

  /** Nobody asks it any more. */
  private void closeCatalog() {
    Objects.requireNonNull(catalog).close();
    catalog = null;
  }

  /** After {@link #stopForGood}: a new machine. */
  void replaceMachine() {
    end();
    volume = newVolume();
    start();
  }

  // What it counts and checks.

  private void count(StorageEngine of) {
    world.coverage().add("upload", of.stats().uploadedObjects());
    world.coverage().add("deleted object", of.stats().deletedObjects());
    world.coverage().add("merge", of.stats().merges().objects());
    world.coverage().add("void merge", of.stats().merges().voidRanges());
    world.coverage().add("object replaced", of.stats().merges().replacedObjects());
  }

  /** Proof that objects in parts are made of batches that left memory. */
  private void onWalRead() {
    if (openMultiparts > 0 && world.threads().running().equals("storage")) {
      world.coverage().count("WAL read for an object in parts");
    }
  }

  /** Budgets, and that its catalog is a replica. Not cheap. */
  void audit() {
    StorageEngine running = engine;
    StreamCatalog replica = catalog;
    if (running != null && replica != null) {
      world.truth().checkReplica(replica);
      var stats = running.stats();
      assertThat(stats.tailCacheBytes())
          .as("G7: tail cache")
          .isLessThanOrEqualTo(config.tailCacheBytes());
      assertThat(stats.blockCacheBytes())
          .as("G7: block cache")
          .isLessThanOrEqualTo(config.blockCacheBytes());
      assertThat(stats.walUsedBytes()).as("G7: WAL").isLessThanOrEqualTo(stats.walCapacityBytes());
      assertThat(stats.unuploadedBytes()).as("bytes that wait").isNotNegative();
      assertThat(stats.catchUp().readBufferBytes())
          .as("G7: reads under way")
          .isBetween(0L, config.readBufferBytes());
      assertThat(stats.catchUp().indexCacheBytes())
          .as("G7: index cache")
          .isLessThanOrEqualTo(config.indexCacheBytes());
      countReads(running, stats.catchUp());
    }
  }

  private void countReads(StorageEngine of, CatchUpStats now) {
    CatchUpStats before = countedOf == of ? counted : CatchUpStats.NONE;
    countedOf = of;
    counted = now;
    Coverage met = world.coverage();
    met.add("byte ahead, read", now.aheadUsedBytes() - before.aheadUsedBytes());
    met.add("byte ahead, wasted", now.aheadWastedBytes() - before.aheadWastedBytes());
    met.add("merged read", now.mergedReads() - before.mergedReads());
    met.add("read that waited", now.budgetWaits() - before.budgetWaits());
  }

  /** Two processes think they are the same node. */
  private final class Twin {
    private final SimulatedThreads.SimProcess own = world.threads().newProcess();
    private final CompletableFuture<Void> over = new CompletableFuture<>();

    void run() {
      StreamCatalog view =
          SimCatalogs.open(world.connect(own, "twin"), own, world.threads().randomSource());
      FaultHandler unheard = (component, cause) -> {};
      ObjectStore store = world.connect(own, "twin");
      WriteAheadLog itsWal;
      if (inBucket) {
        store = retrying(own, store);
        itsWal = openChain(own, store, view, unheard);
      } else {
        itsWal = openWal(own, new MemoryDisk(world.random().nextLong()), unheard);
      }
      StorageEngine.open(config, itsWal, view, store, own, world.threads().randomSource(), unheard)
          .whenComplete((opened, failure) -> onOpened(opened, failure));
    }

    private void onOpened(@Nullable StorageEngine opened, @Nullable Throwable failure) {
      if (opened != null) {
        // On a volume: the other one had stopped cleanly in between, this is a lawful start.
        world.coverage().count(inBucket ? "twin fenced the other" : "twin came in");
        opened.drain(TimeUnit.HOURS.toNanos(1)).whenComplete((left, problem) -> end());
        return;
      }
      Throwable cause = Failures.cause(Objects.requireNonNull(failure));
      world.checked(() -> requireLawful(cause));
      world.coverage().count(inBucket ? "twin was slower" : "twin refused");
      end();
    }

    /** In the bucket the other one may have started anew meanwhile, and be the later one. */
    private void requireLawful(Throwable cause) {
      if (inBucket) {
        assertThat(cause)
            .as("P14: a second process of node %d", nodeId)
            .isInstanceOfAny(StartRefusedException.NodeIdInUse.class, WalException.Fenced.class);
      } else {
        assertThat(cause)
            .as("P2: a second process of node %d", nodeId)
            .isInstanceOfAny(StartRefusedException.WalMissing.class, IllegalStateException.class);
      }
    }

    private void end() {
      own.crash();
      over.complete(null);
    }
  }

  /** Counts uploads in parts. */
  private final class CountedStore extends ForwardingObjectStore {

    CountedStore(ObjectStore store) {
      super(store);
    }

    /**
     * Frozen between an object and the commit that names it: the sweeps of others see an orphan.
     */
    @Override
    public CompletableFuture<Void> put(String key, List<ByteBuffer> body) {
      return super.put(key, body)
          .thenRun(
              () -> {
                if (world.random().nextInt(120) == 0) {
                  world.coverage().count("stall before a commit");
                  stall(TimeUnit.MILLISECONDS.toNanos(100L << world.random().nextInt(9)));
                }
              });
    }

    @Override
    public CompletableFuture<Multipart> startMultipart(String key, int partSizeBytes) {
      return super.startMultipart(key, partSizeBytes)
          .thenApply(
              upload -> {
                openMultiparts++;
                world.coverage().count("object in parts");
                return new CountedMultipart(upload);
              });
    }
  }

  /** Ends when it is completed, as far as the broker knows. */
  private final class CountedMultipart implements ObjectStore.Multipart {
    private final ObjectStore.Multipart upload;

    CountedMultipart(ObjectStore.Multipart upload) {
      this.upload = upload;
    }

    @Override
    public CompletableFuture<Void> uploadPart(int partNumber, List<ByteBuffer> body) {
      return upload.uploadPart(partNumber, body);
    }

    @Override
    public CompletableFuture<Void> complete() {
      openMultiparts = Math.max(0, openMultiparts - 1);
      return upload.complete();
    }

    @Override
    public CompletableFuture<Void> abort() {
      return upload.abort();
    }
  }
}
