package io.spillway.protocol.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.protocol.ManualClock;
import io.spillway.protocol.codec.RecordSlices;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.message.FetchRequestData;
import org.apache.kafka.common.message.FetchResponseData;
import org.apache.kafka.common.message.FetchResponseData.FetchableTopicResponse;
import org.apache.kafka.common.message.FetchResponseData.PartitionData;
import org.apache.kafka.common.protocol.ApiKeys;
import org.junit.jupiter.api.Test;

class ServerLimitsTest {

  /** Short ones, so that the server looks often; a manual clock decides when they are over. */
  private static final ServerLimits TIMEOUTS =
      ServerLimits.DEFAULTS.toBuilder()
          .idleTimeout(Duration.ofMillis(40))
          .progressWindow(Duration.ofMillis(40))
          .writeTimeout(Duration.ofMillis(40))
          .build();

  private static void advanceUntilClosed(TestServer server, ManualClock clock, CloseReason reason) {
    TestServer.await(
        "closed as " + reason,
        () -> {
          clock.advance(Duration.ofMillis(1));
          return server.server.stats().closed(reason) > 0;
        });
  }

  @Test
  void idleConnectionsAreClosedAndBusyOnesAreNot() {
    ManualClock clock = new ManualClock();
    try (TestServer server = new TestServer(TIMEOUTS, clock, Transport.AUTO);
        RawClient busy = server.connect()) {
      busy.send(Requests.METADATA_VERSION, 1, "busy", Requests.metadata());
      KafkaRequest request = server.nextRequest();
      try (RawClient idle = server.connect()) {
        advanceUntilClosed(server, clock, CloseReason.IDLE);
        assertThat(idle.isClosedByServer()).isTrue();
      }
      request.reply(Requests.metadataResponse("x"));
      busy.receive(ApiKeys.METADATA, Requests.METADATA_VERSION);
    }
  }

  @Test
  void aHalfSentRequestIsGivenUp() {
    ManualClock clock = new ManualClock();
    try (TestServer server = new TestServer(TIMEOUTS, clock, Transport.NIO);
        RawClient client = server.connect()) {
      client.sendRaw(ByteBuffer.allocate(30).putInt(50_000_000).array());
      TestServer.await("reserved", () -> server.server.stats().budget().usedBytes() > 0);
      advanceUntilClosed(server, clock, CloseReason.STALLED_FRAME);
      assertThat(client.isClosedByServer()).isTrue();
      TestServer.await("given back", () -> server.server.stats().budget().usedBytes() == 0);
    }
  }

  @Test
  void aPeerThatNeverReadsIsGivenUp() {
    ManualClock clock = new ManualClock();
    try (TestServer server = new TestServer(TIMEOUTS, clock, Transport.AUTO);
        RawClient client = new RawClient(server.port(), 64 * 1024)) {
      client.send((short) 17, 1, "c", new FetchRequestData());
      PartitionData partition =
          new PartitionData()
              .setRecords(new RecordSlices(List.of(ByteBuffer.allocateDirect(32 << 20))));
      server
          .nextRequest()
          .reply(
              new FetchResponseData()
                  .setResponses(
                      List.of(
                          new FetchableTopicResponse()
                              .setTopicId(new Uuid(1, 2))
                              .setPartitions(List.of(partition)))));
      advanceUntilClosed(server, clock, CloseReason.SLOW_READER);
    }
  }

  @Test
  void aGiantOrNegativeLengthClosesTheConnection() {
    try (TestServer server = new TestServer(ServerLimits.DEFAULTS)) {
      for (int length : new int[] {Integer.MAX_VALUE, -1, 0, 100 * 1024 * 1024 + 1}) {
        try (RawClient client = server.connect()) {
          client.sendRaw(ByteBuffer.allocate(4).putInt(length).array());
          assertThat(client.isClosedByServer()).isTrue();
        }
      }
      TestServer.await(
          "counted", () -> server.server.stats().closed(CloseReason.BAD_FRAME_LENGTH) == 4);
    }
  }

  @Test
  void refusesConnectionsAboveTheLimits() {
    ServerLimits limits = ServerLimits.DEFAULTS.toBuilder().maxConnections(2).build();
    try (TestServer server = new TestServer(limits)) {
      try (RawClient first = server.connect();
          RawClient second = server.connect()) {
        serve(server, first);
        serve(server, second);
        try (RawClient third = server.connect()) {
          assertThat(third.isClosedByServer()).isTrue();
        }
      }
      TestServer.await("both gone", () -> server.server.stats().connections("PLAINTEXT") == 0);
      try (RawClient later = server.connect()) {
        serve(server, later);
      }
      assertThat(server.server.stats().closed())
          .containsEntry(CloseReason.TOO_MANY_CONNECTIONS, 1L);
    }
    ServerLimits perIp = ServerLimits.DEFAULTS.toBuilder().maxConnectionsPerIp(1).build();
    try (TestServer server = new TestServer(perIp);
        RawClient first = server.connect()) {
      serve(server, first);
      try (RawClient second = server.connect()) {
        assertThat(second.isClosedByServer()).isTrue();
      }
      assertThat(server.server.stats().closed())
          .containsEntry(CloseReason.TOO_MANY_CONNECTIONS_PER_IP, 1L);
    }
  }

  private static void serve(TestServer server, RawClient client) {
    client.send(Requests.METADATA_VERSION, 1, "c", Requests.metadata());
    server.nextRequest().reply(Requests.metadataResponse("x"));
    client.receive(ApiKeys.METADATA, Requests.METADATA_VERSION);
  }

  @Test
  void aClientThatTakesTheWholeBudgetDoesNotShutOthersOut() {
    int frame = 100_000;
    ServerLimits limits =
        ServerLimits.DEFAULTS.toBuilder().maxRequestBytes(200_000).inflightBytes(1_000_000).build();
    try (TestServer server = new TestServer(limits)) {
      List<RawClient> hogs = new ArrayList<>();
      try {
        for (int i = 0; i < 20; i++) {
          RawClient hog = server.connect();
          hogs.add(hog);
          hog.send(Requests.METADATA_VERSION, 0, "hog", Requests.metadata());
          server.nextRequest().reply(Requests.metadataResponse("x"));
          hog.receive(ApiKeys.METADATA, Requests.METADATA_VERSION);
        }
        for (RawClient hog : hogs) {
          hog.send(
              Requests.PRODUCE_VERSION, 1, "hog", Requests.produce(1, Requests.records(frame)));
        }
        TestServer.await("budget used up", () -> server.server.stats().budget().waiting() >= 13);
        List<KafkaRequest> held = new ArrayList<>();
        while (!server.requests.isEmpty()) {
          held.add(server.nextRequest());
        }
        assertThat(held).hasSizeBetween(5, 7);

        try (RawClient good = server.connect()) {
          good.send(
              Requests.PRODUCE_VERSION, 1, "good", Requests.produce(1, Requests.records(frame)));
          KafkaRequest request = server.nextRequest();
          assertThat(request.clientId()).isEqualTo("good");
          request.reply(Requests.produceResponse(0));
          good.receive(ApiKeys.PRODUCE, Requests.PRODUCE_VERSION);
        }
        held.forEach(request -> request.reply(Requests.produceResponse(0)));
        for (int i = held.size(); i < hogs.size(); i++) {
          server.nextRequest().reply(Requests.produceResponse(0));
        }
        for (RawClient hog : hogs) {
          hog.receive(ApiKeys.PRODUCE, Requests.PRODUCE_VERSION);
        }
        assertThat(server.server.stats().budget().peakBytes()).isLessThanOrEqualTo(1_000_000);
      } finally {
        hogs.forEach(RawClient::close);
      }
    }
  }

  @Test
  void anAddressWithAnOverrideHasItsOwnNumberOfConnections() throws IOException {
    InetAddress here = InetAddress.getLoopbackAddress();
    ServerLimits limits =
        ServerLimits.DEFAULTS.toBuilder()
            .maxConnectionsPerIp(0)
            .maxConnectionsPerIpOverrides(Map.of(here, 1))
            .build();
    try (TestServer server = new TestServer(limits);
        RawClient first = server.connect()) {
      serve(server, first);
      try (RawClient second = server.connect()) {
        assertThat(second.isClosedByServer()).isTrue();
      }
      serve(server, first);
    }
  }

  @Test
  void twoThousandIdleConnectionsHoldNoBuffers() throws IOException {
    List<SocketChannel> idle = new ArrayList<>();
    try (TestServer server = new TestServer(ServerLimits.DEFAULTS)) {
      try {
        InetSocketAddress address =
            new InetSocketAddress(InetAddress.getLoopbackAddress(), server.port());
        for (int i = 0; i < 2_000; i++) {
          idle.add(SocketChannel.open(address));
        }
        TestServer.await("accepted", () -> server.server.stats().acceptedTotal() == 2_000);
        assertThat(server.server.stats().pooledBytes()).isZero();
        try (RawClient client = server.connect()) {
          serve(server, client);
        }
      } finally {
        for (SocketChannel channel : idle) {
          channel.close();
        }
      }
    }
  }
}
