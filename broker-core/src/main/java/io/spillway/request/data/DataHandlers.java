package io.spillway.request.data;

import io.spillway.metadata.ControlPlane;
import io.spillway.metrics.MetricsSource;
import io.spillway.partition.OffsetLookup;
import io.spillway.partition.PartitionManager;
import io.spillway.partition.TrafficListener;
import io.spillway.protocol.server.ConnectionInfo;
import io.spillway.request.ApiHandler;
import io.spillway.runtime.Clock;
import io.spillway.runtime.RandomSource;
import io.spillway.runtime.Scheduler;
import java.util.List;
import java.util.concurrent.Executor;

/** The handlers of this package, made together since they share timers and look-ups. */
public final class DataHandlers {

  private final FetchHandler fetch;
  private final FetchBudget budget;
  private final List<ApiHandler> handlers;

  private DataHandlers(FetchHandler fetch, FetchBudget budget, List<ApiHandler> handlers) {
    this.fetch = fetch;
    this.budget = budget;
    this.handlers = handlers;
  }

  /**
   * @param scheduler runs timeouts
   * @param workers reads records for ListOffsets
   */
  public static DataHandlers create(
      PartitionManager partitions,
      ControlPlane control,
      Clock clock,
      Scheduler scheduler,
      Executor workers,
      RandomSource random,
      DataSettings settings,
      TrafficListener traffic) {
    TimerWheel timers = new TimerWheel(clock, scheduler);
    PartitionLocator locator = new PartitionLocator(partitions, control::metadata);
    OpenPartitions open = new OpenPartitions(timers);
    FetchSessions sessions =
        new FetchSessions(
            settings.fetchSessions(), settings.fetchSessionEvictionMs(), clock, random);
    ReadFailures failures = new ReadFailures(clock);
    FetchBudget budget = new FetchBudget(settings.fetchResponseBytes());
    FetchHandler fetch =
        new FetchHandler(
            locator, sessions, timers, failures, clock, traffic, settings.fetchMaxBytes(), budget);
    return new DataHandlers(
        fetch,
        budget,
        List.of(
            new ProduceHandler(locator, timers),
            fetch,
            new ListOffsetsHandler(locator, open, new OffsetLookup(workers), timers, failures),
            new OffsetForLeaderEpochHandler(locator, open),
            new DescribeProducersHandler(locator, open),
            new DeleteRecordsHandler(locator, open, timers, failures)));
  }

  public List<ApiHandler> handlers() {
    return handlers;
  }

  /** Of the memory of fetch responses. */
  public MetricsSource metrics() {
    return budget;
  }

  /** To be told of every connection that is gone: a waiting fetch lets go of what it holds. */
  public void onDisconnect(ConnectionInfo connection) {
    fetch.onDisconnect(connection);
  }
}
