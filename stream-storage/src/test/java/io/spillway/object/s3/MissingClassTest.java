package io.spillway.object.s3;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.spillway.object.ForwardingObjectStore;
import io.spillway.object.MemoryObjectStore;
import io.spillway.object.ObjectStore;
import io.spillway.object.ObjectStoreException.Refused;
import io.spillway.object.StoreProbe;
import io.spillway.runtime.SystemClock;
import io.spillway.runtime.SystemRandom;
import io.spillway.runtime.SystemThreads;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import software.amazon.awssdk.core.exception.SdkClientException;

/** An installation that lacks a class of the SDK is no outage: waiting for it helps nobody. */
class MissingClassTest {

  private static final String MISSING = "software/amazon/awssdk/Missing";

  private final SystemThreads threads =
      new SystemThreads(
          "missing-class",
          new SystemClock(),
          (part, cause) -> {
            throw new IllegalStateException(part, cause);
          });
  private final S3Location location =
      S3Location.parse("s3://bucket/folder?endpoint=http://127.0.0.1:1");
  private final S3Requests requests =
      new S3Requests(
          location,
          Duration.ofSeconds(20),
          S3Connection.open(
              location,
              S3Credentials.of(
                  location, S3Server.credentials(), threads.newPool("keys", 1), threads.clock()),
              threads.newPool("s3", 1)));

  @AfterEach
  void close() {
    requests.close();
    threads.close();
  }

  private static CompletableFuture<Void> thrownByTheSdk() {
    return CompletableFuture.failedFuture(
        SdkClientException.create("Unable to execute", new NoClassDefFoundError(MISSING)));
  }

  private static CompletableFuture<Void> thrownAtUs() {
    throw new NoClassDefFoundError(MISSING);
  }

  @Test
  void aRequestIsRefusedWhereverTheClassIsMissed() {
    List<Supplier<CompletableFuture<Void>>> ways =
        List.of(MissingClassTest::thrownByTheSdk, MissingClassTest::thrownAtUs);
    for (Supplier<CompletableFuture<Void>> way : ways) {
      assertThatThrownBy(() -> requests.send("head k", way, answer -> "found").join())
          .hasCauseInstanceOf(Refused.class)
          .hasMessageContaining("head k in s3://bucket/folder")
          .hasMessageContaining(MISSING)
          .hasMessageContaining("install it anew");
    }
  }

  @Test
  void theProbeOfAStartEnds() {
    AtomicInteger creates = new AtomicInteger();
    ObjectStore store =
        new ForwardingObjectStore(new MemoryObjectStore()) {
          @Override
          public CompletableFuture<PutIfAbsent> putIfAbsent(String key, List<ByteBuffer> body) {
            creates.incrementAndGet();
            return requests.send(
                "create " + key, MissingClassTest::thrownByTheSdk, answer -> PutIfAbsent.CREATED);
          }
        };
    CompletableFuture<Void> probe =
        StoreProbe.run(store, "probe/", threads.newScheduler("probe"), new SystemRandom());
    assertThat(probe)
        .failsWithin(1, TimeUnit.MINUTES)
        .withThrowableThat()
        .withCauseInstanceOf(Refused.class)
        .withMessageContaining(MISSING);
    assertThat(creates).as("one race, not repeated").hasValue(8);
  }
}
