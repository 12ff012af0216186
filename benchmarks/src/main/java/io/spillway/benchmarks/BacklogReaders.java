package io.spillway.benchmarks;

import io.spillway.runtime.AmbientRuntime;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.IntStream;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * A process of consumers that read a backlog over and over, each from another place in it, so that
 * they do not share what one of them has just brought in; the page cache is dropped each time one
 * begins again at the start. Prints the bytes read so far once all have data, then once a second;
 * ends with its input.
 *
 * <p>Arguments: bootstrap servers, topic, partitions, consumers, the broker's directory.
 */
@AmbientRuntime
public final class BacklogReaders {

  private static final long REPORT_MS = 1_000;

  private final String bootstrapServers;
  private final List<TopicPartition> partitions;
  private final Path directory;
  private final AtomicLong bytes = new AtomicLong();
  private final AtomicLong withData = new AtomicLong();

  private BacklogReaders(String bootstrapServers, String topic, int partitions, Path directory) {
    this.bootstrapServers = bootstrapServers;
    this.partitions =
        IntStream.range(0, partitions).mapToObj(i -> new TopicPartition(topic, i)).toList();
    this.directory = directory;
  }

  public static void main(String[] arguments) throws Exception {
    int partitions = Integer.parseInt(arguments[2]);
    int consumers = Integer.parseInt(arguments[3]);
    BacklogReaders readers =
        new BacklogReaders(arguments[0], arguments[1], partitions, Path.of(arguments[4]));
    List<Thread> threads = new ArrayList<>();
    for (int i = 0; i < consumers; i++) {
      int index = i;
      Thread thread = new Thread(() -> readers.read(index, consumers), "reader-" + i);
      thread.setDaemon(true);
      thread.start();
      threads.add(thread);
    }
    while (System.in.available() == 0 && threads.stream().allMatch(Thread::isAlive)) {
      Thread.sleep(REPORT_MS);
      if (readers.withData.get() == consumers) {
        System.out.println(readers.bytes.get());
      }
    }
  }

  private void read(int index, int consumers) {
    Map<String, Object> settings = new HashMap<>();
    settings.put("bootstrap.servers", bootstrapServers);
    settings.put("client.id", "backlog-" + index);
    settings.put("max.poll.records", 10_000);
    settings.put("check.crcs", false);
    try (KafkaConsumer<byte[], byte[]> consumer =
        new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
      consumer.assign(partitions);
      Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
      ends.forEach((partition, end) -> consumer.seek(partition, end * index / consumers));
      boolean first = true;
      while (true) {
        ConsumerRecords<byte[], byte[]> records = consumer.poll(Duration.ofMillis(200));
        if (first && !records.isEmpty()) {
          first = false;
          withData.incrementAndGet();
        }
        records.forEach(each -> bytes.addAndGet(each.value().length));
        for (TopicPartition partition : records.partitions()) {
          if (consumer.position(partition) >= ends.getOrDefault(partition, Long.MAX_VALUE)) {
            begin(consumer, partition);
          }
        }
      }
    }
  }

  private void begin(KafkaConsumer<byte[], byte[]> consumer, TopicPartition partition) {
    consumer.seek(partition, 0);
    if (partition.equals(partitions.get(0))) {
      try {
        PageCache.dropClean(directory);
      } catch (java.io.IOException | InterruptedException e) {
        throw new IllegalStateException("the page cache cannot be dropped", e);
      }
    }
  }
}
