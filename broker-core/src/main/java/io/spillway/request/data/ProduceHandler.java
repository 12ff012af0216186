package io.spillway.request.data;

import io.spillway.metadata.TopicNames;
import io.spillway.partition.BrokerPartition;
import io.spillway.partition.ProduceBatch;
import io.spillway.partition.ProduceCallback;
import io.spillway.request.ApiHandler;
import io.spillway.request.Exchange;
import io.spillway.request.data.PartitionLocator.Leader;
import io.spillway.request.data.PartitionLocator.Located;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.kafka.common.errors.InvalidRequiredAcksException;
import org.apache.kafka.common.message.ProduceRequestData;
import org.apache.kafka.common.message.ProduceRequestData.PartitionProduceData;
import org.apache.kafka.common.message.ProduceRequestData.TopicProduceData;
import org.apache.kafka.common.message.ProduceResponseData;
import org.apache.kafka.common.message.ProduceResponseData.BatchIndexAndErrorMessage;
import org.apache.kafka.common.message.ProduceResponseData.LeaderIdAndEpoch;
import org.apache.kafka.common.message.ProduceResponseData.NodeEndpoint;
import org.apache.kafka.common.message.ProduceResponseData.PartitionProduceResponse;
import org.apache.kafka.common.message.ProduceResponseData.TopicProduceResponse;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.record.internal.BaseRecords;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.jspecify.annotations.Nullable;

/**
 * Produce. The answer comes when every batch is durable or refused: {@code acks=1} waits for the
 * same as {@code acks=all}, since a leader's log is its write-ahead log. After the request's
 * timeout the answer is {@code REQUEST_TIMED_OUT} for what is not durable yet, and the batch stays
 * in (P34); the frame is kept until the WAL is done with it. {@code acks=0} holds its frame until
 * durable, and an error closes the connection.
 */
final class ProduceHandler implements ApiHandler {

  private static final short ACKS_ALL = -1;
  private static final short ACKS_NONE = 0;
  private static final short ACKS_LEADER = 1;
  private static final short FIRST_VERSION_WITH_TOPIC_IDS = 13;
  private static final short FIRST_VERSION_WITH_LEADER = 10;

  /** Kafka's Java admin client may write to internal topics; nobody else (P35). */
  private static final String ADMIN_CLIENT_ID = "__admin_client";

  /** Found by the log itself: as with Kafka the answer to these names the log start. */
  private static final Set<Errors> FOUND_BY_THE_LOG =
      Set.of(
          Errors.INVALID_TIMESTAMP,
          Errors.OUT_OF_ORDER_SEQUENCE_NUMBER,
          Errors.DUPLICATE_SEQUENCE_NUMBER,
          Errors.INVALID_PRODUCER_EPOCH,
          Errors.UNKNOWN_PRODUCER_ID);

  private final PartitionLocator locator;
  private final TimerWheel timers;

  ProduceHandler(PartitionLocator locator, TimerWheel timers) {
    this.locator = locator;
    this.timers = timers;
  }

  @Override
  public Set<ApiKeys> apis() {
    return Set.of(ApiKeys.PRODUCE);
  }

  @Override
  public void handle(Exchange exchange) {
    ProduceRequestData request = exchange.request(ProduceRequestData.class);
    short acks = request.acks();
    if (acks != ACKS_ALL && acks != ACKS_NONE && acks != ACKS_LEADER) {
      exchange.fail(new InvalidRequiredAcksException("acks=" + acks));
    } else {
      new Operation(exchange, request).start();
    }
  }

  /** One request on its way. */
  private final class Operation {
    private final Exchange exchange;
    private final ProduceRequestData request;
    private final short version;
    private final String clientId;
    private final long clientKey;
    private final List<PartitionAppend> appends = new ArrayList<>();

    /** Batches that are not decided, and one for the loop that hands them out. */
    private final AtomicInteger undecided = new AtomicInteger(1);

    private final AtomicBoolean answered = new AtomicBoolean();
    private final AtomicReference<@Nullable Runnable> kept = new AtomicReference<>();
    private volatile TimerWheel.@Nullable Timeout timeout;

    Operation(Exchange exchange, ProduceRequestData request) {
      this.exchange = exchange;
      this.request = request;
      this.version = exchange.context().apiVersion();
      this.clientId = exchange.context().clientId();
      this.clientKey = ClientKeys.ofConnection(exchange.context().connectionId());
    }

    void start() {
      for (TopicProduceData topic : request.topicData()) {
        for (PartitionProduceData partition : topic.partitionData()) {
          append(topic, partition);
        }
      }
      decided();
      if (!answered.get() && request.acks() != ACKS_NONE) {
        long timeoutNanos = TimeUnit.MILLISECONDS.toNanos(Math.max(0, request.timeoutMs()));
        TimerWheel.Timeout set = timers.schedule(timeoutNanos, this::onTimeout);
        timeout = set;
        if (answered.get()) {
          set.cancel();
        }
      }
    }

    private void append(TopicProduceData topic, PartitionProduceData partition) {
      Located located =
          version >= FIRST_VERSION_WITH_TOPIC_IDS
              ? locator.byId(topic.topicId(), partition.index())
              : locator.byName(topic.name(), partition.index());
      PartitionAppend append = new PartitionAppend(this, located);
      appends.add(append);
      undecided.incrementAndGet();
      ByteBuffer records = recordsOf(partition.records());
      if (TopicNames.isInternal(located.topic()) && !clientId.equals(ADMIN_CLIENT_ID)) {
        append.onRefused(
            Errors.INVALID_TOPIC_EXCEPTION,
            "Cannot append to internal topic " + located.topic(),
            List.of());
      } else if (located.partition() == null) {
        locator.partitions().onRefused(located.topicPartition(), records);
        append.onRefused(located.error(), located.error().message(), List.of());
      } else {
        located
            .partition()
            .append(
                new ProduceBatch(
                    records, version, request.transactionalId(), clientId, clientKey, append));
      }
    }

    void decided() {
      if (undecided.decrementAndGet() > 0) {
        return;
      }
      if (answered.compareAndSet(false, true)) {
        TimerWheel.Timeout set = timeout;
        if (set != null) {
          set.cancel();
        }
        answer();
      } else {
        releaseKept();
      }
    }

    private void onTimeout() {
      if (!answered.compareAndSet(false, true)) {
        return;
      }
      kept.set(exchange.retain());
      answer();
      if (undecided.get() == 0) {
        releaseKept();
      }
    }

    private void releaseKept() {
      Runnable release = kept.getAndSet(null);
      if (release != null) {
        release.run();
      }
    }

    private void answer() {
      if (request.acks() == ACKS_NONE) {
        answerNothing();
        return;
      }
      ProduceResponseData response = new ProduceResponseData();
      int next = 0;
      for (TopicProduceData topic : request.topicData()) {
        List<PartitionProduceResponse> partitions = new ArrayList<>(topic.partitionData().size());
        for (int i = 0; i < topic.partitionData().size(); i++) {
          PartitionAppend append = appends.get(next++);
          PartitionProduceResponse result = append.resultOrTimeout();
          if (result.errorCode() == Errors.NOT_LEADER_OR_FOLLOWER.code()) {
            addLeader(append.located, result, response);
          }
          partitions.add(result);
        }
        response
            .responses()
            .mustAdd(
                new TopicProduceResponse()
                    .setName(topic.name())
                    .setTopicId(topic.topicId())
                    .setPartitionResponses(partitions));
      }
      exchange.reply(response);
    }

    private void answerNothing() {
      for (PartitionAppend append : appends) {
        PartitionProduceResponse result = append.resultOrTimeout();
        if (result.errorCode() != Errors.NONE.code()) {
          exchange.close(
              "a produce request with acks=0 failed: %s-%d: %s"
                  .formatted(
                      append.located.topic(),
                      append.located.index(),
                      Errors.forCode(result.errorCode())));
          return;
        }
      }
      exchange.replyNothing();
    }

    /** KIP-951. */
    private void addLeader(
        Located located, PartitionProduceResponse result, ProduceResponseData response) {
      if (version < FIRST_VERSION_WITH_LEADER) {
        return;
      }
      Optional<Leader> leader =
          locator.leaderOf(located.topicPartition(), exchange.context().listener());
      if (leader.isEmpty()) {
        return;
      }
      Leader found = leader.get();
      result.setCurrentLeader(
          new LeaderIdAndEpoch().setLeaderId(found.id()).setLeaderEpoch(found.epoch()));
      if (found.host() != null && response.nodeEndpoints().find(found.id()) == null) {
        response
            .nodeEndpoints()
            .mustAdd(
                new NodeEndpoint()
                    .setNodeId(found.id())
                    .setHost(found.host())
                    .setPort(found.port())
                    .setRack(found.rack().isEmpty() ? null : found.rack()));
      }
    }
  }

  private static @Nullable ByteBuffer recordsOf(@Nullable BaseRecords records) {
    return records instanceof MemoryRecords memory ? memory.buffer() : null;
  }

  /** One batch of the request; decided once. */
  private static final class PartitionAppend implements ProduceCallback {
    private final Operation operation;
    private final Located located;
    private volatile @Nullable PartitionProduceResponse result;

    PartitionAppend(Operation operation, Located located) {
      this.operation = operation;
      this.located = located;
    }

    @Override
    public void onAppended(long baseOffset, long logAppendTimeMs, long logStartOffset) {
      result =
          new PartitionProduceResponse()
              .setIndex(located.index())
              .setBaseOffset(baseOffset)
              .setLogAppendTimeMs(logAppendTimeMs)
              .setLogStartOffset(logStartOffset);
      operation.decided();
    }

    @Override
    public void onRefused(Errors error, String message, List<RecordError> recordErrors) {
      List<BatchIndexAndErrorMessage> details = new ArrayList<>(recordErrors.size());
      for (RecordError each : recordErrors) {
        details.add(
            new BatchIndexAndErrorMessage()
                .setBatchIndex(each.batchIndex())
                .setBatchIndexErrorMessage(each.message()));
      }
      PartitionProduceResponse refused =
          refusal(error).setErrorMessage(message).setRecordErrors(details);
      BrokerPartition partition = located.partition();
      if (partition != null && (!details.isEmpty() || FOUND_BY_THE_LOG.contains(error))) {
        refused.setLogStartOffset(partition.logStartOffset());
      }
      result = refused;
      operation.decided();
    }

    @Override
    public boolean isWanted() {
      return !operation.answered.get();
    }

    PartitionProduceResponse resultOrTimeout() {
      PartitionProduceResponse decided = result;
      return decided != null
          ? decided
          : refusal(Errors.REQUEST_TIMED_OUT)
              .setErrorMessage("the batch is not durable yet; it may still become so");
    }

    private PartitionProduceResponse refusal(Errors error) {
      return new PartitionProduceResponse()
          .setIndex(located.index())
          .setErrorCode(error.code())
          .setBaseOffset(-1)
          .setLogAppendTimeMs(-1)
          .setLogStartOffset(-1);
    }
  }
}
