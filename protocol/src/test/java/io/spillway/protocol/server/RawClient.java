package io.spillway.protocol.server;

import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketException;
import java.nio.ByteBuffer;
import org.apache.kafka.common.message.RequestHeaderData;
import org.apache.kafka.common.message.ResponseHeaderData;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.ObjectSerializationCache;

/** A blocking client that sends exactly the bytes it is told to. */
public final class RawClient implements AutoCloseable {

  private static final int READ_TIMEOUT_MS = 20_000;

  private final Socket socket;
  private final DataInputStream in;
  private final OutputStream out;

  public RawClient(int port) {
    this(port, 0);
  }

  RawClient(int port, int receiveBufferBytes) {
    try {
      socket = new Socket();
      if (receiveBufferBytes > 0) {
        socket.setReceiveBufferSize(receiveBufferBytes);
      }
      socket.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), port));
      socket.setSoTimeout(READ_TIMEOUT_MS);
      socket.setTcpNoDelay(true);
      in = new DataInputStream(socket.getInputStream());
      out = socket.getOutputStream();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** A request with length prefix and header. */
  public static ByteBuffer encode(
      short version, int correlationId, String clientId, ApiMessage body) {
    ApiKeys api = ApiKeys.forId(body.apiKey());
    short headerVersion = api.requestHeaderVersion(version);
    RequestHeaderData header =
        new RequestHeaderData()
            .setRequestApiKey(api.id)
            .setRequestApiVersion(version)
            .setCorrelationId(correlationId)
            .setClientId(clientId);
    ObjectSerializationCache cache = new ObjectSerializationCache();
    int size = header.size(cache, headerVersion) + body.size(cache, version);
    ByteBuffer buffer = ByteBuffer.allocate(Integer.BYTES + size);
    buffer.putInt(size);
    ByteBufferAccessor accessor = new ByteBufferAccessor(buffer);
    header.write(accessor, cache, headerVersion);
    body.write(accessor, cache, version);
    return buffer.flip();
  }

  public RawClient send(short version, int correlationId, String clientId, ApiMessage body) {
    return sendRaw(encode(version, correlationId, clientId, body));
  }

  public RawClient sendRaw(ByteBuffer bytes) {
    byte[] copy = new byte[bytes.remaining()];
    bytes.duplicate().get(copy);
    return sendRaw(copy);
  }

  public RawClient sendRaw(byte[] bytes) {
    try {
      out.write(bytes);
      out.flush();
      return this;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** The next response without its length prefix. */
  public ByteBuffer receive() {
    try {
      byte[] bytes = new byte[in.readInt()];
      in.readFully(bytes);
      return ByteBuffer.wrap(bytes);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** A response as its receiver reads it. */
  public record Response<T extends ApiMessage>(int correlationId, T body) {}

  @SuppressWarnings("unchecked") // the API decides the type
  public <T extends ApiMessage> Response<T> receive(ApiKeys api, short version) {
    ByteBufferAccessor accessor = new ByteBufferAccessor(receive());
    ResponseHeaderData header =
        new ResponseHeaderData(accessor, api.responseHeaderVersion(version));
    ApiMessage body = api.messageType.newResponse();
    body.read(accessor, version);
    if (accessor.remaining() != 0) {
      throw new IllegalStateException(accessor.remaining() + " bytes too many in " + api);
    }
    return new Response<>(header.correlationId(), (T) body);
  }

  /** Waits for the server to close; false when it sent something instead. */
  public boolean isClosedByServer() {
    try {
      return in.read() == -1;
    } catch (EOFException | SocketException e) {
      return true; // reset: closed with bytes of ours unread
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  public Socket socket() {
    return socket;
  }

  @Override
  public void close() {
    try {
      socket.close();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
