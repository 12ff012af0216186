package io.spillway.protocol.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.protocol.codec.ServedApis;
import io.spillway.protocol.frame.ReadPause;
import io.spillway.runtime.SystemClock;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.kafka.common.protocol.ApiKeys;
import org.junit.jupiter.api.Test;

class LifecycleTest {

  @Test
  void closingLetsWhatIsInFlightFinish() {
    try (TestServer server = new TestServer(ServerLimits.DEFAULTS);
        RawClient busy = server.connect();
        RawClient idle = server.connect()) {
      busy.send(Requests.METADATA_VERSION, 1, "c", Requests.metadata());
      busy.send(Requests.METADATA_VERSION, 2, "c", Requests.metadata());
      KafkaRequest request = server.nextRequest();
      CompletableFuture<Void> closing =
          CompletableFuture.runAsync(
              server.server::close, task -> new Thread(task, "closer").start());
      assertThat(idle.isClosedByServer()).isTrue();
      assertThat(closing).isNotDone();
      // Each connection is told on its own event loop, in any order.
      TestServer.await(
          "both connections are told", () -> server.server.stats().pauses(ReadPause.CLOSING) == 2);
      request.reply(Requests.metadataResponse("last"));
      assertThat(busy.receive(ApiKeys.METADATA, Requests.METADATA_VERSION).correlationId())
          .isEqualTo(1);
      assertThat(busy.isClosedByServer()).isTrue();
      closing.join();
      assertThat(server.requests).as("what had not begun is not begun").isEmpty();
    }
  }

  @Test
  void answersAfterTheCloseFreeTheirMemoryAllTheSame() {
    ServerLimits limits =
        ServerLimits.DEFAULTS.toBuilder().closeTimeout(Duration.ofMillis(50)).build();
    TestServer server = new TestServer(limits);
    AtomicInteger released = new AtomicInteger();
    try (RawClient client = server.connect()) {
      client.send(Requests.PRODUCE_VERSION, 1, "c", Requests.produce(1, Requests.records(10_000)));
      client.send(Requests.PRODUCE_VERSION, 2, "c", Requests.produce(1, Requests.records(10_000)));
      KafkaRequest first = server.nextRequest();
      KafkaRequest second = server.nextRequest();
      second.reply(Requests.produceResponse(0), released::incrementAndGet);
      server.server.close();
      assertThat(released).as("never sent").hasValue(1);
      assertThat(server.server.stats().budget().usedBytes()).isEqualTo(first.sizeBytes());
      first.reply(Requests.produceResponse(0), released::incrementAndGet);
      assertThat(released).hasValue(2);
    }
    server.close();
  }

  @Test
  void portsAreTakenBeforeAnythingIsServed() throws Exception {
    KafkaServerConfig config =
        KafkaServerConfig.of(
            List.of(
                new ListenerConfig("INTERNAL", "127.0.0.1", 0),
                new ListenerConfig("EXTERNAL", "", 0)),
            1,
            ServerLimits.DEFAULTS);
    try (KafkaServer server = KafkaServer.bind(config, new SystemClock())) {
      assertThat(server.boundPort("INTERNAL")).isNotEqualTo(server.boundPort("EXTERNAL"));
      try (RawClient early = new RawClient(server.boundPort("EXTERNAL"))) {
        early.send(Requests.METADATA_VERSION, 1, "c", Requests.metadata());
        server.start(
            ServedApis.allVersionsOf(List.of(ApiKeys.METADATA)),
            request -> request.reply(Requests.metadataResponse(request.connection().listener())));
        early.receive(ApiKeys.METADATA, Requests.METADATA_VERSION);
        assertThat(server.stats().connectionsByListener())
            .containsEntry("EXTERNAL", 1)
            .containsEntry("INTERNAL", 0);
      }
    }
  }

  @Test
  void anAddressThatIsNotOursIsNamed() {
    KafkaServerConfig config =
        KafkaServerConfig.of(
            List.of(new ListenerConfig("L", "192.0.2.1", 0)), 1, ServerLimits.DEFAULTS);
    BindFailedException failure = bindFailure(config);
    assertThat(failure.reason()).isEqualTo(BindFailedException.Reason.NO_SUCH_ADDRESS);
    assertThat(failure).hasMessageContaining("192.0.2.1");
    KafkaServerConfig unknown =
        KafkaServerConfig.of(
            List.of(new ListenerConfig("L", "no-such-host.invalid", 0)), 1, ServerLimits.DEFAULTS);
    assertThat(bindFailure(unknown).reason()).isEqualTo(BindFailedException.Reason.NO_SUCH_ADDRESS);
  }

  private static BindFailedException bindFailure(KafkaServerConfig config) {
    try {
      KafkaServer.bind(config, new SystemClock()).close();
    } catch (BindFailedException e) {
      return e;
    }
    throw new AssertionError("bound");
  }

  @Test
  void fiftyStartsAndStopsLeaveNoThread() {
    for (int i = 0; i < 50; i++) {
      try (TestServer server =
              new TestServer(
                  ServerLimits.DEFAULTS,
                  new SystemClock(),
                  i % 2 == 0 ? Transport.AUTO : Transport.NIO);
          RawClient client = server.connect()) {
        client.send(Requests.METADATA_VERSION, 1, "c", Requests.metadata());
        server.nextRequest().reply(Requests.metadataResponse("x"));
        client.receive(ApiKeys.METADATA, Requests.METADATA_VERSION);
      }
    }
    TestServer.await(
        "no thread is left: a closed loop's last thread is about to end",
        () ->
            Thread.getAllStackTraces().keySet().stream()
                .noneMatch(thread -> thread.getName().startsWith("test-network")));
  }
}
