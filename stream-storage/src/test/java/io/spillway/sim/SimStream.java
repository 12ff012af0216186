package io.spillway.sim;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.catalog.CatalogCommand.Checkpoint;
import io.spillway.catalog.StreamCatalog.EpochStart;
import io.spillway.catalog.StreamCatalog.Phase;
import io.spillway.catalog.StreamCatalog.StreamState;
import io.spillway.stream.FetchedData;
import io.spillway.stream.StreamHandle;
import io.spillway.stream.StreamStore.StateAt;
import io.spillway.wal.StreamId;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** What a stream must hold: the naive model, kept in plain lists. */
final class SimStream {

  /** A batch that was appended; acked once the engine said so. */
  static final class SimBatch {
    final long base;
    final long end;
    final long timestampMs;
    final ByteBuffer payload;
    boolean acked;

    SimBatch(long base, long end, long timestampMs, ByteBuffer payload) {
      this.base = base;
      this.end = end;
      this.timestampMs = timestampMs;
      this.payload = payload;
    }
  }

  /** Whether compaction may drop batches that a later one of their key stands for. */
  final boolean compacts;

  final StreamId id;
  final List<SimBatch> batches = new ArrayList<>();

  /** What a checkpoint must say at each batch boundary. */
  private final TreeMap<Long, Long> digests = new TreeMap<>(Map.of(0L, 17L));

  private final TreeMap<Integer, Long> epochs = new TreeMap<>();

  /** Who appends and reads; null while nobody does. */
  @Nullable StreamHandle handle;

  @Nullable SimBroker holder;

  /** The newest leader epoch that the controller gave out, and to whom. */
  int epoch;

  @Nullable SimBroker leader;

  /** A claim in that epoch is under way. */
  boolean claiming;

  boolean releasing;
  boolean deleting;
  boolean deleted;
  long logStart;
  long requestedLogStart;
  long seenHighWatermark;
  long seenLogStart;
  long seenCheckpoint = -1;

  /** Changes when what was appended is given up: acks of before mean nothing any more. */
  int generation;

  /** Changes whenever what a look-up by time may answer does. */
  long version;

  /** Everything below is acked. */
  private long ackedEnd;

  private int ackedBatches;
  private long nextOffset;
  private long compactingEnd;

  SimStream(StreamId id, boolean compacts) {
    this.id = id;
    this.compacts = compacts;
  }

  /** What a compactor knows of a batch: few keys, so that most batches have a later one. */
  static int keyOf(ByteBuffer payload) {
    return payload.get(payload.position()) & 7;
  }

  /** From now on what a batch below the offset stands for may be all that is left. */
  void onCompacting(long endOffset) {
    compactingEnd = Math.max(compactingEnd, endOffset);
    version++;
  }

  /** Whether a later batch of its key, that compaction may have seen, stands for it. */
  private boolean mayBeGone(int i) {
    SimBatch batch = batches.get(i);
    int key = keyOf(batch.payload);
    for (int j = i + 1; j < batches.size() && batches.get(j).end <= compactingEnd; j++) {
      if (keyOf(batches.get(j).payload) == key) {
        return true;
      }
    }
    return false;
  }

  long nextOffset() {
    return nextOffset;
  }

  long ackedEnd() {
    return ackedEnd;
  }

  boolean isOpen() {
    return handle != null && !releasing && !deleting;
  }

  SimBatch append(int records, long timestampMs, ByteBuffer payload) {
    SimBatch batch = new SimBatch(nextOffset, nextOffset + records, timestampMs, payload);
    batches.add(batch);
    digests.put(batch.end, digests.lastEntry().getValue() * 31 + payload.hashCode());
    nextOffset = batch.end;
    return batch;
  }

  void onAck(SimBatch batch) {
    assertThat(batches.get(ackedBatches)).as("acks of %s come in order", id).isSameAs(batch);
    batch.acked = true;
    ackedBatches++;
    ackedEnd = batch.end;
    version++;
  }

  /** P22: what the layer above would keep. */
  Optional<StateAt> capture() {
    return Optional.of(new StateAt(nextOffset, stateAt(nextOffset)));
  }

  private ByteBuffer stateAt(long offset) {
    Long digest = digests.get(offset);
    assertThat(digest).as("%s has a batch boundary at %d", id, offset).isNotNull();
    return ByteBuffer.allocate(16).putLong(offset).putLong(digest == null ? 0 : digest).flip();
  }

  /** Its owner's process is gone: what was not acked may be there or not. */
  void onOwnerGone() {
    handle = null;
    holder = null;
    releasing = false;
    version++;
  }

  /** P2: what only an abandoned WAL held is gone, acked or not, and declared so. */
  void onAbandoned(long committedEnd) {
    cutTo(committedEnd);
    seenHighWatermark = Math.min(seenHighWatermark, committedEnd);
    generation++;
    onOwnerGone();
  }

  private void cutTo(long end) {
    batches.removeIf(batch -> batch.end > end);
    batches.forEach(batch -> batch.acked = true);
    ackedBatches = batches.size();
    digests.tailMap(end, false).clear();
    // A log start may lie beyond what is committed, inside what is given up: offsets go on there.
    digests.computeIfAbsent(end, offset -> digests.lastEntry().getValue() * 31 + offset);
    ackedEnd = end;
    nextOffset = end;
  }

  /** Compares what a claim found with what must be there, and learns what became of the rest. */
  void onClaimed(StreamHandle claimed, int claimedEpoch, SimBroker by) {
    long found = claimed.highWatermark();
    assertThat(found)
        .as("G1 %s: high watermark after claim, acked up to %d", id, ackedEnd)
        .isGreaterThanOrEqualTo(ackedEnd);
    assertThat(digests).as("%s: recovered to a batch boundary", id).containsKey(found);
    cutTo(found);
    generation++;
    assertThat(claimed.logStartOffset())
        .as("%s: log start after claim", id)
        .isBetween(logStart, Math.max(logStart, requestedLogStart));
    logStart = claimed.logStartOffset();
    requestedLogStart = logStart;
    epochs.put(claimedEpoch, found);
    checkEpochs(claimed);
    checkCheckpoint(claimed);
    handle = claimed;
    holder = by;
    claiming = false;
    releasing = false;
    version++;
  }

  /** KIP-101: who wrote what can still be read. */
  private void checkEpochs(StreamHandle claimed) {
    List<EpochStart> found = claimed.epochs();
    assertThat(found.get(found.size() - 1))
        .as("KIP-101 %s: this epoch", id)
        .isEqualTo(new EpochStart(epochs.lastKey(), claimed.highWatermark()));
    for (SimBatch batch : batches) {
      if (batch.end > logStart) {
        long offset = Math.max(logStart, batch.base);
        int expected = 0;
        for (Map.Entry<Integer, Long> start : epochs.entrySet()) {
          expected = start.getValue() <= offset ? start.getKey() : expected;
        }
        int actual = 0;
        for (EpochStart start : found) {
          actual = start.startOffset() <= offset ? start.leaderEpoch() : actual;
        }
        assertThat(actual)
            .as("KIP-101 %s: epoch at %d in %s", id, offset, found)
            .isEqualTo(expected);
      }
    }
  }

  private void checkCheckpoint(StreamHandle claimed) {
    Optional<StateAt> checkpoint = claimed.checkpoint();
    if (checkpoint.isEmpty()) {
      assertThat(seenCheckpoint).as("P22 %s: a checkpoint vanished", id).isEqualTo(-1);
      return;
    }
    checkCheckpoint(checkpoint.get(), claimed.highWatermark());
  }

  private void checkCheckpoint(StateAt checkpoint, long end) {
    long offset = checkpoint.offset();
    assertThat(offset).as("P22 %s: newest checkpoint", id).isBetween(seenCheckpoint, end);
    assertThat(checkpoint.state()).as("P22 %s: state at %d", id, offset).isEqualTo(stateAt(offset));
    seenCheckpoint = offset;
  }

  /** What the catalog came to hold: at each record, whoever wrote it. */
  void checkCatalog(StreamState state) {
    if (deleting) {
      return;
    }
    long committed = state.committedEndOffset();
    assertThat(committed).as("P16 %s: committed, appended", id).isLessThanOrEqualTo(nextOffset);
    assertThat(digests).as("%s: committed to a batch boundary", id).containsKey(committed);
    StreamHandle open = handle;
    if (open != null
        && holder != null
        && state.phase() == Phase.OPEN
        && holder.isWriter(state.writer())
        && !holder.isOutvoted()) { // else others commit what it does not know to be durable
      assertThat(committed)
          .as("P16 %s: committed, high watermark", id)
          .isLessThanOrEqualTo(open.highWatermark());
    }
    assertThat(state.logStartOffset())
        .as("%s: log start", id)
        .isLessThanOrEqualTo(Math.max(logStart, requestedLogStart));
    Optional<Checkpoint> checkpoint = state.checkpoint();
    if (checkpoint.isPresent() && checkpoint.get().offset() != seenCheckpoint) {
      checkCheckpoint(new StateAt(checkpoint.get().offset(), checkpoint.get().state()), committed);
    }
  }

  /** Cheap checks, after every event. */
  void check() {
    StreamHandle open = handle;
    if (open == null || deleting) {
      return;
    }
    long high = open.highWatermark();
    assertThat(high).as("G2 %s: high watermark", id).isGreaterThanOrEqualTo(seenHighWatermark);
    assertThat(high).as("%s: high watermark and acks", id).isEqualTo(ackedEnd);
    assertThat(open.committedEndOffset()).as("P16 %s", id).isLessThanOrEqualTo(high);
    assertThat(open.logStartOffset())
        .as("G2 %s: log start", id)
        .isGreaterThanOrEqualTo(seenLogStart)
        .isLessThanOrEqualTo(high);
    seenHighWatermark = high;
    seenLogStart = open.logStartOffset();
  }

  /**
   * What a fetch gave must be whole batches, those that were appended, from the right one on.
   *
   * @param asked where the bound lay when it was asked for: below it something has to come
   * @param endOffset where it lay at the answer, which may have looked again since
   */
  void checkFetched(long offset, long asked, long endOffset, int maxBytes, FetchedData data) {
    int i = firstEndingAbove(offset);
    int present = i;
    while (present < batches.size() && mayBeGone(present)) {
      present++;
    }
    boolean mayBeEmpty = present == batches.size() || batches.get(present).end > asked;
    if (mayBeEmpty && data.sizeBytes() == 0) {
      assertThat(data.nextOffset()).isEqualTo(offset);
      return;
    }
    ByteBuffer found = ByteBuffer.allocate(data.sizeBytes());
    data.buffers().forEach(buffer -> found.put(buffer.duplicate()));
    found.flip();
    assertThat(found.remaining()).as("%s at %d: at least one batch", id, offset).isPositive();
    int count = 0;
    while (found.hasRemaining()) {
      i = skipGone(i, found);
      assertThat(i)
          .as("%s at %d: no more than was appended", id, offset)
          .isLessThan(batches.size());
      SimBatch batch = batches.get(i);
      assertThat(batch.end).as("%s at %d: bound", id, offset).isLessThanOrEqualTo(endOffset);
      assertThat(batch.acked).as("%s at %d: only durable batches", id, offset).isTrue();
      assertThat(found.remaining())
          .as("%s at %d: whole batch at %d", id, offset, batch.base)
          .isGreaterThanOrEqualTo(batch.payload.remaining());
      assertThat(found.slice(found.position(), batch.payload.remaining()))
          .as("%s at %d: bytes of batch at %d", id, offset, batch.base)
          .isEqualTo(batch.payload);
      found.position(found.position() + batch.payload.remaining());
      i++;
      count++;
    }
    assertThat(data.nextOffset()).isEqualTo(batches.get(i - 1).end);
    if (count > 1) {
      assertThat(data.sizeBytes()).as("%s at %d: limit", id, offset).isLessThanOrEqualTo(maxBytes);
    }
  }

  /** The batch that comes next, in front of which batches may be gone. */
  private int skipGone(int from, ByteBuffer found) {
    int i = from;
    while (i < batches.size() && mayBeGone(i) && !startsWith(found, batches.get(i).payload)) {
      i++;
    }
    return i;
  }

  private static boolean startsWith(ByteBuffer found, ByteBuffer payload) {
    return found.remaining() >= payload.remaining()
        && found.slice(found.position(), payload.remaining()).equals(payload);
  }

  private int firstEndingAbove(long offset) {
    int low = 0;
    int high = batches.size();
    while (low < high) {
      int middle = (low + high) >>> 1;
      if (batches.get(middle).end > offset) {
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    return low;
  }

  /** What a look-up by time may answer: the first that must be there, or one before it. */
  List<Optional<Long>> firstAtOrAfter(long timestampMs) {
    List<Optional<Long>> answers = new ArrayList<>();
    for (int i = 0; i < batches.size(); i++) {
      SimBatch batch = batches.get(i);
      if (batch.acked && batch.end > logStart && batch.timestampMs >= timestampMs) {
        answers.add(Optional.of(Math.max(logStart, batch.base)));
        if (!mayBeGone(i)) {
          return answers;
        }
      }
    }
    answers.add(Optional.empty());
    return answers;
  }

  /**
   * What a look-up of the largest time may answer: one that is not less than what must be there.
   */
  List<Optional<Long>> largestTimestamp() {
    List<SimBatch> there = new ArrayList<>();
    long atLeast = Long.MIN_VALUE;
    for (int i = 0; i < batches.size(); i++) {
      SimBatch batch = batches.get(i);
      if (batch.acked && batch.end > logStart) {
        there.add(batch);
        atLeast = mayBeGone(i) ? atLeast : Math.max(atLeast, batch.timestampMs);
      }
    }
    long bound = atLeast;
    List<Optional<Long>> answers =
        there.stream()
            .filter(batch -> batch.timestampMs >= bound)
            .map(batch -> Optional.of(Math.max(logStart, batch.base)))
            .toList();
    return answers.isEmpty()
        ? List.of(Optional.empty())
        : compacts ? answers : answers.subList(0, 1);
  }
}
