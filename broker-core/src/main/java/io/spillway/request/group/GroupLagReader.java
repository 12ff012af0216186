package io.spillway.request.group;

import io.spillway.partition.LocalPartitions;
import io.spillway.partition.Partition;
import io.spillway.request.RequestContext;
import java.net.InetAddress;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.function.BooleanSupplier;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.message.ListGroupsRequestData;
import org.apache.kafka.common.message.ListGroupsResponseData.ListedGroup;
import org.apache.kafka.common.message.OffsetFetchRequestData.OffsetFetchRequestGroup;
import org.apache.kafka.common.message.OffsetFetchResponseData.OffsetFetchResponseGroup;
import org.apache.kafka.common.message.OffsetFetchResponseData.OffsetFetchResponsePartitions;
import org.apache.kafka.common.message.OffsetFetchResponseData.OffsetFetchResponseTopics;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.security.auth.KafkaPrincipal;

/**
 * Compares committed offsets with high watermarks. Partitions led elsewhere are left out: their
 * watermark is not known here.
 */
public final class GroupLagReader implements GroupLag {

  private static final Comparator<Entry> ORDER =
      Comparator.comparing(Entry::groupId)
          .thenComparing(Entry::topic)
          .thenComparingInt(Entry::partition);

  private final GroupService groups;
  private final BooleanSupplier running;
  private final LocalPartitions partitions;

  /**
   * @param running whether a coordinator runs; asking one that does not would start it
   */
  public GroupLagReader(GroupService groups, BooleanSupplier running, LocalPartitions partitions) {
    this.groups = groups;
    this.running = running;
    this.partitions = partitions;
  }

  @Override
  public CompletableFuture<Report> report(int maxEntries) {
    if (!running.getAsBoolean()) {
      return CompletableFuture.completedFuture(new Report(List.of(), 0));
    }
    return groups
        .listGroups(internal(ApiKeys.LIST_GROUPS), new ListGroupsRequestData())
        .thenCompose(listed -> report(listed.groups(), maxEntries))
        .exceptionally(error -> new Report(List.of(), 0));
  }

  private CompletableFuture<Report> report(List<ListedGroup> listed, int maxEntries) {
    List<String> ids = listed.stream().map(ListedGroup::groupId).sorted().toList();
    List<String> asked = ids.subList(0, Math.min(ids.size(), maxEntries));
    List<CompletableFuture<List<Entry>>> entries = asked.stream().map(this::entriesOf).toList();
    return CompletableFuture.allOf(entries.toArray(new CompletableFuture<?>[0]))
        .thenApply(
            done -> {
              List<Entry> all = new ArrayList<>();
              entries.forEach(future -> all.addAll(future.join()));
              all.sort(ORDER);
              int kept = Math.min(all.size(), maxEntries);
              return new Report(
                  all.subList(0, kept), all.size() - kept + ids.size() - asked.size());
            });
  }

  private CompletableFuture<List<Entry>> entriesOf(String groupId) {
    return groups
        .fetchOffsets(
            internal(ApiKeys.OFFSET_FETCH),
            new OffsetFetchRequestGroup().setGroupId(groupId).setTopics(null),
            false)
        .thenApply(this::entriesOf)
        .exceptionally(error -> List.of());
  }

  private List<Entry> entriesOf(OffsetFetchResponseGroup group) {
    List<Entry> entries = new ArrayList<>();
    for (OffsetFetchResponseTopics topic : group.topics()) {
      for (OffsetFetchResponsePartitions committed : topic.partitions()) {
        TopicPartition tp = new TopicPartition(topic.name(), committed.partitionIndex());
        Optional<Partition> partition = partitions.partition(tp);
        if (partition.isPresent()
            && committed.errorCode() == Errors.NONE.code()
            && committed.committedOffset() >= 0) {
          long lag = Math.max(0, partition.get().highWatermark() - committed.committedOffset());
          entries.add(
              new Entry(
                  group.groupId(), tp.topic(), tp.partition(), committed.committedOffset(), lag));
        }
      }
    }
    return entries;
  }

  private static RequestContext internal(ApiKeys api) {
    return new RequestContext(
        KafkaPrincipal.ANONYMOUS,
        "",
        "",
        "",
        InetAddress.getLoopbackAddress(),
        "metrics",
        api,
        api.latestVersion(),
        0);
  }
}
