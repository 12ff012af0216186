package io.spillway.request.data;

import io.spillway.partition.Waiter;
import io.spillway.request.Exchange;
import io.spillway.stream.FetchedData;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.apache.kafka.common.message.FetchRequestData;
import org.apache.kafka.common.message.FetchResponseData;
import org.jspecify.annotations.Nullable;

/**
 * One fetch request on its way. It reads in rounds: a round asks every partition in turn, all cold
 * ones at once. A round that found enough is the answer; else the operation waits until enough
 * became durable since (counted, not read), or until the client's deadline, and makes one more
 * round.
 *
 * <p>When only cold reads are under way at the deadline, the answer waits for the first of them: an
 * empty answer would make the client ask for the same again.
 *
 * <p>Wake-ups of many partitions are coalesced into one task on the connection's event loop. State
 * is guarded by the monitor, since reads, timers and disconnects come on other threads.
 */
final class FetchOperation implements Waiter, FetchBudget.Waiter {

  /** How long cold reads may hold the answer beyond the client's own deadline. */
  private static final long COLD_READ_NANOS = TimeUnit.SECONDS.toNanos(20);

  private final FetchHandler handler;
  private final Exchange exchange;
  private final FetchSessions.Plan plan;
  private final FetchAnswer answer;
  private final boolean readCommitted;
  private final int maxBytes;
  private final int minBytes;
  private final long deadlineNanos;
  private final AtomicBoolean wakeScheduled = new AtomicBoolean();

  private FetchRound round = FetchRound.NONE;
  private boolean isWaiting;
  private boolean isDone;
  private long grantedBytes;
  private volatile boolean hasRoom;
  private TimerWheel.@Nullable Timeout timer;

  FetchOperation(
      FetchHandler handler, Exchange exchange, FetchRequestData request, FetchSessions.Plan plan) {
    this.handler = handler;
    this.exchange = exchange;
    this.plan = plan;
    this.readCommitted = Isolation.isReadCommitted(request.isolationLevel());
    this.answer = new FetchAnswer(handler, exchange, plan, readCommitted);
    this.maxBytes = Math.min(Math.max(0, request.maxBytes()), handler.maxResponseBytes());
    this.minBytes = Math.min(request.minBytes(), maxBytes);
    this.deadlineNanos =
        handler.clock().nanoTime()
            + TimeUnit.MILLISECONDS.toNanos(Math.max(0, request.maxWaitMs()));
  }

  void start() {
    boolean ready;
    synchronized (this) {
      ready = readRound();
      if (!ready && !isDone) {
        timer =
            handler.timers().schedule(deadlineNanos - handler.clock().nanoTime(), this::onTimer);
      }
    }
    if (ready) {
      answer();
    }
  }

  /** The client is gone. */
  void abandon() {
    synchronized (this) {
      if (!isDone) {
        finish();
        round.drop();
        giveGrantBack();
      }
    }
  }

  // ---- waiting ----

  @Override
  public void onProgress() {
    if (wakeScheduled.compareAndSet(false, true)) {
      exchange.connection().execute(this::look);
    }
  }

  @Override
  public void onRoom() {
    hasRoom = true;
    onProgress();
  }

  private void onTimer() {
    if (exchange.connection().isOpen()) {
      exchange.connection().execute(this::look);
    } else {
      handler.onDisconnect(exchange.connection());
    }
  }

  /** On the event loop: something happened, or the time is up. */
  private void look() {
    wakeScheduled.set(false);
    boolean ready;
    synchronized (this) {
      if (isDone) {
        return;
      }
      if (round.isReading()) {
        ready = isOverdue() && (round.hasData() || isTooLate());
        if (!ready && isOverdue()) {
          timer = handler.timers().schedule(COLD_READ_NANOS, this::onTimer);
        }
      } else {
        ready = isWaiting && (isOverdue() || hasRoom || isWorthReading()) && readRound();
      }
    }
    if (ready) {
      answer();
    }
  }

  private boolean isOverdue() {
    return handler.clock().nanoTime() - deadlineNanos >= 0;
  }

  private boolean isTooLate() {
    return handler.clock().nanoTime() - deadlineNanos >= COLD_READ_NANOS;
  }

  private boolean isWorthReading() {
    return round.hasChanged() || round.availableBytes(readCommitted) >= Math.max(1, minBytes);
  }

  private void startWaiting() {
    isWaiting = true;
    round.addWaiter(this);
    if (isWorthReading()) {
      onProgress();
    }
  }

  // ---- reading ----

  /** Returns whether the answer is complete; if not, something will call back. */
  private boolean readRound() {
    round.removeWaiter(this);
    hasRoom = false;
    round = FetchRound.of(plan, handler.locator());
    List<FetchSlot> readable = round.check(readCommitted);
    if (!readable.isEmpty() && !takeGrant()) {
      return isOverdue() || endRound();
    }
    round.read(
        readable,
        (int) grantedBytes,
        readCommitted,
        ClientKeys.of(client()),
        handler.failures(),
        this::onRead);
    return !round.isReading() && endRound();
  }

  private boolean takeGrant() {
    grantedBytes = handler.budget().take(client(), Math.max(1, maxBytes), this);
    return grantedBytes > 0;
  }

  private void giveGrantBack() {
    handler.budget().forget(client(), this);
    handler.budget().give(client(), grantedBytes);
    grantedBytes = 0;
  }

  private String client() {
    return exchange.context().clientId();
  }

  private void onRead(
      FetchRound of,
      FetchSlot slot,
      int limit,
      boolean isNotFirst,
      @Nullable FetchedData data,
      @Nullable Throwable failure) {
    synchronized (this) {
      if (isDone) {
        if (data != null) {
          data.close();
        }
        return;
      }
      of.settle(slot, limit, isNotFirst, data, failure, handler.failures());
      if (of.isReading() && !isOverdue()) {
        return;
      }
    }
    exchange.connection().execute(this::lookAfterRead);
  }

  private void lookAfterRead() {
    boolean ready;
    synchronized (this) {
      if (isDone) {
        return;
      }
      ready = round.isReading() ? isOverdue() && round.hasData() : endRound();
    }
    if (ready) {
      answer();
    }
  }

  /** All is read: whether it is enough. What is not enough is given back, and read again later. */
  private boolean endRound() {
    long total = round.countBytes();
    boolean enough = total >= minBytes && (total > 0 || !round.isAnyOpening());
    if (isOverdue() || round.isUrgent() || enough) {
      return true;
    }
    round.drop();
    if (grantedBytes > 0) {
      giveGrantBack();
    }
    startWaiting();
    return false;
  }

  // ---- answering ----

  private void finish() {
    isDone = true;
    round.removeWaiter(this);
    if (timer != null) {
      timer.cancel();
    }
    handler.onDone(this, exchange.connection().id());
  }

  private void answer() {
    FetchResponseData response;
    List<FetchedData> owned = new ArrayList<>();
    long sentBytes = 0;
    synchronized (this) {
      if (isDone) {
        return;
      }
      finish();
      response = answer.respond(round.slots(), owned);
      for (FetchedData data : owned) {
        sentBytes += data.sizeBytes();
      }
      // A first batch larger than the grant is sent all the same (KIP-74).
      handler.budget().exceed(client(), Math.max(0, sentBytes - grantedBytes));
      grantedBytes = Math.max(0, grantedBytes - sentBytes);
      giveGrantBack();
    }
    long toGive = sentBytes;
    exchange.reply(
        response,
        () -> {
          owned.forEach(FetchedData::close);
          handler.budget().give(client(), toGive);
        });
  }
}
