package io.spillway.benchmarks;

import io.spillway.runtime.AmbientRuntime;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.jspecify.annotations.Nullable;

/**
 * Consumer groups of one member each that read everything a topic gets, on threads of this process.
 */
@AmbientRuntime
final class TailGroups implements AutoCloseable {

  private static final long STALL_NANOS = TimeUnit.SECONDS.toNanos(60);

  private final List<Member> members = new ArrayList<>();
  private final AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
  private volatile Latencies latencies = new Latencies();
  private volatile boolean closed;

  private TailGroups() {}

  /** Returns when every group has all partitions. */
  static TailGroups start(String bootstrapServers, String topic, int partitions, int groups)
      throws InterruptedException {
    TailGroups all = new TailGroups();
    for (int i = 0; i < groups; i++) {
      all.members.add(all.new Member(bootstrapServers, topic, "group-" + i));
    }
    all.members.forEach(member -> member.thread.start());
    all.awaitEach("partitions", partitions, member -> member.assigned);
    return all;
  }

  /** Returns when every group has as many records. */
  void await(long records) throws InterruptedException {
    awaitEach("records", records, member -> member.records.get());
  }

  /** From now on, and only these. */
  void startLatencies() {
    latencies = new Latencies();
  }

  /** From a record's creation to a group's receipt, to the millisecond. */
  Latencies latencies() {
    return latencies;
  }

  private interface Progress {
    long of(Member member);
  }

  private void awaitEach(String what, long expected, Progress progress)
      throws InterruptedException {
    for (Member member : members) {
      long seen = progress.of(member);
      long since = System.nanoTime();
      while (progress.of(member) < expected) {
        Throwable failed = failure.get();
        if (failed != null) {
          throw new IllegalStateException("a consumer failed", failed);
        }
        if (progress.of(member) != seen) {
          seen = progress.of(member);
          since = System.nanoTime();
        } else if (System.nanoTime() - since > STALL_NANOS) {
          throw new IllegalStateException(
              "%s: expected %d %s, found %d, and nothing came for 60 s"
                  .formatted(member.thread.getName(), expected, what, seen));
        }
        Thread.sleep(20);
      }
    }
  }

  @Override
  public void close() throws InterruptedException {
    closed = true;
    for (Member member : members) {
      member.thread.join();
    }
  }

  @AmbientRuntime
  private final class Member {
    private final Thread thread;
    private volatile int assigned;
    private final AtomicLong records = new AtomicLong();

    Member(String bootstrapServers, String topic, String group) {
      this.thread = new Thread(() -> run(bootstrapServers, topic, group), group);
      thread.setDaemon(true);
    }

    private void run(String bootstrapServers, String topic, String group) {
      Map<String, Object> settings = new HashMap<>();
      settings.put("bootstrap.servers", bootstrapServers);
      settings.put("group.id", group);
      settings.put("client.id", group);
      settings.put("auto.offset.reset", "earliest");
      try (KafkaConsumer<byte[], byte[]> consumer =
          new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
        consumer.subscribe(List.of(topic));
        while (!closed) {
          ConsumerRecords<byte[], byte[]> polled = consumer.poll(Duration.ofMillis(200));
          assigned = consumer.assignment().size();
          count(polled);
        }
      } catch (RuntimeException e) {
        failure.compareAndSet(null, e);
      }
    }

    private void count(ConsumerRecords<byte[], byte[]> polled) {
      long now = System.currentTimeMillis();
      for (ConsumerRecord<byte[], byte[]> each : polled) {
        latencies.add(TimeUnit.MILLISECONDS.toNanos(Math.max(0, now - each.timestamp())));
      }
      records.addAndGet(polled.count());
    }
  }
}
