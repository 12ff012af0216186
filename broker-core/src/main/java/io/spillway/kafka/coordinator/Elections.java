package io.spillway.kafka.coordinator;

import io.spillway.partition.LocalPartitions;
import io.spillway.partition.Partition;
import io.spillway.runtime.Scheduler;
import java.util.HashMap;
import java.util.Map;
import org.apache.kafka.common.TopicPartition;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Tells the running coordinator which partitions of its topic it has, one change at a time.
 *
 * <p>The coordinator's runtime names a load by its partition alone: were a partition unloaded and
 * elected again while a load of it is under way, the end of that load would be taken for the end of
 * the next one, and a coordinator that knows half of its state would serve. So a partition is left
 * alone until its load has ended; a load that nobody wants any more ends early (see {@link
 * PartitionLogLoader}).
 *
 * <p>A truncation (P30) voids what the coordinator holds in memory: it is unloaded and loaded from
 * what is durable.
 */
public final class Elections implements LocalPartitions.LeadershipListener, AutoCloseable {

  private static final Logger log = LoggerFactory.getLogger(Elections.class);

  private final String topic;
  private final Scheduler scheduler;
  private final Runnable coordinatorNeeded;
  private final LedPartitions led = new LedPartitions();
  private volatile boolean closed;

  // Scheduler only.
  private final Map<TopicPartition, Told> told = new HashMap<>();
  private @Nullable HostedCoordinator coordinator;

  /** What the coordinator was told of a partition. */
  private static final class Told {
    private @Nullable LedPartition elected;
    private boolean loading;
  }

  /**
   * @param topic whose partitions are coordinated
   * @param scheduler for everything that happens here
   * @param coordinatorNeeded run when there is something to coordinate; must not block
   */
  Elections(String topic, Scheduler scheduler, Runnable coordinatorNeeded) {
    this.topic = topic;
    this.scheduler = scheduler;
    this.coordinatorNeeded = coordinatorNeeded;
  }

  public LedPartitions led() {
    return led;
  }

  /**
   * Elects what is led already, and what comes.
   *
   * @param then run when the coordinator knows of what is led already
   */
  void start(HostedCoordinator started, Runnable then) {
    scheduler.execute(
        () -> {
          coordinator = started;
          led.all().forEach(partition -> reconcile(partition.topicPartition()));
          then.run();
        });
  }

  @Override
  public void onLeader(Partition partition) {
    if (closed || !partition.topicPartition().topic().equals(topic)) {
      return;
    }
    LedPartition elected = new LedPartition(partition, this::onTruncated);
    scheduler.execute(
        () -> {
          release(led.put(elected));
          reconcile(elected.topicPartition());
        });
    coordinatorNeeded.run();
  }

  @Override
  public void onResigned(TopicPartition tp, boolean deleted) {
    if (closed || !tp.topic().equals(topic)) {
      return;
    }
    scheduler.execute(
        () -> {
          release(led.remove(tp));
          reconcile(tp);
        });
  }

  private void onTruncated(LedPartition truncated) {
    if (!closed) {
      log.warn("{} was truncated: its coordinator loads it again", truncated.topicPartition());
      scheduler.execute(() -> reconcile(truncated.topicPartition()));
    }
  }

  /** The coordinator knows that the load has ended, well or badly. Any thread. */
  public void onLoadEnded(TopicPartition tp) {
    if (!closed) {
      scheduler.execute(
          () -> {
            Told state = told.get(tp);
            if (state != null) {
              state.loading = false;
              reconcile(tp);
            }
          });
    }
  }

  private void reconcile(TopicPartition tp) {
    HostedCoordinator running = coordinator;
    if (running == null || closed) {
      return;
    }
    try {
      reconcile(running, tp, told.computeIfAbsent(tp, key -> new Told()));
    } catch (RuntimeException e) {
      // A coordinator that is shut down refuses; that is no fault.
      if (!closed) {
        throw e;
      }
    }
  }

  private void reconcile(HostedCoordinator running, TopicPartition tp, Told state) {
    if (state.loading) {
      return;
    }
    LedPartition wanted = led.find(tp).orElse(null);
    if (state.elected != null && (state.elected != wanted || state.elected.voided())) {
      running.resign(tp);
      state.elected = null;
    }
    if (wanted == null) {
      told.remove(tp);
    } else if (state.elected == null) {
      state.elected = wanted;
      state.loading = true;
      running.elect(wanted);
    }
  }

  private static void release(@Nullable LedPartition partition) {
    if (partition != null) {
      partition.release();
    }
  }

  @Override
  public void close() {
    closed = true;
    led.all().forEach(LedPartition::release);
  }
}
