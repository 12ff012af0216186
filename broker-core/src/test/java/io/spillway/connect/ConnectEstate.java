package io.spillway.connect;

import com.fasterxml.jackson.databind.JsonNode;
import io.spillway.peers.BrokerProcess;
import io.spillway.peers.Peers;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.BooleanSupplier;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ListOffsetsResult;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * A broker, workers, source connectors that each read a growing file into a topic of their own, and
 * sink connectors that write topics to files. Disturbances are noted with what was committed before
 * them, and the record of it all is judged at the end.
 */
final class ConnectEstate implements AutoCloseable {

  /**
   * What was committed and written when something was killed or started.
   *
   * @param sourceLines lines that each source had committed before it
   * @param endsBefore records that each source's topic had before it
   * @param sinkOffsets what each sink had committed before it
   * @param endsAfter records that each source's topic had once it had happened
   */
  record Disturbance(
      Map<String, Long> sourceLines,
      Map<String, Long> endsBefore,
      Map<String, Map<TopicPartition, Long>> sinkOffsets,
      Map<String, Long> endsAfter) {}

  /** Something that moves tasks. */
  interface Event {
    void happen() throws Exception;
  }

  private final Path work;
  private final Path data;
  private final boolean diskDies;
  private final List<String> brokerSettings = new ArrayList<>();
  private final Map<String, String> workerSettings;
  private final Map<String, LineFile> sources = new LinkedHashMap<>();
  private final Map<String, List<String>> sinks = new LinkedHashMap<>();
  private final List<ConnectWorker> workers = new ArrayList<>();
  private final List<Disturbance> disturbances = new ArrayList<>();
  private final Thread writer = new Thread(this::write, "line-writer");
  private volatile boolean writing = true;
  private BrokerProcess broker;
  private final Admin admin;

  private ConnectEstate(
      Path work, Map<String, String> workerSettings, boolean diskDies, List<String> storage) {
    this.work = work;
    this.workerSettings = workerSettings;
    this.diskDies = diskDies;
    data = work.resolve("data");
    brokerSettings.addAll(
        List.of(
            "listeners=PLAINTEXT://127.0.0.1:" + BrokerProcess.freePort(),
            "metrics.listener=off",
            "upload.interval.ms=2000",
            "data.dir=" + data));
    brokerSettings.addAll(storage);
    broker = BrokerProcess.start(work, brokerSettings);
    admin = Admin.create(Map.of("bootstrap.servers", broker.bootstrapServers()));
  }

  /** On a broker with everything in its data directory. */
  static ConnectEstate onDisk(Path work, Map<String, String> workerSettings) {
    return new ConnectEstate(work, workerSettings, false, List.of());
  }

  /** On a broker with everything in a bucket: whenever it is killed, its disk goes too. */
  static ConnectEstate onBucket(
      Path work, Map<String, String> workerSettings, List<String> storeSettings) {
    List<String> storage = new ArrayList<>(storeSettings);
    storage.add("wal.url=object:");
    return new ConnectEstate(work, workerSettings, true, storage);
  }

  // ------------------------------------------------------------------------------- the parts ---

  /** Starts workers side by side. */
  List<ConnectWorker> startWorkers(int count) {
    List<ConnectWorker> started = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      started.add(ConnectWorker.launch(work, broker.bootstrapServers(), workerSettings));
    }
    workers.addAll(started);
    started.forEach(ConnectWorker::awaitHealthy);
    return started;
  }

  /** A source connector that reads a new file into the topic {@code lines-NAME}. */
  void addSource(String name) throws Exception {
    LineFile file = new LineFile(work.resolve(name + ".in"), name);
    file.append(100);
    admin.createTopics(Set.of(new NewTopic(topic(name), 1, (short) 3))).all().get();
    sources.put(name, file);
    anyWorker()
        .put(
            name,
            Map.of(
                "connector.class",
                "FileStreamSource",
                "tasks.max",
                "1",
                "file",
                file.path().toString(),
                "topic",
                topic(name)));
  }

  /** A sink connector with so many tasks that writes the topics of these sources to one file. */
  void addSink(String name, int tasks, String... from) {
    sinks.put(name, List.of(from));
    anyWorker()
        .put(
            name,
            Map.of(
                "connector.class", "FileStreamSink",
                "tasks.max", Integer.toString(tasks),
                "file", out(name).toString(),
                "topics",
                    List.of(from).stream()
                        .map(ConnectEstate::topic)
                        .collect(Collectors.joining(","))));
  }

  /** From now on every file grows, by a few hundred lines a second. */
  void startWriting() {
    writer.start();
  }

  private void write() {
    while (writing) {
      sources.values().forEach(file -> file.append(40));
      ConnectWorker.pause();
    }
  }

  void stopWriting() throws InterruptedException {
    writing = false;
    writer.join();
  }

  ConnectWorker anyWorker() {
    return workers.get(0);
  }

  private static String topic(String source) {
    return "lines-" + source;
  }

  private Path out(String sink) {
    return work.resolve(sink + ".out");
  }

  // ---------------------------------------------------------------------------- disturbances ---

  void killWorker(ConnectWorker worker) throws Exception {
    disturb(
        () -> {
          workers.remove(worker);
          worker.kill();
        });
  }

  /** Kills it and starts it anew; on a bucket that is without one local file. */
  void killBroker() throws Exception {
    disturb(this::restartBroker);
  }

  void killBrokerAnd(ConnectWorker worker) throws Exception {
    disturb(
        () -> {
          workers.remove(worker);
          worker.kill();
          restartBroker();
        });
  }

  void addWorkers(int count) throws Exception {
    disturb(() -> startWorkers(count));
  }

  private void restartBroker() throws IOException {
    broker.kill();
    if (diskDies) {
      deleteData();
    }
    broker = BrokerProcess.start(work, brokerSettings);
  }

  private void deleteData() throws IOException {
    try (Stream<Path> files = Files.walk(data)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    }
  }

  private void disturb(Event event) throws Exception {
    Map<String, Long> lines = new HashMap<>();
    for (String source : sources.keySet()) {
      lines.put(source, committedLine(source));
    }
    Map<String, Map<TopicPartition, Long>> offsets = sinkOffsets();
    Map<String, Long> before = topicEnds();
    event.happen();
    disturbances.add(new Disturbance(lines, before, offsets, topicEnds()));
  }

  private Map<String, Long> topicEnds() throws Exception {
    Map<String, Long> ends = new HashMap<>();
    for (String source : sources.keySet()) {
      ends.put(source, endOffset(new TopicPartition(topic(source), 0)));
    }
    return ends;
  }

  private Map<String, Map<TopicPartition, Long>> sinkOffsets() throws Exception {
    Map<String, Map<TopicPartition, Long>> offsets = new HashMap<>();
    for (String sink : sinks.keySet()) {
      offsets.put(sink, committedOffsets(sink));
    }
    return offsets;
  }

  private long committedLine(String source) {
    long position = 0;
    for (JsonNode entry : anyWorker().offsets(source).path("offsets")) {
      position = entry.path("offset").path("position").asLong();
    }
    return position / LineFile.LINE_BYTES;
  }

  private Map<TopicPartition, Long> committedOffsets(String sink) throws Exception {
    Map<TopicPartition, Long> offsets = new HashMap<>();
    Map<TopicPartition, OffsetAndMetadata> committed =
        admin.listConsumerGroupOffsets("connect-" + sink).partitionsToOffsetAndMetadata().get();
    committed.forEach((partition, offset) -> offsets.put(partition, offset.offset()));
    return offsets;
  }

  private long endOffset(TopicPartition partition) throws Exception {
    ListOffsetsResult result = admin.listOffsets(Map.of(partition, OffsetSpec.latest()));
    return result.partitionResult(partition).get().offset();
  }

  // --------------------------------------------------------------------------------- waiting ---

  void awaitAllRunning() {
    sources.keySet().forEach(name -> anyWorker().awaitRunning(name));
    sinks.keySet().forEach(name -> anyWorker().awaitRunning(name));
  }

  /** Waits until each of the workers has a task. */
  void awaitTasksOnAllWorkers() {
    List<String> connectors = new ArrayList<>(sources.keySet());
    connectors.addAll(sinks.keySet());
    Set<String> ids = workers.stream().map(ConnectWorker::id).collect(Collectors.toSet());
    await(
        "tasks on all of " + ids,
        () -> Set.copyOf(anyWorker().workersOfTasks(connectors)).equals(ids));
  }

  /** Waits until every sink has written a further line of each of its sources. */
  void awaitProgress() {
    Map<String, Integer> before = new HashMap<>();
    sources.forEach((name, file) -> before.put(name, file.lines()));
    awaitInSinks(before);
  }

  /** Waits until every line there is has come out of every sink. */
  void awaitAllLines() {
    Map<String, Integer> all = new HashMap<>();
    sources.forEach((name, file) -> all.put(name, file.lines()));
    awaitInSinks(all);
  }

  private void awaitInSinks(Map<String, Integer> lines) {
    sinks.forEach(
        (sink, from) ->
            await(
                sink + " to write " + lines,
                () -> {
                  String text = LineFile.read(out(sink));
                  return from.stream()
                      .allMatch(
                          source ->
                              Set.copyOf(sources.get(source).numbersIn(text)).size()
                                  >= lines.get(source));
                }));
  }

  private void await(String what, BooleanSupplier done) {
    long deadline = System.nanoTime() + 2 * Peers.PATIENCE.toNanos();
    while (!done.getAsBoolean()) {
      if (System.nanoTime() > deadline) {
        throw new AssertionError(
            "awaited in vain: "
                + what
                + workers.stream().map(ConnectWorker::output).collect(Collectors.joining("\n---\n"))
                + broker.process().output());
      }
      ConnectWorker.pause();
    }
  }

  // -------------------------------------------------------------------------------- judgement ---

  /**
   * Every finding is a defect: a lost line, a line that came before its predecessor, a repetition
   * of what a source had committed, more repetitions in a sink than it had uncommitted records.
   */
  List<String> findings() throws Exception {
    List<String> findings = new ArrayList<>();
    Map<String, Map<TopicPartition, Long>> last = sinkOffsets();
    Map<String, List<Integer>> records = new HashMap<>();
    for (Map.Entry<String, LineFile> source : sources.entrySet()) {
      List<Integer> lines = source.getValue().numbersIn(readTopic(topic(source.getKey())));
      records.put(source.getKey(), lines);
      judgeSource(source.getKey(), source.getValue(), lines, findings);
    }
    for (Map.Entry<String, List<String>> sink : sinks.entrySet()) {
      judgeCommits(sink.getKey(), last.get(sink.getKey()), findings);
      judgeSink(sink.getKey(), sink.getValue(), records, findings);
    }
    return findings;
  }

  private void judgeSource(
      String source, LineFile file, List<Integer> records, List<String> findings) {
    int next = 0;
    int repeated = 0;
    for (int offset = 0; offset < records.size(); offset++) {
      int line = records.get(offset);
      int expected = offset == 0 ? 0 : records.get(offset - 1) + 1;
      if (line > next) {
        findings.add(source + ": line " + line + " at offset " + offset + " follows " + (next - 1));
      }
      if (line < next) {
        repeated++;
        long committed = committedBefore(source, offset);
        if (line != expected && line < committed) {
          findings.add(
              source
                  + ": line "
                  + line
                  + " again at offset "
                  + offset
                  + ", committed "
                  + committed);
        }
      }
      next = Math.max(next, line + 1);
    }
    if (next != file.lines()) {
      findings.add(source + ": " + file.lines() + " lines were written, " + next + " arrived");
    }
    System.out.printf(
        "source %s: %d lines, %d records, %d repeated%n",
        source, file.lines(), records.size(), repeated);
  }

  /** The line that was committed when the last disturbance before this offset began. */
  private long committedBefore(String source, long offset) {
    long committed = 0;
    for (Disturbance disturbance : disturbances) {
      if (disturbance.endsBefore().getOrDefault(source, 0L) <= offset) {
        committed = Math.max(committed, disturbance.sourceLines().getOrDefault(source, 0L));
      }
    }
    return committed;
  }

  private void judgeSink(
      String sink, List<String> from, Map<String, List<Integer>> records, List<String> findings) {
    String text = LineFile.read(out(sink));
    for (String source : from) {
      List<Integer> written = sources.get(source).numbersIn(text);
      Set<Integer> distinct = Set.copyOf(written);
      int count = sources.get(source).lines();
      IntStream.range(0, count)
          .filter(line -> !distinct.contains(line))
          .limit(3)
          .forEach(line -> findings.add(sink + ": line " + line + " of " + source + " is missing"));
      int repeated = written.size() - records.get(source).size();
      long allowed = uncommitted(sink, source);
      if (repeated < 0 || repeated > allowed) {
        findings.add(sink + ": " + repeated + " repetitions of " + source + ", allowed " + allowed);
      }
      System.out.printf(
          "sink %s of %s: %d written, %d repeated, at most %d%n",
          sink, source, written.size(), repeated, allowed);
    }
  }

  /** What a sink's group had committed never goes back. */
  private void judgeCommits(String sink, Map<TopicPartition, Long> last, List<String> findings) {
    List<Map<TopicPartition, Long>> inOrder = new ArrayList<>();
    disturbances.forEach(disturbance -> inOrder.add(disturbance.sinkOffsets().get(sink)));
    inOrder.add(last);
    Map<TopicPartition, Long> highest = new HashMap<>();
    for (Map<TopicPartition, Long> committed : inOrder) {
      highest.forEach(
          (partition, offset) -> {
            if (committed.getOrDefault(partition, -1L) < offset) {
              findings.add(sink + ": committed " + committed + " after " + highest);
            }
          });
      highest.putAll(committed);
    }
  }

  /** Records that a sink may have written and not committed at each disturbance, together. */
  private long uncommitted(String sink, String source) {
    TopicPartition partition = new TopicPartition(topic(source), 0);
    long sum = 0;
    for (Disturbance disturbance : disturbances) {
      long committed = disturbance.sinkOffsets().get(sink).getOrDefault(partition, 0L);
      sum += disturbance.endsAfter().get(source) - committed;
    }
    return sum;
  }

  private String readTopic(String topic) {
    TopicPartition partition = new TopicPartition(topic, 0);
    StringBuilder text = new StringBuilder();
    try (KafkaConsumer<byte[], byte[]> consumer =
        new KafkaConsumer<>(
            Map.of("bootstrap.servers", broker.bootstrapServers()),
            new ByteArrayDeserializer(),
            new ByteArrayDeserializer())) {
      consumer.assign(List.of(partition));
      consumer.seekToBeginning(List.of(partition));
      long end = consumer.endOffsets(List.of(partition)).get(partition);
      while (consumer.position(partition) < end) {
        for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(200))) {
          text.append(new String(record.value(), StandardCharsets.UTF_8)).append('\n');
        }
      }
    }
    return text.toString();
  }

  @Override
  public void close() {
    writing = false;
    workers.forEach(ConnectWorker::close);
    admin.close();
    broker.close();
  }
}
