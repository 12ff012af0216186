package io.spillway.request.group;

import io.spillway.metadata.ClusterMetadata;
import io.spillway.metadata.ClusterMetadata.TopicInfo;
import io.spillway.request.ApiHandler;
import io.spillway.request.Exchange;
import io.spillway.request.Partitions;
import io.spillway.request.Replies;
import java.util.Optional;
import java.util.Set;
import java.util.function.Supplier;
import org.apache.kafka.common.message.OffsetDeleteRequestData;
import org.apache.kafka.common.message.OffsetDeleteRequestData.OffsetDeleteRequestPartition;
import org.apache.kafka.common.message.OffsetDeleteRequestData.OffsetDeleteRequestTopic;
import org.apache.kafka.common.message.OffsetDeleteRequestData.OffsetDeleteRequestTopicCollection;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.requests.OffsetDeleteResponse;

/** Deletes committed offsets of partitions that exist (KIP-496). */
public final class OffsetDeleteHandler implements ApiHandler {

  private final GroupService groups;
  private final Supplier<ClusterMetadata> metadata;

  public OffsetDeleteHandler(GroupService groups, Supplier<ClusterMetadata> metadata) {
    this.groups = groups;
    this.metadata = metadata;
  }

  @Override
  public Set<ApiKeys> apis() {
    return Set.of(ApiKeys.OFFSET_DELETE);
  }

  @Override
  public void handle(Exchange exchange) {
    OffsetDeleteRequestData request = exchange.request(OffsetDeleteRequestData.class);
    OffsetDeleteResponse.Builder answer = new OffsetDeleteResponse.Builder();
    OffsetDeleteRequestTopicCollection known = new OffsetDeleteRequestTopicCollection();
    ClusterMetadata view = metadata.get();
    for (OffsetDeleteRequestTopic topic : request.topics()) {
      Optional<TopicInfo> info = view.topic(topic.name());
      OffsetDeleteRequestTopic existing = new OffsetDeleteRequestTopic().setName(topic.name());
      for (OffsetDeleteRequestPartition partition : topic.partitions()) {
        if (info.isPresent() && Partitions.exists(info.get(), partition.partitionIndex())) {
          existing.partitions().add(partition);
        } else {
          answer.addPartition(
              topic.name(), partition.partitionIndex(), Errors.UNKNOWN_TOPIC_OR_PARTITION);
        }
      }
      if (!existing.partitions().isEmpty()) {
        known.add(existing);
      }
    }
    // Asked even when no partition is left: whether the group exists is answered there.
    Replies.send(
        exchange,
        groups
            .deleteOffsets(
                exchange.context(),
                new OffsetDeleteRequestData().setGroupId(request.groupId()).setTopics(known))
            .thenApply(deleted -> answer.merge(deleted).build().data()));
  }
}
