package io.spillway.metrics;

import io.spillway.compaction.CompactionStats;
import java.util.function.Supplier;

/** Log compaction. */
public final class CompactionMetrics implements MetricsSource {

  private final Supplier<CompactionStats> compaction;

  public CompactionMetrics(Supplier<CompactionStats> compaction) {
    this.compaction = compaction;
  }

  @Override
  public void collect(MetricsSink sink) {
    CompactionStats stats = compaction.get();
    sink.counter("spillway_compaction_passes", "Passes over a compacted partition", stats.passes());
    sink.counter(
        "spillway_compaction_read_records",
        "Records that compaction looked at to keep or drop them",
        stats.recordsRead());
    sink.counter(
        "spillway_compaction_kept_records", "Records that it kept of these", stats.recordsKept());
    sink.gauge(
        "spillway_compaction_due_partitions",
        "Compacted partitions found in need of a pass at the last look",
        stats.due());
    sink.gauge(
        "spillway_compaction_uncleanable_partitions",
        "Compacted partitions that keep everything, since a record in them cannot be read",
        stats.uncleanable());
  }
}
