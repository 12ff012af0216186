package io.spillway.request.data;

import io.spillway.partition.BrokerPartition;
import io.spillway.partition.OffsetLookup;
import io.spillway.request.ApiHandler;
import io.spillway.request.Exchange;
import io.spillway.request.data.PartitionLocator.Located;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.InvalidRequestException;
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
 * offset for read_committed.
 */
final class ListOffsetsHandler implements ApiHandler {

  private static final long UNKNOWN_OFFSET = -1;
  private static final byte READ_COMMITTED = 1;
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
    if (request.replicaId() >= 0) {
      exchange.fail(new InvalidRequestException("replicas are not served: data is stored once"));
      return;
    }
    Set<TopicPartition> repeated = repeated(request);
    List<List<Question>> topics = new ArrayList<>(request.topics().size());
    List<Located> all = new ArrayList<>();
    for (ListOffsetsTopic topic : request.topics()) {
      List<Question> questions = new ArrayList<>(topic.partitions().size());
      for (ListOffsetsPartition asked : topic.partitions()) {
        Located located = locator.byName(topic.name(), asked.partitionIndex());
        questions.add(new Question(asked, located, repeated.contains(located.topicPartition())));
        all.add(located);
      }
      topics.add(questions);
    }
    open.whenOpen(exchange, all, () -> answer(exchange, request, topics));
  }

  /** Asked for more than once: none of the questions is answered. */
  private static Set<TopicPartition> repeated(ListOffsetsRequestData request) {
    Set<TopicPartition> seen = new HashSet<>();
    Set<TopicPartition> repeated = new HashSet<>();
    for (ListOffsetsTopic topic : request.topics()) {
      for (ListOffsetsPartition asked : topic.partitions()) {
        TopicPartition tp = new TopicPartition(topic.name(), asked.partitionIndex());
        if (!seen.add(tp)) {
          repeated.add(tp);
        }
      }
    }
    return repeated;
  }

  private void answer(
      Exchange exchange, ListOffsetsRequestData request, List<List<Question>> topics) {
    short version = exchange.context().apiVersion();
    int timeoutMs =
        version >= FIRST_VERSION_WITH_TIMEOUT && request.timeoutMs() > 0
            ? request.timeoutMs()
            : DEFAULT_TIMEOUT_MS;
    boolean readCommitted = request.isolationLevel() == READ_COMMITTED;
    List<CompletableFuture<ListOffsetsPartitionResponse>> pending = new ArrayList<>();
    for (List<Question> questions : topics) {
      for (Question question : questions) {
        pending.add(answer(question, version, readCommitted));
      }
    }
    CompletableFuture<Void> all =
        CompletableFuture.allOf(pending.toArray(new CompletableFuture<?>[0]));
    if (!all.isDone()) {
      TimerWheel.Timeout timeout =
          timers.schedule(TimeUnit.MILLISECONDS.toNanos(timeoutMs), () -> all.complete(null));
      all.whenComplete((done, failure) -> timeout.cancel());
    }
    all.thenRun(() -> exchange.reply(assemble(request, pending, version)));
  }

  private static ListOffsetsResponseData assemble(
      ListOffsetsRequestData request,
      List<CompletableFuture<ListOffsetsPartitionResponse>> answers,
      short version) {
    ListOffsetsResponseData response = new ListOffsetsResponseData();
    int next = 0;
    for (ListOffsetsTopic topic : request.topics()) {
      ListOffsetsTopicResponse out = new ListOffsetsTopicResponse().setName(topic.name());
      for (ListOffsetsPartition asked : topic.partitions()) {
        ListOffsetsPartitionResponse answer =
            answers.get(next++).getNow(error(asked, Errors.REQUEST_TIMED_OUT));
        if (version < FIRST_VERSION_WITH_LEADER_EPOCH) {
          answer.setLeaderEpoch(-1); // the older layouts refuse any other value
        }
        out.partitions().add(answer);
      }
      response.topics().add(out);
    }
    return response;
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
