package io.spillway.request.admin;

import io.spillway.metadata.ClusterMetadata;
import io.spillway.metadata.ClusterMetadata.BrokerInfo;
import io.spillway.metadata.ClusterMetadata.PartitionInfo;
import io.spillway.metadata.ClusterMetadata.TopicInfo;
import io.spillway.metadata.TopicNames;
import io.spillway.request.ApiHandler;
import io.spillway.request.Exchange;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.apache.kafka.common.errors.InvalidRequestException;
import org.apache.kafka.common.message.DescribeTopicPartitionsRequestData;
import org.apache.kafka.common.message.DescribeTopicPartitionsResponseData;
import org.apache.kafka.common.message.DescribeTopicPartitionsResponseData.Cursor;
import org.apache.kafka.common.message.DescribeTopicPartitionsResponseData.DescribeTopicPartitionsResponsePartition;
import org.apache.kafka.common.message.DescribeTopicPartitionsResponseData.DescribeTopicPartitionsResponseTopic;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.Errors;

/** DescribeTopicPartitions (KIP-966): topics in order of name, a page at a time. */
public final class DescribeTopicPartitionsHandler implements ApiHandler {

  private final Supplier<ClusterMetadata> metadata;
  private final int maxPartitions;

  /**
   * @param maxPartitions a page holds no more, whatever is asked: {@code
   *     max.request.partition.size.limit}
   */
  public DescribeTopicPartitionsHandler(Supplier<ClusterMetadata> metadata, int maxPartitions) {
    this.metadata = metadata;
    this.maxPartitions = maxPartitions;
  }

  @Override
  public Set<ApiKeys> apis() {
    return Set.of(ApiKeys.DESCRIBE_TOPIC_PARTITIONS);
  }

  @Override
  public void handle(Exchange exchange) {
    DescribeTopicPartitionsRequestData request =
        exchange.request(DescribeTopicPartitionsRequestData.class);
    ClusterMetadata view = metadata.get();
    Set<Integer> alive =
        view.brokers().stream()
            .filter(broker -> !broker.fenced())
            .map(BrokerInfo::id)
            .collect(Collectors.toSet());
    DescribeTopicPartitionsResponseData response = new DescribeTopicPartitionsResponseData();
    int left = Math.max(1, Math.min(request.responsePartitionLimit(), maxPartitions));
    for (String name : names(view, request)) {
      Optional<TopicInfo> topic = view.topic(name);
      if (topic.isEmpty()) {
        response.topics().add(unknown(name));
        continue;
      }
      int from = firstPartition(request, name);
      List<PartitionInfo> partitions = topic.get().partitions();
      if (from > 0 && from >= partitions.size()) {
        continue; // the page before ended with the topic
      }
      if (left == 0) {
        response.setNextCursor(new Cursor().setTopicName(name).setPartitionIndex(from));
        break;
      }
      int to = Math.min(partitions.size(), from + left);
      response.topics().add(known(topic.get(), partitions.subList(from, to), alive));
      left -= to - from;
      if (to < partitions.size()) {
        response.setNextCursor(new Cursor().setTopicName(name).setPartitionIndex(to));
        break;
      }
    }
    exchange.reply(response);
  }

  private static Set<String> names(
      ClusterMetadata view, DescribeTopicPartitionsRequestData request) {
    TreeSet<String> names = new TreeSet<>();
    if (request.topics().isEmpty()) {
      view.topics().forEach(topic -> names.add(topic.name()));
    } else {
      request.topics().forEach(topic -> names.add(topic.name()));
    }
    if (request.cursor() == null) {
      return names;
    }
    if (request.cursor().partitionIndex() < 0) {
      throw new InvalidRequestException("cursor partition must not be negative");
    }
    if (!request.topics().isEmpty() && !names.contains(request.cursor().topicName())) {
      throw new InvalidRequestException(
          "the cursor's topic " + request.cursor().topicName() + " is not among those asked for");
    }
    return names.tailSet(request.cursor().topicName(), true);
  }

  private static int firstPartition(DescribeTopicPartitionsRequestData request, String topic) {
    return request.cursor() != null && request.cursor().topicName().equals(topic)
        ? request.cursor().partitionIndex()
        : 0;
  }

  private static DescribeTopicPartitionsResponseTopic unknown(String name) {
    Errors error =
        TopicNames.isValid(name)
            ? Errors.UNKNOWN_TOPIC_OR_PARTITION
            : Errors.INVALID_TOPIC_EXCEPTION;
    return new DescribeTopicPartitionsResponseTopic().setName(name).setErrorCode(error.code());
  }

  private static DescribeTopicPartitionsResponseTopic known(
      TopicInfo topic, List<PartitionInfo> page, Set<Integer> alive) {
    List<DescribeTopicPartitionsResponsePartition> partitions = new ArrayList<>(page.size());
    for (PartitionInfo partition : page) {
      boolean led = alive.contains(partition.leader());
      partitions.add(
          new DescribeTopicPartitionsResponsePartition()
              .setPartitionIndex(partition.index())
              .setErrorCode((led ? Errors.NONE : Errors.LEADER_NOT_AVAILABLE).code())
              .setLeaderId(led ? partition.leader() : -1)
              .setLeaderEpoch(partition.leaderEpoch())
              .setReplicaNodes(partition.replicas())
              .setIsrNodes(partition.inSyncReplicas())
              .setEligibleLeaderReplicas(List.of())
              .setLastKnownElr(List.of())
              .setOfflineReplicas(Replicas.offline(partition, alive)));
    }
    return new DescribeTopicPartitionsResponseTopic()
        .setName(topic.name())
        .setTopicId(topic.id())
        .setIsInternal(TopicNames.isInternal(topic.name()))
        .setTopicAuthorizedOperations(AuthorizedOperations.TOPIC)
        .setPartitions(partitions);
  }
}
