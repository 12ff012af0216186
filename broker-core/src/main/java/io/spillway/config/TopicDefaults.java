package io.spillway.config;

/**
 * Defaults of topics and what goes for all of them.
 *
 * @param retentionMs -1: forever
 * @param retentionBytes per partition; -1: any
 * @param maxBatchBytes largest record batch
 * @param validateRecords whether every record is read, not only batch headers
 * @param producerExpirationMs how long the sequence of an idle idempotent producer is remembered
 */
public record TopicDefaults(
    int partitions,
    short replicationFactor,
    boolean autoCreate,
    boolean deletable,
    long retentionMs,
    long retentionBytes,
    long retentionCheckIntervalMs,
    int maxBatchBytes,
    boolean validateRecords,
    long producerExpirationMs) {

  static TopicDefaults of(SettingValues values) {
    return new TopicDefaults(
        values.intValue("num.partitions"),
        (short) values.intValue("default.replication.factor"),
        values.booleanValue("auto.create.topics.enable"),
        values.booleanValue("delete.topic.enable"),
        retentionMs(values),
        values.longValue("log.retention.bytes"),
        values.longValue("log.retention.check.interval.ms"),
        values.intValue("message.max.bytes"),
        values.booleanValue("broker.validate.records"),
        values.longValue("producer.id.expiration.ms"));
  }

  private static long retentionMs(SettingValues values) {
    String finest =
        values.isGiven("log.retention.ms")
            ? "log.retention.ms"
            : values.isGiven("log.retention.minutes")
                ? "log.retention.minutes"
                : "log.retention.hours";
    long value = values.longValue(finest);
    if (value == 0) {
      throw SettingValues.invalid(finest, "0", "-1 (forever) or at least 1");
    }
    if (value < 0) {
      return -1;
    }
    return switch (finest) {
      case "log.retention.ms" -> value;
      case "log.retention.minutes" -> Math.multiplyExact(value, 60_000L);
      default -> Math.multiplyExact(value, 3_600_000L);
    };
  }
}
