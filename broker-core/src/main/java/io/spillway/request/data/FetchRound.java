package io.spillway.request.data;

import io.spillway.partition.BrokerPartition;
import io.spillway.partition.Waiter;
import io.spillway.request.data.PartitionLocator.Located;
import io.spillway.stream.FetchedData;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.apache.kafka.common.protocol.Errors;
import org.jspecify.annotations.Nullable;

/**
 * One look of a fetch at every partition it asks for: what was found, and what is still being read.
 * Guarded by its operation's monitor.
 */
final class FetchRound {

  /** Before the first. */
  static final FetchRound NONE = new FetchRound(List.of());

  /** Told of what a read brought that did not end in the call. Any thread. */
  interface ColdReads {
    void onRead(
        FetchRound round,
        FetchSlot slot,
        int limit,
        boolean isNotFirst,
        @Nullable FetchedData data,
        @Nullable Throwable failure);
  }

  private final List<FetchSlot> slots;
  private final int[] bytesRead;
  private int reading;

  private FetchRound(List<FetchSlot> slots) {
    this.slots = slots;
    this.bytesRead = new int[slots.size()];
  }

  /** Looks up the partitions of the plan; nothing is read yet. */
  static FetchRound of(FetchSessions.Plan plan, PartitionLocator locator) {
    List<FetchSlot> slots = new ArrayList<>(plan.targets().size());
    for (FetchTarget target : plan.targets()) {
      slots.add(new FetchSlot(target, locate(target, plan, locator)));
    }
    return new FetchRound(slots);
  }

  private static Located locate(
      FetchTarget target, FetchSessions.Plan plan, PartitionLocator locator) {
    return plan.usesTopicIds()
        ? locator.byId(target.topicId(), target.partition())
        : locator.byName(target.topic(), target.partition());
  }

  List<FetchSlot> slots() {
    return slots;
  }

  /** Those with something to read. */
  List<FetchSlot> check(boolean readCommitted) {
    List<FetchSlot> readable = new ArrayList<>(slots.size());
    for (FetchSlot slot : slots) {
      if (slot.check(readCommitted)) {
        readable.add(slot);
      }
    }
    return readable;
  }

  /** Reads them in turn, all cold ones at once, until the bytes are spent. */
  void read(
      List<FetchSlot> readable,
      int maxBytes,
      boolean readCommitted,
      long clientKey,
      ReadFailures failures,
      ColdReads cold) {
    int remaining = maxBytes;
    boolean any = false;
    for (FetchSlot slot : readable) {
      BrokerPartition partition = slot.partition;
      if (any && remaining <= 0) {
        break;
      }
      if (partition != null) {
        int limit = Math.max(0, Math.min(slot.target.maxBytes(), remaining));
        CompletableFuture<FetchedData> read =
            partition.read(
                slot.target.fetchOffset(), slot.endOffset(readCommitted), limit, clientKey);
        int taken = take(slot, read, limit, any, failures, cold);
        remaining -= taken;
        any |= taken > 0;
      }
    }
  }

  /** Returns the bytes to count: of a read under way, as many as it may bring. */
  private int take(
      FetchSlot slot,
      CompletableFuture<FetchedData> read,
      int limit,
      boolean isNotFirst,
      ReadFailures failures,
      ColdReads cold) {
    if (!read.isDone()) {
      slot.isReading = true;
      reading++;
      read.whenComplete(
          (data, failure) -> cold.onRead(this, slot, limit, isNotFirst, data, failure));
      return limit;
    }
    read.whenComplete((data, failure) -> keep(slot, limit, isNotFirst, data, failure, failures));
    return slot.dataBytes();
  }

  /** What a cold read brought. */
  void settle(
      FetchSlot slot,
      int limit,
      boolean isNotFirst,
      @Nullable FetchedData data,
      @Nullable Throwable failure,
      ReadFailures failures) {
    keep(slot, limit, isNotFirst, data, failure, failures);
    slot.isReading = false;
    reading--;
  }

  /** Only the first partition with data may exceed its limit, by its first batch (KIP-74). */
  private static void keep(
      FetchSlot slot,
      int limit,
      boolean isNotFirst,
      @Nullable FetchedData data,
      @Nullable Throwable failure,
      ReadFailures failures) {
    if (data == null) {
      slot.refuse(
          failure == null
              ? Errors.UNKNOWN_SERVER_ERROR
              : failures.errorOf(slot.located.topicPartition(), failure));
      slot.isUnreadable = slot.error == Errors.KAFKA_STORAGE_ERROR;
    } else if (isNotFirst && data.sizeBytes() > limit) {
      data.close();
    } else {
      slot.hold(data);
    }
  }

  boolean isReading() {
    return reading > 0;
  }

  boolean hasData() {
    return slots.stream().anyMatch(slot -> slot.dataBytes() > 0);
  }

  /** All is read: notes how much that is, for {@link #availableBytes}. */
  long countBytes() {
    long total = 0;
    for (int i = 0; i < slots.size(); i++) {
      bytesRead[i] = slots.get(i).dataBytes();
      total += bytesRead[i];
    }
    return total;
  }

  /**
   * Whether the client is to be told something at once, data or not. Not of what cannot be read
   * now: it would ask for that again at once.
   */
  boolean isUrgent() {
    boolean urgent = slots.isEmpty();
    for (FetchSlot slot : slots) {
      urgent |=
          (slot.error != Errors.NONE && !slot.isUnreadable) || slot.diverging.leaderEpoch() >= 0;
    }
    return urgent;
  }

  boolean isAnyOpening() {
    return slots.stream().anyMatch(slot -> slot.isOpening);
  }

  /** Whether a partition is not any more what it was. */
  boolean hasChanged() {
    for (FetchSlot slot : slots) {
      BrokerPartition partition = slot.partition;
      if (partition != null
          && (partition.unavailability() != Errors.NONE || partition.isOpen() == slot.isOpening)) {
        return true;
      }
    }
    return false;
  }

  /** Bytes that a new round would find, about. */
  long availableBytes(boolean readCommitted) {
    long available = 0;
    for (int i = 0; i < slots.size(); i++) {
      available += slots.get(i).availableBytes(bytesRead[i], readCommitted);
    }
    return available;
  }

  void addWaiter(Waiter waiter) {
    for (FetchSlot slot : slots) {
      if (slot.partition != null) {
        slot.partition.addWaiter(waiter);
      }
    }
  }

  void removeWaiter(Waiter waiter) {
    for (FetchSlot slot : slots) {
      if (slot.partition != null) {
        slot.partition.removeWaiter(waiter);
      }
    }
  }

  /** Gives the memory back. */
  void drop() {
    slots.forEach(FetchSlot::drop);
  }
}
