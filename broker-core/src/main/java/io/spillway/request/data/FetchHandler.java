package io.spillway.request.data;

import io.spillway.partition.TrafficListener;
import io.spillway.protocol.server.ConnectionInfo;
import io.spillway.request.ApiHandler;
import io.spillway.request.Exchange;
import io.spillway.runtime.Clock;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.kafka.common.errors.InvalidRequestException;
import org.apache.kafka.common.message.FetchRequestData;
import org.apache.kafka.common.message.FetchResponseData;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.Errors;

/**
 * Fetch, for consumers: nobody replicates from this broker, so a replica's fetch is refused. Each
 * request runs as a {@link FetchOperation}; a connection has at most one, since a fetch is a
 * barrier.
 */
final class FetchHandler implements ApiHandler {

  private static final int CONSUMER = -1;

  private final PartitionLocator locator;
  private final FetchSessions sessions;
  private final TimerWheel timers;
  private final ReadFailures failures;
  private final Clock clock;
  private final TrafficListener traffic;
  private final int maxResponseBytes;
  private final FetchBudget budget;

  /** Fetches that wait, by connection: what to give up when the client is gone. */
  private final Map<String, FetchOperation> waiting = new ConcurrentHashMap<>();

  FetchHandler(
      PartitionLocator locator,
      FetchSessions sessions,
      TimerWheel timers,
      ReadFailures failures,
      Clock clock,
      TrafficListener traffic,
      int maxResponseBytes,
      FetchBudget budget) {
    this.locator = locator;
    this.sessions = sessions;
    this.timers = timers;
    this.failures = failures;
    this.clock = clock;
    this.traffic = traffic;
    this.maxResponseBytes = maxResponseBytes;
    this.budget = budget;
  }

  @Override
  public Set<ApiKeys> apis() {
    return Set.of(ApiKeys.FETCH);
  }

  @Override
  public void handle(Exchange exchange) {
    FetchRequestData request = exchange.request(FetchRequestData.class);
    if (request.replicaId() != CONSUMER || request.replicaState().replicaId() != CONSUMER) {
      exchange.fail(
          new InvalidRequestException("replica fetches are not served: data is stored once"));
      return;
    }
    FetchSessions.Plan plan = sessions.plan(request, exchange.context().apiVersion());
    if (plan.error() != Errors.NONE) {
      exchange.reply(new FetchResponseData().setErrorCode(plan.error().code()));
      return;
    }
    FetchOperation operation = new FetchOperation(this, exchange, request, plan);
    waiting.put(exchange.connection().id(), operation);
    operation.start();
  }

  /** The connection is gone: its fetch, if one waits, holds nothing any more. */
  void onDisconnect(ConnectionInfo connection) {
    FetchOperation operation = waiting.remove(connection.id());
    if (operation != null) {
      operation.abandon();
    }
  }

  void onDone(FetchOperation operation, String connectionId) {
    waiting.remove(connectionId, operation);
  }

  /** Fetches that are not answered; for tests. */
  int waiting() {
    return waiting.size();
  }

  PartitionLocator locator() {
    return locator;
  }

  FetchSessions sessions() {
    return sessions;
  }

  TimerWheel timers() {
    return timers;
  }

  ReadFailures failures() {
    return failures;
  }

  Clock clock() {
    return clock;
  }

  TrafficListener traffic() {
    return traffic;
  }

  FetchBudget budget() {
    return budget;
  }

  int maxResponseBytes() {
    return maxResponseBytes;
  }
}
