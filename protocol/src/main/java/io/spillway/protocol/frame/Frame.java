package io.spillway.protocol.frame;

import io.netty.buffer.ByteBuf;
import java.nio.ByteBuffer;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * One received request: the bytes after the length prefix, in a buffer of their own, and the
 * reservation that pays for it. Born with one holder; each holder releases once. Any thread.
 */
public final class Frame {

  private static final int API_KEY_INDEX = 0;

  private final ByteBuf buffer;
  private final InflightBudget.Lease lease;
  private final int sizeBytes;
  private final short apiKey;
  private final long receivedNanos;
  private final AtomicInteger holders = new AtomicInteger(1);

  /** Takes ownership of the buffer and the lease. */
  Frame(ByteBuf buffer, InflightBudget.Lease lease, long receivedNanos) {
    this.buffer = buffer;
    this.lease = lease;
    this.sizeBytes = buffer.readableBytes();
    this.apiKey = buffer.getShort(API_KEY_INDEX);
    this.receivedNanos = receivedNanos;
  }

  /** A view of the bytes, valid while the frame is held. */
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

  /**
   * One more holder. Only by a holder, while it holds.
   *
   * @return to be run when the new holder is done; running it again does nothing
   */
  public Runnable retain() {
    int before = holders.getAndUpdate(count -> count == 0 ? 0 : count + 1);
    if (before == 0) {
      throw new IllegalStateException("the frame was freed");
    }
    AtomicBoolean done = new AtomicBoolean();
    return () -> {
      if (done.compareAndSet(false, true)) {
        release();
      }
    };
  }

  /** One holder less; the last frees the memory and gives the reservation back. */
  public void release() {
    int left = holders.decrementAndGet();
    if (left == 0) {
      buffer.release();
      lease.release();
    } else if (left < 0) {
      throw new IllegalStateException("frame released too often");
    }
  }
}
