package io.spillway.kafka.transaction;

import io.spillway.kafka.controller.ClockTime;
import io.spillway.runtime.Clock;
import java.util.function.Function;
import org.apache.kafka.common.utils.internals.LogContext;
import org.apache.kafka.coordinator.common.runtime.CoordinatorEventProcessor;
import org.apache.kafka.coordinator.common.runtime.CoordinatorRuntimeMetrics;
import org.apache.kafka.coordinator.common.runtime.MultiThreadedEventProcessor;
import org.apache.kafka.server.util.timer.SystemTimer;
import org.apache.kafka.server.util.timer.SystemTimerReaper;
import org.apache.kafka.server.util.timer.Timer;

/**
 * What gives the coordinator's runtime its threads. The runtime closes both.
 *
 * @param processor runs what the runtime has to do, one thing at a time per partition
 * @param timer ends waiting for a record that does not become durable
 */
record RuntimeParts(
    Function<CoordinatorRuntimeMetrics, CoordinatorEventProcessor> processor, Timer timer) {

  private static final int THREADS = 2;

  static RuntimeParts threads(int nodeId, Clock clock) {
    String timerName = "transactions-" + nodeId;
    return new RuntimeParts(
        metrics ->
            new MultiThreadedEventProcessor(
                new LogContext("[TransactionCoordinator id=" + nodeId + "] "),
                "transaction-coordinator-event-processor-",
                THREADS,
                new ClockTime(clock),
                metrics),
        new SystemTimerReaper(timerName + "-reaper", new SystemTimer(timerName)));
  }
}
