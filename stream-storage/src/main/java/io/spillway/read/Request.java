package io.spillway.read;

import io.spillway.cache.FairQueue;
import java.util.List;

/** What one client wants from the store, in the queue for it. */
abstract sealed class Request implements FairQueue.Item permits Request.Load, Request.Single {

  private final String objectKey;
  private final long client;
  private final long bytes;

  /** Nobody waits for it yet. Guarded by the queue until it is sent, then fixed. */
  boolean isAhead;

  /** Not sent yet. Guarded by the queue. */
  boolean isQueued;

  /** How often the queue had been looked through when it came. Guarded by the queue. */
  long queuedInPass;

  private Request(String objectKey, long client, long bytes) {
    this.objectKey = objectKey;
    this.client = client;
    this.bytes = bytes;
  }

  final String objectKey() {
    return objectKey;
  }

  @Override
  public final long client() {
    return client;
  }

  @Override
  public final long bytes() {
    return bytes;
  }

  /** Consecutive segments of the object: neighbours go in one GET. */
  static final class Load extends Request {
    private final List<Coming> segments;

    Load(String objectKey, List<Coming> segments, long client, long bytes) {
      super(objectKey, client, bytes);
      this.segments = List.copyOf(segments);
      segments.forEach(each -> each.within(this));
    }

    List<Coming> segments() {
      return segments;
    }

    int first() {
      return segments.get(0).key().number();
    }

    /** Included. */
    int last() {
      return segments.get(segments.size() - 1).key().number();
    }
  }

  /** A GET of its own: an index. */
  static final class Single extends Request {
    private final Runnable sender;
    private final Runnable canceller;

    /**
     * @param sender sends it, and has {@link ReadQueue#onAnswered} and {@link
     *     ReadQueue#onDelivered} called
     * @param canceller called instead when the queue is closed
     */
    Single(String objectKey, long client, long bytes, Runnable sender, Runnable canceller) {
      super(objectKey, client, bytes);
      this.sender = sender;
      this.canceller = canceller;
    }

    void send() {
      sender.run();
    }

    void cancel() {
      canceller.run();
    }
  }
}
