package io.spillway.request.data;

import io.spillway.partition.BrokerPartition;
import io.spillway.partition.OffsetLookup;
import io.spillway.request.ApiHandler;
import io.spillway.request.Exchange;
import io.spillway.request.data.PartitionLocator.Located;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.message.ListOffsetsRequestData;
import org.apache.kafka.common.message.ListOffsetsRequestData.ListOffsetsPartition;
import org.apache.kafka.common.message.ListOffsetsRequestData.ListOffsetsTopic;
import org.apache.kafka.common.message.ListOffsetsResponseData;
import org.apache.kafka.common.message.ListOffsetsResponseData.ListOffsetsPartitionResponse;
import org.apache.kafka.common.message.ListOffsetsResponseData.ListOffsetsTopicResponse;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.requests.ListOffsetsRequest;
import org.jspecify.annotations.Nullable;

/**
 * ListOffsets, every kind. The tiered kinds speak of objects: all data at or above the log start is
 * served as local (-4), the last offset in objects is the latest tiered (-5), the first one not yet
 * in objects is the earliest pending upload (-6). Latest is the high watermark, or the last stable
 * offset for read_committed; for a replica too, since nothing above it was ever visible (P30).
 *
 * <p>As with Kafka a partition that is named twice is answered once, with an error.
 */
final class ListOffsetsHandler implements ApiHandler {

  private static final long UNKNOWN_OFFSET = -1;
  private static final int CONSUMER = -1;
  private static final short FIRST_VERSION_WITH_TIMEOUT = 10;
  private static final short FIRST_VERSION_WITH_LEADER_EPOCH = 4;
  private static final int DEFAULT_TIMEOUT_MS = 30_000;

  /** The first version of the request that knows the special timestamp. */
  private static final Map<Long, Short> FIRST_VERSIONS =
      Map.of(
          ListOffsetsRequest.LATEST_TIMESTAMP, (short) 0,
          ListOffsetsRequest.EARLIEST_TIMESTAMP, (short) 0,
          ListOffsetsRequest.MAX_TIMESTAMP, (short) 7,
          ListOffsetsRequest.EARLIEST_LOCAL_TIMESTAMP, (short) 8,
          ListOffsetsRequest.LATEST_TIERED_TIMESTAMP, (short) 9,
          ListOffsetsRequest.EARLIEST_PENDING_UPLOAD_TIMESTAMP, (short) 11);

  private final PartitionLocator locator;
  private final OpenPartitions open;
  private final OffsetLookup lookup;
  private final TimerWheel timers;
  private final ReadFailures failures;

  ListOffsetsHandler(
      PartitionLocator locator,
      OpenPartitions open,
      OffsetLookup lookup,
      TimerWheel timers,
      ReadFailures failures) {
    this.locator = locator;
    this.open = open;
    this.lookup = lookup;
    this.timers = timers;
    this.failures = failures;
  }

  @Override
  public Set<ApiKeys> apis() {
    return Set.of(ApiKeys.LIST_OFFSETS);
  }

  /** One partition's question. */
  private record Question(ListOffsetsPartition asked, Located located, boolean isRepeated) {}

  @Override
  public void handle(Exchange exchange) {
    ListOffsetsRequestData request = exchange.request(ListOffsetsRequestData.class);
    boolean readCommitted =
        request.replicaId() == CONSUMER && Isolation.isReadCommitted(request.isolationLevel());
    Map<TopicPartition, Question> questions = new LinkedHashMap<>();
    for (ListOffsetsTopic topic : request.topics()) {
      for (ListOffsetsPartition asked : topic.partitions()) {
        Located located = locator.byName(topic.name(), asked.partitionIndex());
        TopicPartition tp = located.topicPartition();
        questions.put(tp, new Question(asked, located, questions.containsKey(tp)));
      }
    }
    List<Question> all = List.copyOf(questions.values());
    open.whenOpen(
        exchange,
        all.stream().map(Question::located).toList(),
        () -> answer(exchange, request, all, readCommitted));
  }

  private void answer(
      Exchange exchange,
      ListOffsetsRequestData request,
      List<Question> questions,
      boolean readCommitted) {
    short version = exchange.context().apiVersion();
    int timeoutMs =
        version >= FIRST_VERSION_WITH_TIMEOUT && request.timeoutMs() > 0
            ? request.timeoutMs()
            : DEFAULT_TIMEOUT_MS;
    List<CompletableFuture<ListOffsetsPartitionResponse>> pending = new ArrayList<>();
    for (Question question : questions) {
      pending.add(answer(question, version, readCommitted));
    }
    CompletableFuture<Void> all =
        CompletableFuture.allOf(pending.toArray(new CompletableFuture<?>[0]));
    if (!all.isDone()) {
      TimerWheel.Timeout timeout =
          timers.schedule(TimeUnit.MILLISECONDS.toNanos(timeoutMs), () -> all.complete(null));
      all.whenComplete((done, failure) -> timeout.cancel());
    }
    all.thenRun(() -> exchange.reply(assemble(questions, pending, version)));
  }

  private static ListOffsetsResponseData assemble(
      List<Question> questions,
      List<CompletableFuture<ListOffsetsPartitionResponse>> answers,
      short version) {
    Map<String, ListOffsetsTopicResponse> topics = new LinkedHashMap<>();
    for (int i = 0; i < questions.size(); i++) {
      Question question = questions.get(i);
      ListOffsetsPartitionResponse answer =
          answers.get(i).getNow(error(question.asked(), Errors.REQUEST_TIMED_OUT));
      if (version < FIRST_VERSION_WITH_LEADER_EPOCH) {
        answer.setLeaderEpoch(-1); // the older layouts refuse any other value
      }
      topics
          .computeIfAbsent(
              question.located().topic(), name -> new ListOffsetsTopicResponse().setName(name))
          .partitions()
          .add(answer);
    }
    return new ListOffsetsResponseData().setTopics(List.copyOf(topics.values()));
  }

  private CompletableFuture<ListOffsetsPartitionResponse> answer(
      Question question, short version, boolean readCommitted) {
    ListOffsetsPartition asked = question.asked();
    BrokerPartition partition = question.located().partition();
    Errors error = check(question, partition, version);
    if (error != Errors.NONE || partition == null) {
      return CompletableFuture.completedFuture(error(asked, error));
    }
    CompletableFuture<ListOffsetsPartitionResponse> found = find(partition, asked, readCommitted);
    return found.exceptionally(
        failure -> error(asked, failures.errorOf(question.located().topicPartition(), failure)));
  }

  private static Errors check(
      Question question, @Nullable BrokerPartition partition, short version) {
    if (question.isRepeated()) {
      return Errors.INVALID_REQUEST;
    }
    long timestamp = question.asked().timestamp();
    Short firstVersion = timestamp < 0 ? FIRST_VERSIONS.get(timestamp) : Short.valueOf((short) 0);
    if (firstVersion == null || version < firstVersion) {
      return Errors.UNSUPPORTED_VERSION;
    }
    if (partition == null) {
      return question.located().error();
    }
    Errors unavailable = partition.unavailability();
    if (unavailable != Errors.NONE) {
      return unavailable;
    }
    return partition.isOpen()
        ? PartitionLocator.checkLeaderEpoch(partition, question.asked().currentLeaderEpoch())
        : Errors.NOT_LEADER_OR_FOLLOWER;
  }

  private CompletableFuture<ListOffsetsPartitionResponse> find(
      BrokerPartition partition, ListOffsetsPartition asked, boolean readCommitted) {
    long timestamp = asked.timestamp();
    long endOffset = readCommitted ? partition.lastStableOffset() : partition.highWatermark();
    if (timestamp == ListOffsetsRequest.LATEST_TIMESTAMP) {
      return offset(asked, endOffset, partition.leaderEpoch());
    }
    if (timestamp == ListOffsetsRequest.EARLIEST_TIMESTAMP
        || timestamp == ListOffsetsRequest.EARLIEST_LOCAL_TIMESTAMP) {
      return at(asked, partition, partition.logStartOffset());
    }
    if (timestamp == ListOffsetsRequest.LATEST_TIERED_TIMESTAMP) {
      long lastTiered = partition.committedEndOffset() - 1;
      return lastTiered < partition.logStartOffset()
          ? offset(asked, UNKNOWN_OFFSET, -1)
          : at(asked, partition, lastTiered);
    }
    if (timestamp == ListOffsetsRequest.EARLIEST_PENDING_UPLOAD_TIMESTAMP) {
      return at(
          asked, partition, Math.max(partition.committedEndOffset(), partition.logStartOffset()));
    }
    CompletableFuture<Optional<OffsetLookup.Found>> found =
        timestamp == ListOffsetsRequest.MAX_TIMESTAMP
            ? lookup.ofMaxTimestamp(partition, endOffset)
            : lookup.firstAtOrAfter(partition, timestamp, endOffset);
    return found.thenApply(
        record ->
            record
                .map(
                    there ->
                        response(asked)
                            .setOffset(there.offset())
                            .setTimestamp(there.timestampMs())
                            .setLeaderEpoch(there.leaderEpoch()))
                .orElseGet(() -> response(asked)));
  }

  private static CompletableFuture<ListOffsetsPartitionResponse> at(
      ListOffsetsPartition asked, BrokerPartition partition, long offset) {
    return offset(asked, offset, partition.epochOf(offset));
  }

  private static CompletableFuture<ListOffsetsPartitionResponse> offset(
      ListOffsetsPartition asked, long offset, int leaderEpoch) {
    return CompletableFuture.completedFuture(
        response(asked).setOffset(offset).setLeaderEpoch(leaderEpoch));
  }

  private static ListOffsetsPartitionResponse response(ListOffsetsPartition asked) {
    return new ListOffsetsPartitionResponse()
        .setPartitionIndex(asked.partitionIndex())
        .setTimestamp(-1)
        .setOffset(UNKNOWN_OFFSET)
        .setLeaderEpoch(-1);
  }

  private static ListOffsetsPartitionResponse error(ListOffsetsPartition asked, Errors error) {
    return response(asked).setErrorCode(error.code());
  }
}
