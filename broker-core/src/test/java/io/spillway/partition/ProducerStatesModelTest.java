package io.spillway.partition;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.partition.ProducerStates.AppendedBatch;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.PriorityQueue;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/**
 * Producer state over random histories, beside a model that reads the log from its start each time:
 * what is known, what a checkpoint with the rest of the log replayed knows, what a truncation
 * leaves, and what a consumer makes of the aborted transactions. Logs have gaps, as after a
 * compaction.
 */
class ProducerStatesModelTest {

  private static final int SEEDS = 300;
  private static final int STEPS = 60;

  /** A batch or, without records, a marker. */
  private record Entry(
      long producerId,
      short epoch,
      int sequence,
      long baseOffset,
      long endOffset,
      boolean isTransactional,
      @Nullable TransactionMarker marker) {}

  private final List<Entry> log = new ArrayList<>();
  private ProducerStates states = new ProducerStates();
  private Random random = new Random(0);
  private long highWatermark;
  private long logStart;

  @Test
  void isWhatTheLogSays() {
    for (long seed = 0; seed < SEEDS; seed++) {
      random = new Random(seed);
      log.clear();
      states = new ProducerStates();
      highWatermark = 0;
      logStart = 0;
      for (int step = 0; step < STEPS; step++) {
        change();
        check("seed " + seed + " step " + step);
      }
    }
  }

  // ---- histories

  private void change() {
    switch (random.nextInt(12)) {
      case 0 -> truncate();
      case 1 -> reload();
      case 2 -> trim();
      case 3, 4, 5 -> moveHighWatermark();
      case 6, 7 -> appendMarker(1 + random.nextInt(4));
      default -> appendBatch(1 + random.nextInt(4));
    }
  }

  private long endOffset() {
    return log.isEmpty() ? 0 : log.get(log.size() - 1).endOffset;
  }

  private long nextOffset() {
    long gap = random.nextInt(4) == 0 ? random.nextLong(1L << 33) : 0;
    return endOffset() + gap;
  }

  private void appendBatch(long producerId) {
    Known known = known(endOffset()).getOrDefault(producerId, new Known());
    short epoch = (short) (Math.max(known.epoch, 0) + (random.nextInt(6) == 0 ? 1 : 0));
    int sequence = epoch == known.epoch ? known.lastSequence + 1 : 0;
    long base = nextOffset();
    boolean isTransactional = known.txnFirst >= 0 || random.nextBoolean();
    Entry entry =
        new Entry(
            producerId, epoch, sequence, base, base + 1 + random.nextInt(5), isTransactional, null);
    log.add(entry);
    apply(states, entry, highWatermark);
  }

  private void appendMarker(long producerId) {
    Known known = known(endOffset()).getOrDefault(producerId, new Known());
    short epoch = (short) (Math.max(known.epoch, 0) + random.nextInt(2));
    long base = nextOffset();
    TransactionMarker marker =
        new TransactionMarker(
            producerId, epoch, random.nextBoolean(), random.nextInt(3), (short) 0);
    Entry entry = new Entry(producerId, epoch, -1, base, base + 1, true, marker);
    log.add(entry);
    apply(states, entry, highWatermark);
  }

  private static void apply(ProducerStates to, Entry entry, long highWatermark) {
    TransactionMarker marker = entry.marker;
    if (marker != null) {
      to.addMarker(marker, entry.baseOffset, entry.baseOffset, 5, highWatermark);
      return;
    }
    int last = entry.sequence + (int) (entry.endOffset - entry.baseOffset) - 1;
    to.add(
        entry.producerId,
        new AppendedBatch(
            entry.epoch, entry.sequence, last, entry.baseOffset, entry.endOffset, entry.baseOffset),
        entry.isTransactional,
        5,
        highWatermark);
  }

  private void moveHighWatermark() {
    List<Long> ends = log.stream().map(Entry::endOffset).filter(e -> e > highWatermark).toList();
    if (!ends.isEmpty()) {
      highWatermark = ends.get(random.nextInt(ends.size()));
      states.onDurable(highWatermark);
    }
  }

  private void truncate() {
    log.removeIf(entry -> entry.endOffset > highWatermark);
    states.truncateTo(highWatermark);
  }

  /** A restart: the checkpoint of some earlier moment is not to be had, that of now is. */
  private void reload() {
    truncate();
    states =
        ProducerCheckpoint.decode(ProducerCheckpoint.encode(states, highWatermark), highWatermark);
  }

  private void trim() {
    if (highWatermark > logStart) {
      logStart += random.nextLong(highWatermark - logStart);
      states.trimTo(logStart);
    }
  }

  // ---- the model

  private static final class Known {
    private short epoch = -1;
    private int coordinatorEpoch = -1;
    private long txnFirst = -1;
    private int lastSequence = -1;
    private long timestampMs = -1;
  }

  private Map<Long, Known> known(long atOffset) {
    Map<Long, Known> all = new TreeMap<>();
    for (Entry entry : log) {
      if (entry.endOffset <= atOffset) {
        Known known = all.computeIfAbsent(entry.producerId, id -> new Known());
        known.lastSequence = entry.epoch == known.epoch ? known.lastSequence : -1;
        known.epoch = entry.epoch;
        known.timestampMs = entry.baseOffset;
        if (entry.marker != null) {
          known.coordinatorEpoch = entry.marker.coordinatorEpoch();
          known.txnFirst = -1;
        } else {
          known.lastSequence = entry.sequence + (int) (entry.endOffset - entry.baseOffset) - 1;
          if (entry.isTransactional && known.txnFirst < 0) {
            known.txnFirst = entry.baseOffset;
          }
        }
      }
    }
    return all;
  }

  private List<ActiveProducer> active(long atOffset) {
    List<ActiveProducer> active = new ArrayList<>();
    known(atOffset)
        .forEach(
            (id, known) ->
                active.add(
                    new ActiveProducer(
                        id,
                        known.epoch,
                        known.lastSequence,
                        known.timestampMs,
                        known.coordinatorEpoch,
                        known.txnFirst)));
    return active;
  }

  /** Each transaction: its first offset, and its marker if there is one. */
  private record Transaction(long producerId, long first, @Nullable Entry marker) {}

  private List<Transaction> transactions(long atOffset) {
    Map<Long, Long> open = new HashMap<>();
    List<Transaction> all = new ArrayList<>();
    for (Entry entry : log) {
      if (entry.endOffset > atOffset) {
        break;
      }
      if (entry.marker != null) {
        Long first = open.remove(entry.producerId);
        if (first != null) {
          all.add(new Transaction(entry.producerId, first, entry));
        }
      } else if (entry.isTransactional) {
        open.putIfAbsent(entry.producerId, entry.baseOffset);
      }
    }
    open.forEach((id, first) -> all.add(new Transaction(id, first, null)));
    return all;
  }

  private long lastStableOffset() {
    long stable = highWatermark;
    for (Transaction each : transactions(highWatermark)) {
      if (each.marker == null) {
        stable = Math.min(stable, each.first);
      }
    }
    return stable;
  }

  private List<List<Long>> abortedWithin(long atOffset, long from, long end) {
    List<List<Long>> found = new ArrayList<>();
    for (Transaction each : transactions(atOffset)) {
      Entry marker = each.marker;
      if (marker != null
          && marker.marker != null
          && !marker.marker.committed()
          && marker.baseOffset >= Math.max(from, logStart)
          && each.first < end) {
        found.add(List.of(each.producerId, each.first, marker.baseOffset));
      }
    }
    return found;
  }

  // ---- the comparison

  private void check(String where) {
    assertThat(states.active()).as(where).containsExactlyInAnyOrderElementsOf(active(endOffset()));
    assertThat(Math.min(highWatermark, states.firstUnstableOffset()))
        .as("%s: P31", where)
        .isEqualTo(lastStableOffset());
    ByteBuffer checkpoint = ProducerCheckpoint.encode(states, highWatermark);
    ProducerStates restored = ProducerCheckpoint.decode(checkpoint, highWatermark);
    assertThat(restored.active())
        .as("%s: P22 at %d", where, highWatermark)
        .containsExactlyInAnyOrderElementsOf(active(highWatermark));
    checkReaders(where, states, endOffset());
    checkReaders(where, restored, highWatermark);
    for (Entry entry : log) {
      if (entry.baseOffset >= highWatermark) {
        apply(restored, entry, highWatermark);
      }
    }
    assertThat(restored.active())
        .as("%s: P22 replayed", where)
        .containsExactlyInAnyOrderElementsOf(states.active());
    assertThat(ProducerCheckpoint.encode(restored, endOffset()))
        .as("%s: P22 replayed", where)
        .isEqualTo(ProducerCheckpoint.encode(states, endOffset()));
  }

  private void checkReaders(String where, ProducerStates of, long atOffset) {
    for (int i = 0; i < 3; i++) {
      long from = random.nextLong(endOffset() + 1);
      long end = from + random.nextLong(endOffset() + 2 - from);
      assertThat(
              of.abortedWithin(from, end).stream()
                  .map(a -> List.of(a.producerId(), a.firstOffset(), a.lastOffset()))
                  .toList())
          .as("%s: aborted within [%d, %d)", where, from, end)
          .containsExactlyElementsOf(abortedWithin(atOffset, from, end));
    }
    long stable = lastStableOffset();
    long from = Math.max(logStart, stable == 0 ? 0 : random.nextLong(stable));
    assertThat(read(of.abortedWithin(from, stable), from, stable))
        .as("%s: read_committed from %d to %d", where, from, stable)
        .containsExactlyElementsOf(committed(from, stable));
  }

  /** What a consumer keeps: it is told of aborted transactions, and sees the markers. */
  private List<Long> read(List<AbortedTransaction> told, long from, long end) {
    PriorityQueue<AbortedTransaction> ahead =
        new PriorityQueue<>((a, b) -> Long.compare(a.firstOffset(), b.firstOffset()));
    ahead.addAll(told);
    Set<Long> aborting = new HashSet<>();
    List<Long> kept = new ArrayList<>();
    for (Entry entry : log) {
      if (entry.endOffset <= from || entry.baseOffset >= end) {
        continue;
      }
      while (!ahead.isEmpty() && ahead.peek().firstOffset() < entry.endOffset) {
        aborting.add(ahead.remove().producerId());
      }
      if (entry.marker != null) {
        if (!entry.marker.committed()) {
          aborting.remove(entry.producerId);
        }
      } else if (!entry.isTransactional || !aborting.contains(entry.producerId)) {
        kept.add(entry.baseOffset);
      }
    }
    return kept;
  }

  private List<Long> committed(long from, long end) {
    Set<Long> open = new HashSet<>();
    List<Long> kept = new ArrayList<>();
    List<Entry> backwards = new ArrayList<>(log);
    Collections.reverse(backwards);
    for (Entry entry : backwards) {
      if (entry.marker != null) {
        if (entry.marker.committed()) {
          open.remove(entry.producerId);
        } else {
          open.add(entry.producerId);
        }
      } else if (entry.endOffset > from
          && entry.baseOffset < end
          && (!entry.isTransactional || !open.contains(entry.producerId))) {
        kept.add(0, entry.baseOffset);
      }
    }
    return kept;
  }
}
