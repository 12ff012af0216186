package io.spillway.read;

import io.spillway.runtime.Clock;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * Segments that were fetched ahead, until their reader comes to them. They are no part of the
 * cache: it would have to let something go for them before anybody has asked for them, or, being
 * clever, would not take them. Their bytes are of the read budget, and are given up, oldest first,
 * when readers wait for it; and after some seconds when somebody else wants to fetch ahead, since
 * their reader has then jumped or gone. Safe for any thread.
 */
final class Staging {

  /** A reader that goes on comes back sooner. */
  private static final long STALE_NANOS = TimeUnit.SECONDS.toNanos(5);

  private final Clock clock;
  private final CatchUpCounters counters;
  private final Map<SegmentKey, Staged> staged = new LinkedHashMap<>();

  Staging(Clock clock, CatchUpCounters counters) {
    this.clock = clock;
    this.counters = counters;
  }

  /**
   * @param client whose share of the budget it takes
   * @param bytes of that
   * @param isUnread fetched ahead, not left over from a read
   */
  record Staged(Segment segment, long client, long bytes, boolean isUnread, long sinceNanos) {}

  /**
   * Takes the segment over, and its holder's hold with it.
   *
   * @return one that was there before, the caller's now
   */
  @Nullable Staged add(Segment segment, long client, long bytes, boolean isUnread) {
    Staged added = new Staged(segment, client, bytes, isUnread, clock.nanoTime());
    synchronized (staged) {
      Staged before = staged.remove(segment.key());
      staged.put(segment.key(), added);
      return before;
    }
  }

  /** Hands it over: the hold on the segment and the bytes of the budget are the caller's. */
  @Nullable Staged take(SegmentKey key) {
    Staged taken;
    synchronized (staged) {
      taken = staged.remove(key);
    }
    if (taken != null && taken.isUnread) {
      counters.aheadUsedBytes.add(taken.bytes);
    }
    return taken;
  }

  boolean contains(SegmentKey key) {
    synchronized (staged) {
      return staged.containsKey(key);
    }
  }

  /** The oldest, until they make up as many bytes. The caller gives them back. */
  List<Staged> drop(long wantedBytes) {
    List<Staged> dropped = new ArrayList<>();
    long bytes = 0;
    synchronized (staged) {
      Iterator<Staged> oldest = staged.values().iterator();
      while (bytes < wantedBytes && oldest.hasNext()) {
        Staged next = oldest.next();
        oldest.remove();
        dropped.add(next);
        bytes += next.bytes;
      }
    }
    return counted(dropped);
  }

  /** Those whose reader does not seem to come any more. */
  List<Staged> dropStale() {
    long now = clock.nanoTime();
    return dropIf(each -> now - each.sinceNanos >= STALE_NANOS);
  }

  List<Staged> dropObject(String objectKey) {
    return dropIf(each -> each.segment.key().objectKey().equals(objectKey));
  }

  List<Staged> dropAll() {
    return dropIf(each -> true);
  }

  private List<Staged> dropIf(Predicate<Staged> condition) {
    List<Staged> dropped = new ArrayList<>(0);
    synchronized (staged) {
      staged
          .values()
          .removeIf(
              each -> {
                boolean drops = condition.test(each);
                if (drops) {
                  dropped.add(each);
                }
                return drops;
              });
    }
    return counted(dropped);
  }

  private List<Staged> counted(List<Staged> dropped) {
    for (Staged each : dropped) {
      if (each.isUnread) {
        counters.aheadWastedBytes.add(each.bytes);
      }
    }
    return dropped;
  }
}
