package io.spillway.protocol.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.spillway.protocol.codec.RecordSlices;
import io.spillway.protocol.frame.ReadPause;
import io.spillway.protocol.server.RawClient.Response;
import io.spillway.runtime.SystemClock;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.message.FetchRequestData;
import org.apache.kafka.common.message.FetchResponseData;
import org.apache.kafka.common.message.FetchResponseData.FetchableTopicResponse;
import org.apache.kafka.common.message.FetchResponseData.PartitionData;
import org.apache.kafka.common.message.MetadataResponseData;
import org.apache.kafka.common.message.ProduceResponseData;
import org.apache.kafka.common.protocol.ApiKeys;
import org.junit.jupiter.api.Test;

class ConnectionTest {

  private static final short FETCH = 17;
  private static final int MIB = 1 << 20;

  private static FetchResponseData fetchResponse(int recordBytes) {
    ByteBuffer memory = ByteBuffer.allocateDirect(recordBytes);
    PartitionData partition = new PartitionData().setRecords(new RecordSlices(List.of(memory)));
    return new FetchResponseData()
        .setResponses(
            List.of(
                new FetchableTopicResponse()
                    .setTopicId(new Uuid(1, 2))
                    .setPartitions(List.of(partition))));
  }

  private static void produce(RawClient client, int correlationId, int acks, int bytes) {
    client.send(
        Requests.PRODUCE_VERSION,
        correlationId,
        "c",
        Requests.produce(acks, Requests.records(bytes)));
  }

  private static int nextProduceAnswer(RawClient client) {
    return client.receive(ApiKeys.PRODUCE, Requests.PRODUCE_VERSION).correlationId();
  }

  @Test
  void silenceTakesItsPlaceInTheOrder() {
    try (TestServer server = new TestServer(ServerLimits.DEFAULTS);
        RawClient client = server.connect()) {
      produce(client, 1, 1, 10);
      produce(client, 2, 0, 10);
      produce(client, 3, 1, 10);
      KafkaRequest first = server.nextRequest();
      server.nextRequest().replyNothing();
      server.nextRequest().reply(Requests.produceResponse(0));
      first.reply(Requests.produceResponse(0));
      assertThat(nextProduceAnswer(client)).isEqualTo(1);
      assertThat(nextProduceAnswer(client)).isEqualTo(3);
      assertThat(server.server.stats().budget().usedBytes()).isZero();
    }
  }

  @Test
  void aRetainedRequestKeepsItsBytesBeyondTheAnswer() {
    try (TestServer server = new TestServer(ServerLimits.DEFAULTS);
        RawClient client = server.connect()) {
      produce(client, 1, 1, 10_000);
      KafkaRequest request = server.nextRequest();
      ByteBuffer before = ByteBuffer.allocate(Requests.producedBytes(request).remaining());
      before.put(Requests.producedBytes(request).duplicate()).flip();
      Runnable done = request.retain();
      request.reply(Requests.produceResponse(0));
      assertThat(nextProduceAnswer(client)).isEqualTo(1);
      assertThat(Requests.producedBytes(request)).isEqualTo(before);
      assertThat(server.server.stats().budget().usedBytes()).isEqualTo(request.sizeBytes());
      done.run();
      done.run();
      assertThat(server.server.stats().budget().usedBytes()).isZero();
    }
  }

  @Test
  void aSecondAnswerIsRefusedAndItsReleaseRuns() {
    try (TestServer server = new TestServer(ServerLimits.DEFAULTS);
        RawClient client = server.connect()) {
      client.send(Requests.METADATA_VERSION, 1, "c", Requests.metadata());
      KafkaRequest request = server.nextRequest();
      AtomicInteger released = new AtomicInteger();
      request.reply(Requests.metadataResponse("a"), released::incrementAndGet);
      assertThatThrownBy(
              () -> request.reply(Requests.metadataResponse("b"), released::incrementAndGet))
          .isInstanceOf(IllegalStateException.class);
      assertThatThrownBy(request::replyNothing).isInstanceOf(IllegalStateException.class);
      client.receive(ApiKeys.METADATA, Requests.METADATA_VERSION);
      TestServer.await("both released", () -> released.get() == 2);
    }
  }

  @Test
  void aMutedClientIsServedNothingFurtherUntilItsTimeIsOver() {
    try (TestServer server = new TestServer(ServerLimits.DEFAULTS);
        RawClient client = server.connect()) {
      client.send(Requests.METADATA_VERSION, 1, "c", Requests.metadata());
      client.send(Requests.METADATA_VERSION, 2, "c", Requests.metadata());
      KafkaRequest first = server.nextRequest();
      long muteNanos = Duration.ofMillis(150).toNanos();
      first.mute(muteNanos);
      long from = System.nanoTime();
      first.reply(Requests.metadataResponse("x"));
      assertThat(client.receive(ApiKeys.METADATA, Requests.METADATA_VERSION).correlationId())
          .isEqualTo(1);
      KafkaRequest second = server.nextRequest();
      assertThat(System.nanoTime() - from).isGreaterThanOrEqualTo(muteNanos);
      second.reply(Requests.metadataResponse("y"));
      client.receive(ApiKeys.METADATA, Requests.METADATA_VERSION);
      assertThat(server.server.stats().pauses()).containsEntry(ReadPause.MUTED, 1L);
    }
  }

  @Test
  void onlySoManyRequestsAreBuffered() {
    ServerLimits limits = ServerLimits.DEFAULTS.toBuilder().maxBufferedRequests(3).build();
    try (TestServer server = new TestServer(limits);
        RawClient client = server.connect()) {
      int requests = 200;
      for (int i = 0; i < requests; i++) {
        client.send(Requests.METADATA_VERSION, i, "c", Requests.metadata());
      }
      TestServer.await("paused", () -> server.server.stats().pauses(ReadPause.BUFFERED) > 0);
      int frameBytes = 0;
      for (int i = 0; i < requests; i++) {
        KafkaRequest request = server.nextRequest();
        frameBytes = Math.max(frameBytes, request.sizeBytes());
        assertThat(server.requests).as("a barrier").isEmpty();
        request.reply(Requests.metadataResponse("x"));
      }
      for (int i = 0; i < requests; i++) {
        assertThat(client.receive(ApiKeys.METADATA, Requests.METADATA_VERSION).correlationId())
            .isEqualTo(i);
      }
      assertThat(server.server.stats().budget().peakBytes()).isLessThanOrEqualTo(5L * frameBytes);
    }
  }

  @Test
  void producesOverlapOnlyUpToTheBound() {
    ServerLimits limits = ServerLimits.DEFAULTS.toBuilder().maxPipelinedProduces(2).build();
    try (TestServer server = new TestServer(limits);
        RawClient client = server.connect()) {
      for (int i = 0; i < 4; i++) {
        produce(client, i, 1, 10);
      }
      KafkaRequest first = server.nextRequest();
      KafkaRequest second = server.nextRequest();
      TestServer.await(
          "all arrived", () -> server.server.stats().budget().usedBytes() > 3L * first.sizeBytes());
      assertThat(server.requests).isEmpty();
      second.reply(Requests.produceResponse(0));
      assertThat(server.requests).as("the order holds the second's place").isEmpty();
      first.reply(Requests.produceResponse(0));
      server.nextRequest().reply(Requests.produceResponse(0));
      server.nextRequest().reply(Requests.produceResponse(0));
      for (int i = 0; i < 4; i++) {
        assertThat(nextProduceAnswer(client)).isEqualTo(i);
      }
    }
  }

  @Test
  void aClientThatDoesNotReadIsServedNoFurther() {
    AtomicInteger handed = new AtomicInteger();
    AtomicInteger released = new AtomicInteger();
    RequestHandler handler =
        request -> {
          handed.incrementAndGet();
          request.reply(fetchResponse(MIB), released::incrementAndGet);
        };
    int requests = 60;
    try (TestServer server =
            new TestServer(ServerLimits.DEFAULTS, new SystemClock(), Transport.AUTO, handler);
        RawClient client = new RawClient(server.port(), 64 * 1024)) {
      for (int i = 0; i < requests; i++) {
        client.send(FETCH, i, "c", new FetchRequestData());
      }
      TestServer.await("stopped", () -> server.server.stats().pauses(ReadPause.UNWRITABLE) > 0);
      int unsent = handed.get() - released.get();
      assertThat(unsent).isLessThanOrEqualTo(3);
      for (int i = 0; i < requests; i++) {
        Response<FetchResponseData> response = client.receive(ApiKeys.FETCH, FETCH);
        assertThat(response.correlationId()).isEqualTo(i);
        assertThat(response.body().responses().get(0).partitions().get(0).records().sizeInBytes())
            .isEqualTo(MIB);
      }
      TestServer.await("all released", () -> released.get() == requests);
      assertThat(handed).hasValue(requests);
    }
  }

  @Test
  void releasesRunOnceWhateverBecomesOfTheConnection() {
    AtomicInteger released = new AtomicInteger();
    int answered = 0;
    try (TestServer server = new TestServer(ServerLimits.DEFAULTS)) {
      for (int round = 0; round < 10; round++) {
        RawClient client = new RawClient(server.port(), 64 * 1024);
        for (int i = 0; i < 4; i++) {
          produce(client, i, 1, 10);
        }
        List<KafkaRequest> requests = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
          requests.add(server.nextRequest());
        }
        requests.get(1).reply(Requests.produceResponse(0), released::incrementAndGet);
        requests.get(0).reply(Requests.produceResponse(0), released::incrementAndGet);
        requests.get(3).reply(Requests.produceResponse(0), released::incrementAndGet);
        client.close();
        ConnectionInfo gone = TestServer.next(server.disconnected);
        assertThat(gone.isOpen()).isFalse();
        requests.get(2).reply(Requests.produceResponse(0), released::incrementAndGet);
        answered += 4;
      }
      int expected = answered;
      TestServer.await("all released", () -> released.get() >= expected);
      assertThat(server.disconnected).isEmpty();
    }
    assertThat(released).hasValue(answered);
  }

  @Test
  void aHalfSentResponseIsReleasedWhenTheClientDies() {
    AtomicInteger released = new AtomicInteger();
    try (TestServer server = new TestServer(ServerLimits.DEFAULTS)) {
      RawClient client = new RawClient(server.port(), 64 * 1024);
      client.send(FETCH, 1, "c", new FetchRequestData());
      server.nextRequest().reply(fetchResponse(32 * MIB), released::incrementAndGet);
      TestServer.await("stuck", () -> server.server.stats().pauses(ReadPause.UNWRITABLE) > 0);
      assertThat(released).hasValue(0);
      client.close();
      TestServer.await("released", () -> released.get() == 1);
    }
    assertThat(released).hasValue(1);
  }

  @Test
  void whatAProducerSentBeforeItClosedIsStillHandedOver() {
    ServerLimits limits = ServerLimits.DEFAULTS.toBuilder().maxPipelinedProduces(1).build();
    try (TestServer server = new TestServer(limits)) {
      RawClient client = server.connect();
      for (int i = 0; i < 5; i++) {
        produce(client, i, 0, 100);
      }
      KafkaRequest first = server.nextRequest();
      client.close();
      TestServer.next(server.disconnected);
      first.replyNothing();
      for (int i = 1; i < 5; i++) {
        KafkaRequest orphan = server.nextRequest();
        assertThat(orphan.correlationId()).isEqualTo(i);
        orphan.replyNothing();
      }
    }
  }

  @Test
  void aHandlerThatThrowsHarmsItsConnectionOnly() {
    RequestHandler handler =
        request -> {
          if ("bad".equals(request.clientId())) {
            throw new IllegalArgumentException("thrown by the test");
          }
          request.reply(Requests.metadataResponse("fine"));
        };
    try (TestServer server =
            new TestServer(ServerLimits.DEFAULTS, new SystemClock(), Transport.AUTO, handler);
        RawClient good = server.connect();
        RawClient bad = server.connect()) {
      bad.send(Requests.METADATA_VERSION, 1, "bad", Requests.metadata());
      assertThat(bad.isClosedByServer()).isTrue();
      good.send(Requests.METADATA_VERSION, 1, "good", Requests.metadata());
      Response<MetadataResponseData> response =
          good.receive(ApiKeys.METADATA, Requests.METADATA_VERSION);
      assertThat(response.body().clusterId()).isEqualTo("fine");
    }
  }

  @Test
  void aResponseThatCannotBeEncodedClosesItsConnectionOnly() {
    AtomicInteger released = new AtomicInteger();
    try (TestServer server = new TestServer(ServerLimits.DEFAULTS);
        RawClient other = server.connect()) {
      for (int connections = 1; connections <= 3; connections++) {
        int count = connections;
        try (RawClient client = server.connect()) {
          client.send(Requests.METADATA_VERSION, 1, "c", Requests.metadata());
          server
              .nextRequest()
              .reply(new ProduceResponseData().setResponses(null), released::incrementAndGet);
          assertThat(client.isClosedByServer()).isTrue();
          TestServer.await("released", () -> released.get() == count);
          TestServer.await(
              "counted", () -> server.server.stats().closed(CloseReason.INTERNAL_ERROR) == count);
        }
      }
      other.send(Requests.METADATA_VERSION, 1, "other", Requests.metadata());
      server.nextRequest().reply(Requests.metadataResponse("fine"));
      Response<MetadataResponseData> response =
          other.receive(ApiKeys.METADATA, Requests.METADATA_VERSION);
      assertThat(response.body().clusterId()).isEqualTo("fine");
    }
  }

  @Test
  void whatIsNotServedClosesTheConnection() {
    try (TestServer server = new TestServer(ServerLimits.DEFAULTS);
        RawClient unknown = server.connect();
        RawClient malformed = server.connect();
        RawClient good = server.connect()) {
      byte[] request =
          RawClient.encode(Requests.METADATA_VERSION, 1, "old", Requests.metadata()).array();
      byte[] otherVersion = request.clone();
      otherVersion[7] = 99;
      assertThat(unknown.sendRaw(otherVersion).isClosedByServer()).isTrue();
      byte[] nonsense = request.clone();
      nonsense[18] = 0x7f; // as many topics, in a request that has no room for them
      assertThat(malformed.sendRaw(nonsense).isClosedByServer()).isTrue();
      good.sendRaw(request);
      server.nextRequest().reply(Requests.metadataResponse("x"));
      good.receive(ApiKeys.METADATA, Requests.METADATA_VERSION);
      TestServer.await("counted", () -> server.server.stats().connections("PLAINTEXT") == 1);
      assertThat(server.server.stats().closed())
          .containsEntry(CloseReason.NOT_SERVED, 1L)
          .containsEntry(CloseReason.MALFORMED_REQUEST, 1L);
    }
  }
}
