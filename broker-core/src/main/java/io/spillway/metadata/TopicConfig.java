package io.spillway.metadata;

import java.util.Map;
import org.apache.kafka.common.record.TimestampType;

/**
 * A topic's settings in force, parsed. Names, defaults and units are Kafka's; -1 means without
 * limit where Kafka says so.
 *
 * @param deletes whether old data is deleted: {@code cleanup.policy}
 * @param compacts whether keys are compacted: {@code cleanup.policy}
 * @param compressionType {@code producer}, {@code uncompressed} or a codec's name
 * @param timestampBeforeMaxMs how far in the past a CreateTime may lie
 * @param timestampAfterMaxMs how far in the future a CreateTime may lie
 * @param minInSyncReplicas accepted whatever its value: durable storage satisfies it
 */
public record TopicConfig(
    boolean deletes,
    boolean compacts,
    long retentionMs,
    long retentionBytes,
    int maxMessageBytes,
    TimestampType timestampType,
    long timestampBeforeMaxMs,
    long timestampAfterMaxMs,
    String compressionType,
    int gzipLevel,
    int lz4Level,
    int zstdLevel,
    int minInSyncReplicas,
    int segmentBytes,
    long segmentMs,
    long deleteRetentionMs,
    long minCompactionLagMs,
    long maxCompactionLagMs,
    double minCleanableDirtyRatio) {

  private static final long WEEK_MS = 7L * 24 * 60 * 60 * 1000;
  private static final long DAY_MS = 24L * 60 * 60 * 1000;
  private static final long HOUR_MS = 60L * 60 * 1000;

  /** What a topic has when nobody set anything. */
  public static final TopicConfig DEFAULTS = of(Map.of());

  /**
   * Parses settings by their topic-level names; a missing one has Kafka's default.
   *
   * @throws IllegalArgumentException naming the setting whose value is no number
   */
  public static TopicConfig of(Map<String, String> settings) {
    Reader in = new Reader(settings);
    String policy = in.text("cleanup.policy", "delete");
    return new TopicConfig(
        lists(policy, "delete"),
        lists(policy, "compact"),
        in.number("retention.ms", WEEK_MS),
        in.number("retention.bytes", -1),
        in.integer("max.message.bytes", 1024 * 1024 + 12),
        TimestampType.forName(in.text("message.timestamp.type", "CreateTime")),
        in.number("message.timestamp.before.max.ms", Long.MAX_VALUE),
        in.number("message.timestamp.after.max.ms", HOUR_MS),
        in.text("compression.type", "producer"),
        in.integer("compression.gzip.level", -1),
        in.integer("compression.lz4.level", 9),
        in.integer("compression.zstd.level", 3),
        in.integer("min.insync.replicas", 1),
        in.integer("segment.bytes", 1024 * 1024 * 1024),
        in.number("segment.ms", WEEK_MS),
        in.number("delete.retention.ms", DAY_MS),
        in.number("min.compaction.lag.ms", 0),
        in.number("max.compaction.lag.ms", Long.MAX_VALUE),
        in.ratio("min.cleanable.dirty.ratio", 0.5));
  }

  private static boolean lists(String policy, String word) {
    for (String part : policy.split(",", -1)) {
      if (part.trim().equals(word)) {
        return true;
      }
    }
    return false;
  }

  private record Reader(Map<String, String> settings) {

    String text(String name, String defaultValue) {
      return settings.getOrDefault(name, defaultValue).trim();
    }

    long number(String name, long defaultValue) {
      String value = settings.get(name);
      try {
        return value == null ? defaultValue : Long.parseLong(value.trim());
      } catch (NumberFormatException e) {
        throw new IllegalArgumentException(name + "=" + value + " is not a number", e);
      }
    }

    int integer(String name, int defaultValue) {
      return Math.toIntExact(number(name, defaultValue));
    }

    double ratio(String name, double defaultValue) {
      String value = settings.get(name);
      try {
        return value == null ? defaultValue : Double.parseDouble(value.trim());
      } catch (NumberFormatException e) {
        throw new IllegalArgumentException(name + "=" + value + " is not a number", e);
      }
    }
  }
}
