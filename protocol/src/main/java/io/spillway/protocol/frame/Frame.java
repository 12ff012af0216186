package io.spillway.protocol.frame;

import io.netty.buffer.ByteBuf;
import java.nio.ByteBuffer;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * One received request: the bytes after the length prefix, in a buffer of their own, and the
 * reservation that pays for it. Whoever holds the frame releases it, once; further releases do
 * nothing. Any thread.
 */
public final class Frame {

  private static final int API_KEY_INDEX = 0;

  private final ByteBuf buffer;
  private final InflightBudget.Lease lease;
  private final int sizeBytes;
  private final short apiKey;
  private final long receivedNanos;
  private final AtomicBoolean released = new AtomicBoolean();

  /** Takes ownership of the buffer and the lease. */
  Frame(ByteBuf buffer, InflightBudget.Lease lease, long receivedNanos) {
    this.buffer = buffer;
    this.lease = lease;
    this.sizeBytes = buffer.readableBytes();
    this.apiKey = buffer.getShort(API_KEY_INDEX);
    this.receivedNanos = receivedNanos;
  }

  /** A view of the bytes, valid until {@link #release}. */
  public ByteBuffer bytes() {
    return buffer.nioBuffer();
  }

  public int sizeBytes() {
    return sizeBytes;
  }

  /** The first field of every request header; may be no key that exists. */
  public short apiKey() {
    return apiKey;
  }

  /** When the last byte arrived, by the injected clock. */
  public long receivedNanos() {
    return receivedNanos;
  }

  public void release() {
    if (released.compareAndSet(false, true)) {
      buffer.release();
      lease.release();
    }
  }
}
