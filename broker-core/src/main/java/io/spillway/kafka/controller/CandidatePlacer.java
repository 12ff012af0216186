package io.spillway.kafka.controller;

import io.spillway.runtime.RandomSource;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import org.apache.kafka.common.errors.InvalidReplicationFactorException;
import org.apache.kafka.metadata.placement.ClusterDescriber;
import org.apache.kafka.metadata.placement.PartitionAssignment;
import org.apache.kafka.metadata.placement.PlacementSpec;
import org.apache.kafka.metadata.placement.ReplicaPlacer;
import org.apache.kafka.metadata.placement.TopicAssignment;
import org.apache.kafka.metadata.placement.UsableBroker;

/**
 * Chooses the brokers entitled to lead a partition. Data is stored once, so a "replica" costs
 * nothing: as many as were asked for, at least three where there are three, and no more than there
 * are brokers, whatever was asked for. Leaders go round; a fenced broker is a candidate but never
 * the first one.
 */
final class CandidatePlacer implements ReplicaPlacer {

  private static final int WANTED_CANDIDATES = 3;

  private final RandomSource random;

  CandidatePlacer(RandomSource random) {
    this.random = random;
  }

  @Override
  public TopicAssignment place(PlacementSpec spec, ClusterDescriber cluster) {
    if (spec.numReplicas() < 1) {
      throw new InvalidReplicationFactorException(
          "Invalid replication factor "
              + spec.numReplicas()
              + ": the replication factor must be positive.");
    }
    List<Integer> active = new ArrayList<>();
    List<Integer> fenced = new ArrayList<>();
    for (Iterator<UsableBroker> brokers = cluster.usableBrokers(); brokers.hasNext(); ) {
      UsableBroker broker = brokers.next();
      (broker.fenced() ? fenced : active).add(broker.id());
    }
    if (active.isEmpty()) {
      throw new InvalidReplicationFactorException("All brokers are currently fenced.");
    }
    int count =
        Math.min(Math.max(spec.numReplicas(), WANTED_CANDIDATES), active.size() + fenced.size());
    int turn = random.nextInt(active.size());
    List<PartitionAssignment> assignments = new ArrayList<>(spec.numPartitions());
    for (int i = 0; i < spec.numPartitions(); i++) {
      List<Integer> candidates = candidates(active, fenced, turn + i, count);
      assignments.add(new PartitionAssignment(candidates, cluster));
    }
    return new TopicAssignment(assignments);
  }

  private static List<Integer> candidates(
      List<Integer> active, List<Integer> fenced, int turn, int count) {
    List<Integer> candidates = new ArrayList<>(count);
    for (int i = 0; i < active.size() && candidates.size() < count; i++) {
      candidates.add(active.get((turn + i) % active.size()));
    }
    for (int i = 0; i < fenced.size() && candidates.size() < count; i++) {
      candidates.add(fenced.get((turn + i) % fenced.size()));
    }
    return candidates;
  }
}
