package io.spillway.config;

/**
 * What log compaction may use.
 *
 * @param isOn false: compacted topics keep everything
 * @param backoffMs between looks that find nothing to do
 * @param keyBytes memory for the keys of one pass
 * @param bufferBytes memory for what is read and written
 * @param bytesPerSecond read and written together
 * @param requestsPerSecond sent to the store
 */
public record CompactionConfig(
    boolean isOn,
    long backoffMs,
    long keyBytes,
    long bufferBytes,
    long bytesPerSecond,
    int requestsPerSecond) {

  private static final String BYTES_PER_SECOND = "log.cleaner.io.max.bytes.per.second";

  static CompactionConfig of(SettingValues values) {
    String text = values.requiredText(BYTES_PER_SECOND);
    double bytesPerSecond = Double.parseDouble(text);
    if (bytesPerSecond < 1) {
      throw SettingValues.invalid(BYTES_PER_SECOND, text, "at least 1");
    }
    return new CompactionConfig(
        values.booleanValue("log.cleaner.enable"),
        values.longValue("log.cleaner.backoff.ms"),
        values.longValue("log.cleaner.dedupe.buffer.size"),
        values.longValue("compaction.buffer.bytes"),
        (long) bytesPerSecond,
        values.intValue("compaction.requests.per.second"));
  }
}
