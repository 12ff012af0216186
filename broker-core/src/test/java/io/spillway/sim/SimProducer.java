package io.spillway.sim;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.reflect.Method;
import java.nio.ByteBuffer;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.ApiVersions;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.clients.producer.internals.BufferPool;
import org.apache.kafka.clients.producer.internals.ProducerMetadata;
import org.apache.kafka.clients.producer.internals.RecordAccumulator;
import org.apache.kafka.clients.producer.internals.Sender;
import org.apache.kafka.clients.producer.internals.SenderMetricsRegistry;
import org.apache.kafka.clients.producer.internals.TransactionManager;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.apache.kafka.common.errors.RetriableException;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.internals.ClusterResourceListeners;
import org.apache.kafka.common.metrics.MetricConfig;
import org.apache.kafka.common.metrics.Metrics;
import org.apache.kafka.common.utils.Time;
import org.apache.kafka.common.utils.internals.LogContext;
import org.apache.kafka.common.utils.internals.ProducerIdAndEpoch;
import org.jspecify.annotations.Nullable;

/**
 * An application with Kafka's own idempotent producer: the accumulator, the sender and the
 * transaction manager are those of kafka-clients; only the threads, the time and the network below
 * are simulated. It numbers the records that it sends to each partition.
 */
final class SimProducer {

  private static final LogContext LOG = new LogContext();
  private static final long LINGER_TICK_MS = 5;
  private static final long LONGEST_TICK_MS = 200;
  private static final int SMALL_BYTES = 120;

  /** As its buffer would be full. */
  private static final int MAX_UNDECIDED = 100;

  /** More than any topic takes. */
  private static final int TOO_LARGE_BYTES = 9_000;

  /** One turn of the loop that a thread of its own runs elsewhere. */
  private static final Method RUN_ONCE = method(Sender.class, "runOnce");

  private static final Method IDENTITY = method(TransactionManager.class, "producerIdAndEpoch");

  /** What a record says of itself. */
  record Numbered(int producer, long number) {

    private static final int BYTES = 12;

    static Numbered of(ByteBuffer value) {
      return new Numbered(value.getInt(value.position()), value.getLong(value.position() + 4));
    }

    byte[] value(int sizeBytes) {
      return ByteBuffer.allocate(Math.max(BYTES, sizeBytes))
          .putInt(producer)
          .putLong(number)
          .array();
    }
  }

  final int index;
  private final PartitionSimulation world;
  private final ProducerMetadata metadata;
  private final TransactionManager transactions;
  private final RecordAccumulator accumulator;
  private final SimClient client;
  private final Sender sender;
  private final Time time = new WorldTime();
  private final Map<TopicPartition, Long> numbers = new HashMap<>();
  private final Map<TopicPartition, Integer> undecidedOf = new HashMap<>();
  private final Set<TopicPartition> acknowledged = new HashSet<>();
  private boolean ticking;
  private long nextTickNanos;
  private int undecided;
  private short seenEpoch;

  /** Whether something happened after which a producer has to go on with another epoch. */
  private boolean mayBump;

  SimProducer(PartitionSimulation world, int index) {
    this.world = world;
    this.index = index;
    int requestTimeoutMs = 1_000 << world.random.nextInt(4);
    int deliveryTimeoutMs = world.random.nextInt(4) == 0 ? requestTimeoutMs * 3 : 600_000;
    long backoffMs = 10L << world.random.nextInt(4);
    int batchBytes = 150 << world.random.nextInt(4);
    int lingerMs = world.random.nextInt(3) * 5;
    metadata =
        new ProducerMetadata(
            backoffMs,
            backoffMs, // the same: a longer one would be jittered by chance that no seed decides
            2_000L << world.random.nextInt(6),
            3_600_000,
            LOG,
            new ClusterResourceListeners());
    Metrics metrics = new Metrics(new MetricConfig(), List.of(), time);
    transactions =
        new TransactionManager(LOG, null, 60_000, backoffMs, new ApiVersions(), metadata, false);
    accumulator =
        new RecordAccumulator(
            LOG,
            batchBytes,
            Compression.NONE, // how well others compress is remembered beyond a seed
            lingerMs,
            backoffMs,
            backoffMs,
            deliveryTimeoutMs,
            metrics,
            "producer-metrics",
            time,
            transactions,
            new BufferPool(64 << 20, batchBytes, metrics, time, "producer-metrics"));
    client = new SimClient(world, "producer-" + index, metadata, this::wake);
    sender =
        new Sender(
            LOG,
            client,
            metadata,
            accumulator,
            false,
            1 << 20,
            (short) -1,
            Integer.MAX_VALUE,
            new SenderMetricsRegistry(metrics),
            time,
            requestTimeoutMs,
            backoffMs,
            transactions);
    metadata.add("a", world.nowMs());
    metadata.add("b", world.nowMs());
  }

  // The application.

  /** Sends a record, now and then one that no topic takes. */
  void send(TopicPartition tp) {
    if (metadata.fetch().partition(tp) == null) {
      metadata.requestUpdateForTopic(tp.topic());
      wake();
      return;
    }
    if (undecided > MAX_UNDECIDED) {
      return;
    }
    // Never behind one whose outcome is open, nor as the first: a refusal for good makes the
    // producer
    // send the others under new sequences, and one whose answer was ambiguous twice. Brokers cannot
    // help it.
    boolean tooLarge =
        acknowledged.contains(tp)
            && undecidedOf.getOrDefault(tp, 0) == 0
            && world.random.nextInt(20) == 0;
    long number = numbers.merge(tp, 1L, Long::sum) - 1;
    int bytes = tooLarge ? TOO_LARGE_BYTES : world.random.nextInt(SMALL_BYTES);
    undecided++;
    undecidedOf.merge(tp, 1, Integer::sum);
    try {
      accumulator.append(
          tp.topic(),
          tp.partition(),
          world.nowMs(),
          null,
          new Numbered(index, number).value(bytes),
          new Header[0],
          new Outcome(tp, number, tooLarge),
          0,
          world.nowMs(),
          metadata.fetch());
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
    wake();
  }

  void breakConnection() {
    client.breakOne();
    wake();
  }

  /** Whether the outcome of each record is known. */
  boolean isQuiet() {
    return undecided == 0;
  }

  /** Producer id and epoch that it goes on with. */
  ProducerIdAndEpoch identity() {
    try {
      return (ProducerIdAndEpoch) IDENTITY.invoke(transactions);
    } catch (ReflectiveOperationException e) {
      throw new LinkageError("producer " + index, e);
    }
  }

  /** An epoch is left only where the producer had to: after a refusal for good, or a time-out. */
  void check() {
    ProducerIdAndEpoch now = identity();
    if (now.epoch > seenEpoch) {
      world.coverage.count("epoch bump");
      assertThat(mayBump)
          .as("G5: producer %d goes on with %s for a reason of its own", index, now)
          .isTrue();
    }
    seenEpoch = (short) Math.max(seenEpoch, now.epoch);
  }

  private final class Outcome implements RecordAccumulator.AppendCallbacks {
    private final TopicPartition tp;
    private final long number;
    private final boolean tooLarge;

    Outcome(TopicPartition tp, long number, boolean tooLarge) {
      this.tp = tp;
      this.number = number;
      this.tooLarge = tooLarge;
    }

    @Override
    public void setPartition(int partition) {}

    @Override
    public void onCompletion(RecordMetadata at, @Nullable Exception failure) {
      undecided--;
      undecidedOf.merge(tp, -1, Integer::sum);
      world.checked(() -> check(at, failure));
    }

    private void check(RecordMetadata at, @Nullable Exception failure) {
      if (failure == null) {
        acknowledged.add(tp);
        world.coverage.count("record acknowledged");
        world.log(tp).checkAcknowledged(index, number, at.offset());
      } else if (failure
          instanceof RetriableException) { // when it ran out of time, the last one counts
        world.coverage.count("record given up");
        mayBump = true;
      } else {
        assertThat(failure)
            .as("record %d of producer %d for %s", number, index, tp)
            .isInstanceOf(RecordTooLargeException.class);
        assertThat(tooLarge).as("record %d of producer %d is too large", number, index).isTrue();
        world.coverage.count("record too large");
        mayBump = true;
      }
    }
  }

  // Its thread.

  private void wake() {
    tickAt(world.now());
  }

  private void tickAt(long nanos) {
    if (ticking && nextTickNanos <= nanos) {
      return;
    }
    ticking = true;
    nextTickNanos = nanos;
    world.threads.at(nanos, () -> tick(nanos));
  }

  private void tick(long due) {
    if (!ticking || due != nextTickNanos) {
      return;
    }
    ticking = false;
    try {
      RUN_ONCE.invoke(sender);
    } catch (ReflectiveOperationException e) {
      throw new LinkageError("producer " + index, e);
    }
    if (undecided > 0) {
      long ms = Math.min(LONGEST_TICK_MS, Math.max(LINGER_TICK_MS, client.idleMs()));
      tickAt(world.now() + TimeUnit.MILLISECONDS.toNanos(ms));
    }
  }

  private static Method method(Class<?> of, String name) {
    try {
      Method method = of.getDeclaredMethod(name);
      method.setAccessible(true);
      return method;
    } catch (NoSuchMethodException e) {
      throw new AssertionError(e);
    }
  }

  private final class WorldTime implements Time {
    @Override
    public long milliseconds() {
      return world.nowMs();
    }

    @Override
    public long nanoseconds() {
      return world.now();
    }

    /** The sender comes again by itself. */
    @Override
    public void sleep(long ms) {}
  }
}
