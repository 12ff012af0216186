package io.spillway.request.data;

/**
 * @param fetchMaxBytes {@code fetch.max.bytes}: upper bound of a fetch response
 * @param fetchResponseBytes {@code fetch.response.bytes}: of all fetch responses that are not sent
 * @param fetchSessions {@code max.incremental.fetch.session.cache.slots}
 * @param fetchSessionEvictionMs how long a session is safe from being replaced
 */
public record DataSettings(
    int fetchMaxBytes, long fetchResponseBytes, int fetchSessions, long fetchSessionEvictionMs) {

  public static final DataSettings DEFAULTS =
      new DataSettings(55 * 1024 * 1024, 64 * 1024 * 1024, 1000, 120_000);

  public DataSettings {
    if (fetchMaxBytes < 1024
        || fetchResponseBytes < 1024
        || fetchSessions < 0
        || fetchSessionEvictionMs < 0) {
      throw new IllegalArgumentException(
          "data settings out of range: fetchMaxBytes=%d fetchResponseBytes=%d fetchSessions=%d fetchSessionEvictionMs=%d"
              .formatted(fetchMaxBytes, fetchResponseBytes, fetchSessions, fetchSessionEvictionMs));
    }
  }
}
