package io.spillway.sim;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.catalog.StreamCatalog.StreamState;
import io.spillway.partition.BrokerPartition;
import io.spillway.partition.PartitionManager;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.message.ProduceRequestData;
import org.apache.kafka.common.message.ProduceRequestData.PartitionProduceData;
import org.apache.kafka.common.message.ProduceRequestData.TopicProduceData;
import org.apache.kafka.common.message.ProduceResponseData;
import org.apache.kafka.common.message.ProduceResponseData.PartitionProduceResponse;
import org.apache.kafka.common.message.ProduceResponseData.TopicProduceResponse;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.jspecify.annotations.Nullable;

/**
 * Idempotent and transactional producers over brokers in the small bad world (G5): the real
 * partition layer on the real storage engine, Kafka's own producer above a network that breaks,
 * transactions with a scripted coordinator, consumers that read on, and a controller that moves
 * leadership. Each acknowledged record is there once and in order, and no transaction is torn,
 * whatever happens; docs/simulation.md has the rest.
 */
final class PartitionSimulation extends SimWorld {

  private static final int REMEMBERED_BATCHES = 5;

  final SimController controller;
  private final Map<Integer, PartitionServer> servers = new TreeMap<>();
  private final Map<TopicPartition, ProducedLog> logs = new HashMap<>();
  private final List<SimConsumer> consumers = new ArrayList<>();
  private final List<SimProducer> producers = new ArrayList<>();
  private final List<SimTransactor> transactors = new ArrayList<>();

  PartitionSimulation(long seed) {
    super(seed);
    addBrokers();
    controller = new SimController(this);
    controller.createTopic("a", Map.of("max.message.bytes", "5000"), leaders());
    controller.createTopic("b", randomConfig(), leaders());
    for (TopicPartition tp : controller.partitions()) {
      ProducedLog log = new ProducedLog(tp);
      logs.put(tp, log);
      consumers.add(new SimConsumer(this, log));
    }
    int count = 1 + random.nextInt(3);
    for (int i = 0; i < count; i++) {
      producers.add(new SimProducer(this, i));
    }
    // Not by chance: seeds without transactions stay what they were before there were any.
    for (long i = seed % 2 == 0 ? 0 : 1 + seed / 2 % 2; i > 0; i--) {
      transactors.add(new SimTransactor(this, (int) i));
    }
  }

  private Integer[] leaders() {
    Integer[] leaders = new Integer[1 + random.nextInt(2)];
    for (int i = 0; i < leaders.length; i++) {
      leaders[i] = anyBroker().nodeId;
    }
    return leaders;
  }

  private Map<String, String> randomConfig() {
    Map<String, String> config = new HashMap<>();
    config.put("max.message.bytes", "5000");
    if (random.nextInt(2) == 0) {
      config.put("retention.bytes", Integer.toString(1_000 << random.nextInt(5)));
    }
    if (random.nextInt(4) == 0) {
      config.put("message.timestamp.type", "LogAppendTime");
    }
    if (random.nextInt(3) == 0) {
      config.put("compression.type", "gzip");
    }
    return config;
  }

  @Override
  Coverage run(long minEvents) {
    brokers.forEach(SimBroker::start);
    while (events < minEvents) {
      act();
      steps(random.nextInt(30));
    }
    settle();
    coverage.add("event", events);
    coverage.add(bucket.met());
    return coverage;
  }

  // The world, as its inhabitants see it.

  long now() {
    return threads.clock().nanoTime();
  }

  long nowMs() {
    return threads.clock().currentTimeMillis();
  }

  /** Runs something of a client's within so many milliseconds. */
  void later(int withinMs, Runnable task) {
    threads.at(now() + TimeUnit.MICROSECONDS.toNanos(1 + random.nextInt(withinMs * 1_000)), task);
  }

  Collection<PartitionServer> servers() {
    return servers.values();
  }

  @Nullable PartitionServer server(int nodeId) {
    return servers.get(nodeId);
  }

  SimTransactor transactor(long producerId) {
    return transactors.stream()
        .filter(each -> each.producerId == producerId)
        .findFirst()
        .orElseThrow(() -> new AssertionError("nobody has producer id " + producerId));
  }

  /** The first batch of an open transaction, as far as anybody was told. */
  long firstUndecided(TopicPartition tp) {
    return transactors.stream()
        .mapToLong(each -> each.firstUndecided(tp))
        .min()
        .orElse(Long.MAX_VALUE);
  }

  @Nullable PartitionServer anyServer() {
    List<PartitionServer> all = new ArrayList<>(servers.values());
    return all.isEmpty() ? null : all.get(random.nextInt(all.size()));
  }

  ProducedLog log(TopicPartition tp) {
    return Objects.requireNonNull(logs.get(tp), () -> "log of " + tp);
  }

  @Override
  public void onOpened(SimBroker broker) {
    super.onOpened(broker);
    PartitionServer server = new PartitionServer(broker, broker.serving().orElseThrow(), this);
    servers.put(broker.nodeId, server);
    server.learn(controller.view(), controller.everything());
  }

  @Override
  public void onGone(SimBroker broker) {
    PartitionServer server = servers.remove(broker.nodeId);
    if (server != null) {
      if (server.hasUnanswered()) {
        coverage.count("crash with unacked batches");
      }
      server.onGone();
    }
  }

  @Override
  public CompletableFuture<Void> onStopping(SimBroker broker) {
    PartitionServer server = servers.get(broker.nodeId);
    return server == null ? CompletableFuture.completedFuture(null) : server.stop();
  }

  @Override
  public boolean losesVolumes() {
    return false; // what goes with one is lost by an operator's word, and no producer's business
  }

  @Override
  public void onStream(StreamState state) {}

  @Override
  public void onAbandoned(UUID walId, List<StreamState> streams) {
    throw new AssertionError("nobody abandons a WAL here: " + walId);
  }

  // The script.

  private void act() {
    SimBroker broker = anyBroker();
    int dice = random.nextInt(1000);
    if (dice < 48) {
      actOnMachine(broker, dice);
    } else if (dice < 70) {
      move(anyPartition());
    } else if (dice < 80) {
      leadAgain(anyPartition());
    } else if (dice < 95) {
      anyProducer().breakConnection();
    } else if (dice < 110) {
      deleteRecords(anyPartition());
    } else if (dice < 130) {
      giveUpOn(broker);
    } else if (dice < 400) {
      poll(consumers.get(random.nextInt(consumers.size())));
    } else if (dice < 550 && !transactors.isEmpty()) {
      transactors.get(random.nextInt(transactors.size())).act();
    } else {
      SimProducer producer = anyProducer();
      TopicPartition tp = anyPartition();
      for (int i = random.nextInt(8); i >= 0; i--) {
        producer.send(tp);
      }
    }
    brokers.forEach(SimBroker::maybeRestart);
  }

  private TopicPartition anyPartition() {
    List<TopicPartition> all = controller.partitions();
    return all.get(random.nextInt(all.size()));
  }

  private SimProducer anyProducer() {
    return producers.get(random.nextInt(producers.size()));
  }

  private void poll(SimConsumer consumer) {
    PartitionServer server = anyServer();
    if (server != null) {
      consumer.poll(server);
    }
  }

  /** P12: planned, as far as the controller knows. */
  private void move(TopicPartition tp) {
    int from = controller.partition(tp).leader();
    SimBroker to = anyBroker();
    boolean fromLives = brokers.get(from - 1).serving().isPresent();
    if (to.nodeId != from && to.serving().isPresent() && (fromLives || random.nextInt(5) == 0)) {
      coverage.count("move");
      controller.lead(tp, to.nodeId);
    }
  }

  private void leadAgain(TopicPartition tp) {
    coverage.count("new epoch of the same leader");
    controller.lead(tp, controller.partition(tp).leader());
  }

  /** P13: a broker that does not answer is fenced, and others take over from its chain. */
  private void giveUpOn(SimBroker broker) {
    List<SimBroker> others =
        brokers.stream().filter(each -> each != broker && each.serving().isPresent()).toList();
    if (!broker.isTakeable() || broker.serving().isPresent() || others.isEmpty()) {
      return;
    }
    fence(broker);
    for (TopicPartition tp : controller.partitions()) {
      if (controller.partition(tp).leader() == broker.nodeId) {
        coverage.count("takeover");
        controller.lead(tp, others.get(random.nextInt(others.size())).nodeId);
      }
    }
  }

  private void deleteRecords(TopicPartition tp) {
    PartitionServer server = servers.get(controller.partition(tp).leader());
    BrokerPartition partition = server == null ? null : server.open(tp);
    if (partition != null) {
      long start = partition.logStartOffset();
      long offset = start + (long) (random.nextDouble() * (partition.highWatermark() - start + 1));
      note("delete records of " + tp + " below " + offset);
      partition.deleteRecords(offset);
    }
  }

  /** What a broker answered, at the moment when it did. */
  void onAnswered(
      PartitionServer server, ProduceRequestData request, ProduceResponseData response) {
    for (TopicProduceResponse topic : response.responses()) {
      for (PartitionProduceResponse answer : topic.partitionResponses()) {
        TopicPartition tp = new TopicPartition(topic.name(), answer.index());
        Errors error = Errors.forCode(answer.errorCode());
        ByteBuffer records = sent(request, tp);
        note(
            "%s answers %s for %s: %s %s"
                .formatted(
                    server.broker,
                    ProducedLog.parse(records, answer.baseOffset()),
                    tp,
                    error,
                    answer.errorMessage()));
        if (error == Errors.NONE) {
          onAcknowledged(server, tp, records, answer.baseOffset());
        } else {
          coverage.count("answer " + error);
        }
      }
    }
  }

  /** The log start that the catalog has: it is ahead of a leader's while a trim is under way. */
  long catalogLogStart(TopicPartition tp) {
    return truth.stream(PartitionManager.streamId(controller.topicId(tp), tp.partition()))
        .map(StreamState::logStartOffset)
        .orElse(0L);
  }

  private static ByteBuffer sent(ProduceRequestData request, TopicPartition tp) {
    for (TopicProduceData topic : request.topicData()) {
      for (PartitionProduceData partition : topic.partitionData()) {
        if (topic.name().equals(tp.topic()) && partition.index() == tp.partition()) {
          return ((MemoryRecords) partition.records()).buffer();
        }
      }
    }
    throw new AssertionError("answer for " + tp + ", which was not asked for: " + request);
  }

  /** P31: at or below the high watermark, the first time as every other. */
  private void onAcknowledged(
      PartitionServer server, TopicPartition tp, ByteBuffer records, long baseOffset) {
    for (ProducedLog.Stored batch : ProducedLog.parse(records, baseOffset)) {
      long high = server.highWatermark(tp);
      assertThat(batch.endOffset())
          .as("P31 %s: end of what is acknowledged, %s, by %s", tp, batch, server.broker)
          .isLessThanOrEqualTo(high);
      coverage.count(log(tp).learn(batch) ? "batch acknowledged" : "duplicate answered");
    }
  }

  @Override
  void checkAll() {
    servers.values().forEach(PartitionServer::look);
    servers.values().forEach(PartitionServer::check);
    producers.forEach(SimProducer::check);
  }

  // The end: everything heals, and is there, and is known for what it is: as it is, after a crash
  // of all, and out of the bucket alone.

  private void settle() {
    note("settle");
    healNetwork();
    for (int round = 0; round < 3; round++) {
      untilAllRun();
      untilHealed(this::isQuiet, "every partition is open and every record is decided");
      consumers.forEach(this::readAll);
      logs.values().forEach(this::checkCommitted);
      logs.values().forEach(this::repeatNewest);
      if (round == 0) {
        brokers.forEach(SimBroker::crash);
      } else if (round == 1) {
        stopBrokers();
        brokers.forEach(SimBroker::replaceMachine);
      }
    }
    stopBrokers();
    failOnProblems();
  }

  private void untilHealed(BooleanSupplier condition, Object what) {
    until(() -> healAll() && condition.getAsBoolean(), what);
  }

  private boolean isQuiet() {
    return producers.stream().allMatch(SimProducer::isQuiet)
        && transactors.stream().allMatch(SimTransactor::isQuietAtLast)
        && logs.keySet().stream().allMatch(tp -> leader(tp) != null);
  }

  private @Nullable BrokerPartition leader(TopicPartition tp) {
    PartitionServer server = servers.get(controller.partition(tp).leader());
    BrokerPartition partition = server == null ? null : server.open(tp);
    return partition != null && partition.leaderEpoch() == controller.partition(tp).leaderEpoch()
        ? partition
        : null;
  }

  private void readAll(SimConsumer consumer) {
    TopicPartition tp = consumer.partition();
    consumer.rewind();
    untilHealed(
        () -> {
          BrokerPartition partition = leader(tp);
          if (partition != null) {
            consumer.poll(Objects.requireNonNull(servers.get(controller.partition(tp).leader())));
          }
          return partition != null && consumer.position() == partition.highWatermark();
        },
        new Object() {
          @Override
          public String toString() {
            return "all of " + tp + " is read by " + consumer + " from " + leader(tp);
          }
        });
  }

  /** G5: what a reader of committed data gets is what was committed, and nothing hangs. */
  private void checkCommitted(ProducedLog log) {
    untilHealed(() -> leader(log.tp) != null, "there is a leader");
    log.checkCommitted(
        Objects.requireNonNull(leader(log.tp)),
        batch -> transactor(batch.producerId()).isCommitted(batch.producerEpoch()));
  }

  /** P22, P31: a batch that comes again is known, with its offset, whatever has happened since. */
  private void repeatNewest(ProducedLog log) {
    for (SimProducer producer : producers) {
      for (ProducedLog.Stored batch : log.newest(producer.index, REMEMBERED_BATCHES)) {
        RepeatedBatch repeat = new RepeatedBatch(this, log.tp, batch);
        untilHealed(repeat::isAnswered, "a repeat is answered");
        failOnProblems();
      }
    }
  }
}
