package io.spillway.sharedlog;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.spillway.object.ForwardingObjectStore;
import io.spillway.object.MemoryObjectStore;
import io.spillway.object.MeteredObjectStore;
import io.spillway.object.ObjectStore;
import io.spillway.object.ObjectStoreException;
import io.spillway.object.SimulatedBucket;
import io.spillway.object.SimulatedBucket.Faults;
import io.spillway.runtime.RandomSource;
import io.spillway.runtime.SimulatedThreads;
import io.spillway.sharedlog.SharedLog.Created;
import io.spillway.sharedlog.SharedLog.Start;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.zip.CRC32C;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class ObjectSharedLogTest {

  private static final UUID CLUSTER = new UUID(1, 2);

  private final SimulatedThreads threads = new SimulatedThreads(17, 1_000);
  private final MemoryObjectStore bucket = new MemoryObjectStore();
  private final MeteredObjectStore metered = new MeteredObjectStore(bucket);

  @Test
  void aNewLogStartsAtNumberZero() {
    ObjectSharedLog log = log(Optional.of(CLUSTER));
    Start start = await(log.open());
    assertThat(start.checkpoint()).isEmpty();
    assertThat(start.nextNumber()).isZero();
    assertThat(await(log.read(0))).isEmpty();
    assertThat(await(log.readFrom(0, 100))).isEmpty();
    assertThat(log.clusterId()).isEqualTo(CLUSTER);
  }

  @Test
  void whoeverCreatesANumberDecidesIt() {
    ObjectSharedLog one = log(Optional.of(CLUSTER));
    ObjectSharedLog two = log(Optional.of(CLUSTER));
    Created won = await(one.create(0, body("a ", "body")));
    assertThat(won.won()).isTrue();
    assertThat(text(won.record())).isEqualTo("a body");
    Created lost = await(two.create(0, body("other")));
    assertThat(lost.won()).isFalse();
    assertThat(text(lost.record())).isEqualTo("a body");
    assertThat(await(two.read(0)).map(ObjectSharedLogTest::text)).contains("a body");
  }

  @Test
  void readsAnyNumberOfRecordsInOrder() {
    ObjectSharedLog log = log(Optional.of(CLUSTER));
    fill(log, 0, 150);
    assertThat(texts(await(log.readFrom(0, 1_000)))).isEqualTo(numbers(0, 150));
    assertThat(texts(await(log.readFrom(7, 50)))).isEqualTo(numbers(7, 57));
    assertThat(texts(await(log.readFrom(149, 50)))).isEqualTo(numbers(149, 150));
    assertThat(await(log.readFrom(150, 50))).isEmpty();
  }

  @Test
  void largeRecordsAndCheckpointsComeBackWhole() {
    ObjectSharedLog log = log(Optional.of(CLUSTER));
    byte[] large = new byte[9_000_001];
    new java.util.Random(3).nextBytes(large);
    await(log.create(0, List.of(ByteBuffer.wrap(large))));
    await(log.checkpoint(0, List.of(ByteBuffer.wrap(large, 0, 5_000_000))));
    ObjectSharedLog again = log(Optional.of(CLUSTER));
    Start start = await(again.open());
    assertThat(start.checkpoint()).contains(ByteBuffer.wrap(large, 0, 5_000_000));
    byte[] exactly = new byte[64 * 1024 - LogObject.HEADER_BYTES];
    await(again.create(1, List.of(ByteBuffer.wrap(exactly))));
    assertThat(await(again.read(1))).contains(ByteBuffer.wrap(exactly));
  }

  @Test
  void opensAtTheNewestCheckpoint() {
    ObjectSharedLog log = log(Optional.of(CLUSTER));
    fill(log, 0, 10);
    await(log.checkpoint(3, body("state at 3")));
    await(log.checkpoint(7, body("state at 7")));
    Start start = await(log(Optional.of(CLUSTER)).open());
    assertThat(start.checkpoint().map(ObjectSharedLogTest::text)).contains("state at 7");
    assertThat(start.nextNumber()).isEqualTo(8);
  }

  @Test
  void deletesOnlyWhatTheSecondNewestCheckpointMakesSuperfluous_P7() {
    ObjectSharedLog log = log(Optional.of(CLUSTER));
    fill(log, 0, 400);
    await(log.checkpoint(100, body("100")));
    assertThat(keys("t/log/")).hasSize(400);
    await(log.checkpoint(250, body("250")));
    assertThat(keys("t/log/")).hasSize(299).first().asString().endsWith("0101");
    await(log.checkpoint(399, body("399")));
    assertThat(keys("t/log/")).hasSize(149).first().asString().endsWith("0251");
    assertThat(keys("t/checkpoint/")).hasSize(2).last().asString().endsWith("0399");
  }

  @Test
  void deletesNothingOnTheWordOfADamagedCheckpoint_P7() {
    ObjectSharedLog log = log(Optional.of(CLUSTER));
    fill(log, 0, 10);
    await(log.checkpoint(4, body("4")));
    flipByte(new LogKeys("t").checkpoint(4), LogObject.HEADER_BYTES);
    await(log.checkpoint(9, body("9")));
    assertThat(keys("t/log/")).hasSize(10);
  }

  @Test
  void aReaderThatACheckpointHasPassedIsTold_P6() {
    ObjectSharedLog log = log(Optional.of(CLUSTER));
    fill(log, 0, 10);
    ObjectSharedLog behind = log(Optional.of(CLUSTER));
    await(behind.open());
    await(log.checkpoint(5, body("5")));
    assertOvertaken(behind.read(5));
    assertOvertaken(behind.readFrom(3, 10));
    assertThat(texts(await(behind.readFrom(6, 10)))).isEqualTo(numbers(6, 10));
  }

  /** The stalled writer's object is a ghost that nobody will ever believe. */
  @Test
  void aDeletedNumberIsNotWonByAStalledWriter_P6() {
    ObjectSharedLog log = log(Optional.of(CLUSTER));
    fill(log, 0, 10);
    await(log.checkpoint(5, body("5")));
    await(log.checkpoint(9, body("9")));
    assertThat(keys("t/log/")).hasSize(4);
    assertOvertaken(log(Optional.of(CLUSTER)).create(2, body("stalled")));
    assertThat(await(log(Optional.of(CLUSTER)).open()).nextNumber()).isEqualTo(10);
  }

  /** Found by simulation: it believed its own record, and refused everybody else's for good. */
  @Test
  void aNewcomerWhoseFirstNumberWasLongDeletedLearnsWhoseLogItIs() {
    ObjectSharedLog newcomer = log(Optional.empty());
    assertThat(await(newcomer.open()).nextNumber()).isZero();
    ObjectSharedLog log = log(Optional.of(CLUSTER));
    fill(log, 0, 10);
    await(log.checkpoint(5, body("5")));
    await(log.checkpoint(9, body("9")));

    assertOvertaken(newcomer.create(0, body("mine")));

    assertThat(await(newcomer.open()).nextNumber()).isEqualTo(10);
    assertThat(newcomer.clusterId()).isEqualTo(CLUSTER);
  }

  @Test
  void aNewLogTakesItsClusterFromItsFirstRecord() {
    ObjectSharedLog one = log(Optional.empty());
    ObjectSharedLog two = log(Optional.empty());
    await(one.open());
    await(two.open());
    assertThat(one.clusterId()).isNotEqualTo(two.clusterId());
    assertThat(await(one.create(0, body("first"))).won()).isTrue();
    assertThat(await(two.create(0, body("second"))).won()).isFalse();
    assertThat(two.clusterId()).isEqualTo(one.clusterId());
    await(two.checkpoint(0, body("state")));
    ObjectSharedLog later = log(Optional.empty());
    await(later.open());
    assertThat(later.clusterId()).isEqualTo(one.clusterId());
  }

  @Test
  void anotherClustersLogIsRefusedByName() {
    UUID other = new UUID(8, 9);
    await(log(Optional.of(CLUSTER)).create(0, body("mine")));
    assertThatThrownBy(() -> await(log(Optional.of(other)).open()))
        .hasRootCauseInstanceOf(SharedLogException.Foreign.class)
        .hasMessageContaining(ClusterIds.text(CLUSTER))
        .hasMessageContaining(ClusterIds.text(other));
    assertThatThrownBy(() -> await(log(Optional.of(other)).create(0, body("x"))))
        .hasRootCauseInstanceOf(SharedLogException.Foreign.class);
  }

  @Test
  void aNewerFormatIsRefusedByName() {
    await(log(Optional.of(CLUSTER)).create(0, body("x")));
    String key = new LogKeys("t").record(0);
    ByteBuffer bytes = bucket.getRange(key, 0, 1 << 20).join();
    bytes.put(5, (byte) 2);
    CRC32C crc = new CRC32C();
    crc.update(bytes.slice(0, 56));
    crc.update(bytes.slice(60, bytes.remaining() - 60));
    bytes.putInt(56, (int) crc.getValue());
    bucket.put(key, List.of(bytes)).join();
    assertThatThrownBy(() -> await(log(Optional.of(CLUSTER)).open()))
        .hasRootCauseInstanceOf(SharedLogException.Foreign.class)
        .hasMessageContaining("t/log/00000000000000000000 has format version 2");
  }

  @Test
  void aFlippedBitOfTheVersionIsDamageAndNotANewerFormat() {
    await(log(Optional.of(CLUSTER)).create(0, body("x")));
    String key = new LogKeys("t").record(0);
    flipByte(key, 4);
    flipByte(key, 5);
    assertThatThrownBy(() -> await(log(Optional.of(CLUSTER)).open()))
        .hasRootCauseInstanceOf(SharedLogException.Corrupt.class)
        .hasMessageContaining(key + " is damaged: its checksum does not match");
  }

  @Test
  void replayGoesOnBehindARecordUnlessACheckpointIsNewer() {
    ObjectSharedLog log = log(Optional.of(CLUSTER));
    fill(log, 0, 10);
    assertThat(await(log(Optional.empty()).resume(4)).map(ObjectSharedLogTest::text))
        .contains("r4");
    assertThat(await(log(Optional.empty()).resume(10))).isEmpty();
    await(log.checkpoint(4, body("state")));
    assertThat(await(log(Optional.empty()).resume(4)).map(ObjectSharedLogTest::text))
        .contains("r4");
    assertThat(await(log(Optional.empty()).resume(3))).isEmpty();
    flipByte(new LogKeys("t").record(7), 61);
    assertThat(await(log(Optional.empty()).resume(7))).isEmpty();
    assertThatThrownBy(() -> await(log(Optional.of(new UUID(8, 9))).resume(6)))
        .hasRootCauseInstanceOf(SharedLogException.Foreign.class);
    ObjectSharedLog resumed = log(Optional.empty());
    await(resumed.resume(6));
    assertThat(resumed.clusterId()).isEqualTo(CLUSTER);
  }

  @Test
  void everyFlippedByteIsNoticedAndTheKeyNamed() {
    ObjectSharedLog log = log(Optional.of(CLUSTER));
    await(log.create(0, body("some body")));
    String key = new LogKeys("t").record(0);
    for (int i = 0; i < LogObject.HEADER_BYTES + 9; i++) {
      flipByte(key, i);
      assertThatThrownBy(() -> await(log.read(0)))
          .as("byte %d", i)
          .hasRootCauseInstanceOf(SharedLogException.class)
          .hasMessageContaining(key);
      flipByte(key, i);
    }
    assertThat(await(log.read(0))).isPresent();
  }

  @Test
  void aRecordUnderAnotherNumberIsDamage() {
    ObjectSharedLog log = log(Optional.of(CLUSTER));
    fill(log, 0, 3);
    LogKeys keys = new LogKeys("t");
    ByteBuffer first = bucket.getRange(keys.record(0), 0, 1000).join();
    bucket.put(keys.record(2), List.of(first)).join();
    assertThatThrownBy(() -> await(log.readFrom(0, 10)))
        .hasRootCauseInstanceOf(SharedLogException.Corrupt.class)
        .hasMessageContaining("expected number 2, found 0");
  }

  @Test
  void aCreateIsOnePutAndOneListingAndNothingFollows() {
    ObjectSharedLog log = log(Optional.of(CLUSTER));
    await(log.open());
    Map<String, Long> before = metered.requests();
    await(log.create(0, body("x")));
    threads.runFor(3_600_000_000_000L);
    Map<String, Long> after = metered.requests();
    after.replaceAll((name, count) -> count - before.getOrDefault(name, 0L));
    after.values().removeIf(count -> count == 0);
    assertThat(after).isEqualTo(Map.of("create/ok", 1L, "list/ok", 1L));
  }

  @Test
  void anOutageDelaysAndClosingEndsTheWait() {
    SimulatedBucket far = new SimulatedBucket(threads, Faults.none());
    ObjectSharedLog log = log(far.connect("a"), Optional.of(CLUSTER));
    await(log.open());
    far.setOutage(true);
    CompletableFuture<Created> create = log.create(0, body("x"));
    threads.runFor(600_000_000_000L);
    assertThat(create.isDone()).isFalse();
    far.setOutage(false);
    assertThat(await(create).won()).isTrue();
    far.setOutage(true);
    CompletableFuture<Created> second = log.create(1, body("y"));
    log.close();
    assertThatThrownBy(second::join).hasRootCauseInstanceOf(SharedLogException.Closed.class);
    assertThatThrownBy(() -> await(log.read(0)))
        .hasRootCauseInstanceOf(SharedLogException.Closed.class);
  }

  @Test
  void aRefusalAtTheStartIsAnAnswerAndLaterADelay() {
    boolean[] refused = {true};
    ObjectStore strict =
        new ForwardingObjectStore(bucket) {
          @Override
          public CompletableFuture<List<ObjectInfo>> list(String prefix, String after, int limit) {
            return refused[0]
                ? CompletableFuture.failedFuture(
                    new ObjectStoreException.Refused("access denied", null))
                : super.list(prefix, after, limit);
          }
        };
    ObjectSharedLog log = log(strict, Optional.of(CLUSTER));
    assertThatThrownBy(() -> await(log.open()))
        .hasRootCauseInstanceOf(ObjectStoreException.Refused.class);
    refused[0] = false;
    await(log.open());
    refused[0] = true;
    CompletableFuture<Created> create = log.create(0, body("x"));
    threads.runFor(60_000_000_000L);
    assertThat(create.isDone()).isFalse();
    refused[0] = false;
    assertThat(await(create).won()).isTrue();
  }

  @ParameterizedTest
  @EnumSource(LogObject.Kind.class)
  void theFormatIsThatOfTheGoldenFile(LogObject.Kind kind) throws IOException {
    UUID id = new UUID(0x0102030405060708L, 0x1112131415161718L);
    ByteBuffer written = ByteBuffer.allocate(LogObject.HEADER_BYTES + 11);
    LogObject.encode(kind, 7, CLUSTER, id, body("golden ", "body")).forEach(written::put);
    written.flip();
    String golden = "/golden/sharedlog-v1-" + kind.name().toLowerCase(Locale.ROOT) + ".hex";
    try (InputStream file = getClass().getResourceAsStream(golden)) {
      assertThat(file).as("%s; written now:%n%s", golden, hex(written)).isNotNull();
      byte[] bytes =
          HexFormat.of().parseHex(new String(file.readAllBytes(), UTF_8).replaceAll("\\s", ""));
      assertThat(HexFormat.of().formatHex(bytes)).isEqualTo(hex(written));
      assertThat(LogObject.decode("key", kind, 7, ByteBuffer.wrap(bytes)))
          .isEqualTo(new LogObject(kind, 7, CLUSTER, id, body("golden body").get(0)));
    }
  }

  private ObjectSharedLog log(Optional<UUID> cluster) {
    return log(metered, cluster);
  }

  private ObjectSharedLog log(ObjectStore store, Optional<UUID> cluster) {
    RandomSource random = threads.randomSource();
    return new ObjectSharedLog(store, "t", cluster, threads.newScheduler("log"), random);
  }

  private void fill(SharedLog log, int from, int to) {
    for (int n = from; n < to; n++) {
      assertThat(await(log.create(n, body("r" + n))).won()).isTrue();
    }
  }

  private static List<String> numbers(int from, int to) {
    List<String> numbers = new ArrayList<>();
    for (int n = from; n < to; n++) {
      numbers.add("r" + n);
    }
    return numbers;
  }

  private List<String> keys(String prefix) {
    return bucket.list(prefix, "", 10_000).join().stream().map(o -> o.key()).toList();
  }

  private void flipByte(String key, int index) {
    byte old = bucket.getRange(key, index, 1).join().get(0);
    change(key, index, (byte) (old ^ 0x40));
  }

  private void change(String key, int index, byte value) {
    ByteBuffer bytes = bucket.getRange(key, 0, 1 << 20).join();
    bytes.put(index, value);
    bucket.put(key, List.of(bytes)).join();
  }

  private void assertOvertaken(CompletableFuture<?> request) {
    assertThatThrownBy(() -> await(request))
        .hasRootCauseInstanceOf(SharedLogException.Overtaken.class);
  }

  private <T> T await(CompletableFuture<T> request) {
    while (!request.isDone() && threads.step()) {
      // Runs the simulation.
    }
    assertThat(request).as("what is awaited").isDone();
    return request.join();
  }

  private static List<ByteBuffer> body(String... parts) {
    List<ByteBuffer> buffers = new ArrayList<>();
    for (String part : parts) {
      buffers.add(ByteBuffer.wrap(part.getBytes(UTF_8)));
    }
    return buffers;
  }

  private static String text(ByteBuffer bytes) {
    return UTF_8.decode(bytes.duplicate()).toString();
  }

  private static List<String> texts(List<ByteBuffer> records) {
    return records.stream().map(ObjectSharedLogTest::text).toList();
  }

  private static String hex(ByteBuffer bytes) {
    byte[] array = new byte[bytes.remaining()];
    bytes.get(bytes.position(), array);
    return HexFormat.of().formatHex(array);
  }
}
