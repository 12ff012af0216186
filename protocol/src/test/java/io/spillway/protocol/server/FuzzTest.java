package io.spillway.protocol.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.runtime.SystemClock;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Random;
import org.apache.kafka.common.message.ApiVersionsRequestData;
import org.apache.kafka.common.message.FetchRequestData;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ApiMessage;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class FuzzTest {

  private static final int CLIENTS = 150;

  @ParameterizedTest
  @ValueSource(longs = {101, 102, 103, 104})
  void staysUpWithinItsBudgetAndServesTheOthers(long seed) {
    Random random = new Random(seed);
    ServerLimits limits =
        ServerLimits.DEFAULTS.toBuilder().maxRequestBytes(1 << 20).inflightBytes(4 << 20).build();
    RequestHandler answering =
        request -> {
          ApiMessage response = request.apiKey().messageType.newResponse();
          request.reply(response);
        };
    try (TestServer server = new TestServer(limits, new SystemClock(), Transport.AUTO, answering);
        RawClient good = server.connect()) {
      for (int i = 0; i < CLIENTS; i++) {
        attack(server, random);
        good.send(Requests.METADATA_VERSION, i, "good", Requests.metadata());
        assertThat(good.receive(ApiKeys.METADATA, Requests.METADATA_VERSION).correlationId())
            .as("seed %d client %d", seed, i)
            .isEqualTo(i);
      }
      TestServer.await(
          "only the good client is left",
          () -> server.server.stats().connections(TestServer.LISTENER) == 1);
      ServerStats stats = server.server.stats();
      assertThat(stats.budget().usedBytes()).as("seed %d", seed).isZero();
      assertThat(stats.budget().peakBytes()).isLessThanOrEqualTo(4 << 20);
      assertThat(stats.closed(CloseReason.INTERNAL_ERROR)).isZero();
    }
  }

  private static void attack(TestServer server, Random random) {
    try (RawClient client = server.connect()) {
      int frames = 1 + random.nextInt(5);
      for (int i = 0; i < frames; i++) {
        byte[] bytes =
            switch (random.nextInt(4)) {
              case 0 -> noise(random);
              case 1 -> framedNoise(random);
              case 2 -> valid(random);
              default -> mutated(valid(random), random);
            };
        int cut = random.nextInt(bytes.length + 1);
        client.sendRaw(Arrays.copyOfRange(bytes, 0, cut));
        client.sendRaw(Arrays.copyOfRange(bytes, cut, bytes.length));
      }
    } catch (UncheckedIOException e) {
      assertThat(e.getCause()).as("the server may have closed").isNotNull();
    }
  }

  private static byte[] noise(Random random) {
    byte[] bytes = new byte[1 + random.nextInt(200)];
    random.nextBytes(bytes);
    return bytes;
  }

  private static byte[] framedNoise(Random random) {
    byte[] body = new byte[8 + random.nextInt(10_000)];
    random.nextBytes(body);
    return ByteBuffer.allocate(4 + body.length).putInt(body.length).put(body).array();
  }

  private static byte[] valid(Random random) {
    return switch (random.nextInt(4)) {
      case 0 -> RawClient.encode((short) 3, 1, "fuzz", new ApiVersionsRequestData()).array();
      case 1 -> RawClient.encode(Requests.METADATA_VERSION, 1, "fuzz", Requests.metadata()).array();
      case 2 -> RawClient.encode((short) 17, 1, "fuzz", new FetchRequestData()).array();
      default ->
          RawClient.encode(
                  Requests.PRODUCE_VERSION,
                  1,
                  "fuzz",
                  Requests.produce(1, Requests.records(random.nextInt(100_000))))
              .array();
    };
  }

  private static byte[] mutated(byte[] bytes, Random random) {
    for (int i = 1 + random.nextInt(4); i > 0; i--) {
      bytes[random.nextInt(Math.min(bytes.length, 120))] = (byte) random.nextInt();
    }
    return bytes;
  }
}
