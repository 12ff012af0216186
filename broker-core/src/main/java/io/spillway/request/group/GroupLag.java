package io.spillway.request.group;

import java.util.List;
import java.util.concurrent.CompletableFuture;

/** How far groups are behind, computed when somebody asks. Safe for any thread. */
public interface GroupLag {

  /**
   * Lags of the groups coordinated here, ordered by group, topic and partition. Loads nothing:
   * while no coordinator runs there is no lag to tell.
   *
   * @param maxEntries the first so many; the rest is counted
   * @return never fails
   */
  CompletableFuture<Report> report(int maxEntries);

  /**
   * @param leftOut entries beyond the limit; a group that was not looked at counts as one
   */
  record Report(List<Entry> entries, int leftOut) {
    public Report {
      entries = List.copyOf(entries);
    }
  }

  /**
   * @param committedOffset the next offset the group will read, as it said last
   * @param lag records between it and the high watermark, at least 0
   */
  record Entry(String groupId, String topic, int partition, long committedOffset, long lag) {}
}
