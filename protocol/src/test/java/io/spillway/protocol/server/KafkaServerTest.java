package io.spillway.protocol.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.spillway.protocol.server.RawClient.Response;
import io.spillway.runtime.SystemClock;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import org.apache.kafka.common.message.ApiVersionsRequestData;
import org.apache.kafka.common.message.ApiVersionsResponseData;
import org.apache.kafka.common.message.ApiVersionsResponseData.ApiVersion;
import org.apache.kafka.common.message.MetadataResponseData;
import org.apache.kafka.common.message.ProduceResponseData;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class KafkaServerTest {

  @ParameterizedTest
  @EnumSource(Transport.class)
  void answersARequestOnEitherTransport(Transport transport) {
    try (TestServer server = new TestServer(ServerLimits.DEFAULTS, new SystemClock(), transport);
        RawClient client = server.connect()) {
      client.send(Requests.METADATA_VERSION, 7, "c1", Requests.metadata());
      KafkaRequest request = server.nextRequest();
      assertThat(request.apiKey()).isEqualTo(ApiKeys.METADATA);
      assertThat(request.clientId()).isEqualTo("c1");
      assertThat(request.connection().listener()).isEqualTo(TestServer.LISTENER);
      CountDownLatch released = new CountDownLatch(1);
      request.reply(Requests.metadataResponse("cluster"), released::countDown);

      Response<MetadataResponseData> response =
          client.receive(ApiKeys.METADATA, Requests.METADATA_VERSION);
      assertThat(response.correlationId()).isEqualTo(7);
      assertThat(response.body().clusterId()).isEqualTo("cluster");
      TestServer.await("released", () -> released.getCount() == 0);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 100, 4_000, 5_000, 70_000, 3_000_000})
  void receivesRecordsOfEverySizeUnharmed(int valueBytes) {
    try (TestServer server = new TestServer(ServerLimits.DEFAULTS);
        RawClient client = server.connect()) {
      MemoryRecords records = Requests.records(valueBytes);
      for (int i = 0; i < 3; i++) {
        client.send(Requests.PRODUCE_VERSION, i, "c1", Requests.produce(-1, records));
      }
      for (int i = 0; i < 3; i++) {
        KafkaRequest request = server.nextRequest();
        assertThat(Requests.producedBytes(request)).isEqualTo(records.buffer());
        request.reply(Requests.produceResponse(i));
      }
      for (int i = 0; i < 3; i++) {
        Response<ProduceResponseData> response =
            client.receive(ApiKeys.PRODUCE, Requests.PRODUCE_VERSION);
        assertThat(response.correlationId()).isEqualTo(i);
        assertThat(response.body().throttleTimeMs()).isEqualTo(i);
      }
    }
  }

  @Test
  void pipelinedProducesAreAnsweredInOrderWhateverOrderTheyFinishIn() {
    try (TestServer server = new TestServer(ServerLimits.DEFAULTS);
        RawClient client = server.connect()) {
      for (int i = 0; i < 5; i++) {
        client.send(Requests.PRODUCE_VERSION, i, "c1", Requests.produce(-1, Requests.records(10)));
      }
      List<KafkaRequest> requests = new ArrayList<>();
      for (int i = 0; i < 5; i++) {
        requests.add(server.nextRequest());
      }
      for (int i = 4; i >= 0; i--) {
        requests.get(i).reply(Requests.produceResponse(100 + i));
      }
      for (int i = 0; i < 5; i++) {
        Response<ProduceResponseData> response =
            client.receive(ApiKeys.PRODUCE, Requests.PRODUCE_VERSION);
        assertThat(response.correlationId()).isEqualTo(i);
        assertThat(response.body().throttleTimeMs()).isEqualTo(100 + i);
      }
    }
  }

  @Test
  void everyOtherApiIsABarrier() {
    try (TestServer server = new TestServer(ServerLimits.DEFAULTS);
        RawClient client = server.connect()) {
      client.send(Requests.PRODUCE_VERSION, 0, "c1", Requests.produce(-1, Requests.records(10)));
      client.send(Requests.METADATA_VERSION, 1, "c1", Requests.metadata());
      client.send(Requests.PRODUCE_VERSION, 2, "c1", Requests.produce(-1, Requests.records(10)));
      KafkaRequest produce = server.nextRequest();
      TestServer.await("all frames arrived", () -> server.server.stats().bytesIn() > 250);
      assertThat(server.requests).isEmpty();
      produce.reply(Requests.produceResponse(0));

      KafkaRequest metadata = server.nextRequest();
      assertThat(metadata.apiKey()).isEqualTo(ApiKeys.METADATA);
      assertThat(client.receive(ApiKeys.PRODUCE, Requests.PRODUCE_VERSION).correlationId())
          .isZero();
      assertThat(server.requests).isEmpty();
      metadata.reply(Requests.metadataResponse("x"));

      server.nextRequest().reply(Requests.produceResponse(0));
      client.receive(ApiKeys.METADATA, Requests.METADATA_VERSION);
      assertThat(client.receive(ApiKeys.PRODUCE, Requests.PRODUCE_VERSION).correlationId())
          .isEqualTo(2);
    }
  }

  @Test
  void anUnknownVersionOfApiVersionsIsToldTheServedRanges() {
    try (TestServer server = new TestServer(ServerLimits.DEFAULTS);
        RawClient client = server.connect()) {
      byte[] request = RawClient.encode((short) 3, 9, "new", new ApiVersionsRequestData()).array();
      request[7] = 99;
      client.sendRaw(request);
      Response<ApiVersionsResponseData> response = client.receive(ApiKeys.API_VERSIONS, (short) 0);
      assertThat(response.correlationId()).isEqualTo(9);
      assertThat(response.body().errorCode()).isEqualTo(Errors.UNSUPPORTED_VERSION.code());
      ApiVersion own = response.body().apiKeys().find(ApiKeys.API_VERSIONS.id);
      assertThat(own.maxVersion()).isEqualTo(ApiKeys.API_VERSIONS.latestVersion());
      assertThat(response.body().apiKeys()).hasSize(4);

      client.send((short) 4, 10, "new", new ApiVersionsRequestData());
      KafkaRequest again = server.nextRequest();
      assertThat(again.apiVersion()).isEqualTo((short) 4);
      again.reply(new ApiVersionsResponseData());
      assertThat(client.receive(ApiKeys.API_VERSIONS, (short) 4).correlationId()).isEqualTo(10);
    }
  }

  @Test
  void aPortInUseIsNamed() {
    try (TestServer server = new TestServer(ServerLimits.DEFAULTS)) {
      ListenerConfig taken = new ListenerConfig("SECOND", "127.0.0.1", server.port());
      KafkaServerConfig config = KafkaServerConfig.of(List.of(taken), 1, ServerLimits.DEFAULTS);
      assertThatThrownBy(() -> KafkaServer.bind(config, new SystemClock()))
          .isInstanceOfSatisfying(
              BindFailedException.class,
              e -> {
                assertThat(e.reason()).isEqualTo(BindFailedException.Reason.PORT_IN_USE);
                assertThat(e.port()).isEqualTo(server.port());
              })
          .hasMessageContaining("SECOND")
          .hasMessageContaining("127.0.0.1:" + server.port());
    }
  }
}
