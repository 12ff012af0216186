package io.spillway.kafka.coordinator;

import io.spillway.kafka.metadata.KafkaImageSubscriber;
import io.spillway.partition.LocalPartitions;
import io.spillway.runtime.Clock;
import io.spillway.runtime.Scheduler;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import org.apache.kafka.common.errors.CoordinatorNotAvailableException;
import org.apache.kafka.common.errors.NotCoordinatorException;
import org.apache.kafka.image.MetadataDelta;
import org.apache.kafka.image.MetadataImage;
import org.apache.kafka.image.TopicImage;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Starts a coordinator when it is first needed - by a request once there is its topic, or by the
 * first partition of that topic which this broker leads - and off the caller's thread: a broker
 * that never needs it loads nothing of it. Requests wait for the start; then the coordinator itself
 * says what is here.
 *
 * <p>Everything about leadership happens on one scheduler, starting and metadata on another, which
 * may be the same when no image waits for an election. Safe for any thread.
 */
public final class CoordinatorHost<C extends HostedCoordinator>
    implements KafkaImageSubscriber, AutoCloseable {

  private static final Logger log = LoggerFactory.getLogger(CoordinatorHost.class);

  /** Makes a coordinator that leads nothing yet. */
  @FunctionalInterface
  public interface Starter<C> {

    /**
     * @param image the newest
     */
    C start(Elections elections, MetadataImage image);
  }

  private final String name;
  private final String topic;
  private final Clock clock;
  private final Scheduler metadata;
  private final Elections elections;
  private final Starter<C> starter;

  private final AtomicBoolean wanted = new AtomicBoolean();
  private final CompletableFuture<C> started = new CompletableFuture<>();
  private volatile MetadataImage image = MetadataImage.EMPTY;
  private volatile @Nullable C running;
  private volatile boolean closed;

  /**
   * @param name for a person: {@code group coordinator}
   * @param topic the log of the coordinator
   */
  public CoordinatorHost(
      String name,
      String topic,
      Clock clock,
      Scheduler leadership,
      Scheduler metadata,
      Starter<C> starter) {
    this.name = name;
    this.topic = topic;
    this.clock = clock;
    this.metadata = metadata;
    this.elections = new Elections(topic, leadership, this::want);
    this.starter = starter;
  }

  /** To be told of the partitions this broker leads. */
  public LocalPartitions.LeadershipListener elections() {
    return elections;
  }

  /** Whether the coordinator has been started and serves. */
  public boolean isRunning() {
    return running != null && !closed;
  }

  /** How many partitions the coordinator's topic has; 0 while there is none. */
  public int topicPartitions() {
    TopicImage found = image.topics().getTopic(topic);
    return found == null ? 0 : found.partitions().size();
  }

  /** Whether nothing has needed the coordinator so far, and nothing could: there is no topic. */
  public boolean isUnused() {
    return !wanted.get() && topicPartitions() == 0;
  }

  /** The coordinator, which is started if need be; fails where there is none to ask. */
  public CompletableFuture<C> coordinator() {
    if (isUnused()) {
      return CompletableFuture.failedFuture(
          new NotCoordinatorException("there is no " + topic + " topic yet"));
    }
    want();
    return started;
  }

  // ---- start and end

  private void want() {
    if (!closed && wanted.compareAndSet(false, true)) {
      metadata.execute(this::start);
    }
  }

  private void start() {
    if (closed) {
      return;
    }
    long startNanos = clock.nanoTime();
    C coordinator;
    try {
      coordinator = starter.start(elections, image);
    } catch (RuntimeException | Error e) {
      started.completeExceptionally(
          new CoordinatorNotAvailableException("the " + name + " did not start", e));
      throw e;
    }
    synchronized (this) {
      if (!closed) {
        running = coordinator;
      }
    }
    if (closed) {
      coordinator.close();
      return;
    }
    log.info("{} started in {} ms", name, (clock.nanoTime() - startNanos) / 1_000_000);
    elections.start(coordinator, () -> started.complete(coordinator));
  }

  @Override
  public void close() {
    C coordinator;
    synchronized (this) {
      if (closed) {
        return;
      }
      closed = true;
      coordinator = running;
    }
    elections.close();
    if (coordinator != null) {
      coordinator.close();
    }
    started.completeExceptionally(
        new CoordinatorNotAvailableException("the " + name + " is stopping"));
  }

  // ---- metadata

  @Override
  public void onImage(MetadataDelta delta, MetadataImage newImage) {
    image = newImage;
    if (wanted.get() && !closed) {
      metadata.execute(() -> whileRunning(r -> r.onImage(delta, newImage)));
    }
  }

  /** A coordinator refuses everything once it is shut down; that is no fault. */
  private void whileRunning(Consumer<C> action) {
    C coordinator = running;
    if (coordinator == null || closed) {
      return;
    }
    try {
      action.accept(coordinator);
    } catch (RuntimeException e) {
      if (!closed) {
        throw e;
      }
    }
  }
}
