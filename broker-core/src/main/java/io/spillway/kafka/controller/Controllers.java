package io.spillway.kafka.controller;

import io.spillway.runtime.FaultHandler;
import io.spillway.runtime.RandomSource;
import java.util.Map;
import java.util.OptionalLong;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.controller.QuorumController;

/** Builds Kafka's controller, unforked, on our log. */
public final class Controllers {

  private static final long FENCE_CHECK_MS = 500;
  private static final long LEADER_BALANCE_CHECK_S = 300;

  private Controllers() {}

  /**
   * Registers itself with the raft client; becomes active when that is elected. Writes nothing
   * while nothing changes.
   */
  public static QuorumController create(
      ControllerSettings settings,
      SharedLogRaftClient raft,
      ClockTime time,
      RandomSource random,
      FaultHandler faults) {
    try {
      return new QuorumController.Builder(settings.nodeId(), settings.clusterId())
          .setTime(time)
          .setThreadNamePrefix("controller-" + settings.nodeId() + "-")
          .setRaftClient(raft)
          .setQuorumFeatures(FeatureLevels.quorum(settings.nodeId()))
          .setBootstrapMetadata(FeatureLevels.bootstrap())
          .setConfigSchema(ConfigSchema.schema())
          .setConfigurationValidator(new ResourceConfigValidator(settings.brokerProperties()))
          .setStaticConfig(Map.copyOf(settings.brokerProperties()))
          .setFatalFaultHandler(KafkaFaults.fatal(faults, "controller"))
          .setNonFatalFaultHandler(KafkaFaults.nonFatal("controller"))
          .setDefaultNumPartitions(settings.numPartitions())
          .setDefaultReplicationFactor(settings.replicationFactor())
          .setReplicaPlacer(new CandidatePlacer(random))
          .setSessionTimeoutNs(TimeUnit.MILLISECONDS.toNanos(settings.sessionTimeoutMs()))
          .setFenceStaleBrokerIntervalNs(TimeUnit.MILLISECONDS.toNanos(FENCE_CHECK_MS))
          .setLeaderImbalanceCheckIntervalNs(
              OptionalLong.of(TimeUnit.SECONDS.toNanos(LEADER_BALANCE_CHECK_S)))
          .setMaxIdleIntervalNs(OptionalLong.empty())
          .build();
    } catch (Exception e) {
      throw new IllegalStateException("the controller could not be built", e);
    }
  }
}
