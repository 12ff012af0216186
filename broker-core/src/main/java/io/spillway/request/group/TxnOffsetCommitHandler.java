package io.spillway.request.group;

import io.spillway.metadata.ClusterMetadata;
import io.spillway.metadata.ClusterMetadata.TopicInfo;
import io.spillway.request.ApiHandler;
import io.spillway.request.Exchange;
import io.spillway.request.Partitions;
import io.spillway.request.Replies;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Supplier;
import org.apache.kafka.common.message.TxnOffsetCommitRequestData;
import org.apache.kafka.common.message.TxnOffsetCommitRequestData.TxnOffsetCommitRequestPartition;
import org.apache.kafka.common.message.TxnOffsetCommitRequestData.TxnOffsetCommitRequestTopic;
import org.apache.kafka.common.message.TxnOffsetCommitResponseData;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.requests.TxnOffsetCommitResponse;

/**
 * Commits offsets within a transaction, of partitions that exist; the others are answered one by
 * one with what is wrong about them. From version 6 on topics come by id.
 */
public final class TxnOffsetCommitHandler implements ApiHandler {

  /** Older clients may take a coordinator that loads for a final error. */
  private static final short FIRST_VERSION_THAT_KNOWS_LOADING = 2;

  private final GroupService groups;
  private final Supplier<ClusterMetadata> metadata;

  public TxnOffsetCommitHandler(GroupService groups, Supplier<ClusterMetadata> metadata) {
    this.groups = groups;
    this.metadata = metadata;
  }

  @Override
  public Set<ApiKeys> apis() {
    return Set.of(ApiKeys.TXN_OFFSET_COMMIT);
  }

  @Override
  public void handle(Exchange exchange) {
    short version = exchange.context().apiVersion();
    TxnOffsetCommitRequestData request = exchange.request(TxnOffsetCommitRequestData.class);
    boolean byId = TxnOffsetCommitResponse.useTopicIds(version);
    TxnOffsetCommitResponse.Builder answer = TxnOffsetCommitResponse.newBuilder(byId);
    ClusterMetadata view = metadata.get();
    List<TxnOffsetCommitRequestTopic> known = new ArrayList<>();
    for (TxnOffsetCommitRequestTopic topic : request.topics()) {
      Optional<TopicInfo> info = byId ? view.topic(topic.topicId()) : view.topic(topic.name());
      if (info.isEmpty()) {
        answer.addPartitions(
            topic.topicId(),
            topic.name(),
            topic.partitions(),
            TxnOffsetCommitRequestPartition::partitionIndex,
            byId ? Errors.UNKNOWN_TOPIC_ID : Errors.UNKNOWN_TOPIC_OR_PARTITION);
      } else {
        existingPartitions(topic, info.get(), answer).ifPresent(known::add);
      }
    }
    if (known.isEmpty()) {
      exchange.reply(answer.build().data());
      return;
    }
    // A copy: the request itself must stay what the client sent, for an error response.
    TxnOffsetCommitRequestData commit = request.duplicate().setTopics(known);
    Replies.send(
        exchange,
        groups
            .commitTransactionalOffsets(exchange.context(), commit)
            .thenApply(committed -> answer.merge(inTermsOf(version, committed)).build().data()));
  }

  private static Optional<TxnOffsetCommitRequestTopic> existingPartitions(
      TxnOffsetCommitRequestTopic topic, TopicInfo info, TxnOffsetCommitResponse.Builder answer) {
    TxnOffsetCommitRequestTopic existing =
        new TxnOffsetCommitRequestTopic().setTopicId(topic.topicId()).setName(info.name());
    for (TxnOffsetCommitRequestPartition partition : topic.partitions()) {
      if (Partitions.exists(info, partition.partitionIndex())) {
        existing.partitions().add(partition);
      } else {
        answer.addPartition(
            topic.topicId(),
            info.name(),
            partition.partitionIndex(),
            Errors.UNKNOWN_TOPIC_OR_PARTITION);
      }
    }
    return existing.partitions().isEmpty() ? Optional.empty() : Optional.of(existing);
  }

  private static TxnOffsetCommitResponseData inTermsOf(
      short version, TxnOffsetCommitResponseData answer) {
    if (version < FIRST_VERSION_THAT_KNOWS_LOADING) {
      answer.topics().stream()
          .flatMap(topic -> topic.partitions().stream())
          .filter(each -> each.errorCode() == Errors.COORDINATOR_LOAD_IN_PROGRESS.code())
          .forEach(each -> each.setErrorCode(Errors.COORDINATOR_NOT_AVAILABLE.code()));
    }
    return answer;
  }
}
