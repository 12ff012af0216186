package io.spillway.kafka.coordinator;

import io.spillway.partition.LocalPartitions;
import io.spillway.partition.Partition;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.Uuid;

/** The partitions a test says this broker leads. */
public final class FakePartitions implements LocalPartitions {

  private final Map<TopicPartition, FakePartition> led = new LinkedHashMap<>();
  private final List<LeadershipListener> listeners = new CopyOnWriteArrayList<>();

  public synchronized void lead(FakePartition partition) {
    led.put(partition.topicPartition(), partition);
    listeners.forEach(listener -> listener.onLeader(partition));
  }

  public synchronized void resign(TopicPartition tp, boolean deleted) {
    FakePartition partition = led.remove(tp);
    if (partition != null) {
      partition.resign();
      listeners.forEach(listener -> listener.onResigned(tp, deleted));
    }
  }

  public synchronized FakePartition get(TopicPartition tp) {
    return Optional.ofNullable(led.get(tp)).orElseThrow();
  }

  /** What a restarted broker finds: the same logs, and nobody subscribed. */
  public synchronized FakePartitions afterRestart() {
    FakePartitions next = new FakePartitions();
    led.values().forEach(partition -> next.lead(partition.nextLeadership()));
    return next;
  }

  @Override
  public synchronized Optional<Partition> partition(TopicPartition tp) {
    return Optional.ofNullable(led.get(tp));
  }

  @Override
  public synchronized Optional<Partition> partition(Uuid topicId, int partition) {
    return partitions().stream()
        .filter(led -> led.topicId().equals(topicId))
        .filter(led -> led.topicPartition().partition() == partition)
        .findFirst();
  }

  @Override
  public synchronized Collection<Partition> partitions() {
    return List.copyOf(led.values());
  }

  @Override
  public synchronized void subscribe(LeadershipListener listener) {
    listeners.add(listener);
    led.values().forEach(listener::onLeader);
  }
}
