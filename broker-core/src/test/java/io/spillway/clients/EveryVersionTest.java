package io.spillway.clients;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.embed.Broker;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.message.ApiVersionsRequestData;
import org.apache.kafka.common.message.ApiVersionsResponseData;
import org.apache.kafka.common.message.ApiVersionsResponseData.ApiVersion;
import org.apache.kafka.common.message.FetchRequestData;
import org.apache.kafka.common.message.ListOffsetsRequestData;
import org.apache.kafka.common.message.MetadataRequestData;
import org.apache.kafka.common.message.OffsetCommitRequestData;
import org.apache.kafka.common.message.OffsetFetchRequestData;
import org.apache.kafka.common.message.OffsetForLeaderEpochRequestData;
import org.apache.kafka.common.message.ProduceRequestData;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.requests.ListOffsetsRequest;
import org.junit.jupiter.api.Test;

/** Every API that is advertised answers in every version that is advertised. */
class EveryVersionTest {

  private static final String TOPIC = "every";

  @Test
  void everyAdvertisedVersionIsAnswered() throws Exception {
    try (Broker broker = Broker.builder().temporaryDirectory().start()) {
      Uuid topicId = createTopic(broker);
      List<String> unanswered = new ArrayList<>();
      for (ApiVersion range : advertised(broker)) {
        ApiKeys api = ApiKeys.forId(range.apiKey());
        short first = (short) Math.max(range.minVersion(), api.oldestVersion());
        for (short version = first; version <= range.maxVersion(); version++) {
          try (WireClient client = new WireClient(broker.bootstrapServers())) {
            client.call(api, version, request(api, version, topicId), ApiMessage.class);
          } catch (IOException e) {
            unanswered.add(api + " v" + version + ": " + e);
          }
        }
      }
      assertThat(unanswered).isEmpty();
    }
  }

  @Test
  void noUnstableVersionIsAdvertised() throws Exception {
    try (Broker broker = Broker.builder().temporaryDirectory().start()) {
      for (ApiVersion range : advertised(broker)) {
        assertThat(range.maxVersion())
            .as(ApiKeys.forId(range.apiKey()).name)
            .isLessThanOrEqualTo(ApiKeys.forId(range.apiKey()).latestVersion(false));
      }
    }
  }

  private static List<ApiVersion> advertised(Broker broker) throws IOException {
    try (WireClient client = new WireClient(broker.bootstrapServers())) {
      ApiVersionsRequestData request =
          new ApiVersionsRequestData()
              .setClientSoftwareName("test")
              .setClientSoftwareVersion("1.0");
      return List.copyOf(
          client.call(ApiKeys.API_VERSIONS, 3, request, ApiVersionsResponseData.class).apiKeys());
    }
  }

  private static Uuid createTopic(Broker broker) throws Exception {
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", broker.bootstrapServers()))) {
      return admin.createTopics(Set.of(new NewTopic(TOPIC, 1, (short) 1))).topicId(TOPIC).get();
    }
  }

  /** A request about a topic that exists where the API has topics, else the empty request. */
  private static ApiMessage request(ApiKeys api, short version, Uuid topicId) {
    return switch (api) {
      case API_VERSIONS ->
          new ApiVersionsRequestData()
              .setClientSoftwareName("test")
              .setClientSoftwareVersion("1.0");
      case METADATA ->
          new MetadataRequestData()
              .setTopics(List.of(new MetadataRequestData.MetadataRequestTopic().setName(TOPIC)));
      case PRODUCE -> new ProduceRequestData().setAcks((short) -1).setTimeoutMs(5_000);
      case FETCH -> fetch(version, topicId);
      case LIST_OFFSETS -> listOffsets();
      case OFFSET_FOR_LEADER_EPOCH -> offsetForLeaderEpoch();
      case OFFSET_COMMIT -> offsetCommit(version, topicId);
      case OFFSET_FETCH -> offsetFetch(version);
      default -> api.messageType.newRequest();
    };
  }

  private static ApiMessage fetch(short version, Uuid topicId) {
    FetchRequestData.FetchTopic topic =
        new FetchRequestData.FetchTopic()
            .setPartitions(
                List.of(
                    new FetchRequestData.FetchPartition()
                        .setPartition(0)
                        .setPartitionMaxBytes(1_000)));
    if (version >= 13) {
      topic.setTopicId(topicId);
    } else {
      topic.setTopic(TOPIC);
    }
    return new FetchRequestData().setMaxBytes(1_000).setMinBytes(0).setTopics(List.of(topic));
  }

  private static ApiMessage listOffsets() {
    return new ListOffsetsRequestData()
        .setReplicaId(-1)
        .setTopics(
            List.of(
                new ListOffsetsRequestData.ListOffsetsTopic()
                    .setName(TOPIC)
                    .setPartitions(
                        List.of(
                            new ListOffsetsRequestData.ListOffsetsPartition()
                                .setPartitionIndex(0)
                                .setTimestamp(ListOffsetsRequest.LATEST_TIMESTAMP)))));
  }

  private static ApiMessage offsetForLeaderEpoch() {
    OffsetForLeaderEpochRequestData.OffsetForLeaderTopicCollection topics =
        new OffsetForLeaderEpochRequestData.OffsetForLeaderTopicCollection();
    topics.add(
        new OffsetForLeaderEpochRequestData.OffsetForLeaderTopic()
            .setTopic(TOPIC)
            .setPartitions(
                List.of(
                    new OffsetForLeaderEpochRequestData.OffsetForLeaderPartition()
                        .setPartition(0)
                        .setLeaderEpoch(0))));
    return new OffsetForLeaderEpochRequestData().setReplicaId(-1).setTopics(topics);
  }

  private static ApiMessage offsetCommit(short version, Uuid topicId) {
    OffsetCommitRequestData.OffsetCommitRequestTopic topic =
        new OffsetCommitRequestData.OffsetCommitRequestTopic()
            .setPartitions(
                List.of(
                    new OffsetCommitRequestData.OffsetCommitRequestPartition()
                        .setPartitionIndex(0)
                        .setCommittedOffset(1)));
    if (version >= 10) {
      topic.setTopicId(topicId);
    } else {
      topic.setName(TOPIC);
    }
    return new OffsetCommitRequestData()
        .setGroupId("g")
        .setGenerationIdOrMemberEpoch(-1)
        .setTopics(List.of(topic));
  }

  private static ApiMessage offsetFetch(short version) {
    OffsetFetchRequestData request = new OffsetFetchRequestData();
    if (version >= 8) {
      request.setGroups(
          List.of(new OffsetFetchRequestData.OffsetFetchRequestGroup().setGroupId("g")));
    } else {
      request.setGroupId("g").setTopics(List.of());
    }
    return request;
  }
}
