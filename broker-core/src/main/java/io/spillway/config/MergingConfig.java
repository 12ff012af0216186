package io.spillway.config;

/**
 * What merging of objects may use, and what it aims at.
 *
 * @param bytesPerSecond read and written together; 0: no merging
 * @param requestsPerSecond sent to the store
 * @param bufferBytes memory
 * @param largeBytes a part of a partition that is as large in one object stays where it is
 * @param fanIn so many of about one size become one
 * @param intervalMs how often to look for something to merge
 */
public record MergingConfig(
    long bytesPerSecond,
    int requestsPerSecond,
    long bufferBytes,
    long largeBytes,
    int fanIn,
    long intervalMs) {

  static MergingConfig of(SettingValues values) {
    return new MergingConfig(
        values.longValue("merge.bytes.per.second"),
        values.intValue("merge.requests.per.second"),
        values.longValue("merge.buffer.bytes"),
        values.longValue("merge.large.bytes"),
        values.intValue("merge.fan.in"),
        values.longValue("merge.interval.ms"));
  }
}
