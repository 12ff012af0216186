package io.spillway.metadata;

import java.util.Set;

/** Which names a topic may have, and which are the system's own; as in Kafka. */
public final class TopicNames {

  /** Groups and their offsets. */
  public static final String CONSUMER_OFFSETS = "__consumer_offsets";

  /** Transactional ids and their transactions. */
  public static final String TRANSACTION_STATE = "__transaction_state";

  /** No topic here: the metadata log is in the bucket. */
  public static final String CLUSTER_METADATA = "__cluster_metadata";

  private static final Set<String> INTERNAL =
      Set.of(CONSUMER_OFFSETS, TRANSACTION_STATE, "__share_group_state");
  private static final int MAX_LENGTH = 249;

  private TopicNames() {}

  /** Whether clients are told that the topic is not theirs. */
  public static boolean isInternal(String name) {
    return INTERNAL.contains(name);
  }

  /** Whether a topic may have this name. */
  public static boolean isValid(String name) {
    return !name.isEmpty()
        && name.length() <= MAX_LENGTH
        && !name.equals(".")
        && !name.equals("..")
        && name.chars().allMatch(TopicNames::isLegal);
  }

  private static boolean isLegal(int c) {
    return (c >= 'a' && c <= 'z')
        || (c >= 'A' && c <= 'Z')
        || (c >= '0' && c <= '9')
        || c == '.'
        || c == '_'
        || c == '-';
  }
}
