package io.spillway.request.data;

import io.spillway.protocol.codec.RecordSlices;
import io.spillway.request.Exchange;
import io.spillway.request.data.PartitionLocator.Leader;
import io.spillway.stream.FetchedData;
import java.util.List;
import java.util.Optional;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.message.FetchResponseData;
import org.apache.kafka.common.message.FetchResponseData.FetchableTopicResponse;
import org.apache.kafka.common.message.FetchResponseData.LeaderIdAndEpoch;
import org.apache.kafka.common.message.FetchResponseData.NodeEndpoint;
import org.apache.kafka.common.message.FetchResponseData.PartitionData;
import org.apache.kafka.common.protocol.Errors;

/** What a fetch answers, of the slots of its last round. Guarded by its operation. */
final class FetchAnswer {

  private static final short FIRST_VERSION_WITH_LEADER = 12;
  private static final short FIRST_VERSION_WITH_ENDPOINTS = 16;

  private final FetchHandler handler;
  private final Exchange exchange;
  private final FetchSessions.Plan plan;
  private final boolean readCommitted;
  private final short version;

  FetchAnswer(
      FetchHandler handler, Exchange exchange, FetchSessions.Plan plan, boolean readCommitted) {
    this.handler = handler;
    this.exchange = exchange;
    this.plan = plan;
    this.readCommitted = readCommitted;
    this.version = exchange.context().apiVersion();
  }

  /**
   * Builds the response; partitions of which a session need not be told are left out.
   *
   * @param owned given the data that the response refers to, to be closed when it is sent
   */
  FetchResponseData respond(List<FetchSlot> slots, List<FetchedData> owned) {
    FetchResponseData response = new FetchResponseData();
    FetchSession session = plan.session();
    if (session != null && session.epoch() != plan.expectedEpoch()) {
      slots.forEach(FetchSlot::drop);
      return response
          .setErrorCode(Errors.INVALID_FETCH_SESSION_EPOCH.code())
          .setSessionId(session.id());
    }
    Optional<FetchSession> made =
        plan.wantsSession()
            ? handler.sessions().create(slots.size(), plan.usesTopicIds())
            : Optional.empty();
    for (FetchSlot slot : slots) {
      if (slot.isOpening && slot.error == Errors.NONE) {
        slot.error = Errors.NOT_LEADER_OR_FOLLOWER;
      }
      PartitionData answer = slot.answer(readCommitted);
      addLeader(slot, answer, response);
      int bytes = slot.dataBytes();
      made.ifPresent(fresh -> fresh.follow(slot.target, answer));
      if (session == null || session.mustTell(slot.target, answer, bytes)) {
        addRecords(slot, answer, owned);
        add(slot, answer, response);
      } else {
        slot.drop();
      }
    }
    int sessionId = session != null ? session.id() : made.map(FetchSession::id).orElse(0);
    return response.setSessionId(sessionId);
  }

  private void addRecords(FetchSlot slot, PartitionData answer, List<FetchedData> owned) {
    FetchedData data = slot.takeData();
    if (data != null) {
      owned.add(data);
      answer.setRecords(new RecordSlices(data.buffers()));
      handler
          .traffic()
          .onFetched(slot.located.topic(), exchange.context().clientId(), data.sizeBytes());
    }
  }

  private void add(FetchSlot slot, PartitionData answer, FetchResponseData response) {
    List<FetchableTopicResponse> topics = response.responses();
    Uuid topicId = slot.target.topicId();
    String topic = slot.target.topic();
    FetchableTopicResponse last = topics.isEmpty() ? null : topics.get(topics.size() - 1);
    if (last == null || !last.topicId().equals(topicId) || !last.topic().equals(topic)) {
      last = new FetchableTopicResponse().setTopic(topic).setTopicId(topicId);
      topics.add(last);
    }
    last.partitions().add(answer);
  }

  /** KIP-951. */
  private void addLeader(FetchSlot slot, PartitionData answer, FetchResponseData response) {
    boolean isAboutLeader =
        slot.error == Errors.NOT_LEADER_OR_FOLLOWER || slot.error == Errors.FENCED_LEADER_EPOCH;
    if (!isAboutLeader || version < FIRST_VERSION_WITH_LEADER || slot.located.topic().isEmpty()) {
      return;
    }
    Optional<Leader> leader =
        handler.locator().leaderOf(slot.located.topicPartition(), exchange.context().listener());
    if (leader.isEmpty()) {
      return;
    }
    Leader found = leader.get();
    answer.setCurrentLeader(
        new LeaderIdAndEpoch().setLeaderId(found.id()).setLeaderEpoch(found.epoch()));
    if (version >= FIRST_VERSION_WITH_ENDPOINTS
        && found.host() != null
        && response.nodeEndpoints().find(found.id()) == null) {
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
