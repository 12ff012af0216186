package io.spillway.request.group;

import io.spillway.metadata.ClusterMetadata;
import io.spillway.metadata.ClusterMetadata.TopicInfo;
import io.spillway.request.ApiHandler;
import io.spillway.request.Exchange;
import io.spillway.request.Partitions;
import io.spillway.request.Replies;
import io.spillway.request.RequestContext;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Supplier;
import org.apache.kafka.common.message.OffsetCommitRequestData;
import org.apache.kafka.common.message.OffsetCommitRequestData.OffsetCommitRequestPartition;
import org.apache.kafka.common.message.OffsetCommitRequestData.OffsetCommitRequestTopic;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.requests.OffsetCommitResponse;

/**
 * Commits offsets of partitions that exist; the others are answered one by one with what is wrong
 * about them. From version 10 on topics come by id.
 */
public final class OffsetCommitHandler implements ApiHandler {

  private final GroupService groups;
  private final Supplier<ClusterMetadata> metadata;

  public OffsetCommitHandler(GroupService groups, Supplier<ClusterMetadata> metadata) {
    this.groups = groups;
    this.metadata = metadata;
  }

  @Override
  public Set<ApiKeys> apis() {
    return Set.of(ApiKeys.OFFSET_COMMIT);
  }

  @Override
  public void handle(Exchange exchange) {
    RequestContext context = exchange.context();
    OffsetCommitRequestData request = exchange.request(OffsetCommitRequestData.class);
    boolean byId = OffsetCommitResponse.useTopicIds(context.apiVersion());
    OffsetCommitResponse.Builder answer = OffsetCommitResponse.newBuilder(byId);
    ClusterMetadata view = metadata.get();
    List<OffsetCommitRequestTopic> known = new ArrayList<>();
    for (OffsetCommitRequestTopic topic : request.topics()) {
      Optional<TopicInfo> info = byId ? view.topic(topic.topicId()) : view.topic(topic.name());
      if (info.isEmpty()) {
        answer.addPartitions(
            topic.topicId(),
            topic.name(),
            topic.partitions(),
            OffsetCommitRequestPartition::partitionIndex,
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
    OffsetCommitRequestData commit = request.duplicate().setTopics(known);
    Replies.send(
        exchange,
        groups
            .commitOffsets(context, commit)
            .thenApply(committed -> answer.merge(committed).build().data()));
  }

  private static Optional<OffsetCommitRequestTopic> existingPartitions(
      OffsetCommitRequestTopic topic, TopicInfo info, OffsetCommitResponse.Builder answer) {
    OffsetCommitRequestTopic existing =
        new OffsetCommitRequestTopic().setTopicId(topic.topicId()).setName(info.name());
    for (OffsetCommitRequestPartition partition : topic.partitions()) {
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
}
