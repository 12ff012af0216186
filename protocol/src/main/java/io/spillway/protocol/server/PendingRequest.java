package io.spillway.protocol.server;

import io.spillway.protocol.codec.DecodedRequest;
import io.spillway.protocol.frame.Frame;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ApiMessage;
import org.jspecify.annotations.Nullable;

/**
 * A request between its hand-over and the departure of its answer. The answerer, on any thread,
 * claims it, fills in the answer and publishes it by the state; the event loop then owns it.
 */
final class PendingRequest implements KafkaRequest {

  private static final int OPEN = 0;
  private static final int CLAIMED = 1;
  private static final int ANSWERED = 2;

  private static final VarHandle STATE;
  private static final VarHandle RELEASE;

  static {
    try {
      MethodHandles.Lookup lookup = MethodHandles.lookup();
      STATE = lookup.findVarHandle(PendingRequest.class, "state", int.class);
      RELEASE = lookup.findVarHandle(PendingRequest.class, "release", Runnable.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  private final Connection connection;
  private final Frame frame;
  private final DecodedRequest.Served decoded;
  private final boolean holdsFrame;
  private volatile int state = OPEN;
  private volatile @Nullable Runnable release;
  private @Nullable ApiMessage response;
  private volatile long muteNanos;

  /**
   * Takes over the frame.
   *
   * @param holdsFrame whether to keep it until the answer; else it is freed here
   */
  PendingRequest(
      Connection connection, Frame frame, DecodedRequest.Served decoded, boolean holdsFrame) {
    this.connection = connection;
    this.frame = frame;
    this.decoded = decoded;
    this.holdsFrame = holdsFrame;
    if (!holdsFrame) {
      frame.release();
    }
  }

  boolean isProduce() {
    return decoded.api() == ApiKeys.PRODUCE;
  }

  /** Event loop: whether the answer may leave. */
  boolean isAnswered() {
    return state == ANSWERED;
  }

  /** Once answered: what is sent; null for silence. */
  @Nullable ApiMessage response() {
    return response;
  }

  /** How long the client is not read from, once answered. */
  /** How long to mute for what was asked since the last call; 0 for not at all. */
  long takeMuteNanos() {
    long asked = muteNanos;
    muteNanos = 0;
    return asked;
  }

  /** The answer has left, or never will. Any number of times, any thread. */
  void finish() {
    Runnable task = release;
    if (task != null && RELEASE.compareAndSet(this, task, null)) {
      connection.runGuarded(task);
    }
  }

  @Override
  public ConnectionInfo connection() {
    return connection;
  }

  @Override
  public ApiKeys apiKey() {
    return decoded.api();
  }

  @Override
  public short apiVersion() {
    return decoded.version();
  }

  @Override
  public int correlationId() {
    return decoded.correlationId();
  }

  @Override
  public @Nullable String clientId() {
    return decoded.clientId();
  }

  @Override
  public ApiMessage body() {
    return decoded.body();
  }

  @Override
  public int sizeBytes() {
    return frame.sizeBytes();
  }

  @Override
  public long receivedNanos() {
    return frame.receivedNanos();
  }

  @Override
  public Runnable retain() {
    return holdsFrame ? frame.retain() : () -> {};
  }

  @Override
  public void reply(ApiMessage response, Runnable release) {
    if (!STATE.compareAndSet(this, OPEN, CLAIMED)) {
      connection.runGuarded(release);
      throw answeredTwice();
    }
    answer(response, release);
  }

  @Override
  public void replyNothing() {
    if (!STATE.compareAndSet(this, OPEN, CLAIMED)) {
      throw answeredTwice();
    }
    answer(null, null);
  }

  @Override
  public void mute(long durationNanos) {
    muteNanos = durationNanos;
  }

  @Override
  public void close(String reason) {
    if (STATE.compareAndSet(this, OPEN, CLAIMED)) {
      connection.close(reason);
      answer(null, null);
    }
  }

  private void answer(@Nullable ApiMessage response, @Nullable Runnable release) {
    this.response = response;
    this.release = release;
    state = ANSWERED;
    if (holdsFrame) {
      frame.release();
    }
    connection.onAnswered(this);
  }

  private IllegalStateException answeredTwice() {
    return new IllegalStateException(
        "request answered twice: " + decoded.api() + " correlation " + decoded.correlationId());
  }
}
