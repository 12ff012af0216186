package io.spillway.request.data;

import io.spillway.partition.BrokerPartition;
import io.spillway.partition.Waiter;
import io.spillway.protocol.codec.RecordSlices;
import io.spillway.request.Exchange;
import io.spillway.request.data.PartitionLocator.Leader;
import io.spillway.request.data.PartitionLocator.Located;
import io.spillway.stream.FetchedData;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.message.FetchRequestData;
import org.apache.kafka.common.message.FetchResponseData;
import org.apache.kafka.common.message.FetchResponseData.FetchableTopicResponse;
import org.apache.kafka.common.message.FetchResponseData.LeaderIdAndEpoch;
import org.apache.kafka.common.message.FetchResponseData.NodeEndpoint;
import org.apache.kafka.common.message.FetchResponseData.PartitionData;
import org.apache.kafka.common.protocol.Errors;
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

  private static final short FIRST_VERSION_WITH_LEADER = 12;
  private static final short FIRST_VERSION_WITH_ENDPOINTS = 16;

  /** How long cold reads may hold the answer beyond the client's own deadline. */
  private static final long COLD_READ_NANOS = TimeUnit.SECONDS.toNanos(20);

  private final FetchHandler handler;
  private final Exchange exchange;
  private final FetchSessions.Plan plan;
  private final short version;
  private final boolean readCommitted;
  private final int maxBytes;
  private final int minBytes;
  private final long deadlineNanos;
  private final AtomicBoolean wakeScheduled = new AtomicBoolean();

  private List<FetchSlot> slots = List.of();
  private int[] bytesRead = new int[0];
  private int reading;
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
    this.version = exchange.context().apiVersion();
    this.readCommitted = Isolation.isReadCommitted(request.isolationLevel());
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
        slots.forEach(FetchSlot::drop);
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
      if (reading > 0) {
        ready = isOverdue() && (hasData() || isTooLate());
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
    long available = 0;
    for (int i = 0; i < slots.size(); i++) {
      FetchSlot slot = slots.get(i);
      BrokerPartition partition = slot.partition;
      if (partition != null
          && (partition.unavailability() != Errors.NONE || partition.isOpen() == slot.isOpening)) {
        return true;
      }
      available += slot.availableBytes(bytesRead[i]);
    }
    return available >= Math.max(1, minBytes);
  }

  private void startWaiting() {
    isWaiting = true;
    for (FetchSlot slot : slots) {
      if (slot.partition != null) {
        slot.partition.addWaiter(this);
      }
    }
    if (isWorthReading()) {
      onProgress();
    }
  }

  private void stopWaiting() {
    for (FetchSlot slot : slots) {
      if (slot.partition != null) {
        slot.partition.removeWaiter(this);
      }
    }
  }

  // ---- reading ----

  /** Returns whether the answer is complete; if not, something will call back. */
  private boolean readRound() {
    stopWaiting();
    hasRoom = false;
    List<FetchSlot> round = new ArrayList<>(plan.targets().size());
    for (FetchTarget target : plan.targets()) {
      round.add(new FetchSlot(target, locate(target)));
    }
    slots = round;
    bytesRead = new int[round.size()];
    List<FetchSlot> readable = new ArrayList<>(round.size());
    for (FetchSlot slot : round) {
      if (slot.check(readCommitted)) {
        readable.add(slot);
      }
    }
    if (!readable.isEmpty() && !takeGrant()) {
      return isOverdue() || endRound();
    }
    int remaining = (int) grantedBytes;
    boolean any = false;
    for (FetchSlot slot : readable) {
      if (any && remaining <= 0) {
        break;
      }
      int limit = Math.max(0, Math.min(slot.target.maxBytes(), remaining));
      int taken = read(slot, limit, any);
      remaining -= taken;
      any |= taken > 0;
    }
    return reading == 0 && endRound();
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

  private Located locate(FetchTarget target) {
    return plan.usesTopicIds()
        ? handler.locator().byId(target.topicId(), target.partition())
        : handler.locator().byName(target.topic(), target.partition());
  }

  /** Reads, at once when the data is in memory; returns the bytes to count. */
  private int read(FetchSlot slot, int limit, boolean isNotFirst) {
    BrokerPartition partition = slot.partition;
    if (partition == null) {
      return 0;
    }
    CompletableFuture<FetchedData> read =
        partition.read(slot.target.fetchOffset(), slot.endOffset(readCommitted), limit);
    if (!read.isDone()) {
      slot.isReading = true;
      reading++;
      read.whenComplete((data, failure) -> onRead(slot, limit, isNotFirst, data, failure));
      return limit;
    }
    read.whenComplete((data, failure) -> keep(slot, limit, isNotFirst, data, failure));
    return slot.dataBytes();
  }

  /** Only the first partition with data may exceed its limit, by its first batch (KIP-74). */
  private void keep(
      FetchSlot slot,
      int limit,
      boolean isNotFirst,
      @Nullable FetchedData data,
      @Nullable Throwable failure) {
    if (data == null) {
      slot.refuse(
          failure == null
              ? Errors.UNKNOWN_SERVER_ERROR
              : handler.failures().errorOf(slot.located.topicPartition(), failure));
      slot.isUnreadable = slot.error == Errors.KAFKA_STORAGE_ERROR;
    } else if (isNotFirst && data.sizeBytes() > limit) {
      data.close();
    } else {
      slot.hold(data);
    }
  }

  private void onRead(
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
      keep(slot, limit, isNotFirst, data, failure);
      slot.isReading = false;
      reading--;
      if (reading > 0 && !isOverdue()) {
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
      ready = reading == 0 ? endRound() : isOverdue() && hasData();
    }
    if (ready) {
      answer();
    }
  }

  /** All is read: whether it is enough. What is not enough is given back, and read again later. */
  private boolean endRound() {
    long total = 0;
    boolean urgent = slots.isEmpty() || isOverdue();
    for (int i = 0; i < slots.size(); i++) {
      FetchSlot slot = slots.get(i);
      bytesRead[i] = slot.dataBytes();
      total += bytesRead[i];
      // Whoever asks for what the object store cannot give now would ask again at once.
      urgent |=
          (slot.error != Errors.NONE && !slot.isUnreadable) || slot.diverging.leaderEpoch() >= 0;
    }
    boolean enough = total >= minBytes && (total > 0 || !isAnyOpening());
    if (urgent || enough) {
      return true;
    }
    slots.forEach(FetchSlot::drop);
    if (grantedBytes > 0) {
      giveGrantBack();
    }
    startWaiting();
    return false;
  }

  private boolean isAnyOpening() {
    for (FetchSlot slot : slots) {
      if (slot.isOpening) {
        return true;
      }
    }
    return false;
  }

  private boolean hasData() {
    for (FetchSlot slot : slots) {
      if (slot.dataBytes() > 0) {
        return true;
      }
    }
    return false;
  }

  // ---- answering ----

  private void finish() {
    isDone = true;
    stopWaiting();
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
      response = respond(owned);
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

  private FetchResponseData respond(List<FetchedData> owned) {
    FetchResponseData response = new FetchResponseData();
    FetchSession session = plan.session();
    if (session != null && session.epoch() != plan.expectedEpoch()) {
      slots.forEach(FetchSlot::drop);
      return response
          .setErrorCode(Errors.INVALID_FETCH_SESSION_EPOCH.code())
          .setSessionId(session.id());
    }
    Optional<FetchSession> made =
        plan.wantsSession()
            ? handler.sessions().create(slots.size(), plan.usesTopicIds())
            : Optional.empty();
    for (FetchSlot slot : slots) {
      if (slot.isOpening && slot.error == Errors.NONE) {
        slot.error = Errors.NOT_LEADER_OR_FOLLOWER;
      }
      PartitionData answer = slot.answer(readCommitted);
      addLeader(slot, answer, response);
      int bytes = slot.dataBytes();
      made.ifPresent(fresh -> fresh.follow(slot.target, answer));
      if (session == null || session.mustTell(slot.target, answer, bytes)) {
        addRecords(slot, answer, owned);
        add(slot, answer, response);
      } else {
        slot.drop();
      }
    }
    int sessionId = session != null ? session.id() : made.map(FetchSession::id).orElse(0);
    return response.setSessionId(sessionId);
  }

  private void addRecords(FetchSlot slot, PartitionData answer, List<FetchedData> owned) {
    FetchedData data = slot.takeData();
    if (data != null) {
      owned.add(data);
      answer.setRecords(new RecordSlices(data.buffers()));
      handler
          .traffic()
          .onFetched(slot.located.topic(), exchange.context().clientId(), data.sizeBytes());
    }
  }

  private void add(FetchSlot slot, PartitionData answer, FetchResponseData response) {
    List<FetchableTopicResponse> topics = response.responses();
    Uuid topicId = slot.target.topicId();
    String topic = slot.target.topic();
    FetchableTopicResponse last = topics.isEmpty() ? null : topics.get(topics.size() - 1);
    if (last == null || !last.topicId().equals(topicId) || !last.topic().equals(topic)) {
      last = new FetchableTopicResponse().setTopic(topic).setTopicId(topicId);
      topics.add(last);
    }
    last.partitions().add(answer);
  }

  /** KIP-951. */
  private void addLeader(FetchSlot slot, PartitionData answer, FetchResponseData response) {
    boolean isAboutLeader =
        slot.error == Errors.NOT_LEADER_OR_FOLLOWER || slot.error == Errors.FENCED_LEADER_EPOCH;
    if (!isAboutLeader || version < FIRST_VERSION_WITH_LEADER || slot.located.topic().isEmpty()) {
      return;
    }
    Optional<Leader> leader =
        handler.locator().leaderOf(slot.located.topicPartition(), exchange.context().listener());
    if (leader.isEmpty()) {
      return;
    }
    Leader found = leader.get();
    answer.setCurrentLeader(
        new LeaderIdAndEpoch().setLeaderId(found.id()).setLeaderEpoch(found.epoch()));
    if (version >= FIRST_VERSION_WITH_ENDPOINTS
        && found.host() != null
        && response.nodeEndpoints().find(found.id()) == null) {
      response
          .nodeEndpoints()
          .mustAdd(
              new NodeEndpoint()
                  .setNodeId(found.id())
                  .setHost(found.host())
                  .setPort(found.port())
                  .setRack(found.rack().isEmpty() ? null : found.rack()));
    }
  }
}
