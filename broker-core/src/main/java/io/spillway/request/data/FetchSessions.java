package io.spillway.request.data;

import io.spillway.runtime.Clock;
import io.spillway.runtime.RandomSource;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.apache.kafka.common.message.FetchRequestData;
import org.apache.kafka.common.message.FetchRequestData.FetchPartition;
import org.apache.kafka.common.message.FetchRequestData.FetchTopic;
import org.apache.kafka.common.message.FetchRequestData.ForgottenTopic;
import org.apache.kafka.common.protocol.Errors;
import org.jspecify.annotations.Nullable;

/**
 * The incremental fetch sessions of this broker (KIP-227), bounded in number. As with Kafka a new
 * session takes the place of the one unused for longest, if that was not used for the eviction
 * time; else of a smaller one that lived that long. Without a session a fetch still works, in full.
 * Any thread.
 */
final class FetchSessions {

  private static final int NO_SESSION = 0;
  private static final int INITIAL_EPOCH = 0;
  private static final int FINAL_EPOCH = -1;
  private static final short FIRST_VERSION_WITH_TOPIC_IDS = 13;

  private final int capacity;
  private final long evictionMs;
  private final Clock clock;
  private final RandomSource random;
  private final Map<Integer, FetchSession> sessions = new HashMap<>();

  FetchSessions(int capacity, long evictionMs, Clock clock, RandomSource random) {
    this.capacity = capacity;
    this.evictionMs = evictionMs;
    this.clock = clock;
    this.random = random;
  }

  /**
   * What a request asks for, with its session resolved.
   *
   * @param error other than {@code NONE}: the whole answer
   * @param session the one the request belongs to, if it continues one
   * @param expectedEpoch the session's epoch while this request is its newest
   * @param wantsSession whether a new session may be made for the answer
   */
  record Plan(
      Errors error,
      List<FetchTarget> targets,
      @Nullable FetchSession session,
      int expectedEpoch,
      boolean wantsSession,
      boolean usesTopicIds) {}

  Plan plan(FetchRequestData request, short version) {
    boolean usesTopicIds = version >= FIRST_VERSION_WITH_TOPIC_IDS;
    List<FetchTarget> asked = targetsOf(request);
    int epoch = request.sessionEpoch();
    if (epoch == INITIAL_EPOCH || epoch == FINAL_EPOCH) {
      if (request.sessionId() != NO_SESSION) {
        remove(request.sessionId());
      }
      return new Plan(Errors.NONE, asked, null, 0, epoch == INITIAL_EPOCH, usesTopicIds);
    }
    FetchSession session = find(request.sessionId());
    if (session == null) {
      return failed(Errors.FETCH_SESSION_ID_NOT_FOUND);
    }
    synchronized (session) {
      if (session.epoch() != epoch) {
        return failed(Errors.INVALID_FETCH_SESSION_EPOCH);
      }
      if (session.usesTopicIds() != usesTopicIds) {
        return failed(Errors.FETCH_SESSION_TOPIC_ID_ERROR);
      }
      session.update(asked, forgottenOf(request), clock.currentTimeMillis());
      if (session.size() == 0) {
        remove(session.id());
        return new Plan(Errors.NONE, asked, null, 0, false, usesTopicIds);
      }
      session.nextEpoch();
      return new Plan(
          Errors.NONE, session.targets(), session, session.epoch(), false, usesTopicIds);
    }
  }

  /** A new session, if there is room for one of {@code size} partitions. */
  Optional<FetchSession> create(int size, boolean usesTopicIds) {
    long nowMs = clock.currentTimeMillis();
    synchronized (sessions) {
      if (size == 0 || capacity == 0 || (sessions.size() >= capacity && !evictOne(size, nowMs))) {
        return Optional.empty();
      }
      FetchSession session = new FetchSession(newId(), usesTopicIds, nowMs);
      sessions.put(session.id(), session);
      return Optional.of(session);
    }
  }

  int size() {
    synchronized (sessions) {
      return sessions.size();
    }
  }

  private boolean evictOne(int size, long nowMs) {
    FetchSession oldest = null;
    FetchSession smallest = null;
    for (FetchSession session : sessions.values()) {
      if (oldest == null || session.lastUsedMs() < oldest.lastUsedMs()) {
        oldest = session;
      }
      if (nowMs - session.createdMs() > evictionMs
          && session.size() < size
          && (smallest == null || session.size() < smallest.size())) {
        smallest = session;
      }
    }
    FetchSession victim =
        oldest != null && nowMs - oldest.lastUsedMs() > evictionMs ? oldest : smallest;
    return victim != null && sessions.remove(victim.id(), victim);
  }

  private int newId() {
    int id;
    do {
      id = 1 + random.nextInt(Integer.MAX_VALUE - 1);
    } while (sessions.containsKey(id));
    return id;
  }

  private @Nullable FetchSession find(int id) {
    synchronized (sessions) {
      return sessions.get(id);
    }
  }

  private void remove(int id) {
    synchronized (sessions) {
      sessions.remove(id);
    }
  }

  private static Plan failed(Errors error) {
    return new Plan(error, List.of(), null, 0, false, false);
  }

  /** Of a partition that is named twice the last word counts, in the place of the first. */
  private static List<FetchTarget> targetsOf(FetchRequestData request) {
    Map<FetchTarget.Key, FetchTarget> targets = new LinkedHashMap<>();
    for (FetchTopic topic : request.topics()) {
      for (FetchPartition partition : topic.partitions()) {
        FetchTarget target =
            FetchTarget.of(topic.topicId(), topic.topic(), partition, request.maxBytes());
        targets.put(target.key(), target);
      }
    }
    return List.copyOf(targets.values());
  }

  private static List<FetchTarget.Key> forgottenOf(FetchRequestData request) {
    List<FetchTarget.Key> forgotten = new ArrayList<>();
    for (ForgottenTopic topic : request.forgottenTopicsData()) {
      for (int partition : topic.partitions()) {
        forgotten.add(new FetchTarget.Key(topic.topicId(), topic.topic(), partition));
      }
    }
    return forgotten;
  }
}
