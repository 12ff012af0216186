package io.spillway.embed;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.object.ForwardingObjectStore;
import io.spillway.object.MeteredObjectStore;
import io.spillway.object.ObjectStore;
import io.spillway.object.s3.S3Server;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringSerializer;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * What whole brokers that nobody uses ask of their object stores: counted at the store, by the
 * minutes that each broker's own sign of life marks there.
 */
@Tag("full")
@Timeout(1_200) // minutes of doing nothing
class IdleRequestsTest {

  private static final int MINUTES = 3;

  /** The aim of docs/performance.md. */
  private static final int MOST_A_MINUTE = 2;

  private static final String BUCKET = "idle-bucket";

  @TempDir Path work;

  @Test
  void aBrokerThatNobodyUsesMakesAtMostTwoRequestsAMinuteWhereverItsLogIs() throws Exception {
    try (S3Server s3 = S3Server.start(work.resolve("s3"))) {
      s3.createBucket(BUCKET);
      try (Idle directory = new Idle(work.resolve("directory"), Map.of());
          Idle local = new Idle(work.resolve("local"), onS3(s3, "local", Map.of()));
          Idle object =
              new Idle(work.resolve("object"), onS3(s3, "object", Map.of("wal.url", "object:")))) {
        List<Idle> all = List.of(directory, local, object);
        for (Idle idle : all) {
          idle.work();
        }
        awaitMinutes(all, 2); // what they had to do is done by then
        List<Map<String, Long>> before = all.stream().map(Idle::requests).toList();
        awaitMinutes(all, MINUTES);
        for (int i = 0; i < all.size(); i++) {
          Map<String, Long> made = difference(all.get(i).requests(), before.get(i));
          System.out.printf("%s, in %d minutes: %s%n", all.get(i).name, MINUTES, made);
          assertThat(made.values().stream().mapToLong(count -> count).sum())
              .as("requests of %s in %d minutes: %s", all.get(i).name, MINUTES, made)
              // The brokers' minutes begin at different times: a beat may be one of the next.
              .isBetween((long) MINUTES, MOST_A_MINUTE * (MINUTES + 1L));
        }
      }
    }
  }

  /** Until each has said so many times that it is alive. */
  private static void awaitMinutes(List<Idle> all, int count) throws InterruptedException {
    List<Long> before = all.stream().map(idle -> idle.beats.get()).toList();
    for (int i = 0; i < all.size(); i++) {
      while (all.get(i).beats.get() < before.get(i) + count) {
        Thread.sleep(100);
      }
    }
  }

  private static Map<String, String> onS3(S3Server s3, String prefix, Map<String, String> more) {
    Map<String, String> settings = new HashMap<>(more);
    settings.put("object.store.url", s3.url(BUCKET + "/" + prefix));
    settings.put("object.store.access.key", S3Server.ACCESS_KEY);
    settings.put("object.store.secret.key", S3Server.SECRET_KEY);
    return settings;
  }

  private static Map<String, Long> difference(Map<String, Long> now, Map<String, Long> before) {
    Map<String, Long> made = new TreeMap<>(now);
    made.replaceAll((kind, count) -> count - before.getOrDefault(kind, 0L));
    made.values().removeIf(count -> count == 0);
    return made;
  }

  /** A broker and its store. */
  private static final class Idle implements AutoCloseable {
    private final String name;
    private final Broker broker;
    private final AtomicLong beats = new AtomicLong();
    private final List<MeteredObjectStore> stores = new ArrayList<>();

    Idle(Path directory, Map<String, String> settings) {
      name = directory.getFileName().toString();
      Broker.Builder builder = Broker.builder().dataDirectory(directory).port(0);
      settings.forEach(builder::set);
      broker =
          builder
              .set("metrics.listener", "off")
              .set("upload.interval.ms", "1000")
              .objectStore(this::metered)
              .start();
    }

    private ObjectStore metered(ObjectStore store) {
      MeteredObjectStore metered = new MeteredObjectStore(store);
      stores.add(metered);
      return new ForwardingObjectStore(metered) {
        @Override
        public CompletableFuture<Void> put(String key, List<ByteBuffer> body) {
          if (key.startsWith("presence/")) {
            beats.incrementAndGet();
          }
          return super.put(key, body);
        }
      };
    }

    void work() throws Exception {
      try (KafkaProducer<String, String> producer =
          new KafkaProducer<>(
              Map.of("bootstrap.servers", broker.bootstrapServers()),
              new StringSerializer(),
              new StringSerializer())) {
        producer.send(new ProducerRecord<>("t", "v")).get();
      }
    }

    Map<String, Long> requests() {
      return stores.get(0).requests();
    }

    @Override
    public void close() {
      broker.close();
    }
  }
}
