package io.spillway.metadata;

/**
 * Settings in force per topic: the topic's own, then the broker's dynamic ones, then the cluster's,
 * then the broker's properties, then Kafka's default, through all of Kafka's synonyms ({@code
 * log.retention.hours} and its like).
 */
@FunctionalInterface
public interface TopicConfigs {

  /**
   * The settings now; for an unknown topic those a new one would have. Cheap: parsed once per
   * change. Any thread. Subscribe to the control plane to hear of changes.
   */
  TopicConfig topic(String name);
}
