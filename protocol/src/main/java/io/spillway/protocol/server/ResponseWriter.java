package io.spillway.protocol.server;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelOutboundBuffer;
import io.spillway.protocol.codec.ResponseEncoder;
import java.util.List;
import java.util.concurrent.atomic.LongAdder;
import org.apache.kafka.common.protocol.ApiMessage;

/**
 * The outgoing half of a connection: encodes responses, writes them in the order of the calls, and
 * knows how much of them the client has taken. Of the connection's event loop.
 */
final class ResponseWriter {

  private final Channel channel;
  private final ResponseEncoder encoder;
  private final LongAdder bytesOut;
  private boolean unflushed;

  /**
   * @param bytesOut counts what was sent
   */
  ResponseWriter(Channel channel, ResponseEncoder encoder, LongAdder bytesOut) {
    this.channel = channel;
    this.encoder = encoder;
    this.bytesOut = bytesOut;
  }

  /**
   * Writes the response, to be sent at the next {@link #flush}; finishes the request when it was
   * sent or cannot be, also when this throws.
   *
   * @throws RuntimeException or OutOfMemoryError when the response cannot be encoded
   */
  void write(PendingRequest request, ApiMessage response) {
    List<ByteBuf> parts;
    try {
      parts =
          encoder.encode(request.apiKey(), request.apiVersion(), request.correlationId(), response);
    } catch (RuntimeException | OutOfMemoryError e) {
      request.finish();
      throw e;
    }
    unflushed = true;
    int last = parts.size() - 1;
    for (int i = 0; i < last; i++) {
      channel.write(parts.get(i), channel.voidPromise());
    }
    long bytes = 0;
    for (ByteBuf part : parts) {
      bytes += part.readableBytes();
    }
    long size = bytes;
    channel
        .write(parts.get(last))
        .addListener(
            written -> {
              if (written.isSuccess()) {
                bytesOut.add(size);
              }
              request.finish();
            });
  }

  void flush() {
    if (unflushed) {
      unflushed = false;
      channel.flush();
    }
  }

  /** Closes the channel when everything was sent. */
  void finish() {
    channel.writeAndFlush(Unpooled.EMPTY_BUFFER).addListener(ChannelFutureListener.CLOSE);
  }

  /** Whether the client leaves few enough bytes unread. */
  boolean isWritable() {
    return channel.isWritable();
  }

  /** Written and not taken yet. */
  long unsentBytes() {
    ChannelOutboundBuffer outbound = channel.unsafe().outboundBuffer();
    return outbound == null ? 0 : outbound.totalPendingWriteBytes();
  }

  /** A number that moves whenever the client takes a byte. */
  long progress() {
    ChannelOutboundBuffer outbound = channel.unsafe().outboundBuffer();
    return outbound == null ? 0 : outbound.currentProgress() - unsentBytes();
  }
}
