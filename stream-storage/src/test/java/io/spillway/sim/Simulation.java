package io.spillway.sim;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.catalog.StreamCatalog;
import io.spillway.engine.EngineConfig;
import io.spillway.engine.StorageEngine;
import io.spillway.object.ForwardingObjectStore;
import io.spillway.object.ObjectStore;
import io.spillway.object.SimulatedBucket;
import io.spillway.runtime.SimulatedThreads;
import io.spillway.sim.SimStream.SimBatch;
import io.spillway.stream.FetchedData;
import io.spillway.stream.StreamException;
import io.spillway.stream.StreamHandle;
import io.spillway.wal.Batch;
import io.spillway.wal.PayloadVerifier;
import io.spillway.wal.StreamId;
import io.spillway.wal.WalConfig;
import io.spillway.wal.WalConfig.IoMode;
import io.spillway.wal.WalException;
import io.spillway.wal.WriteAheadLog.Reservation;
import io.spillway.wal.device.MemoryDisk;
import io.spillway.wal.local.LocalWal;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * One broker's storage in a small bad world, all of it from one seed: the real engine, uploads,
 * catalog, shared log and LocalWal, on simulated threads, a disk that tears and forgets, and a
 * bucket behind a network that loses, repeats and delays. A random script appends, fetches, trims,
 * deletes, claims again, stops and crashes; after every event the guarantees are checked against a
 * naive model.
 */
final class Simulation {

  /** What happened, for proof that the run was worth something. */
  static final class Tally {
    long events;
    long acks;
    long fetches;
    long crashes;
    long crashesWithUnacked;
    long crashesWhileStarting;
    long cleanStops;
    long uploads;
    long sweptOrDeleted;
    long recoveredFrames;
    long walFailures;
    long full;
    long claims;
    long lookups;
    long multipartReads;

    void add(Tally other) {
      events += other.events;
      acks += other.acks;
      fetches += other.fetches;
      crashes += other.crashes;
      crashesWithUnacked += other.crashesWithUnacked;
      crashesWhileStarting += other.crashesWhileStarting;
      cleanStops += other.cleanStops;
      uploads += other.uploads;
      sweptOrDeleted += other.sweptOrDeleted;
      recoveredFrames += other.recoveredFrames;
      walFailures += other.walFailures;
      full += other.full;
      claims += other.claims;
      lookups += other.lookups;
      multipartReads += other.multipartReads;
    }

    @Override
    public String toString() {
      return ("%d events, %d acks, %d fetches, %d look-ups by time, %d claims, %d crashes (%d with"
              + " unacked batches, %d while starting), %d WAL failures, %d clean stops, %d uploads,"
              + " %d deleted objects, %d recovered frames, %d times full,"
              + " %d reads of the WAL for objects in parts")
          .formatted(
              events,
              acks,
              fetches,
              lookups,
              claims,
              crashes,
              crashesWithUnacked,
              crashesWhileStarting,
              walFailures,
              cleanStops,
              uploads,
              sweptOrDeleted,
              recoveredFrames,
              full,
              multipartReads);
    }
  }

  private static final int NODE = 1;
  private static final int MAX_STREAMS = 6;
  private static final int MAX_STEPS_TO_SETTLE = 400_000;

  private final Random random;
  private final SimulatedThreads threads;
  private final MemoryDisk disk;
  private final SimulatedBucket bucket;
  private final EngineConfig config;
  private final WalConfig walConfig;
  private final List<SimStream> streams = new ArrayList<>();
  private final List<Throwable> problems = new ArrayList<>();
  private final Tally tally = new Tally();
  private long hash = 1;
  private long timestampMs = 1_000;
  private int life;
  private int openMultiparts;
  private boolean outage;
  private boolean walFailureExpected;
  private boolean walFailed;
  private @Nullable LocalWal wal;
  private @Nullable StreamCatalog catalog;
  private @Nullable CompletableFuture<StorageEngine> opening;
  private @Nullable StorageEngine engine;
  private @Nullable CompletableFuture<Long> stopping;
  private boolean stopped;

  Simulation(long seed) {
    random = new Random(seed);
    threads = new SimulatedThreads(random.nextLong(), 1 + random.nextInt(2_000_000));
    disk = new MemoryDisk(random.nextLong());
    boolean badNetwork = random.nextInt(4) > 0;
    bucket =
        new SimulatedBucket(
            threads, badNetwork ? SimulatedBucket.Faults.many() : SimulatedBucket.Faults.none());
    int segmentBytes = 64 << 10;
    walConfig =
        new WalConfig(
            Path.of("memory"),
            (4L + random.nextInt(16)) * segmentBytes,
            segmentBytes,
            16 << 10,
            32 << 10,
            0,
            IoMode.AUTO);
    config =
        new EngineConfig(
            NODE,
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
            100L << random.nextInt(8));
  }

  Tally run(int actions) {
    start();
    for (int i = 0; i < actions; i++) {
      act();
      steps(random.nextInt(30));
    }
    settle();
    return tally;
  }

  long hash() {
    return hash;
  }

  // The broker's life.

  private void start() {
    life++;
    openMultiparts = 0;
    note("start " + life);
    stopped = false;
    disk.failWritesAfter(-1);
    walFailed = false;
    walFailureExpected = false;
    StreamCatalog newCatalog = SimCatalogs.open(bucket.connect("catalog" + life), threads);
    LocalWal newWal =
        LocalWal.open(
            walConfig,
            disk.mount(threads.newScheduler("disk")),
            NODE,
            threads,
            threads.randomSource(),
            this::onFault,
            PayloadVerifier.NONE);
    wal = newWal;
    catalog = newCatalog;
    ObjectStore store = new CheckedStore(bucket.connect("engine" + life), newCatalog);
    opening =
        StorageEngine.open(
            config,
            new CheckedWal(newWal, newCatalog, this::checked, this::onWalRead),
            newCatalog,
            store,
            threads,
            threads.randomSource(),
            this::onFault);
  }

  /** Proof that objects in parts are made of batches that left memory. */
  private void onWalRead() {
    if (openMultiparts > 0 && threads.running().equals("storage")) {
      tally.multipartReads++;
    }
  }

  private void onFault(String component, Throwable cause) {
    if (walFailureExpected && component.toLowerCase(java.util.Locale.ROOT).contains("wal")) {
      walFailed = true;
    } else {
      problems.add(new AssertionError("fault of " + component, cause));
    }
  }

  private void onOpened(StorageEngine opened) {
    opening = null;
    engine = opened;
    tally.recoveredFrames += opened.stats().recoveredFrames();
    note("opened, recovered " + opened.stats().recoveredFrames());
    for (SimStream stream : streams) {
      if (stream.deleting && !stream.deleted) {
        delete(stream);
      }
    }
  }

  private void crash() {
    note("crash");
    tally.crashes++;
    if (engine == null) {
      tally.crashesWhileStarting++;
    } else {
      count(engine);
    }
    boolean unacked = false;
    for (SimStream stream : streams) {
      unacked |= stream.ackedEnd() < stream.nextOffset();
      stream.onCrash();
    }
    tally.crashesWithUnacked += unacked ? 1 : 0;
    engine = null;
    opening = null;
    stopping = null;
    threads.crash();
    disk.crash();
    start();
  }

  private void count(StorageEngine of) {
    tally.uploads += of.stats().uploadedObjects();
    tally.sweptOrDeleted += of.stats().deletedObjects();
  }

  private void stop() {
    StorageEngine running = engine;
    if (running == null || stopping != null) {
      return;
    }
    note("stop");
    for (SimStream stream : streams) {
      stream.releasing = true;
    }
    stopping = running.drain(TimeUnit.SECONDS.toNanos(random.nextInt(30)));
  }

  private void onStopped(long left) {
    note("stopped, left " + left);
    StorageEngine last = requireNonNull(engine);
    count(last);
    tally.cleanStops++;
    engine = null;
    stopping = null;
    stopped = true;
    CompletableFuture<Void> closed = requireNonNull(wal).shutdown();
    until(closed);
    requireNonNull(catalog).close();
    for (SimStream stream : streams) {
      stream.onCrash();
    }
    threads.crash();
    disk.crash();
    if (last.isSealed() && random.nextBoolean()) {
      note("wipe");
      disk.fileNames().forEach(disk::lose); // G8: everything is in the bucket
    }
    start();
  }

  private boolean isStopping() {
    return stopping != null || stopped;
  }

  // The script.

  private void act() {
    int dice = random.nextInt(1000);
    if (dice < 8) {
      crash();
    } else if (dice < 14) {
      stop();
    } else if (dice < 24) {
      outage = !outage && random.nextInt(3) > 0;
      note("outage " + outage);
      bucket.setOutage(outage);
    } else if (dice < 27 && engine != null && !walFailureExpected) {
      note("disk fails soon");
      walFailureExpected = true;
      tally.walFailures++;
      disk.failWritesAfter(random.nextInt(20));
    } else if (dice < 40) {
      idle();
    } else if (engine != null && stopping == null) {
      actOnStream(requireNonNull(engine));
    }
    if (walFailed && random.nextInt(10) == 0) {
      crash();
    }
  }

  private void idle() {
    long nanos = TimeUnit.MILLISECONDS.toNanos(1L << random.nextInt(14));
    long until = threads.clock().nanoTime() + nanos;
    CompletableFuture<Void> alarm = new CompletableFuture<>();
    threads.newScheduler("idle").schedule(nanos, () -> alarm.complete(null));
    boolean more = true;
    while (more && threads.clock().nanoTime() < until && !alarm.isDone()) {
      more = step();
    }
  }

  private void actOnStream(StorageEngine on) {
    if (streams.stream().filter(stream -> !stream.deleting).count() < MAX_STREAMS
        && random.nextInt(20) == 0) {
      streams.add(
          new SimStream(
              new StreamId(new UUID(random.nextLong(), random.nextLong()), random.nextInt(3))));
    }
    if (streams.isEmpty()) {
      return;
    }
    SimStream stream = streams.get(random.nextInt(streams.size()));
    if (stream.deleting) {
      return;
    }
    int dice = random.nextInt(100);
    if (!stream.isOpen()) {
      if (!stream.claiming && !stream.releasing) {
        claim(on, stream);
      }
    } else if (dice < 50) {
      int burst = 1 + random.nextInt(8);
      for (int i = 0; i < burst; i++) {
        append(on, stream);
      }
      if (random.nextInt(60) == 0) {
        steps(random.nextInt(6));
        crash(); // with writes under way
      }
    } else if (dice < 75) {
      fetch(stream);
    } else if (dice < 85) {
      lookUp(stream);
    } else if (dice < 88) {
      trim(stream);
    } else if (dice < 89) {
      delete(stream);
    } else if (dice < 91) {
      release(stream);
    } else if (dice < 93) {
      claim(on, stream);
    } else if (dice < 96) {
      note("flush");
      watch(on.flush(), done -> {});
    } else {
      staleClaim(on, stream);
    }
  }

  private void claim(StorageEngine on, SimStream stream) {
    stream.epoch++;
    stream.claiming = true;
    stream.releasing = true;
    int epoch = stream.epoch;
    note("claim " + stream.id + " " + epoch);
    tally.claims++;
    watch(
        on.claim(stream.id, epoch, 1, stream::capture),
        handle -> {
          note("claimed " + stream.id + " " + epoch + " at " + handle.highWatermark());
          stream.releasing = false;
          stream.onClaimed(handle, epoch);
        },
        failure -> {
          assertThat(stream.deleting || walFailureExpected || isStopping())
              .as("claim of %s failed: %s", stream.id, failure)
              .isTrue();
          stream.claiming = false;
        });
  }

  private void staleClaim(StorageEngine on, SimStream stream) {
    int epoch = random.nextInt(stream.epoch + 1);
    watch(
        on.claim(stream.id, epoch, 1, Optional::empty),
        handle -> {
          throw new AssertionError("G3: stale claim of " + stream.id + " in epoch " + epoch);
        },
        failure ->
            assertThat(failure)
                .isInstanceOfAny(StreamException.Fenced.class, StreamException.Closed.class));
  }

  private void append(StorageEngine on, SimStream stream) {
    int size = random.nextInt(20) == 0 ? 1 + random.nextInt(30_000) : 1 + random.nextInt(3_000);
    StreamHandle handle = requireNonNull(stream.handle);
    Reservation reservation;
    try {
      reservation = on.reserve(size, random.nextInt(5) == 0);
    } catch (WalException.Full e) {
      tally.full++;
      return;
    } catch (WalException.Unavailable e) {
      assertThat(walFailureExpected).as("P28: %s", e).isTrue();
      return;
    }
    byte[] bytes = new byte[size];
    random.nextBytes(bytes);
    timestampMs += random.nextInt(20) - 5;
    SimBatch batch =
        stream.append(
            1 + random.nextInt(10), timestampMs, ByteBuffer.wrap(bytes).asReadOnlyBuffer());
    note("append " + stream.id + " " + batch.base);
    handle.append(
        reservation,
        new Batch(
            stream.id, batch.base, batch.end, batch.timestampMs, 0, batch.payload.duplicate()),
        random.nextInt(3),
        new StreamHandle.Listener() {
          @Override
          public void onDurable(Batch durable) {
            note("ack " + stream.id + " " + batch.base);
            tally.acks++;
            checked(
                () -> {
                  stream.onAck(batch);
                  assertThat(handle.highWatermark()).isGreaterThanOrEqualTo(batch.end);
                });
          }

          @Override
          public void onFailure(Batch failed, WalException cause) {
            note("failed " + stream.id + " " + batch.base);
            checked(
                () ->
                    assertThat(walFailureExpected || stream.deleting)
                        .as("P30: %s", cause)
                        .isTrue());
          }
        });
  }

  private void fetch(SimStream stream) {
    StreamHandle handle = requireNonNull(stream.handle);
    long start = handle.logStartOffset();
    long high = handle.highWatermark();
    long offset = start + (long) (random.nextDouble() * (high - start + 1));
    int maxBytes = random.nextInt(4) == 0 ? 1 : random.nextInt(60_000);
    readFrom(stream, handle, offset, maxBytes, random.nextInt(6));
  }

  /** Fetches, and goes on from there a few times, as consumers do. */
  private void readFrom(
      SimStream stream, StreamHandle handle, long offset, int maxBytes, int more) {
    long end = random.nextInt(10) == 0 ? handle.highWatermark() : Long.MAX_VALUE;
    long bound = Math.min(end, handle.highWatermark());
    note("fetch " + stream.id + " " + offset);
    CompletableFuture<FetchedData> fetch = handle.fetch(offset, end, maxBytes);
    watch(
        fetch,
        data -> {
          tally.fetches++;
          note("fetched " + stream.id + " " + data.nextOffset());
          try (data) {
            stream.checkFetched(offset, bound, maxBytes, data);
          }
          if (more > 0 && data.nextOffset() > offset && stream.handle == handle) {
            readFrom(stream, handle, data.nextOffset(), maxBytes, more - 1);
          }
        },
        failure -> onReadFailure(stream, offset, failure));
  }

  private void onReadFailure(SimStream stream, long offset, @Nullable Throwable failure) {
    boolean trimmed =
        failure instanceof StreamException.OutOfRange && offset < stream.requestedLogStart;
    boolean gone = stream.deleting || stream.releasing || stream.handle == null;
    assertThat(
            trimmed
                || gone
                || failure instanceof StreamException.Unavailable
                || (failure instanceof StreamException.Closed && isStopping()))
        .as("read of %s at %d failed: %s", stream.id, offset, failure)
        .isTrue();
  }

  private void lookUp(SimStream stream) {
    StreamHandle handle = requireNonNull(stream.handle);
    long version = stream.version;
    long wantedMs = timestampMs - random.nextInt(2_000);
    boolean largest = random.nextInt(4) == 0;
    watch(
        largest ? handle.findBatchOfMaxTimestamp() : handle.findBatchByTimestamp(wantedMs),
        found -> {
          tally.lookups++;
          boolean trimming = stream.logStart < stream.requestedLogStart;
          if (stream.version == version && !stream.deleting && !trimming) {
            assertThat(found)
                .as("%s: batch %s", stream.id, largest ? "of largest time" : "at " + wantedMs)
                .isEqualTo(largest ? stream.largestTimestamp() : stream.firstAtOrAfter(wantedMs));
          }
        },
        failure -> onReadFailure(stream, -1, failure));
  }

  private void trim(SimStream stream) {
    StreamHandle handle = requireNonNull(stream.handle);
    long offset =
        handle.logStartOffset()
            + (long) (random.nextDouble() * (handle.highWatermark() - handle.logStartOffset() + 1));
    note("trim " + stream.id + " " + offset);
    stream.requestedLogStart = Math.max(stream.requestedLogStart, offset);
    stream.version++;
    watch(
        handle.trim(offset),
        done -> {
          stream.logStart = Math.max(stream.logStart, offset);
          stream.version++;
          assertThat(handle.logStartOffset()).isGreaterThanOrEqualTo(offset);
        },
        failure ->
            assertThat(stream.deleting || stream.handle != handle || stream.releasing)
                .as("trim of %s: %s", stream.id, failure)
                .isTrue());
  }

  private void delete(SimStream stream) {
    note("delete " + stream.id);
    stream.deleting = true;
    StorageEngine on = requireNonNull(engine);
    watch(
        on.delete(stream.id, 5),
        done -> {
          stream.deleted = true;
          assertThat(on.streams()).doesNotContain(stream.id);
        });
  }

  private void release(SimStream stream) {
    note("close " + stream.id);
    StreamHandle handle = requireNonNull(stream.handle);
    stream.releasing = true;
    watch(
        handle.close(),
        done -> {
          assertThat(handle.committedEndOffset()).isEqualTo(stream.ackedEnd());
          stream.handle = null;
          stream.releasing = false;
        },
        failure ->
            assertThat(stream.deleting || walFailureExpected || isStopping())
                .as("close of %s: %s", stream.id, failure)
                .isTrue());
  }

  // The end: the bucket heals, everything is uploaded, the disk is lost, and all is still there.

  private void settle() {
    note("settle");
    bucket.setOutage(false);
    outage = false;
    if (walFailureExpected) {
      crash();
    }
    for (int round = 0; round < 3; round++) {
      untilRunning();
      claimAll();
      readAll();
      if (round == 0) {
        crash();
      } else if (round == 1) {
        stopAndWipe();
      }
    }
    StorageEngine last = requireNonNull(engine);
    for (SimStream stream : streams) {
      if (!stream.deleting) {
        stream.releasing = true;
      }
    }
    CompletableFuture<Long> drained = last.drain(TimeUnit.HOURS.toNanos(1));
    until(drained);
    assertThat(drained.join()).as("bytes left after a clean stop").isZero();
    assertThat(last.isSealed()).isTrue();
    count(last);
    until(requireNonNull(wal).shutdown());
    assertThat(requireNonNull(wal).usage().memoryBytes()).as("WAL memory after close").isZero();
    requireNonNull(catalog).close();
    failOnProblems();
  }

  private void stopAndWipe() {
    StorageEngine last = requireNonNull(engine);
    CompletableFuture<Long> drained = last.drain(TimeUnit.HOURS.toNanos(1));
    until(drained);
    assertThat(drained.join()).as("bytes left after a clean stop").isZero();
    assertThat(last.isSealed()).isTrue();
    count(last);
    until(requireNonNull(wal).shutdown());
    requireNonNull(catalog).close();
    streams.forEach(SimStream::onCrash);
    engine = null;
    threads.crash();
    disk.crash();
    disk.fileNames().forEach(disk::lose);
    start();
  }

  private void untilRunning() {
    int left = MAX_STEPS_TO_SETTLE;
    while ((engine == null || stopping != null) && left-- > 0) {
      if (!step()) {
        break;
      }
    }
    assertThat(engine).as("the engine runs again").isNotNull();
    assertThat(stopping).isNull();
  }

  private void claimAll() {
    StorageEngine on = requireNonNull(engine);
    for (SimStream stream : streams) {
      if (!stream.deleting) {
        while (stream.claiming || stream.releasing) {
          assertThat(step()).as("%s settles", stream.id).isTrue();
        }
        if (stream.handle == null) {
          claim(on, stream);
        }
        while (stream.claiming || stream.ackedEnd() < stream.nextOffset()) {
          assertThat(step()).as("%s is claimed and quiet", stream.id).isTrue();
        }
      }
    }
  }

  private void readAll() {
    for (SimStream stream : streams) {
      if (stream.deleting) {
        continue;
      }
      StreamHandle handle = requireNonNull(stream.handle);
      assertThat(handle.highWatermark()).as("G1 %s", stream.id).isEqualTo(stream.nextOffset());
      long offset = handle.logStartOffset();
      while (offset < handle.highWatermark()) {
        CompletableFuture<FetchedData> fetch = handle.fetch(offset, Long.MAX_VALUE, 40_000);
        until(fetch);
        try (FetchedData data = fetch.join()) {
          stream.checkFetched(offset, handle.highWatermark(), 40_000, data);
          assertThat(data.nextOffset()).as("%s goes on", stream.id).isGreaterThan(offset);
          offset = data.nextOffset();
        } catch (CompletionException e) {
          onReadFailure(stream, offset, e.getCause());
          offset = Math.max(offset, handle.logStartOffset()); // a trim was still under way
        }
      }
    }
  }

  // Events.

  private void steps(int count) {
    boolean more = true;
    for (int i = 0; i < count && more; i++) {
      more = step();
    }
  }

  private void until(CompletableFuture<?> future) {
    boolean more = true;
    for (int i = 0; i < MAX_STEPS_TO_SETTLE && more && !future.isDone(); i++) {
      more = step();
    }
    assertThat(future.isDone()).as("it ends").isTrue();
  }

  private boolean step() {
    if (!threads.step()) {
      return false;
    }
    tally.events++;
    hash = hash * 31 + threads.clock().nanoTime();
    CompletableFuture<StorageEngine> opened = opening;
    if (opened != null && opened.isDone()) {
      onOpened(opened.join());
    }
    CompletableFuture<Long> stopped = stopping;
    if (stopped != null && stopped.isDone()) {
      onStopped(stopped.join());
    }
    streams.forEach(SimStream::check);
    failOnProblems();
    return true;
  }

  private void failOnProblems() {
    problems.addAll(threads.faults());
    threads.faults().clear();
    if (!problems.isEmpty()) {
      AssertionError first = new AssertionError("after " + tally.events + " events");
      problems.forEach(first::addSuppressed);
      first.initCause(problems.get(0));
      throw first;
    }
  }

  private void checked(Runnable check) {
    try {
      check.run();
    } catch (Throwable t) {
      problems.add(t);
    }
  }

  private <T> void watch(CompletableFuture<T> future, java.util.function.Consumer<T> onValue) {
    watch(
        future,
        onValue,
        failure ->
            assertThat(isStopping() || walFailureExpected || engine == null)
                .as("request failed: %s", failure)
                .isTrue());
  }

  private <T> void watch(
      CompletableFuture<T> future,
      java.util.function.Consumer<T> onValue,
      java.util.function.Consumer<Throwable> onFailure) {
    int inLife = life;
    future.whenComplete(
        (value, failure) -> {
          if (inLife == life) {
            checked(
                () -> {
                  if (failure == null) {
                    onValue.accept(value);
                  } else {
                    Throwable cause = failure.getCause();
                    onFailure.accept(
                        failure instanceof CompletionException && cause != null ? cause : failure);
                  }
                });
          }
        });
  }

  private void note(String what) {
    hash = hash * 31 + what.hashCode();
    if (Boolean.getBoolean("sim.trace")) {
      System.out.println(threads.clock().nanoTime() / 1000 + " " + what);
    }
  }

  private static <T> T requireNonNull(@Nullable T value) {
    return java.util.Objects.requireNonNull(value);
  }

  /** A client of the bucket that looks at each deletion (G4). */
  private final class CheckedStore extends ForwardingObjectStore {
    private final StreamCatalog catalog;

    CheckedStore(ObjectStore store, StreamCatalog catalog) {
      super(store);
      this.catalog = catalog;
    }

    @Override
    public CompletableFuture<Void> delete(String key) {
      checked(() -> assertThat(catalog.object(key)).as("G4: deletion of %s", key).isEmpty());
      return super.delete(key);
    }

    @Override
    public CompletableFuture<Multipart> startMultipart(String key, int partSizeBytes) {
      return super.startMultipart(key, partSizeBytes)
          .thenApply(
              upload -> {
                openMultiparts++;
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
      openMultiparts--;
      return upload.complete();
    }

    @Override
    public CompletableFuture<Void> abort() {
      return upload.abort();
    }
  }
}
