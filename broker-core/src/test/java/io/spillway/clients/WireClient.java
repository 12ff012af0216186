package io.spillway.clients;

import java.io.DataInputStream;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.ByteBuffer;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.MessageUtil;
import org.apache.kafka.common.requests.AbstractResponse;
import org.apache.kafka.common.requests.RequestHeader;

/** One connection that speaks the protocol request by request, valid or not. */
public final class WireClient implements AutoCloseable {

  private static final int TIMEOUT_MS = 30_000;

  private final Socket socket = new Socket();
  private int correlationId;

  public WireClient(String bootstrapServers) throws IOException {
    int colon = bootstrapServers.lastIndexOf(':');
    socket.connect(
        new InetSocketAddress(
            bootstrapServers.substring(0, colon),
            Integer.parseInt(bootstrapServers.substring(colon + 1))),
        TIMEOUT_MS);
    socket.setSoTimeout(TIMEOUT_MS);
    socket.setTcpNoDelay(true);
  }

  /** Sends the request and waits for its response. */
  public <T extends ApiMessage> T call(ApiKeys api, int version, ApiMessage body, Class<T> type)
      throws IOException {
    RequestHeader header = send(api, version, body);
    return type.cast(AbstractResponse.parseResponse(receive(), header).data());
  }

  /** Sends without waiting. */
  public RequestHeader send(ApiKeys api, int version, ApiMessage body) throws IOException {
    RequestHeader header = new RequestHeader(api, (short) version, "wire", correlationId++);
    ByteBuffer head =
        MessageUtil.toByteBufferAccessor(header.data(), header.headerVersion()).buffer();
    ByteBuffer tail = MessageUtil.toByteBufferAccessor(body, (short) version).buffer();
    ByteBuffer frame = ByteBuffer.allocate(4 + head.remaining() + tail.remaining());
    frame.putInt(head.remaining() + tail.remaining()).put(head).put(tail);
    sendRaw(frame.array());
    return header;
  }

  public void sendRaw(byte[] bytes) throws IOException {
    socket.getOutputStream().write(bytes);
    socket.getOutputStream().flush();
  }

  /** The next response frame, without its length. */
  public ByteBuffer receive() throws IOException {
    DataInputStream in = new DataInputStream(socket.getInputStream());
    byte[] frame = new byte[in.readInt()];
    in.readFully(frame);
    return ByteBuffer.wrap(frame);
  }

  /** Whether the broker has closed the connection; waits for it to say something. */
  public boolean isClosedByBroker() throws IOException {
    try {
      return socket.getInputStream().read() < 0;
    } catch (java.net.SocketException e) {
      return true;
    }
  }

  /** A parse helper for frames read with {@link #receive}. */
  public static AbstractResponse parse(ByteBuffer frame, ApiKeys api, int version) {
    return AbstractResponse.parseResponse(api, new ByteBufferAccessor(frame), (short) version);
  }

  @Override
  public void close() throws IOException {
    socket.close();
  }
}
