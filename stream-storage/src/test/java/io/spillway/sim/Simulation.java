package io.spillway.sim;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.catalog.StreamCatalog.StreamState;
import io.spillway.engine.StorageEngine;
import io.spillway.sim.SimStream.SimBatch;
import io.spillway.stream.FetchedData;
import io.spillway.stream.StreamException;
import io.spillway.stream.StreamHandle;
import io.spillway.stream.StreamRewriter;
import io.spillway.upload.Failures;
import io.spillway.wal.Batch;
import io.spillway.wal.StreamId;
import io.spillway.wal.WalException;
import io.spillway.wal.WriteAheadLog.Reservation;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.TimeUnit;

/**
 * Brokers' storage in a small bad world, all of it from one seed: the real engine, uploads,
 * catalog, shared log and LocalWal, on simulated threads, disks that tear and forget, and one
 * bucket behind networks that lose, repeat and delay. A random script appends, fetches, trims,
 * deletes, moves streams between brokers, stops, stalls and crashes; after every event the
 * guarantees are checked against a naive model, and at every record of the catalog against what the
 * bucket really holds. docs/simulation.md has the fault model.
 */
final class Simulation extends SimWorld {

  private static final int MAX_STREAMS = 6;

  private final List<SimStream> streams = new ArrayList<>();
  private final boolean operatorErrs;
  private long timestampMs = 1_000;

  Simulation(long seed) {
    super(seed);
    operatorErrs = random.nextInt(3) == 0;
    addBrokers();
  }

  @Override
  Coverage run(long minEvents) {
    brokers.forEach(SimBroker::start);
    while (events < minEvents) {
      act();
      steps(random.nextInt(30));
    }
    settle();
    coverage.add("event", events);
    coverage.add(bucket.met());
    return coverage;
  }

  @Override
  public void onOpened(SimBroker broker) {
    super.onOpened(broker);
    for (SimStream stream : streams) {
      if (stream.deleting && !stream.deleted) {
        delete(stream, broker);
      }
    }
  }

  @Override
  public void onGone(SimBroker broker) {
    boolean unacked = false;
    for (SimStream stream : streams) {
      if (stream.holder == broker) {
        unacked |= stream.ackedEnd() < stream.nextOffset();
        stream.onOwnerGone();
      }
      if (stream.leader == broker) {
        stream.claiming = false;
      }
    }
    if (unacked) {
      coverage.count("crash with unacked batches");
    }
  }

  // What the catalog came to hold.

  @Override
  public void onStream(StreamState state) {
    for (SimStream stream : streams) {
      if (stream.id.equals(state.id())) {
        stream.checkCatalog(state);
      }
    }
  }

  @Override
  public void onAbandoned(UUID walId, List<StreamState> givenUp) {
    note("abandoned " + walId);
    for (StreamState state : givenUp) {
      for (SimStream stream : streams) {
        if (stream.id.equals(state.id()) && !stream.deleting) {
          stream.onAbandoned(state.committedEndOffset());
        }
      }
    }
  }

  // The script.

  private void act() {
    SimBroker broker = brokers.get(random.nextInt(brokers.size()));
    int dice = random.nextInt(1000);
    if (dice < 48) {
      actOnMachine(broker, dice);
    } else if (dice < 50) {
      broker.startTwin();
    } else if (dice < 51 && operatorErrs) {
      broker.stall(TimeUnit.SECONDS.toNanos(1 + random.nextInt(20)));
      broker.abandonAlive();
    } else {
      actOnStream();
    }
    brokers.forEach(SimBroker::maybeRestart);
  }

  private void actOnStream() {
    if (streams.stream().filter(stream -> !stream.deleting).count() < MAX_STREAMS
        && random.nextInt(20) == 0) {
      streams.add(
          new SimStream(
              new StreamId(new UUID(random.nextLong(), random.nextLong()), random.nextInt(3)),
              compactions.nextInt(3) == 0));
    }
    if (streams.isEmpty()) {
      return;
    }
    SimStream stream = streams.get(random.nextInt(streams.size()));
    if (stream.deleting) {
      return;
    }
    SimBroker holder = stream.holder;
    if (stream.handle == null || holder == null) {
      if (!stream.claiming || random.nextInt(40) == 0) {
        claim(stream, anyBroker());
      }
      return;
    }
    Optional<StorageEngine> serving = holder.serving();
    if (serving.isEmpty()) {
      if (random.nextInt(holder.isTakeable() ? 5 : 30) == 0) {
        if (holder.isTakeable()) {
          fence(holder);
        }
        claim(stream, anyBroker()); // the controller gives up on a broker that does not answer
      }
      return;
    }
    if (stream.isOpen() && stream.leader != holder && random.nextInt(5) == 0) {
      release(stream, holder); // it hears at last that another one leads
    } else if (stream.isOpen()) {
      actOn(serving.get(), stream, holder);
    } else if (!stream.claiming && random.nextInt(10) == 0) {
      claim(stream, anyBroker());
    }
  }

  private void actOn(StorageEngine on, SimStream stream, SimBroker holder) {
    if (stream.compacts && compactions.nextInt(12) == 0) {
      compact(on, stream, holder);
    }
    int dice = random.nextInt(100);
    if (dice < 50) {
      int burst = 1 + random.nextInt(8);
      for (int i = 0; i < burst; i++) {
        append(on, stream, holder);
      }
      if (random.nextInt(60) == 0) {
        steps(random.nextInt(6));
        holder.crash(); // with writes under way
      }
    } else if (dice < 75) {
      fetch(stream, holder);
    } else if (dice < 84) {
      lookUp(stream, holder);
    } else if (dice < 87) {
      trim(stream, holder);
    } else if (dice < 88) {
      delete(stream, holder);
    } else if (dice < 90) {
      release(stream, holder);
    } else if (dice < 94) {
      move(stream, holder);
    } else if (dice < 97) {
      note("flush");
      watch(holder, on.flush(), done -> {});
    } else {
      staleClaim(on, stream, holder);
    }
  }

  /** P12: a new leader claims, the old one closes; whoever hears of it first acts first. */
  private void move(SimStream stream, SimBroker from) {
    SimBroker to = anyBroker();
    if (to != from) {
      coverage.count("move");
    }
    if (to != from && random.nextBoolean()) {
      release(stream, from);
    }
    claim(stream, to);
    if (to != from && !stream.releasing && random.nextBoolean()) {
      release(stream, from);
    }
  }

  private void claim(SimStream stream, SimBroker by) {
    Optional<StorageEngine> on = by.serving();
    if (on.isEmpty()) {
      return;
    }
    stream.epoch++;
    stream.leader = by;
    stream.claiming = true;
    if (stream.holder == by) {
      stream.releasing = true; // it stops appending at once
    }
    int epoch = stream.epoch;
    note("claim " + stream.id + " " + epoch + " by " + by.nodeId);
    coverage.count("claim");
    int generation = stream.generation;
    boolean fromOther = stream.holder != null && stream.holder != by;
    watch(
        by,
        on.get().claim(stream.id, epoch, 1, stream::capture),
        handle -> {
          note("claimed " + stream.id + " " + epoch + " at " + handle.highWatermark());
          if (stream.epoch != epoch || stream.deleting || by.isAbandoned()) {
            handle.close(); // P12: a newer leader has been named since
            return;
          }
          if (fromOther) {
            coverage.count("takeover");
          }
          if (stream.holder == null && handle.committedEndOffset() < handle.highWatermark()) {
            coverage.count("claim of what is only in the recovered WAL");
          }
          stream.onClaimed(handle, epoch, by);
        },
        failure -> {
          if (stream.epoch == epoch) {
            stream.claiming = false;
            stream.releasing = stream.holder == by || stream.releasing;
            assertThat(
                    stream.deleting
                        || by.mayFailWrites()
                        || by.isStopping()
                        || by.isFenced()
                        || by.isAbandoned()
                        || by.isOutvoted()
                        || stream.generation != generation)
                .as("claim of %s in epoch %d by %s failed: %s", stream.id, epoch, by, failure)
                .isTrue();
          } else if (stream.holder == by
              && stream.leader != by
              && stream.handle != null
              && stream.generation == generation
              && !stream.deleting) {
            release(stream, by); // P12: it was overtaken, and still has what it held before
          }
        });
  }

  private void staleClaim(StorageEngine on, SimStream stream, SimBroker by) {
    int epoch = random.nextInt(Objects.requireNonNull(stream.handle).leaderEpoch() + 1);
    watch(
        by,
        on.claim(stream.id, epoch, 1, Optional::empty),
        handle -> {
          throw new AssertionError("G3: stale claim of " + stream.id + " in epoch " + epoch);
        },
        failure ->
            assertThat(failure)
                .isInstanceOfAny(StreamException.Fenced.class, StreamException.Closed.class));
  }

  private void append(StorageEngine on, SimStream stream, SimBroker by) {
    int size = random.nextInt(20) == 0 ? 1 + random.nextInt(30_000) : 1 + random.nextInt(3_000);
    StreamHandle handle = Objects.requireNonNull(stream.handle);
    Reservation reservation;
    try {
      reservation = on.reserve(size, random.nextInt(5) == 0);
    } catch (WalException.Full e) {
      coverage.count("WAL full");
      return;
    } catch (WalException.Unavailable | WalException.Fenced e) {
      assertThat(by.mayFailWrites() || by.isFenced() || by.isOutvoted()).as("P28: %s", e).isTrue();
      return;
    }
    byte[] bytes = new byte[stream.compacts ? Math.max(16, size) : size];
    random.nextBytes(bytes);
    timestampMs += random.nextInt(20) - 5;
    SimBatch batch =
        stream.append(
            1 + random.nextInt(10), timestampMs, ByteBuffer.wrap(bytes).asReadOnlyBuffer());
    note("append " + stream.id + " " + batch.base);
    try {
      handle.append(
          reservation,
          new Batch(
              stream.id, batch.base, batch.end, batch.timestampMs, 0, batch.payload.duplicate()),
          random.nextInt(3),
          outcomeOf(batch, stream, handle, by));
    } catch (StreamException.Fenced e) {
      // A commit told it that others have the stream, before its fence did.
      note("refused " + stream.id + " " + batch.base);
      assertThat(by.isFenced() || by.isOutvoted()).as("P30: %s", e).isTrue();
    }
  }

  private StreamHandle.Listener outcomeOf(
      SimBatch batch, SimStream stream, StreamHandle handle, SimBroker by) {
    int generation = stream.generation;
    return new StreamHandle.Listener() {
      @Override
      public void onDurable(Batch durable) {
        note("ack " + stream.id + " " + batch.base);
        coverage.count("ack");
        checked(() -> onAck(stream, batch, handle, generation, by));
      }

      @Override
      public void onFailure(Batch failed, WalException cause) {
        note("failed " + stream.id + " " + batch.base);
        checked(
            () ->
                assertThat(
                        by.mayFailWrites() || by.isFenced() || by.isOutvoted() || stream.deleting)
                    .as("P30: %s", cause)
                    .isTrue());
      }
    };
  }

  private void onAck(
      SimStream stream, SimBatch batch, StreamHandle handle, int generation, SimBroker by) {
    assertThat(by.isFenced()).as("G3: ack of a broker that knows it is fenced").isFalse();
    if (stream.generation != generation) {
      // What others recovered of its chain may be acknowledged late, by whoever wrote it.
      assertThat(by.isAbandoned() || (by.isOutvoted() && stream.batches.contains(batch)))
          .as("G3: ack in a past epoch of %s", stream.id)
          .isTrue();
      coverage.count("ack of a zombie");
      return; // also of a stream that was deleted after they had recovered it
    }
    assertThat(stream.deleted).as("G4: ack of a stream that is deleted").isFalse();
    stream.onAck(batch);
    assertThat(handle.highWatermark()).isGreaterThanOrEqualTo(batch.end);
  }

  private void fetch(SimStream stream, SimBroker holder) {
    StreamHandle handle = Objects.requireNonNull(stream.handle);
    long start = handle.logStartOffset();
    long high = handle.highWatermark();
    long offset = start + (long) (random.nextDouble() * (high - start + 1));
    int maxBytes = random.nextInt(4) == 0 ? 1 : random.nextInt(60_000);
    readFrom(stream, holder, handle, offset, maxBytes, random.nextInt(6));
  }

  /** Fetches, and goes on from there a few times, as consumers do. */
  private void readFrom(
      SimStream stream,
      SimBroker holder,
      StreamHandle handle,
      long offset,
      int maxBytes,
      int more) {
    long end = random.nextInt(10) == 0 ? handle.highWatermark() : Long.MAX_VALUE;
    long asked = Math.min(end, handle.highWatermark());
    int generation = stream.generation;
    note("fetch " + stream.id + " " + offset);
    watch(
        holder,
        handle.fetch(offset, end, maxBytes, offset % 3),
        data -> {
          coverage.count("fetch");
          note("fetched " + stream.id + " " + data.nextOffset());
          try (data) {
            if (stream.generation == generation) {
              long bound = Math.min(end, handle.highWatermark());
              stream.checkFetched(offset, asked, bound, maxBytes, data);
            }
          }
          if (more > 0
              && data.nextOffset() > offset
              && stream.handle == handle
              && holder.serving().isPresent()) {
            readFrom(stream, holder, handle, data.nextOffset(), maxBytes, more - 1);
          }
        },
        failure -> onReadFailure(stream, holder, generation, offset, failure));
  }

  private void onReadFailure(
      SimStream stream, SimBroker holder, int generation, long offset, Throwable failure) {
    boolean trimmed =
        failure instanceof StreamException.OutOfRange && offset < stream.requestedLogStart;
    boolean gone =
        stream.deleting
            || stream.releasing
            || stream.handle == null
            || stream.generation != generation;
    assertThat(
            trimmed
                || gone
                || failure instanceof StreamException.Unavailable
                || (failure instanceof StreamException.Closed && holder.isStopping())
                || (failure instanceof StreamException.Fenced
                    && (holder.isFenced() || holder.isOutvoted())))
        .as("read of %s at %d failed: %s", stream.id, offset, failure)
        .isTrue();
  }

  private void lookUp(SimStream stream, SimBroker holder) {
    StreamHandle handle = Objects.requireNonNull(stream.handle);
    long version = stream.version;
    int generation = stream.generation;
    long wantedMs = timestampMs - random.nextInt(2_000);
    boolean largest = random.nextInt(4) == 0;
    watch(
        holder,
        largest ? handle.findBatchOfMaxTimestamp() : handle.findBatchByTimestamp(wantedMs),
        found -> {
          coverage.count("look-up by time");
          boolean trimming = stream.logStart < stream.requestedLogStart;
          if (stream.version == version && !stream.deleting && !trimming) {
            assertThat(found)
                .as("%s: batch %s", stream.id, largest ? "of largest time" : "at " + wantedMs)
                .isIn(largest ? stream.largestTimestamp() : stream.firstAtOrAfter(wantedMs));
          }
        },
        failure -> onReadFailure(stream, holder, generation, -1, failure));
  }

  /** Some parts from the log start on, of which the last batch of each key stays (P19). */
  private void compact(StorageEngine on, SimStream stream, SimBroker holder) {
    StreamRewriter rewriter = on.rewriter();
    List<StreamHandle.Part> all = rewriter.parts(stream.id, 0);
    if (all.isEmpty()) {
      return;
    }
    List<StreamHandle.Part> parts = all.subList(0, 1 + compactions.nextInt(all.size()));
    rewriter
        .begin(stream.id)
        .ifPresent(
            session -> {
              long endOffset = parts.get(parts.size() - 1).endOffset();
              note("compact " + stream.id + " to " + endOffset);
              stream.onCompacting(endOffset);
              watch(
                  holder,
                  new SimCompaction(session, parts).run(),
                  outcome -> coverage.count("compaction " + outcome),
                  failure -> onCompactionFailure(stream, holder, failure));
            });
  }

  private static void onCompactionFailure(SimStream stream, SimBroker holder, Throwable failure) {
    assertThat(
            stream.deleting
                || failure instanceof StreamException.Unavailable
                || failure instanceof StreamException.Closed
                || holder.isStopping()
                || holder.mayFailWrites()
                || holder.isFenced()
                || holder.isOutvoted())
        .as("compaction of %s: %s", stream.id, failure)
        .isTrue();
  }

  private void trim(SimStream stream, SimBroker holder) {
    StreamHandle handle = Objects.requireNonNull(stream.handle);
    int generation = stream.generation;
    long offset =
        handle.logStartOffset()
            + (long) (random.nextDouble() * (handle.highWatermark() - handle.logStartOffset() + 1));
    note("trim " + stream.id + " " + offset);
    stream.requestedLogStart = Math.max(stream.requestedLogStart, offset);
    stream.version++;
    watch(
        holder,
        handle.trim(offset),
        done -> {
          stream.logStart = Math.max(stream.logStart, offset);
          stream.version++;
          assertThat(handle.logStartOffset()).isGreaterThanOrEqualTo(offset);
        },
        failure ->
            assertThat(
                    stream.deleting
                        || stream.handle != handle
                        || stream.releasing
                        || holder.isStopping()
                        || holder.isFenced()
                        || holder.isOutvoted()
                        || stream.generation != generation)
                .as("trim of %s: %s", stream.id, failure)
                .isTrue());
  }

  private void delete(SimStream stream, SimBroker by) {
    Optional<StorageEngine> on = by.serving();
    note("delete " + stream.id);
    stream.deleting = true;
    on.ifPresent(
        engine ->
            watch(
                by,
                engine.delete(stream.id, 5),
                done -> {
                  if (stream.holder == by || stream.holder == null) {
                    stream.deleted = true;
                  }
                  assertThat(engine.streams()).doesNotContain(stream.id);
                }));
  }

  private void release(SimStream stream, SimBroker holder) {
    note("close " + stream.id);
    StreamHandle handle = Objects.requireNonNull(stream.handle);
    int generation = stream.generation;
    stream.releasing = true;
    watch(
        holder,
        handle.close(),
        done -> {
          if (stream.generation == generation && stream.handle == handle) {
            assertThat(handle.committedEndOffset()).isEqualTo(stream.ackedEnd());
            stream.onOwnerGone();
          }
        },
        failure ->
            assertThat(
                    stream.deleting
                        || holder.mayFailWrites()
                        || holder.isStopping()
                        || holder.isFenced()
                        || holder.isOutvoted()
                        || stream.generation != generation)
                .as("close of %s: %s", stream.id, failure)
                .isTrue());
  }

  // The end: everything heals, is uploaded, the disks are lost, and all is still there.

  private void settle() {
    note("settle");
    healNetwork();
    for (int round = 0; round < 3; round++) {
      claimAll();
      readAll();
      if (round == 0) {
        brokers.forEach(SimBroker::crash);
      } else if (round == 1) {
        stopAll();
        brokers.forEach(SimBroker::replaceMachine);
      }
    }
    sweep();
    stopAll();
    failOnProblems();
  }

  /** Until every stream has its owner and is quiet: who is found to be fenced starts again. */
  private void claimAll() {
    boolean quiet = false;
    for (int round = 0; !quiet; round++) {
      assertThat(round).as("times that a broker had to start again").isLessThan(10);
      untilAllRun();
      quiet = streams.stream().filter(stream -> !stream.deleting).allMatch(this::becomesQuiet);
    }
  }

  /** Claims the stream where it must be; false when a broker cannot go on as it is. */
  private boolean becomesQuiet(SimStream stream) {
    int tries = 0;
    while (allRunning() && (!stream.isOpen() || stream.claiming)) {
      if (!stream.claiming) {
        assertThat(tries++).as("tries to claim %s", stream.id).isLessThan(10);
        claim(stream, anyBroker());
      }
      if (stream.isOpen() && stream.leader != stream.holder) {
        release(stream, Objects.requireNonNull(stream.holder));
      }
      until(() -> !stream.claiming || !allRunning(), settled(stream));
    }
    until(() -> stream.ackedEnd() == stream.nextOffset() || !allRunning(), stream.id + " is quiet");
    return allRunning();
  }

  /** Said when it is not so. */
  private Object settled(SimStream stream) {
    return new Object() {
      @Override
      public String toString() {
        return "the claim of %s by %s in epoch %d ends; held by %s, %s"
            .formatted(
                stream.id, stream.leader, stream.epoch, stream.holder, truth.stream(stream.id));
      }
    };
  }

  private void readAll() {
    for (SimStream stream : streams) {
      if (stream.deleting) {
        continue;
      }
      StreamHandle handle = Objects.requireNonNull(stream.handle);
      assertThat(handle.highWatermark()).as("G1 %s", stream.id).isEqualTo(stream.nextOffset());
      long offset = handle.logStartOffset();
      while (offset < handle.highWatermark()) {
        CompletableFuture<FetchedData> fetch = handle.fetch(offset, Long.MAX_VALUE, 40_000);
        until(fetch::isDone, "fetch");
        try (FetchedData data = fetch.join()) {
          stream.checkFetched(offset, handle.highWatermark(), handle.highWatermark(), 40_000, data);
          assertThat(data.nextOffset()).as("%s goes on", stream.id).isGreaterThan(offset);
          offset = data.nextOffset();
        } catch (CompletionException e) {
          onReadFailure(
              stream,
              Objects.requireNonNull(stream.holder),
              stream.generation,
              offset,
              Failures.cause(e));
          offset = Math.max(offset, handle.logStartOffset()); // a trim was still under way
        }
      }
    }
  }

  /** P21: two sweeps after the catalog last moved, what nobody refers to is gone. */
  private void sweep() {
    for (int i = 0; i < 40; i++) {
      idle(TimeUnit.SECONDS.toNanos(20));
      if (i == 0) {
        for (SimStream stream : streams) {
          if (stream.isOpen()) {
            claim(stream, Objects.requireNonNull(stream.holder)); // so that the catalog moves
          }
        }
      }
    }
    claimAll();
    for (int i = 0; i < 100 && brokers.stream().anyMatch(SimBroker::isMerging); i++) {
      idle(TimeUnit.SECONDS.toNanos(20)); // what they replaced is deleted meanwhile
    }
    truth.checkNoOrphans();
  }

  private void stopAll() {
    for (SimStream stream : streams) {
      stream.releasing = true;
    }
    stopBrokers();
  }

  @Override
  void checkAll() {
    for (SimStream stream : streams) {
      stream.check();
    }
  }
}
