package io.spillway.compaction;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.compaction.PaperLog.Seen;
import io.spillway.stream.StoredBatch;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.stream.LongStream;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.record.internal.CompressionType;
import org.apache.kafka.common.record.internal.RecordBatch;
import org.apache.kafka.common.record.internal.SimpleRecord;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class RecordCompactorTest {

  private static final Compression NONE = Compression.NONE;
  private static final long DELETE_RETENTION_MS = 1_000;

  private final PaperLog log = new PaperLog();

  static LongStream seeds() {
    return LongStream.range(0, 150);
  }

  /** Whatever was written, and however often it is compacted: what is left is what must be. */
  @ParameterizedTest
  @MethodSource("seeds")
  void whatIsLeftIsWhatTheModelKeeps(long seed) {
    new Story(seed).run();
  }

  private static final class Story {
    private final PaperLog log = new PaperLog();
    private final Random random;
    private final int keyCount;
    private final Map<Long, Long> horizons = new HashMap<>();
    private long nowMs = 1_000_000;
    private long cleanTo;

    Story(long seed) {
      random = new Random(seed);
      keyCount = 1 + random.nextInt(40);
    }

    void run() {
      for (int pass = 0; pass < 6; pass++) {
        int batches = random.nextInt(40);
        for (int i = 0; i < batches; i++) {
          appendSomething();
        }
        nowMs += random.nextInt(800);
        long to = log.lastStableOffset();
        KeyOffsets keys = new KeyOffsets(1 << 20);
        long came =
            log.compact(cleanTo, to, 1 + random.nextInt(9), keys, nowMs, DELETE_RETENTION_MS);
        check(came);
        cleanTo = Math.max(cleanTo, came);
      }
    }

    private void appendSomething() {
      nowMs += random.nextInt(20);
      long producer = 100L + random.nextInt(4);
      int what = random.nextInt(20);
      if (what == 0) {
        log.skip(1 + random.nextInt(3) * (3L << 31));
      } else if (log.isOpen(producer) && what < 8) {
        log.end(producer, random.nextBoolean(), nowMs);
      } else if (what < 11) {
        log.appendInTransaction(producer, codec(), records());
      } else if (what < 15 && !log.isOpen(producer)) {
        log.appendOf(producer, codec(), records());
      } else {
        log.append(codec(), records());
      }
    }

    private Compression codec() {
      CompressionType[] all = CompressionType.values();
      return Compression.of(all[random.nextInt(all.length)]).build();
    }

    private SimpleRecord[] records() {
      SimpleRecord[] records = new SimpleRecord[1 + random.nextInt(6)];
      for (int i = 0; i < records.length; i++) {
        byte[] value =
            random.nextInt(4) == 0 ? null : ("v" + random.nextInt(1_000_000)).getBytes(UTF_8);
        Header[] headers =
            random.nextInt(3) == 0
                ? new Header[] {new RecordHeader("h", new byte[] {1})}
                : new Header[0];
        byte[] key = ("k" + random.nextInt(keyCount)).getBytes(UTF_8);
        records[i] = new SimpleRecord(nowMs - random.nextInt(50), key, value, headers);
      }
      return records;
    }

    private void check(long came) {
      Map<String, Seen> last = new HashMap<>();
      log.committed.headMap(came).values().forEach(seen -> last.put(seen.key(), seen));
      Map<String, Seen> found = new HashMap<>();
      for (Seen seen : log.read(came)) {
        assertThat(found.put(seen.key(), seen)).as("one record of %s", seen.key()).isNull();
        assertThat(seen).as("the last of %s", seen.key()).isEqualTo(last.get(seen.key()));
      }
      for (Seen seen : last.values()) {
        if (seen.value() != null) {
          assertThat(found).as("kept").containsKey(seen.key());
        } else {
          checkTombstone(seen, found.get(seen.key()));
        }
      }
      checkBatches(came);
      assertThat(log.read(Long.MAX_VALUE).stream().filter(seen -> seen.offset() >= came))
          .as("what is above stays")
          .containsAll(log.committed.tailMap(came).values());
    }

    /** It stays for as long as it must, and not for ever. */
    private void checkTombstone(Seen tombstone, @Nullable Seen found) {
      long horizon =
          horizons.computeIfAbsent(tombstone.offset(), each -> nowMs + DELETE_RETENTION_MS);
      if (nowMs < horizon) {
        assertThat(found).as("tombstone until %d, now %d", horizon, nowMs).isEqualTo(tombstone);
      }
    }

    private void checkBatches(long came) {
      long end = 0;
      for (StoredBatch stored : log.batches) {
        assertThat(stored.baseOffset()).as("order").isGreaterThanOrEqualTo(end);
        end = stored.endOffset();
        RecordBatch batch = PaperLog.batch(stored);
        assertThat(log.original).containsKey(stored.baseOffset());
        RecordBatch was =
            PaperLog.batch(Objects.requireNonNull(log.original.get(stored.baseOffset())));
        assertThat(batch.lastOffset()).isEqualTo(was.lastOffset());
        assertThat(stored.endOffset()).isEqualTo(was.nextOffset());
        assertThat(batch.baseSequence()).isEqualTo(was.baseSequence());
        assertThat(batch.lastSequence()).isEqualTo(was.lastSequence());
        assertThat(batch.producerId()).isEqualTo(was.producerId());
        assertThat(batch.isTransactional()).isEqualTo(was.isTransactional());
        assertThat(stored.maxTimestampMs())
            .isEqualTo(batch.iterator().hasNext() ? batch.maxTimestamp() : -1);
      }
      assertThat(end).as("the end of the log").isLessThanOrEqualTo(log.endOffset);
      log.lastBatches.forEach(
          (id, last) ->
              assertThat(log.batches)
                  .as("the last batch of producer %d, compacted to %d", id, came)
                  .anyMatch(stored -> stored.endOffset() == last.lastOffset() + 1));
      checkMarkers(came);
      assertThat(log.readCommitted())
          .as("what a reader of committed data gets")
          .isEqualTo(log.readWithoutAborted());
    }

    /**
     * Whoever reads committed data must find the marker behind the last record of a transaction.
     */
    private void checkMarkers(long came) {
      Map<Long, Long> waiting = new HashMap<>();
      for (StoredBatch stored : log.batches) {
        RecordBatch batch = PaperLog.batch(stored);
        boolean hasRecords = batch.iterator().hasNext();
        if (batch.isTransactional() && hasRecords) {
          if (batch.isControlBatch()) {
            waiting.remove(batch.producerId());
          } else {
            waiting.putIfAbsent(batch.producerId(), batch.baseOffset());
          }
        }
      }
      waiting.values().forEach(first -> assertThat(first).isGreaterThanOrEqualTo(came));
    }
  }

  @Test
  void aTombstoneGoesAtTheFirstPassAfterItsHorizon() {
    log.append(NONE, record("a", "1"), record("b", "1"));
    log.append(NONE, record("a", null));
    log.append(NONE, record("c", "1"));
    long came = pass(0, 1_000);
    assertThat(keys()).containsExactly("b", "a", "c");
    assertThat(PaperLog.batch(log.batches.get(1)).deleteHorizonMs()).hasValue(2_000);
    log.append(NONE, record("d", "1"));
    came = pass(came, 1_999);
    assertThat(keys()).containsExactly("b", "a", "c", "d");
    log.append(NONE, record("e", "1"));
    pass(came, 2_000);
    assertThat(keys()).containsExactly("b", "c", "d", "e");
  }

  @Test
  void recordsOfAbortedTransactionsGoAndTheirMarkerStaysWhileReadersAreToldOfThem() {
    log.append(NONE, record("a", "kept"));
    log.appendInTransaction(7, NONE, record("a", "void"), record("b", "void"));
    log.end(7, false, 10);
    log.appendInTransaction(7, NONE, record("c", "kept"));
    log.end(7, true, 20);
    log.append(NONE, record("z", "1"));
    long came = pass(0, 1_000);
    assertThat(values()).containsExactly("kept", "kept", "1");
    log.append(NONE, record("z", "2"));
    came = pass(came, 9_000);
    assertThat(log.readCommitted()).isEqualTo(log.read(Long.MAX_VALUE));
    assertThat(log.batches).as("both markers").hasSize(5);

    log.abortedRanges.clear();
    log.append(NONE, record("z", "3"));
    came = pass(came, 10_000);
    assertThat(log.batches).as("its horizon is 11,000").hasSize(5);
    log.append(NONE, record("z", "4"));
    came = pass(came, 10_999);
    assertThat(log.batches).as("not yet").hasSize(5);
    log.append(NONE, record("z", "5"));
    pass(came, 11_000);
    assertThat(log.batches).as("one marker less").hasSize(4);
    assertThat(values()).containsExactly("kept", "kept", "5");
  }

  @Test
  void aCommitMarkerGoesOnceNothingIsLeftOfItsTransaction() {
    log.appendInTransaction(7, NONE, record("a", "1"));
    log.end(7, true, 10);
    log.lastBatches.clear();
    log.append(NONE, record("a", "2"), record("b", "2"));
    long came = pass(0, 1_000);
    assertThat(log.batches).as("it went by with its records").hasSize(2);
    log.append(NONE, record("b", "3"));
    came = pass(came, 1_500);
    assertThat(log.batches).as("now it has a horizon, 2,500").hasSize(3);
    log.append(NONE, record("b", "4"));
    came = pass(came, 2_499);
    assertThat(log.batches).as("not yet").hasSize(3);
    log.append(NONE, record("b", "5"));
    pass(came, 2_500);
    assertThat(values()).containsExactly("2", "5");
    assertThat(log.batches).hasSize(2);
  }

  @Test
  void whatDoesNotFitTheMapWaitsForTheNextPass() {
    for (int i = 0; i < 4_000; i++) {
      log.append(NONE, record("k" + i % 2_000, "v" + i), record("k" + (i + 7) % 2_000, "w" + i));
    }
    int passes = 0;
    long came = 0;
    while (came < log.endOffset) {
      KeyOffsets keys = new KeyOffsets(24 << 10);
      long next = log.compact(came, log.endOffset, 100, keys, 0, 0);
      assertThat(next).as("it goes on").isGreaterThan(came);
      came = next;
      passes++;
    }
    assertThat(passes).isGreaterThan(2);
    assertThat(log.read(Long.MAX_VALUE)).hasSize(2_000);
  }

  @Test
  void recordsWithoutKeyGo() {
    log.appendWithoutKey("x");
    log.append(NONE, record("a", "1"));
    pass(0, 0);
    assertThat(keys()).containsExactly("a");
  }

  @Test
  void batchesThatKeepEverythingAreTheSameBytes() {
    log.append(Compression.gzip().build(), record("a", "1"), record("b", "1"));
    log.append(NONE, record("c", "1"));
    List<StoredBatch> before = List.copyOf(log.batches);
    pass(0, 0);
    assertThat(log.batches).isEqualTo(before);
  }

  private long pass(long from, long nowMs) {
    return log.compact(
        from, log.endOffset, 100, new KeyOffsets(1 << 20), nowMs, DELETE_RETENTION_MS);
  }

  private List<String> keys() {
    return log.read(Long.MAX_VALUE).stream().map(Seen::key).toList();
  }

  private List<String> values() {
    return log.read(Long.MAX_VALUE).stream().map(seen -> String.valueOf(seen.value())).toList();
  }

  private static SimpleRecord record(String key, @Nullable String value) {
    return new SimpleRecord(5L, key.getBytes(UTF_8), value == null ? null : value.getBytes(UTF_8));
  }
}
