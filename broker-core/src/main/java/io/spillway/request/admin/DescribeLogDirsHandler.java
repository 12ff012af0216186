package io.spillway.request.admin;

import io.spillway.partition.LocalPartitions;
import io.spillway.partition.Partition;
import io.spillway.request.ApiHandler;
import io.spillway.request.Exchange;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.message.DescribeLogDirsRequestData;
import org.apache.kafka.common.message.DescribeLogDirsRequestData.DescribableLogDirTopic;
import org.apache.kafka.common.message.DescribeLogDirsRequestData.DescribableLogDirTopicCollection;
import org.apache.kafka.common.message.DescribeLogDirsResponseData;
import org.apache.kafka.common.message.DescribeLogDirsResponseData.DescribeLogDirsPartition;
import org.apache.kafka.common.message.DescribeLogDirsResponseData.DescribeLogDirsResult;
import org.apache.kafka.common.message.DescribeLogDirsResponseData.DescribeLogDirsTopic;
import org.apache.kafka.common.protocol.ApiKeys;

/**
 * DescribeLogDirs: there is one place for data, the object store; the sizes are those of the
 * partitions this broker leads, wherever their bytes lie just now.
 */
public final class DescribeLogDirsHandler implements ApiHandler {

  private static final long UNKNOWN_BYTES = -1;

  private final LocalPartitions partitions;
  private final String place;

  /**
   * @param place what stands for the directory in the answer: the object store's URL
   */
  public DescribeLogDirsHandler(LocalPartitions partitions, String place) {
    this.partitions = partitions;
    this.place = place;
  }

  @Override
  public Set<ApiKeys> apis() {
    return Set.of(ApiKeys.DESCRIBE_LOG_DIRS);
  }

  @Override
  public void handle(Exchange exchange) {
    DescribableLogDirTopicCollection asked =
        exchange.request(DescribeLogDirsRequestData.class).topics();
    DescribeLogDirsResult result =
        new DescribeLogDirsResult()
            .setLogDir(place)
            .setTotalBytes(UNKNOWN_BYTES)
            .setUsableBytes(UNKNOWN_BYTES);
    Map<String, DescribeLogDirsTopic> topics = new TreeMap<>();
    for (Partition partition : partitions.partitions()) {
      TopicPartition tp = partition.topicPartition();
      if (isAsked(asked, tp)) {
        topics
            .computeIfAbsent(tp.topic(), name -> new DescribeLogDirsTopic().setName(name))
            .partitions()
            .add(
                new DescribeLogDirsPartition()
                    .setPartitionIndex(tp.partition())
                    .setPartitionSize(partition.sizeBytes())
                    .setOffsetLag(0)
                    .setIsFutureKey(false));
      }
    }
    result.topics().addAll(topics.values());
    exchange.reply(new DescribeLogDirsResponseData().setResults(List.of(result)));
  }

  private static boolean isAsked(DescribableLogDirTopicCollection asked, TopicPartition tp) {
    if (asked == null) {
      return true;
    }
    DescribableLogDirTopic topic = asked.find(tp.topic());
    return topic != null && topic.partitions().contains(tp.partition());
  }
}
