package io.spillway.request.data;

import io.spillway.metadata.ControlPlane.ProducerIdBlock;
import io.spillway.partition.BrokerPartition;
import io.spillway.partition.LocalMarkers;
import io.spillway.partition.OffsetLookup;
import io.spillway.partition.Partitions;
import io.spillway.partition.TrafficListener;
import io.spillway.request.ApiHandler;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.Errors;

/** The data handlers over a fake store, one topic open. */
final class DataBroker {

  final Partitions partitions;
  final TimerWheel timers;
  final FetchSessions sessions;
  final FetchHandler fetch;
  final List<String> unreadable = new ArrayList<>();
  final ArrayDeque<CompletableFuture<ProducerIdBlock>> blocks = new ArrayDeque<>();
  final FetchBudget budget = new FetchBudget(8 << 20);
  private final List<ApiHandler> handlers;

  DataBroker() {
    this(Partitions.open(), 10);
  }

  DataBroker(Partitions partitions, int sessionSlots) {
    this.partitions = partitions;
    this.timers =
        new TimerWheel(partitions.threads.clock(), partitions.threads.newScheduler("timers"));
    PartitionLocator locator = new PartitionLocator(partitions.manager, () -> partitions.metadata);
    OpenPartitions open = new OpenPartitions(timers);
    sessions =
        new FetchSessions(
            sessionSlots, 120_000, partitions.threads.clock(), partitions.threads.randomSource());
    TrafficListener traffic =
        new TrafficListener() {
          @Override
          public void onProduced(String topic, String clientId, int records, int bytes) {}

          @Override
          public void onFetched(String topic, String clientId, int bytes) {
            partitions.traffic.add("out " + topic + " " + clientId + " " + bytes);
          }
        };
    ReadFailures failures =
        new ReadFailures(
            partitions.threads.clock(),
            (tp, cause, held) -> unreadable.add(tp + ": " + cause.getMessage()));
    fetch =
        new FetchHandler(
            locator,
            sessions,
            timers,
            failures,
            partitions.threads.clock(),
            traffic,
            55 << 20,
            budget);
    handlers =
        List.of(
            new ProduceHandler(locator, timers),
            fetch,
            new ListOffsetsHandler(
                locator,
                open,
                new OffsetLookup(partitions.threads.newPool("lookup", 1)),
                timers,
                failures),
            new OffsetForLeaderEpochHandler(locator, open),
            new DescribeProducersHandler(locator, open),
            new WriteTxnMarkersHandler(
                new LocalMarkers(
                    partitions.manager,
                    (tp, marker) ->
                        CompletableFuture.completedFuture(Errors.NOT_LEADER_OR_FOLLOWER))),
            new DeleteRecordsHandler(locator, open, timers, failures));
  }

  BrokerPartition partition() {
    return partitions.partition();
  }

  FakeExchange send(ApiKeys api, int version, ApiMessage request) {
    FakeExchange exchange = new FakeExchange(api, version, request);
    handle(exchange);
    return exchange;
  }

  void handle(FakeExchange exchange) {
    for (ApiHandler handler : handlers) {
      if (handler.apis().contains(exchange.context().apiKey())) {
        try {
          handler.handle(exchange);
        } catch (RuntimeException e) {
          exchange.fail(e);
        }
        return;
      }
    }
    throw new IllegalArgumentException("nobody serves " + exchange.context().apiKey());
  }
}
