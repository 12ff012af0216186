package io.spillway.partition;

import io.spillway.metadata.MetadataSubscriber.Changes;
import io.spillway.metadata.TopicConfig;
import io.spillway.runtime.SimulatedThreads;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.protocol.Errors;
import org.jspecify.annotations.Nullable;

/** A partition manager over fakes, for broker 1; time and threads stand still until told. */
public final class Partitions {

  public static final TopicPartition TP = new TopicPartition("topic", 0);
  public static final Uuid ID = new Uuid(7, 7);

  public final FakeStore store;
  public final TestMetadata metadata = new TestMetadata();
  public final SimulatedThreads threads = new SimulatedThreads(1, 0);
  public final Map<String, Map<String, String>> configs = new HashMap<>();
  public final List<String> traffic = new ArrayList<>();
  public final List<String> leadership = new ArrayList<>();
  public final FakeVerifier verifier = new FakeVerifier();
  public final PartitionManager manager;

  public Partitions() {
    this(new FakeStore(), PartitionSettings.DEFAULTS);
  }

  public Partitions(FakeStore store, PartitionSettings settings) {
    this.store = store;
    this.manager =
        new PartitionManager(
            1,
            () -> metadata,
            store,
            topic -> TopicConfig.of(configs.getOrDefault(topic, Map.of())),
            threads.clock(),
            threads.newScheduler("partitions"),
            threads.newPool("workers", 2),
            settings,
            new TrafficListener() {
              @Override
              public void onProduced(String topic, String clientId, int records, int bytes) {
                traffic.add("in " + topic + " " + clientId + " " + records);
              }

              @Override
              public void onFetched(String topic, String clientId, int bytes) {
                traffic.add("out " + topic + " " + clientId);
              }
            },
            verifier);
    manager.subscribe(
        new LocalPartitions.LeadershipListener() {
          @Override
          public void onLeader(Partition partition) {
            leadership.add(
                "lead " + partition.topicPartition() + " epoch " + partition.leaderEpoch());
          }

          @Override
          public void onResigned(TopicPartition tp, boolean deleted) {
            leadership.add((deleted ? "deleted " : "resigned ") + tp);
          }
        });
  }

  /** The topic with one partition, led here and open. */
  public static Partitions open() {
    Partitions partitions = new Partitions();
    partitions.apply(partitions.metadata.topic(TP.topic(), ID, 1));
    return partitions;
  }

  public void apply(Changes changes) {
    manager.onMetadata(metadata, changes);
    run();
  }

  /** Runs what is due now. */
  public void run() {
    threads.runFor(0);
  }

  public void runForMs(long ms) {
    threads.runFor(TimeUnit.MILLISECONDS.toNanos(ms));
  }

  public BrokerPartition partition() {
    BrokerPartition found = manager.find(TP);
    if (found == null) {
      throw new IllegalStateException("partition is not led here");
    }
    return found;
  }

  public FakeStore.FakeStream stream() {
    return store.stream(PartitionManager.streamId(ID, 0));
  }

  /** Appends; the answer is there when the store says so. */
  public Answer append(ByteBuffer records) {
    return append(null, 12, records);
  }

  public Answer append(@Nullable String transactionalId, int version, ByteBuffer records) {
    Answer answer = new Answer();
    partition()
        .append(new ProduceBatch(records, (short) version, transactionalId, "client", 5, answer));
    return answer;
  }

  public Answer appendDurably(ByteBuffer records) {
    Answer answer = append(records);
    run();
    store.makeAllDurable();
    return answer;
  }

  /** What a batch's producer was told. */
  public static class Answer implements ProduceCallback {
    public final List<String> told = new ArrayList<>();
    public List<RecordError> recordErrors = List.of();
    public boolean wanted = true;
    public Errors error = Errors.UNKNOWN_SERVER_ERROR;
    public String message = "";

    @Override
    public void onAppended(long baseOffset, long logAppendTimeMs, long logStartOffset) {
      error = Errors.NONE;
      told.add("appended at " + baseOffset + " time " + logAppendTimeMs);
    }

    @Override
    public void onRefused(Errors refusal, String text, List<RecordError> errors) {
      error = refusal;
      message = text;
      recordErrors = errors;
      told.add(refusal.name());
    }

    @Override
    public boolean isWanted() {
      return wanted;
    }

    @Override
    public String toString() {
      return told.toString();
    }
  }
}
