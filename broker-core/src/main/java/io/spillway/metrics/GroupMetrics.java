package io.spillway.metrics;

import io.spillway.request.group.GroupLag;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** How far consumer groups are behind, asked for at each scrape. */
public final class GroupMetrics implements MetricsSource {

  private static final int MAX_ENTRIES = 5_000;
  private static final long PATIENCE_SECONDS = 3;

  private final GroupLag groups;

  public GroupMetrics(GroupLag groups) {
    this.groups = groups;
  }

  @Override
  public void collect(MetricsSink sink) {
    GroupLag.Report report;
    try {
      report = groups.report(MAX_ENTRIES).get(PATIENCE_SECONDS, TimeUnit.SECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return;
    } catch (ExecutionException | TimeoutException e) {
      // A scrape without lags is better than none; their absence is what an alert sees.
      return;
    }
    for (GroupLag.Entry entry : report.entries()) {
      sink.gauge(
          "spillway_group_lag",
          "Records between a group's committed offset and the high watermark",
          entry.lag(),
          "group",
          entry.groupId(),
          "topic",
          entry.topic(),
          "partition",
          Integer.toString(entry.partition()));
    }
    sink.gauge(
        "spillway_group_lag_left_out",
        "Lags that are not shown because there are too many",
        report.leftOut());
  }
}
