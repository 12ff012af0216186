package io.spillway.protocol.frame;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;

/**
 * Bytes of frames that may be in memory at once, shared fairly between client ids.
 *
 * <p>The unit of fairness is the {@link Account}, one per client id however many connections it
 * has. While there is room, everybody is served. The last quarter is kept for accounts that are
 * under their fair share (capacity over active accounts, counting one that may come), so that
 * clients above it stop first and a newcomer finds room. When a frame does not fit, its reservation
 * waits; freed bytes go to the waiting account that holds least, among equals to the one that
 * waited longest. The chosen frame is never overtaken, so that a large one is not starved by small
 * ones, and an account that holds nothing may have any frame that fits the capacity, so that no
 * share is too small for a frame.
 *
 * <p>Bounded: one waiting reservation per connection. Any thread; callbacks run on the thread that
 * freed the bytes, without a lock held.
 */
public final class InflightBudget {

  /** One part in this many is kept for accounts under their share. */
  private static final int HEADROOM_PARTS = 4;

  private static final Comparator<Account> NEEDIEST_FIRST =
      Comparator.<Account>comparingLong(account -> account.usedBytes)
          .thenComparingLong(account -> account.headTicket);

  private final long capacityBytes;
  private final long headroomBytes;
  private final Map<String, Account> accounts = new HashMap<>();
  private final TreeSet<Account> waiting = new TreeSet<>(NEEDIEST_FIRST);
  private int activeAccounts;
  private int waitingLeases;
  private long usedBytes;
  private long peakBytes;
  private long waitsTotal;

  /** From 1: an account that never waited has ticket 0 and equals none that waits. */
  private long nextTicket = 1;

  /**
   * @param capacityBytes never exceeded
   * @param maxFrameBytes the largest reservation; at most the capacity
   */
  public InflightBudget(long capacityBytes, int maxFrameBytes) {
    if (maxFrameBytes > capacityBytes) {
      throw new IllegalArgumentException(
          "a frame of "
              + maxFrameBytes
              + " bytes would never fit the in-flight budget of "
              + capacityBytes);
    }
    this.capacityBytes = capacityBytes;
    this.headroomBytes = capacityBytes / HEADROOM_PARTS;
  }

  /**
   * What the budget looked like at one moment.
   *
   * @param waiting reservations that wait
   * @param waitsTotal reservations that ever had to wait
   */
  public record Snapshot(
      long capacityBytes, long usedBytes, long peakBytes, int waiting, long waitsTotal) {}

  public synchronized Snapshot snapshot() {
    return new Snapshot(capacityBytes, usedBytes, peakBytes, waitingLeases, waitsTotal);
  }

  /** Opens a client's account, or joins it; each opening is closed once. */
  public synchronized Account open(String client) {
    Account account = accounts.computeIfAbsent(client, Account::new);
    account.holders++;
    return account;
  }

  /**
   * Reserves bytes. When {@link Lease#isHeld} is false on return, they are granted later, and
   * {@code onGranted} runs then; it also may already have run.
   */
  public Lease reserve(Account account, int bytes, Runnable onGranted) {
    if (bytes > capacityBytes) {
      throw new IllegalArgumentException(
          bytes + " bytes exceed the in-flight budget of " + capacityBytes);
    }
    Lease lease = new Lease(account, bytes, onGranted);
    List<Lease> granted;
    synchronized (this) {
      boolean wasActive = account.isActive();
      if (waiting.isEmpty() && admits(account, bytes, wasActive)) {
        take(lease);
        account.noteActivity(wasActive);
        return lease;
      }
      waitsTotal++;
      waitingLeases++;
      lease.ticket = nextTicket++;
      waiting.remove(account);
      account.queue.add(lease);
      account.rank();
      account.noteActivity(wasActive);
      granted = grantWaiting();
    }
    granted.remove(lease);
    runAll(granted);
    return lease;
  }

  private boolean admits(Account account, int bytes, boolean countedActive) {
    long after = usedBytes + bytes;
    if (after > capacityBytes) {
      return false;
    }
    if (after <= capacityBytes - headroomBytes || account.usedBytes == 0) {
      return true;
    }
    int sharers = activeAccounts + 1 + (countedActive ? 0 : 1);
    return account.usedBytes + bytes <= capacityBytes / sharers;
  }

  /** Under the lock; the account must not be in {@link #waiting}, whose order this changes. */
  private void take(Lease lease) {
    lease.state = Lease.HELD;
    lease.account.usedBytes += lease.bytes;
    usedBytes += lease.bytes;
    peakBytes = Math.max(peakBytes, usedBytes);
  }

  private List<Lease> grantWaiting() {
    List<Lease> granted = new ArrayList<>();
    while (!waiting.isEmpty()) {
      Account neediest = waiting.first();
      Lease head = neediest.queue.element();
      if (!admits(neediest, head.bytes, true)) {
        break;
      }
      waiting.remove(neediest);
      neediest.queue.remove();
      waitingLeases--;
      take(head);
      neediest.rank();
      granted.add(head);
    }
    return granted;
  }

  private void release(Lease lease) {
    List<Lease> granted;
    synchronized (this) {
      Account account = lease.account;
      boolean wasActive = account.isActive();
      waiting.remove(account);
      if (lease.state == Lease.HELD) {
        account.usedBytes -= lease.bytes;
        usedBytes -= lease.bytes;
      } else if (lease.state == Lease.WAITING) {
        account.queue.remove(lease);
        waitingLeases--;
      }
      lease.state = Lease.RELEASED;
      account.rank();
      account.noteActivity(wasActive);
      account.forgetIfUnused();
      granted = waiting.isEmpty() ? List.of() : grantWaiting();
    }
    runAll(granted);
  }

  private static void runAll(List<Lease> granted) {
    for (Lease lease : granted) {
      lease.onGranted.run();
    }
  }

  /** What one client id holds. Guarded by the budget. */
  public final class Account {
    private final String client;
    private final ArrayDeque<Lease> queue = new ArrayDeque<>();
    private int holders;
    private long usedBytes;
    private long headTicket;

    private Account(String client) {
      this.client = client;
    }

    public String client() {
      return client;
    }

    /** The opener is done with it; leases stay valid. */
    public void close() {
      synchronized (InflightBudget.this) {
        holders--;
        forgetIfUnused();
      }
    }

    private boolean isActive() {
      return usedBytes > 0 || !queue.isEmpty();
    }

    private void noteActivity(boolean wasActive) {
      boolean active = isActive();
      if (active != wasActive) {
        activeAccounts += active ? 1 : -1;
      }
    }

    /** Takes its place among the waiting, if something of it waits. */
    private void rank() {
      Lease head = queue.peek();
      if (head != null) {
        headTicket = head.ticket;
        waiting.add(this);
      }
    }

    private void forgetIfUnused() {
      if (holders <= 0 && !isActive()) {
        accounts.remove(client, this);
      }
    }
  }

  /** Bytes reserved, or waiting to be. */
  public final class Lease {
    private static final int WAITING = 0;
    private static final int HELD = 1;
    private static final int RELEASED = 2;

    private final Account account;
    private final int bytes;
    private final Runnable onGranted;
    private long ticket;
    private int state = WAITING;

    private Lease(Account account, int bytes, Runnable onGranted) {
      this.account = account;
      this.bytes = bytes;
      this.onGranted = onGranted;
    }

    public boolean isHeld() {
      synchronized (InflightBudget.this) {
        return state == HELD;
      }
    }

    /** Gives the bytes back, or stops waiting for them. Once more does nothing. */
    public void release() {
      synchronized (InflightBudget.this) {
        if (state == RELEASED) {
          return;
        }
      }
      InflightBudget.this.release(this);
    }
  }
}
