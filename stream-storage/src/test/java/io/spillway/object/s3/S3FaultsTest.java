package io.spillway.object.s3;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.spillway.object.MeteredObjectStore;
import io.spillway.object.ObjectStore;
import io.spillway.object.ObjectStore.Multipart;
import io.spillway.object.ObjectStore.PutIfAbsent;
import io.spillway.object.ObjectStoreException;
import io.spillway.object.ObjectStoreException.Ambiguous;
import io.spillway.object.ObjectStoreException.Refused;
import io.spillway.object.ObjectStoreException.Unavailable;
import io.spillway.object.RequestBudget;
import io.spillway.object.Retry;
import io.spillway.object.RetryingObjectStore;
import io.spillway.object.StoreProbe;
import io.spillway.object.s3.FaultProxy.Fault;
import io.spillway.runtime.SystemClock;
import io.spillway.runtime.SystemRandom;
import io.spillway.runtime.SystemThreads;
import io.spillway.sharedlog.ObjectSharedLog;
import io.spillway.sharedlog.SharedLog;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a client is told, and what then is in the bucket, when the network or the store fails. */
class S3FaultsTest {

  private static final String BUCKET = "faults";

  @TempDir static Path directory;
  private static S3Server server;

  private final SystemThreads threads =
      new SystemThreads(
          "s3-faults",
          new SystemClock(),
          (part, cause) -> {
            throw new IllegalStateException(part, cause);
          });
  private final List<ObjectStore> stores = new ArrayList<>();
  private FaultProxy proxy;
  private String folder;

  @BeforeAll
  static void startServer() {
    server = S3Server.start(directory);
    server.createBucket(BUCKET);
  }

  @AfterAll
  static void stopServer() {
    if (server != null) {
      server.close();
    }
  }

  @BeforeEach
  void startProxy() {
    proxy = FaultProxy.to(server.port());
    folder = "run-" + Long.toHexString(System.nanoTime());
  }

  @AfterEach
  void stopProxy() {
    stores.forEach(ObjectStore::close);
    proxy.close();
    threads.close();
  }

  private S3ObjectStore open(Duration timeout) {
    S3ObjectStore store =
        S3ObjectStore.open(
            S3Location.parse(S3Server.url(BUCKET + "/" + folder, proxy.port())),
            S3Server.credentials(),
            threads,
            timeout);
    stores.add(store);
    return store;
  }

  private ObjectStore open() {
    return open(Duration.ofSeconds(20));
  }

  /** As the broker has it. */
  private RetryingObjectStore retrying() {
    return new RetryingObjectStore(
        new MeteredObjectStore(open()),
        threads.newScheduler("retry"),
        threads.clock(),
        new SystemRandom(),
        new Retry.Policy(1_000_000, 20_000_000, 50),
        new RequestBudget(16, 1_000));
  }

  @Test
  void anAnswerThatIsLostLeavesACreateAmbiguous() {
    ObjectStore store = open();
    proxy.onEach(request -> Fault.COMMIT_THEN_DROP);
    assertFails(store.putIfAbsent("k", body("mine")), Ambiguous.class);
    proxy.onEach(request -> Fault.PASS);
    assertThat(await(store.putIfAbsent("k", body("mine")))).isEqualTo(PutIfAbsent.EXISTS);
    assertThat(read(store, "k")).isEqualTo("mine");
  }

  @Test
  void aCreateWhoseConnectionBreaksIsAmbiguousWhereverItBroke() {
    ObjectStore store = open();
    for (Fault fault : List.of(Fault.DROP, Fault.DROP_MID_BODY)) {
      proxy.onEach(request -> fault);
      assertFails(store.putIfAbsent("k", body("mine")), Ambiguous.class);
    }
    proxy.onEach(request -> Fault.PASS);
    assertThat(await(store.head("k"))).isEmpty();
  }

  @Test
  void noConnectionMeansThatNothingWasDone() {
    ObjectStore store = open();
    proxy.close();
    assertFails(store.putIfAbsent("k", body("mine")), Unavailable.class);
    assertFails(store.head("k"), Unavailable.class);
  }

  @Test
  void aCreateThatTakesTooLongIsAmbiguousAndAReadIsNot() {
    ObjectStore store = open(Duration.ofMillis(200));
    CompletableFuture<Void> never = new CompletableFuture<>();
    proxy.onEach(request -> Fault.stalledReader(never, new CompletableFuture<>()));
    assertFails(store.putIfAbsent("k", body("mine")), Ambiguous.class);
    assertFails(store.getRange("k", 0, 10), Unavailable.class);
    never.complete(null);
  }

  @Test
  void theStoresRefusalsSayWhatToDo() {
    ObjectStore store = open();
    assertAnswer(store, 503, "SlowDown", Unavailable.class);
    assertThat(throttled(store, 503, "SlowDown")).isTrue();
    assertThat(throttled(store, 429, "TooManyRequests")).isTrue();
    assertAnswer(store, 500, "InternalError", Ambiguous.class);
    assertAnswer(store, 504, "", Ambiguous.class);
    assertAnswer(store, 503, "", Ambiguous.class);
    assertAnswer(store, 403, "AccessDenied", Refused.class);
    assertAnswer(store, 403, "ExpiredToken", Unavailable.class);
    assertAnswer(store, 404, "NoSuchBucket", Refused.class);
    assertAnswer(store, 400, "AuthorizationHeaderMalformed", Refused.class);
    assertAnswer(store, 501, "NotImplemented", Refused.class);
    proxy.onEach(request -> Fault.status(409, "ConditionalRequestConflict"));
    assertThat(await(store.putIfAbsent("k", body("x")))).isEqualTo(PutIfAbsent.CONFLICT);
    proxy.onEach(request -> Fault.status(412, "PreconditionFailed"));
    assertThat(await(store.putIfAbsent("k", body("x")))).isEqualTo(PutIfAbsent.EXISTS);
    proxy.onEach(request -> Fault.status(500, "InternalError"));
    assertFails(store.put("k", body("x")), Unavailable.class);
  }

  private void assertAnswer(
      ObjectStore store, int status, String code, Class<? extends ObjectStoreException> kind) {
    proxy.onEach(request -> Fault.status(status, code));
    assertFails(store.putIfAbsent("k", body("x")), kind);
  }

  private boolean throttled(ObjectStore store, int status, String code) {
    proxy.onEach(request -> Fault.status(status, code));
    Throwable failure = catchThrowable(() -> await(store.put("k", body("x"))));
    return Retry.unwrap(failure) instanceof Unavailable e && e.throttled();
  }

  @Test
  void aTruncatedReadIsNoData() {
    ObjectStore store = open();
    await(store.put("k", body("0123456789")));
    proxy.onEach(request -> Fault.TRUNCATE);
    assertFails(store.getRange("k", 0, 10), Unavailable.class);
    AtomicInteger count = new AtomicInteger();
    proxy.onEach(request -> count.incrementAndGet() < 3 ? Fault.TRUNCATE : Fault.PASS);
    assertThat(read(retrying(), "k")).isEqualTo("0123456789");
  }

  @Test
  void anUploadInPartsSurvivesWhateverHappensToEachPart() {
    Random random = new Random(11);
    List<Fault> faults =
        List.of(
            Fault.DROP,
            Fault.DROP_MID_BODY,
            Fault.COMMIT_THEN_DROP,
            Fault.status(503, "SlowDown"),
            Fault.status(500, "InternalError"),
            Fault.PASS,
            Fault.PASS);
    ObjectStore store = retrying();
    byte[] bytes = new byte[(15 << 20) + 7];
    random.nextBytes(bytes);
    proxy.onEach(
        request -> {
          boolean part = request.method().equals("PUT");
          synchronized (random) {
            return part ? faults.get(random.nextInt(faults.size())) : Fault.PASS;
          }
        });
    Multipart upload = await(store.startMultipart("m", 5 << 20));
    List<CompletableFuture<Void>> parts = new ArrayList<>();
    for (int part = 0; part < 4; part++) {
      int from = part * (5 << 20);
      int length = Math.min(5 << 20, bytes.length - from);
      parts.add(upload.uploadPart(part + 1, List.of(ByteBuffer.wrap(bytes, from, length))));
    }
    parts.forEach(this::await);
    await(upload.complete());
    assertThat(await(store.getRange("m", 0, bytes.length))).isEqualTo(ByteBuffer.wrap(bytes));
  }

  /** P5: a block that went back to its pool must not be on its way under an old name. */
  @Test
  void buffersAreTheCallersAgainWhenTheRequestHasFailed() {
    ObjectStore store = open(Duration.ofMillis(300));
    CompletableFuture<Void> resume = new CompletableFuture<>();
    CompletableFuture<byte[]> read = new CompletableFuture<>();
    proxy.onEach(request -> Fault.stalledReader(resume, read));
    ByteBuffer block = ByteBuffer.allocateDirect(32 << 20);
    fill(block, (byte) 'A');
    // Times out 32 s later than a small one would: the connection is cut instead.
    CompletableFuture<Void> put = store.put("k", List.of(block));
    while (proxy.seen().isEmpty()) {
      Thread.onSpinWait();
    }
    store.close();
    assertThatThrownBy(() -> await(put)).isNotNull();
    fill(block, (byte) 'B');
    resume.complete(null);
    byte[] sent = await(read);
    assertThat(sent).doesNotContain((byte) 'B');
  }

  private static void fill(ByteBuffer block, byte with) {
    byte[] page = new byte[1 << 16];
    Arrays.fill(page, with);
    block.clear();
    while (block.hasRemaining()) {
      block.put(page);
    }
    block.flip();
  }

  /** P5: whatever is lost on the way, every number has one winner, and all agree on its bytes. */
  @Test
  void everyNumberOfALogHasExactlyOneWinnerBehindABadNetwork() {
    long seed = 20_260_105;
    Random random = new Random(seed);
    List<Fault> faults =
        List.of(
            Fault.DROP,
            Fault.COMMIT_THEN_DROP,
            Fault.COMMIT_THEN_DROP,
            Fault.DROP_MID_BODY,
            Fault.status(503, "SlowDown"),
            Fault.status(500, "InternalError"),
            Fault.status(409, "ConditionalRequestConflict"));
    proxy.onEach(
        request -> {
          synchronized (random) {
            return random.nextInt(4) == 0 ? faults.get(random.nextInt(faults.size())) : Fault.PASS;
          }
        });
    UUID cluster = new UUID(1, 2);
    ObjectStore store = retrying();
    List<SharedLog> logs = new ArrayList<>();
    for (int writer = 0; writer < 3; writer++) {
      logs.add(
          new ObjectSharedLog(
              store,
              "log",
              Optional.of(cluster),
              threads.newScheduler("log-" + writer),
              new SystemRandom()));
    }
    int numbers = 5;
    Map<String, String> wonBy = new HashMap<>();
    for (int number = 0; number < numbers; number++) {
      List<CompletableFuture<SharedLog.Created>> creates = new ArrayList<>();
      for (int writer = 0; writer < logs.size(); writer++) {
        creates.add(logs.get(writer).create(number, body("writer " + writer)));
      }
      List<String> winners = new ArrayList<>();
      List<String> records = new ArrayList<>();
      for (int writer = 0; writer < logs.size(); writer++) {
        SharedLog.Created created = await(creates.get(writer));
        records.add(text(created.record()));
        if (created.won()) {
          winners.add("writer " + writer);
        }
      }
      assertThat(winners).as("seed %d, number %d", seed, number).hasSize(1);
      assertThat(records).as("seed %d, number %d", seed, number).containsOnly(winners.get(0));
      wonBy.put("number " + number, winners.get(0));
    }
    proxy.onEach(request -> Fault.PASS);
    for (int number = 0; number < numbers; number++) {
      assertThat(await(logs.get(0).read(number)).map(S3FaultsTest::text))
          .contains(wonBy.get("number " + number));
    }
    logs.forEach(SharedLog::close);
  }

  /** P5: a create that was given up as lost arrives when another writer has the number. */
  @Test
  void aLateCreateChangesNothing() {
    CompletableFuture<Void> when = new CompletableFuture<>();
    CompletableFuture<Integer> late = new CompletableFuture<>();
    AtomicInteger creates = new AtomicInteger();
    UUID cluster = new UUID(1, 2);
    ObjectStore store = retrying();
    SharedLog first = log(store, cluster, "first");
    SharedLog second = log(store, cluster, "second");
    proxy.onEach(
        request -> {
          if (!request.conditional()) {
            return Fault.PASS;
          }
          return switch (creates.incrementAndGet()) {
            case 1 -> Fault.late(when, late);
            // The other writer comes before the first one's repeat.
            case 2 ->
                exchange -> {
                  await(second.create(0, body("second")));
                  Fault.PASS.apply(exchange);
                };
            default -> Fault.PASS;
          };
        });
    SharedLog.Created created = await(first.create(0, body("first")));
    assertThat(created.won()).isFalse();
    assertThat(text(created.record())).isEqualTo("second");
    when.complete(null);
    assertThat(await(late)).isEqualTo(412);
    assertThat(await(second.read(0)).map(S3FaultsTest::text)).contains("second");
    first.close();
    second.close();
  }

  private SharedLog log(ObjectStore store, UUID cluster, String name) {
    return new ObjectSharedLog(
        store, "log", Optional.of(cluster), threads.newScheduler(name), new SystemRandom());
  }

  @Test
  void theProbeWaitsOutAnOutageAndRefusesAMissingBucket() {
    ObjectStore store = open();
    proxy.outage(true);
    CompletableFuture<Void> probe =
        StoreProbe.run(store, "probe/", threads.newScheduler("probe"), new SystemRandom());
    assertThat(probe).isNotDone();
    proxy.outage(false);
    await(probe);
    proxy.onEach(request -> Fault.status(404, "NoSuchBucket"));
    assertFails(
        StoreProbe.run(store, "probe/", threads.newScheduler("probe"), new SystemRandom()),
        Refused.class);
  }

  /** A store that accepts the condition and ignores it. */
  @Test
  void theProbeRefusesAStoreThatIgnoresTheCondition() {
    ObjectStore store = open();
    proxy.onEach(request -> request.conditional() ? Fault.LIE : Fault.PASS);
    assertThatThrownBy(
            () ->
                await(
                    StoreProbe.run(
                        store, "probe/", threads.newScheduler("probe"), new SystemRandom())))
        .hasRootCauseInstanceOf(Refused.class)
        .hasMessageContaining("If-None-Match");
  }

  private <T> void assertFails(
      CompletableFuture<T> request, Class<? extends ObjectStoreException> kind) {
    assertThatThrownBy(() -> await(request)).cause().isInstanceOf(kind);
  }

  private <T> T await(CompletableFuture<T> request) {
    return request.orTimeout(60, TimeUnit.SECONDS).join();
  }

  private String read(ObjectStore store, String key) {
    return text(await(store.getRange(key, 0, 1_000)));
  }

  private static String text(ByteBuffer bytes) {
    return UTF_8.decode(bytes.duplicate()).toString();
  }

  private static List<ByteBuffer> body(String text) {
    return List.of(ByteBuffer.wrap(text.getBytes(UTF_8)));
  }
}
