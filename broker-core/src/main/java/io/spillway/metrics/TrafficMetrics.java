package io.spillway.metrics;

import io.spillway.partition.TrafficListener;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.LongAdder;

/**
 * Bytes by topic and, apart from that, by client id. The first so many names are counted apart and
 * keep their place until a restart; all further ones are counted together, as {@code other}.
 */
public final class TrafficMetrics implements TrafficListener, MetricsSource {

  static final String OTHER = "other";

  /** Client ids may be 32 KiB long; a label this long tells them apart. */
  private static final int MAX_LABEL_CHARS = 128;

  private final Names topics;
  private final Names clients;

  public TrafficMetrics(int maxTopics, int maxClients) {
    topics = new Names(maxTopics);
    clients = new Names(maxClients);
  }

  @Override
  public void onProduced(String topic, String clientId, int records, int bytes) {
    Traffic byTopic = topics.of(topic);
    byTopic.producedRecords.add(records);
    byTopic.producedBytes.add(bytes);
    clients.of(clientId).producedBytes.add(bytes);
  }

  @Override
  public void onFetched(String topic, String clientId, int bytes) {
    topics.of(topic).fetchedBytes.add(bytes);
    clients.of(clientId).fetchedBytes.add(bytes);
  }

  @Override
  public void collect(MetricsSink sink) {
    topics.forEach(
        (topic, traffic) -> {
          sink.counter(
              "spillway_topic_produced_records",
              "Records accepted",
              traffic.producedRecords.sum(),
              "topic",
              topic);
          sink.counter(
              "spillway_topic_produced_bytes",
              "Bytes of batches accepted",
              traffic.producedBytes.sum(),
              "topic",
              topic);
          sink.counter(
              "spillway_topic_fetched_bytes",
              "Bytes of batches sent to consumers",
              traffic.fetchedBytes.sum(),
              "topic",
              topic);
        });
    clients.forEach(
        (client, traffic) -> {
          sink.counter(
              "spillway_client_produced_bytes",
              "Bytes of batches accepted",
              traffic.producedBytes.sum(),
              "client_id",
              client);
          sink.counter(
              "spillway_client_fetched_bytes",
              "Bytes of batches sent",
              traffic.fetchedBytes.sum(),
              "client_id",
              client);
        });
  }

  private static final class Traffic {
    final LongAdder producedRecords = new LongAdder();
    final LongAdder producedBytes = new LongAdder();
    final LongAdder fetchedBytes = new LongAdder();
  }

  private static final class Names {
    private final int limit;
    private final AtomicInteger count = new AtomicInteger();
    private final Map<String, Traffic> byName = new ConcurrentHashMap<>();
    private final Traffic other = new Traffic();

    Names(int limit) {
      this.limit = limit;
    }

    Traffic of(String name) {
      String label = name.length() <= MAX_LABEL_CHARS ? name : name.substring(0, MAX_LABEL_CHARS);
      Traffic known = byName.get(label);
      if (known != null) {
        return known;
      }
      if (count.get() >= limit || label.equals(OTHER)) {
        return other;
      }
      return byName.computeIfAbsent(
          label, l -> count.incrementAndGet() <= limit ? new Traffic() : other);
    }

    void forEach(java.util.function.BiConsumer<String, Traffic> action) {
      byName.forEach(
          (name, traffic) -> {
            if (traffic != other) {
              action.accept(name, traffic);
            }
          });
      action.accept(OTHER, other);
    }
  }
}
