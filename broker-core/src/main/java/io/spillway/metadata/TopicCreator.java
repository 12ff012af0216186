package io.spillway.metadata;

import java.util.Map;
import java.util.concurrent.CompletableFuture;

/** Creates the topics the broker itself needs, on demand. Safe for any thread. */
@FunctionalInterface
public interface TopicCreator {

  /**
   * Completes when the topic exists in this broker's view; at once when it did already. Calls for a
   * topic that is being created share that creation.
   *
   * @param replicationFactor as requested; with fewer brokers it is remembered
   * @param configs topic settings, strings as Kafka spells them
   * @return fails with the Kafka exception that stood in the way
   */
  CompletableFuture<Void> ensureTopic(
      String name, int partitions, short replicationFactor, Map<String, String> configs);
}
