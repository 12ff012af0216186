package io.spillway.clients;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.embed.Broker;
import io.spillway.peers.BrokerProcess;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.message.ApiVersionsRequestData;
import org.apache.kafka.common.message.ApiVersionsResponseData;
import org.apache.kafka.common.message.FetchRequestData;
import org.apache.kafka.common.message.JoinGroupRequestData;
import org.apache.kafka.common.message.MetadataRequestData;
import org.apache.kafka.common.message.MetadataResponseData;
import org.apache.kafka.common.message.RequestHeaderData;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.protocol.MessageUtil;
import org.apache.kafka.common.serialization.StringSerializer;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** G6, G7: what a broken or hostile client sends harms nobody else. */
class HostileClientsTest {

  private static final int CONNECTIONS = 2_000;
  private static final int BUDGET_BYTES = 16 << 20;
  private static final int HALF_SENT_BYTES = 64 << 10;

  private static Broker broker;

  @BeforeAll
  static void start() {
    broker = Broker.builder().temporaryDirectory().start();
  }

  @AfterAll
  static void stop() {
    broker.close();
  }

  @Test
  void randomAndMutatedFramesCloseTheirOwnConnectionOnly() throws Exception {
    long seed = Long.getLong("fuzz.seed", System.nanoTime());
    System.out.println("fuzz.seed=" + seed);
    Random random = new Random(seed);
    for (int i = 0; i < 2_000; i++) {
      byte[] frame = i % 2 == 0 ? randomFrame(random) : mutatedFrame(random);
      try (WireClient client = new WireClient(broker.bootstrapServers())) {
        client.sendRaw(frame);
      } catch (IOException e) {
        // The broker may close while we still write.
      }
      if (i % 500 == 0) {
        assertServesGoodClients("seed " + seed + " round " + i);
      }
    }
    assertServesGoodClients("seed " + seed);
  }

  @Test
  void giantAndNegativeLengthsCloseTheConnectionAtOnce() throws Exception {
    for (int length : new int[] {Integer.MAX_VALUE, -1, Integer.MIN_VALUE, 200_000_000}) {
      try (WireClient client = new WireClient(broker.bootstrapServers())) {
        client.sendRaw(ByteBuffer.allocate(4).putInt(length).array());
        assertThat(client.isClosedByBroker()).as("length %d", length).isTrue();
      }
    }
    assertServesGoodClients("after giant lengths");
  }

  @Test
  void manyHalfSentRequestsAndIdleConnectionsDoNotStopOthers() throws Exception {
    List<WireClient> clients = new ArrayList<>();
    try {
      for (int i = 0; i < 300; i++) {
        WireClient client = new WireClient(broker.bootstrapServers());
        clients.add(client);
        if (i % 2 == 0) {
          client.sendRaw(new byte[] {0, 0, 1, 0, 0, 3});
        }
      }
      assertServesGoodClients("beside 300 connections");
    } finally {
      for (WireClient client : clients) {
        client.close();
      }
    }
  }

  /**
   * One client id has a thousand connections that each begin a frame and never end it, four times
   * what requests may take; a thousand others say nothing at all.
   */
  @Tag("full")
  @Test
  void twoThousandIdleConnectionsStayWithinTheBudgetBesideGoodClients_G7() throws Exception {
    List<WireClient> clients = new ArrayList<>();
    try (Broker small =
        Broker.builder()
            .temporaryDirectory()
            .set("metrics.listener", "127.0.0.1:0")
            .set("queued.max.request.bytes", Integer.toString(BUDGET_BYTES))
            .set("socket.request.max.bytes", Integer.toString(BUDGET_BYTES / 8))
            .set("request.receive.timeout.ms", "600000")
            .start()) {
      int port = small.metricsPort().orElseThrow();
      for (int i = 0; i < CONNECTIONS; i++) {
        WireClient client = new WireClient(small.bootstrapServers());
        clients.add(client);
        if (i % 2 == 0) {
          client.call(ApiKeys.METADATA, 12, noTopics(), MetadataResponseData.class); // its name
          client.sendRaw(ByteBuffer.allocate(6).putInt(HALF_SENT_BYTES).array());
        }
      }
      // One holds what its client id may, or waits for it.
      double begun = CONNECTIONS / 2;
      double held = 0;
      double waits = 0;
      while (held / HALF_SENT_BYTES + waits < begun) {
        Thread.sleep(20);
        held = BrokerProcess.metric(port, "spillway_request_budget_used_bytes");
        waits = BrokerProcess.metric(port, "spillway_request_budget_waits_total");
      }
      for (int i = 0; i < 3; i++) {
        assertServesGoodClients(small, "beside " + CONNECTIONS + " connections");
        assertThat(BrokerProcess.metric(port, "spillway_connections{"))
            .isGreaterThanOrEqualTo(CONNECTIONS);
        assertThat(BrokerProcess.metric(port, "spillway_request_budget_used_bytes"))
            .isBetween(BUDGET_BYTES / 2.0, (double) BUDGET_BYTES);
        assertThat(BrokerProcess.metric(port, "spillway_network_buffer_bytes"))
            .as("with what was read of a frame that waits")
            .isLessThan(BUDGET_BYTES + CONNECTIONS * 4096.0);
      }
    } finally {
      for (WireClient client : clients) {
        client.close();
      }
    }
  }

  private static MetadataRequestData noTopics() {
    return new MetadataRequestData().setTopics(List.of());
  }

  @Test
  void anUnknownApiVersionsVersionGetsTheFirstVersionsAnswerWithTheRanges() throws Exception {
    try (WireClient client = new WireClient(broker.bootstrapServers())) {
      RequestHeaderData header =
          new RequestHeaderData()
              .setRequestApiKey(ApiKeys.API_VERSIONS.id)
              .setRequestApiVersion((short) 99)
              .setCorrelationId(5)
              .setClientId("future");
      client.sendRaw(frame(header, (short) 2, new ApiVersionsRequestData(), (short) 3));
      ByteBuffer response = client.receive();
      assertThat(response.getInt()).isEqualTo(5);
      ApiVersionsResponseData data =
          (ApiVersionsResponseData)
              WireClient.parse(response.slice(), ApiKeys.API_VERSIONS, 0).data();
      assertThat(Errors.forCode(data.errorCode())).isEqualTo(Errors.UNSUPPORTED_VERSION);
      assertThat(data.apiKeys().find(ApiKeys.API_VERSIONS.id)).isNotNull();
    }
  }

  /** KIP-1242: answers as Apache Kafka 4.4 gives them. */
  @Test
  void aClientThatMeansAnotherBrokerIsSentToLookForItsClusterAnew() throws Exception {
    try (WireClient client = new WireClient(broker.bootstrapServers())) {
      String cluster =
          client.call(ApiKeys.METADATA, 12, noTopics(), MetadataResponseData.class).clusterId();
      assertThat(apiVersions(client, null, -1)).isEqualTo(Errors.NONE);
      assertThat(apiVersions(client, cluster, 1)).isEqualTo(Errors.NONE);
      assertThat(apiVersions(client, cluster, 7)).isEqualTo(Errors.REBOOTSTRAP_REQUIRED);
      assertThat(apiVersions(client, "other", 1)).isEqualTo(Errors.REBOOTSTRAP_REQUIRED);
      assertThat(apiVersions(client, cluster, -1)).isEqualTo(Errors.INVALID_REQUEST);
      assertThat(apiVersions(client, null, 1)).isEqualTo(Errors.INVALID_REQUEST);
    }
  }

  private static Errors apiVersions(WireClient client, @Nullable String cluster, int node)
      throws IOException {
    ApiVersionsRequestData request =
        new ApiVersionsRequestData()
            .setClientSoftwareName("wire")
            .setClientSoftwareVersion("1")
            .setClusterId(cluster)
            .setNodeId(node);
    return Errors.forCode(
        client.call(ApiKeys.API_VERSIONS, 5, request, ApiVersionsResponseData.class).errorCode());
  }

  @Test
  void anUnknownApiClosesTheConnection() throws Exception {
    for (short key : new short[] {ApiKeys.WRITE_TXN_MARKERS.id, 999, -1}) {
      try (WireClient client = new WireClient(broker.bootstrapServers())) {
        client.sendRaw(
            ByteBuffer.allocate(14)
                .putInt(10)
                .putShort(key)
                .putShort((short) 0)
                .putInt(1)
                .putShort((short) -1)
                .array());
        assertThat(client.isClosedByBroker()).as("api %d", key).isTrue();
      }
    }
    assertServesGoodClients("after unknown APIs");
  }

  private static byte[] randomFrame(Random random) {
    byte[] body = new byte[random.nextInt(300)];
    random.nextBytes(body);
    ByteBuffer frame = ByteBuffer.allocate(4 + body.length);
    return frame.putInt(random.nextInt(4) == 0 ? random.nextInt() : body.length).put(body).array();
  }

  private static byte[] mutatedFrame(Random random) {
    List<ApiMessage> bodies =
        List.of(
            new MetadataRequestData(),
            new FetchRequestData(),
            new JoinGroupRequestData().setGroupId("g").setProtocolType("consumer"));
    List<ApiKeys> keys = List.of(ApiKeys.METADATA, ApiKeys.FETCH, ApiKeys.JOIN_GROUP);
    int which = random.nextInt(bodies.size());
    short version = keys.get(which).latestVersion();
    RequestHeaderData header =
        new RequestHeaderData()
            .setRequestApiKey(keys.get(which).id)
            .setRequestApiVersion(version)
            .setClientId("fuzz");
    byte[] frame =
        frame(header, keys.get(which).requestHeaderVersion(version), bodies.get(which), version);
    for (int i = 0; i < 1 + random.nextInt(4); i++) {
      frame[4 + random.nextInt(frame.length - 4)] = (byte) random.nextInt();
    }
    return frame;
  }

  private static byte[] frame(
      RequestHeaderData header, short headerVersion, ApiMessage body, short version) {
    ByteBuffer head = MessageUtil.toByteBufferAccessor(header, headerVersion).buffer();
    ByteBuffer tail = MessageUtil.toByteBufferAccessor(body, version).buffer();
    int length = head.remaining() + tail.remaining();
    return ByteBuffer.allocate(4 + length).putInt(length).put(head).put(tail).array();
  }

  private static void assertServesGoodClients(String when) throws Exception {
    assertServesGoodClients(broker, when);
  }

  private static void assertServesGoodClients(Broker broker, String when) throws Exception {
    try (KafkaProducer<String, String> producer =
        new KafkaProducer<>(
            Map.of("bootstrap.servers", broker.bootstrapServers()),
            new StringSerializer(),
            new StringSerializer())) {
      assertThat(producer.send(new ProducerRecord<>("good", "still", "here")).get().hasOffset())
          .as(when)
          .isTrue();
    }
  }
}
