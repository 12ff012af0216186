package io.spillway.protocol.codec;

import io.spillway.protocol.codec.DecodedRequest.Malformed;
import io.spillway.protocol.codec.DecodedRequest.NotServed;
import io.spillway.protocol.codec.DecodedRequest.Served;
import io.spillway.protocol.codec.DecodedRequest.UnknownApiVersions;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import org.apache.kafka.common.message.RequestHeaderData;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.jspecify.annotations.Nullable;

/**
 * Frames to requests, by kafka-clients' message classes. Never throws for what a client sent.
 * Stateless; any thread.
 *
 * <p>All header versions that are served begin alike: api key int16, version int16, correlation id
 * int32, client id as a nullable string with an int16 length.
 */
public final class RequestDecoder {

  private static final int VERSION_INDEX = Short.BYTES;
  private static final int CORRELATION_INDEX = 2 * Short.BYTES;
  private static final int CLIENT_ID_INDEX = CORRELATION_INDEX + Integer.BYTES;

  private final ServedApis served;

  public RequestDecoder(ServedApis served) {
    this.served = served;
  }

  /**
   * Decodes one frame.
   *
   * @param frame the bytes after the length prefix, at least eight; its position is moved
   */
  public DecodedRequest decode(ByteBuffer frame) {
    int start = frame.position();
    short key = frame.getShort(start);
    short version = frame.getShort(start + VERSION_INDEX);
    if (!ApiKeys.hasId(key)) {
      return new NotServed(key, version, peekClientId(frame, start));
    }
    ApiKeys api = ApiKeys.forId(key);
    if (!served.serves(api, version)) {
      String clientId = peekClientId(frame, start);
      return api == ApiKeys.API_VERSIONS && served.ranges().containsKey(api)
          ? new UnknownApiVersions(version, frame.getInt(start + CORRELATION_INDEX), clientId)
          : new NotServed(key, version, clientId);
    }
    try {
      ByteBufferAccessor in = new ByteBufferAccessor(frame);
      RequestHeaderData header = new RequestHeaderData(in, api.requestHeaderVersion(version));
      ApiMessage body = api.messageType.newRequest();
      body.read(in, version);
      return new Served(api, version, header.correlationId(), header.clientId(), body);
    } catch (RuntimeException e) {
      return new Malformed(key, version, peekClientId(frame, start), e);
    }
  }

  /** The client's name for a log line, as far as the bytes allow. */
  private static @Nullable String peekClientId(ByteBuffer frame, int start) {
    int lengthIndex = start + CLIENT_ID_INDEX;
    if (frame.limit() < lengthIndex + Short.BYTES) {
      return null;
    }
    int length = frame.getShort(lengthIndex);
    if (length < 0 || frame.limit() < lengthIndex + Short.BYTES + length) {
      return null;
    }
    byte[] bytes = new byte[length];
    frame.get(lengthIndex + Short.BYTES, bytes);
    return new String(bytes, StandardCharsets.UTF_8);
  }
}
