package io.spillway.object.s3;

import java.nio.ByteBuffer;
import java.util.Base64;
import java.util.List;
import java.util.Optional;
import java.util.zip.CRC32C;
import org.reactivestreams.Subscriber;
import org.reactivestreams.Subscription;
import software.amazon.awssdk.core.async.AsyncRequestBody;

/**
 * The caller's buffers as a request body.
 *
 * <p>What is handed down is a copy, a chunk at a time and only as fast as the connection takes it.
 * The copy is what makes the caller's buffers the caller's again when the request ends: a request
 * that timed out, or was answered before its body was sent, may leave buffers queued on a
 * connection that is only about to be closed, and a block that went back to its pool meanwhile
 * would be sent with other bytes. After {@link #detach} none of the buffers is touched.
 */
final class BufferBody implements AsyncRequestBody {

  private static final int CHUNK_BYTES = 64 * 1024;

  private final List<ByteBuffer> body;
  private final long sizeBytes;
  private boolean detached;

  BufferBody(List<ByteBuffer> body) {
    this.body = body.stream().map(ByteBuffer::asReadOnlyBuffer).toList();
    this.sizeBytes = body.stream().mapToLong(ByteBuffer::remaining).sum();
  }

  long sizeBytes() {
    return sizeBytes;
  }

  /** CRC32C of the whole body, as S3 writes it. */
  String crc32c() {
    CRC32C crc = new CRC32C();
    body.forEach(buffer -> crc.update(buffer.duplicate()));
    return Base64.getEncoder()
        .encodeToString(ByteBuffer.allocate(Integer.BYTES).putInt((int) crc.getValue()).array());
  }

  @Override
  public Optional<Long> contentLength() {
    return Optional.of(sizeBytes);
  }

  @Override
  public String contentType() {
    return "application/octet-stream";
  }

  @Override
  public void subscribe(Subscriber<? super ByteBuffer> subscriber) {
    subscriber.onSubscribe(new Feed(subscriber));
  }

  /** Lets go of the caller's buffers; whoever still reads gets an error. */
  synchronized void detach() {
    detached = true;
  }

  /** Reads through all buffers once. Emits on the threads that ask, one at a time. */
  private final class Feed implements Subscription {
    private final Subscriber<? super ByteBuffer> subscriber;
    private int index;
    private int consumedBytes;
    private long sentBytes;
    private long demand;
    private boolean emitting;
    private boolean ended;

    Feed(Subscriber<? super ByteBuffer> subscriber) {
      this.subscriber = subscriber;
    }

    @Override
    public void request(long count) {
      synchronized (this) {
        demand = demand + count < 0 ? Long.MAX_VALUE : demand + count;
        if (emitting) {
          return;
        }
        emitting = true;
      }
      while (wanted()) {
        emitOne();
      }
    }

    private synchronized boolean wanted() {
      if (ended || (demand == 0 && sentBytes < sizeBytes)) {
        emitting = false;
        return false;
      }
      return true;
    }

    private void emitOne() {
      if (sentBytes == sizeBytes) {
        end();
        subscriber.onComplete();
        return;
      }
      ByteBuffer chunk;
      synchronized (BufferBody.this) {
        if (detached) {
          chunk = null;
        } else {
          chunk = nextChunk();
        }
      }
      if (chunk == null) {
        end();
        subscriber.onError(new IllegalStateException("the request has ended"));
        return;
      }
      synchronized (this) {
        demand--;
      }
      subscriber.onNext(chunk);
    }

    private ByteBuffer nextChunk() {
      ByteBuffer chunk = ByteBuffer.allocate((int) Math.min(CHUNK_BYTES, sizeBytes - sentBytes));
      while (chunk.hasRemaining()) {
        ByteBuffer buffer = body.get(index);
        int count = Math.min(chunk.remaining(), buffer.remaining() - consumedBytes);
        chunk.put(buffer.slice(buffer.position() + consumedBytes, count));
        consumedBytes += count;
        if (consumedBytes == buffer.remaining()) {
          index++;
          consumedBytes = 0;
        }
      }
      sentBytes += chunk.position();
      return chunk.flip();
    }

    private synchronized void end() {
      ended = true;
    }

    @Override
    public void cancel() {
      end();
    }
  }
}
