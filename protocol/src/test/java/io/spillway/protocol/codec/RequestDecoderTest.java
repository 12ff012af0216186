package io.spillway.protocol.codec;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.protocol.codec.DecodedRequest.Malformed;
import io.spillway.protocol.codec.DecodedRequest.NotServed;
import io.spillway.protocol.codec.DecodedRequest.Served;
import io.spillway.protocol.codec.DecodedRequest.UnknownApiVersions;
import io.spillway.protocol.server.RawClient;
import java.nio.ByteBuffer;
import java.util.EnumSet;
import java.util.List;
import java.util.Random;
import org.apache.kafka.common.message.ApiVersionsRequestData;
import org.apache.kafka.common.message.MetadataRequestData;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ApiMessage;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class RequestDecoderTest {

  private static final List<ApiKeys> ALL = List.of(ApiKeys.values());

  private final RequestDecoder everything =
      new RequestDecoder(
          ServedApis.allVersionsOf(
              EnumSet.allOf(ApiKeys.class).stream().filter(ApiKeys::hasValidVersion).toList()));
  private final RequestDecoder few =
      new RequestDecoder(ServedApis.allVersionsOf(List.of(ApiKeys.API_VERSIONS, ApiKeys.METADATA)));

  private static ByteBuffer frame(short version, ApiMessage body) {
    return RawClient.encode(version, 5, "client", body).position(4).slice();
  }

  @ParameterizedTest
  @EnumSource(ApiKeys.class)
  void readsEveryVersionOfEveryRequest(ApiKeys api) {
    if (!api.hasValidVersion()) {
      return;
    }
    for (short version = api.oldestVersion(); version <= api.latestVersion(false); version++) {
      ApiMessage body = api.messageType.newRequest();
      DecodedRequest decoded = everything.decode(frame(version, body));
      assertThat(decoded).isInstanceOf(Served.class);
      Served served = (Served) decoded;
      assertThat(served.api()).isEqualTo(api);
      assertThat(served.version()).isEqualTo(version);
      assertThat(served.correlationId()).isEqualTo(5);
      assertThat(served.clientId()).isEqualTo("client");
      assertThat(served.body().getClass()).isEqualTo(body.getClass());
    }
  }

  @Test
  void namesWhatItDoesNotServe() {
    ByteBuffer unknownKey = frame((short) 4, new MetadataRequestData()).putShort(0, (short) 999);
    assertThat(few.decode(unknownKey)).isEqualTo(new NotServed((short) 999, (short) 4, "client"));
    ByteBuffer unknownVersion = frame((short) 4, new MetadataRequestData()).putShort(2, (short) 99);
    assertThat(few.decode(unknownVersion))
        .isEqualTo(new NotServed((short) 3, (short) 99, "client"));
    ByteBuffer negative = frame((short) 4, new MetadataRequestData()).putShort(2, (short) -1);
    assertThat(few.decode(negative)).isEqualTo(new NotServed((short) 3, (short) -1, "client"));
    ByteBuffer known = frame((short) 4, new ApiVersionsRequestData()).putShort(2, (short) 99);
    assertThat(few.decode(known)).isEqualTo(new UnknownApiVersions((short) 99, 5, "client"));
  }

  @ParameterizedTest
  @ValueSource(longs = {21, 22, 23})
  void neverThrowsWhateverTheBytes(long seed) {
    Random random = new Random(seed);
    int malformed = 0;
    for (int i = 0; i < 20_000; i++) {
      ApiKeys api = ALL.get(random.nextInt(ALL.size()));
      byte[] bytes;
      if (random.nextBoolean() && api.hasValidVersion()) {
        ByteBuffer valid = frame(api.latestVersion(), api.messageType.newRequest());
        bytes = new byte[Math.max(8, valid.remaining() - random.nextInt(4))];
        valid.get(bytes, 0, Math.min(bytes.length, valid.remaining()));
        bytes[random.nextInt(bytes.length)] = (byte) random.nextInt();
        bytes[random.nextInt(bytes.length)] ^= (byte) (1 << random.nextInt(8));
      } else {
        bytes = new byte[8 + random.nextInt(100)];
        random.nextBytes(bytes);
        bytes[0] = 0;
        bytes[1] = (byte) api.id;
        bytes[2] = 0;
        bytes[3] = (byte) random.nextInt(16);
      }
      if (everything.decode(ByteBuffer.wrap(bytes)) instanceof Malformed) {
        malformed++;
      }
    }
    assertThat(malformed).as("seed %d", seed).isPositive();
  }
}
