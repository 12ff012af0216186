package io.spillway.request.group;

import io.spillway.metadata.ClusterMetadata;
import io.spillway.metadata.ClusterMetadata.TopicInfo;
import io.spillway.request.ApiHandler;
import io.spillway.request.Exchange;
import io.spillway.request.Replies;
import io.spillway.request.RequestContext;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.function.Supplier;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.message.OffsetFetchRequestData;
import org.apache.kafka.common.message.OffsetFetchRequestData.OffsetFetchRequestGroup;
import org.apache.kafka.common.message.OffsetFetchRequestData.OffsetFetchRequestTopic;
import org.apache.kafka.common.message.OffsetFetchRequestData.OffsetFetchRequestTopics;
import org.apache.kafka.common.message.OffsetFetchResponseData.OffsetFetchResponseGroup;
import org.apache.kafka.common.message.OffsetFetchResponseData.OffsetFetchResponsePartitions;
import org.apache.kafka.common.message.OffsetFetchResponseData.OffsetFetchResponseTopics;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.record.internal.RecordBatch;
import org.apache.kafka.common.requests.OffsetFetchRequest;
import org.apache.kafka.common.requests.OffsetFetchResponse;

/**
 * Reads committed offsets: of one group up to version 7, of several from version 8 on, by topic id
 * from version 10 on. Each group has its own error.
 */
public final class OffsetFetchHandler implements ApiHandler {

  private final GroupService groups;
  private final Supplier<ClusterMetadata> metadata;

  public OffsetFetchHandler(GroupService groups, Supplier<ClusterMetadata> metadata) {
    this.groups = groups;
    this.metadata = metadata;
  }

  @Override
  public Set<ApiKeys> apis() {
    return Set.of(ApiKeys.OFFSET_FETCH);
  }

  @Override
  public void handle(Exchange exchange) {
    RequestContext context = exchange.context();
    OffsetFetchRequestData request = exchange.request(OffsetFetchRequestData.class);
    List<CompletableFuture<OffsetFetchResponseGroup>> answers = new ArrayList<>();
    for (OffsetFetchRequestGroup group : groupsOf(request, context.apiVersion())) {
      answers.add(
          fetch(context, group, request.requireStable())
              .exceptionally(error -> failed(group, error, context.apiVersion())));
    }
    Replies.send(
        exchange,
        CompletableFuture.allOf(answers.toArray(new CompletableFuture<?>[0]))
            .thenApply(
                done ->
                    new OffsetFetchResponse.Builder(
                            answers.stream().map(CompletableFuture::join).toList())
                        .build(context.apiVersion())
                        .data()));
  }

  private static List<OffsetFetchRequestGroup> groupsOf(
      OffsetFetchRequestData request, short version) {
    if (version >= OffsetFetchRequest.BATCH_MIN_VERSION) {
      return request.groups();
    }
    List<OffsetFetchRequestTopics> topics = null;
    if (request.topics() != null) {
      topics = new ArrayList<>();
      for (OffsetFetchRequestTopic topic : request.topics()) {
        topics.add(
            new OffsetFetchRequestTopics()
                .setName(topic.name())
                .setPartitionIndexes(topic.partitionIndexes()));
      }
    }
    return List.of(new OffsetFetchRequestGroup().setGroupId(request.groupId()).setTopics(topics));
  }

  private CompletableFuture<OffsetFetchResponseGroup> fetch(
      RequestContext context, OffsetFetchRequestGroup group, boolean requireStable) {
    if (!OffsetFetchRequest.useTopicIds(context.apiVersion())) {
      return groups.fetchOffsets(context, group, requireStable);
    }
    if (OffsetFetchRequest.requestAllOffsets(group)) {
      return groups.fetchOffsets(context, group, requireStable).thenApply(this::withTopicIds);
    }
    ClusterMetadata view = metadata.get();
    List<OffsetFetchRequestTopics> known = new ArrayList<>();
    List<OffsetFetchResponseTopics> unknown = new ArrayList<>();
    for (OffsetFetchRequestTopics topic : group.topics()) {
      Optional<TopicInfo> info = view.topic(topic.topicId());
      if (info.isPresent()) {
        known.add(topic.duplicate().setName(info.get().name()));
      } else {
        unknown.add(unknownTopic(topic));
      }
    }
    return groups
        .fetchOffsets(context, group.duplicate().setTopics(known), requireStable)
        .thenApply(
            answer -> {
              if (answer.errorCode() != Errors.NONE.code() || unknown.isEmpty()) {
                return answer;
              }
              List<OffsetFetchResponseTopics> all = new ArrayList<>(answer.topics());
              all.addAll(unknown);
              return answer.setTopics(all);
            });
  }

  /** Without an id a topic cannot be named in this version: it is gone, and left out. */
  private OffsetFetchResponseGroup withTopicIds(OffsetFetchResponseGroup answer) {
    ClusterMetadata view = metadata.get();
    List<OffsetFetchResponseTopics> named = new ArrayList<>();
    for (OffsetFetchResponseTopics topic : answer.topics()) {
      if (topic.topicId().equals(Uuid.ZERO_UUID)) {
        view.topic(topic.name()).ifPresent(info -> topic.setTopicId(info.id()));
      }
      if (!topic.topicId().equals(Uuid.ZERO_UUID)) {
        named.add(topic);
      }
    }
    return answer.setTopics(named);
  }

  private static OffsetFetchResponseTopics unknownTopic(OffsetFetchRequestTopics topic) {
    OffsetFetchResponseTopics answer = new OffsetFetchResponseTopics().setTopicId(topic.topicId());
    for (int partition : topic.partitionIndexes()) {
      answer
          .partitions()
          .add(
              new OffsetFetchResponsePartitions()
                  .setPartitionIndex(partition)
                  .setErrorCode(Errors.UNKNOWN_TOPIC_ID.code())
                  .setCommittedOffset(OffsetFetchResponse.INVALID_OFFSET)
                  .setMetadata(OffsetFetchResponse.NO_METADATA)
                  .setCommittedLeaderEpoch(RecordBatch.NO_PARTITION_LEADER_EPOCH));
    }
    return answer;
  }

  private static OffsetFetchResponseGroup failed(
      OffsetFetchRequestGroup group, Throwable error, short version) {
    Throwable cause =
        error instanceof CompletionException && error.getCause() != null ? error.getCause() : error;
    return OffsetFetchResponse.groupError(group, Errors.forException(cause), version);
  }
}
